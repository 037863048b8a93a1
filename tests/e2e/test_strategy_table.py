"""A running strategy on the trading page: it fills before one's eyes, and is cancelled there."""

import re

import pytest
from backpack_exchange_sdk import AuthenticationClient
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage, SignIn
from tests.live import LiveExchange

pytestmark = [pytest.mark.live, pytest.mark.browser]

BOB, BOBS_MAIL = 1, "bob@demo.example"
MARKET = "BTC_USDC"
MOVES_WITHIN_MS = 15_000


def run_a_strategy(exchange: LiveExchange, *, seconds: int) -> str:
    """Have bob buy a hundredth of a bitcoin, an order a second; return the strategy's id."""
    facts = exchange["users"][BOB]
    client = AuthenticationClient(facts["apiKey"], facts["secret"], base_url=exchange["rest"] + "/")
    created = client.create_strategy(
        MARKET,
        "Bid",
        "Scheduled",
        quantity="0.01",
        duration=str(seconds * 1_000),
        interval="1000",
    )
    return str(created["id"])


def open_strategies(page: Page, *, phone: bool = False) -> None:
    page.goto(f"/trade/{MARKET}")
    if phone:
        page.locator("[data-screen=positions]").click()
    page.locator("#tab-strategies").click()


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_a_strategy_fills_and_is_cancelled_on_the_page(
    exchange: LiveExchange, open_page: OpenPage, sign_in: SignIn, phone: bool
) -> None:
    strategy_id = run_a_strategy(exchange, seconds=600)
    page = open_page(phone=phone)
    sign_in(page, BOBS_MAIL)
    open_strategies(page, phone=phone)
    row = page.locator(f"#table-strategies tr[data-key='{strategy_id}']")
    expect(row).to_contain_text("Market")
    expect(row).to_contain_text("1 s")
    filled = row.locator("td").nth(5)
    expect(filled).to_have_text(re.compile(r"^0\.0"))
    before = filled.inner_text()
    expect(filled).not_to_have_text(before, timeout=MOVES_WITHIN_MS)
    row.get_by_role("button", name=f"Cancel the strategy {strategy_id}").click()
    expect(row).to_have_count(0)
    expect(page.locator("#table-strategies [data-empty]")).to_be_visible()
