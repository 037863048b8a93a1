"""The portfolio, in a browser on a live exchange: its way there, its figures, a phone's width."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenPage, SignIn

ALICE = "alice@demo.example"


@pytest.mark.live
@pytest.mark.browser
def test_a_live_account_finds_its_portfolio_and_reads_it(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    for phone in (False, True):
        page = open_page(phone=phone)
        sign_in(page, ALICE)
        page.goto("/account/")
        if phone:
            page.locator(".user summary").click()
            page.locator(".user .menu").get_by_role("link", name="Portfolio").click()
        else:
            page.locator(".links").get_by_role("link", name="Portfolio").click()
        expect(page).to_have_title(re.compile("Portfolio"))
        equity = page.locator("[data-figure=equity]").inner_text()
        assert float(equity.replace(",", "")) > 1_000
        # In its first hour an exchange has a day, and no line yet.
        expect(page.locator("[data-chart=profit] rect").first).to_be_attached()
        line = page.locator("[data-chart=equity]").or_(page.get_by_text("no line to draw yet"))
        expect(line).to_be_visible()
        expect(page.locator("[data-table=now] tbody tr")).not_to_have_count(0)
        expect(page.locator("[data-table=exposure]")).to_contain_text("USDC")
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
        page.get_by_role("link", name="90 days").click()
        expect(page.get_by_role("link", name="90 days")).to_have_attribute("aria-current", "true")
        page.screenshot(full_page=True)


@pytest.mark.live
@pytest.mark.browser
def test_it_reads_without_scripts(open_page: OpenPage, sign_in: SignIn) -> None:
    page = open_page(scripts=False)
    sign_in(page, ALICE)
    page.goto("/account/portfolio?from=2000-01-01")
    expect(page.get_by_role("alert")).to_contain_text("3660 days at most")
    page.get_by_role("link", name="7 days").click()
    expect(page.locator("[data-figure=equity]")).to_be_visible()
