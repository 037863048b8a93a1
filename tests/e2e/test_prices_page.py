"""How an index came about, in a browser on a live exchange."""

import re
import time

import pytest
from playwright.sync_api import expect

from prices.walk import WALKERS
from tests.e2e.conftest import OpenPage


@pytest.mark.live
@pytest.mark.browser
def test_a_trader_sees_the_sources_of_a_price_and_they_move(open_page: OpenPage) -> None:
    for phone in (False, True):
        page = open_page(phone=phone)
        page.goto("/trade/SOL_USDC_PERP")
        link = page.locator("#ticker").get_by_role("link", name="Index")
        if phone:
            page.goto(link.get_attribute("href") or "")
        else:
            link.click()
        expect(page).to_have_title(re.compile("Index of SOL"))
        for venue in WALKERS:
            expect(page.locator(f"[data-source={venue}]")).to_be_visible()
        # A page without a reload follows the price.
        index = page.locator("[data-index]")
        before = index.inner_text()
        expect(index).not_to_have_text(before, timeout=15_000)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
        page.locator("#content").get_by_role("link", name="Index prices").click()
        expect(page.locator("[data-asset=USDC]")).to_contain_text("none needed")
        expect(page.locator("[data-asset=BTC] .badge")).to_have_text("Ok")
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0


@pytest.mark.live
@pytest.mark.browser
def test_a_moment_is_found_without_scripts(open_page: OpenPage) -> None:
    page = open_page(scripts=False)
    page.goto("/prices/SOL")
    page.fill("[name=at]", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 3)))
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-source=walk-north]")).to_be_visible()
