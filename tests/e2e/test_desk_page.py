"""The hedging desks in the console, on a desk's screen and on a phone."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.live import LiveExchange

pytestmark = [pytest.mark.live, pytest.mark.browser]
PAGES = ("desk", "hedgeorder", "hedgereport", "hedgealarm")


def open_console(page: Page, exchange: LiveExchange) -> None:
    page.goto("/accounts/login/?next=/ops/hedging/desk/")
    page.fill("[name=login]", exchange["staff"]["email"])
    page.fill("[name=password]", exchange["staff"]["password"])
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/ops/hedging/desk/")


@pytest.mark.parametrize("phone", [False, True])
def test_staff_see_every_desk_without_scrolling_sideways(
    exchange: LiveExchange, open_page: OpenPage, phone: bool
) -> None:
    page = open_page(phone=phone)
    open_console(page, exchange)
    for market in ("BTC_USDC_PERP", "ETH_USDC_PERP", "SOL_USDC_PERP"):
        expect(page.locator("#result_list").get_by_text(market, exact=True).first).to_be_visible()
    for name in PAGES:
        page.goto(f"/ops/hedging/{name}/")
        keep(page, f"{name}-{'phone' if phone else 'desk'}")
        width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, name


def test_staff_pause_and_resume_a_desk(exchange: LiveExchange, open_page: OpenPage) -> None:
    page = open_page()
    open_console(page, exchange)
    for act, state in (("pause", "Paused"), ("resume", "Running")):
        row = page.locator("#result_list tr", has_text="ETH_USDC_PERP")
        row.locator("input[name=_selected_action]").check()
        page.select_option("select[name=action]", act)
        page.locator("button[name=index]").first.click()
        page.fill("[name=reason]", "The venue is being repaired")
        page.locator("form button[type=submit]").last.click()
        expect(row).to_contain_text(state)


def keep(page: Page, name: str) -> None:
    """Keep a picture where SCREENSHOTS says; for people who look at the pages."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")
