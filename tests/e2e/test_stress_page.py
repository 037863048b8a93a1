"""A stress test over the live exchange, by staff, from the form to the report, at both widths."""

import os
import re
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.live import LiveExchange

pytestmark = [pytest.mark.live, pytest.mark.browser]
# The run itself takes seconds; beside other tests on few cores, a minute.
REPORT_MS = 120_000


def open_form(page: Page, exchange: LiveExchange) -> None:
    page.goto("/accounts/login/?next=/ops/stress/stressrun/")
    page.fill("[name=login]", exchange["staff"]["email"])
    page.fill("[name=password]", exchange["staff"]["password"])
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/ops/stress/stressrun/")
    page.goto("/ops/stress/stressrun/ask/")


def index_of(exchange: LiveExchange, market: str) -> float:
    answer = requests.get(f"{exchange['rest']}/api/v1/markPrices", timeout=10).json()
    return next(float(one["indexPrice"]) for one in answer if one["symbol"] == market)


def test_staff_shock_prices_and_read_what_would_follow(
    exchange: LiveExchange, open_page: OpenPage
) -> None:
    page = open_page()
    open_form(page, exchange)
    page.fill("[name=shocks]", "SOL=-100")
    page.get_by_role("button", name="Run a stress test").click()
    expect(page.get_by_role("alert")).to_contain_text("more than -100 %")
    before = index_of(exchange, "BTC_USDC_PERP")
    page.fill("[name=shocks]", "USDT=-35")
    page.fill("[name=all]", "-60")
    page.fill("[name=seconds]", "300")
    page.select_option("[name=books]", "followed")
    page.fill("[name=follow_usd]", "50000")
    page.get_by_role("button", name="Run a stress test").click()
    expect(page.locator("[data-status=done]")).to_be_visible(timeout=REPORT_MS)
    told = page.locator("[data-figure='Accounts liquidated']")
    expect(told).to_contain_text(re.compile(r"^[0-9]+ of [0-9]+$"))
    for title in ("By stage", "Who has won and lost, by asset", "Prices, USD"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.locator("svg.plot polyline").first).to_be_visible()
    # The live exchange has noticed nothing of all that.
    assert abs(index_of(exchange, "BTC_USDC_PERP") / before - 1) < 0.05
    keep(page, "stress-desk")
    address = page.url
    phone = open_page(phone=True)
    open_form(phone, exchange)
    keep(phone, "stress-form-phone")
    for place in (phone.url, address, "/ops/stress/stressrun/"):
        phone.goto(place)
        width = phone.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, place
        keep(phone, f"stress-phone-{'report' if place == address else 'list'}")


def keep(page: Page, name: str) -> None:
    """Keep a picture where SCREENSHOTS says; for people who look at the pages."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
