"""An account near its margin in a browser: notices, liquidation, its history; and held-up markets.

An exchange of its own plays a tape on which SOL falls 1.7 % a minute.
"""

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PHONE, OpenPage, SignIn
from tests.e2e.falling import write_falling_tape
from tests.live import LiveExchange, running

pytestmark = [pytest.mark.live, pytest.mark.browser]

ALICE = "alice@demo.example"
PERP = "SOL_USDC_PERP"
# From 40 times the equity to the liquidation it takes SOL some 40 seconds.
FALLS_MS = 120_000


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveExchange]:
    """Yield an exchange whose prices are played from the tape."""
    folder = tmp_path_factory.mktemp("falling")
    tape = folder / "fall.jsonl"
    write_falling_tape(tape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEED", "tape")
        patch.setenv("FEED_TAPE", str(tape))
        with running(folder) as live:
            yield live


def open_desk(page: Page, dollars: str) -> str:
    """Open a sub-account with so much, let it lever, and trade as it; return its name."""
    name = f"desk {secrets.token_hex(3)}"
    page.goto("/account/")
    page.locator("form", has_text="Open it").locator("[name=name]").fill(name)
    page.get_by_role("button", name="Open it").click()
    expect(page.locator(".messages")).to_contain_text(f"{name} is open")
    page.goto("/account/transfers")
    page.select_option("[name=asset]", "USDC")
    page.fill("[name=amount]", dollars)
    page.get_by_role("button", name="Transfer", exact=True).click()
    expect(page.locator(".messages")).to_contain_text("Transferred")
    page.goto("/account/settings")
    page.locator("#account-switch > summary").click()
    page.locator("#account-switch").get_by_role("link", name=name).click()
    expect(page.locator("h1")).to_contain_text(name)
    page.fill("[name=leverage_limit]", "50")
    page.locator("#settings").get_by_role("button", name="Save").click()
    expect(page.locator(".messages")).to_contain_text("hold from now on")
    return name


def buy(page: Page, coins: int) -> None:
    """Buy so much of the perpetual at the market."""
    page.locator("#ticket .types").get_by_text("Market").click()
    page.fill("#quantity", str(coins))
    page.locator("#ticket [data-submit]").click()
    expect(page.locator("#ticket [data-result]")).to_contain_text("Bought")


def test_who_nears_the_margin_is_told_then_liquidated_and_sees_each_step(
    open_page: OpenPage, sign_in: SignIn, exchange: LiveExchange
) -> None:
    page = open_page()
    sign_in(page, ALICE)
    # SOL is above 100 when this begins, and the more it has fallen, the more is left.
    name = open_desk(page, "1000")
    page.goto(f"/trade/{PERP}")
    expect(page.locator("[data-market-state]")).to_have_text("Open · index Ok")
    expect(page.locator("#market-state")).to_be_hidden()
    buy(page, 300)
    page.locator("#tab-positions").click()
    expect(page.locator("#table-positions .adl")).to_have_attribute(
        "aria-label", re.compile(r"ADL: [1-5] of 5 lights")
    )
    # Near: what has happened, and what to do, in words.
    call = page.locator(".toast[data-kind=MarginCall]")
    expect(call).to_be_visible(timeout=FALLS_MS)
    expect(call).to_contain_text("Urgent")
    expect(call).to_contain_text(re.compile(r"Deposit at least [\d,.]+ USDC"))
    expect(page.locator("[data-alarms][aria-live=assertive] .toast")).to_have_count(1)
    expect(page.locator("[data-unread]")).to_have_text(re.compile(r"[12]"))
    _keep(page, "call")
    # Below.
    begun = page.locator(".toast[data-kind=LiquidationStarted]")
    expect(begun).to_be_visible(timeout=FALLS_MS)
    expect(call).to_have_count(0)
    page.locator("[data-open-notices]").click()
    rows = page.locator("#notices li")
    expect(rows.filter(has_text="Liquidation has ended").first).to_be_visible(timeout=FALLS_MS)
    told = [row.get_attribute("data-severity") for row in rows.all()]
    assert {"Danger", "Warning", "Info"} <= set(told)
    first = rows.last.get_attribute("data-notice")
    _keep(page, "notices")
    # Read once, it is read, also after a reload.
    expect(page.locator("[data-unread]")).to_be_empty()
    page.reload()
    page.locator("[data-open-notices]").click()
    read = page.locator(f"#notices [data-notice='{first}']")
    expect(read).to_be_visible()
    expect(read.locator(".new")).to_have_count(0)
    # The history has each step.
    page.goto("/account/liquidations")
    expect(page.locator("h1")).to_contain_text(name)
    case = page.locator("[data-case]").first
    expect(case.locator("[data-end]")).to_have_text("Ended: margin was met again")
    expect(case.locator("[data-step=Book]").first).to_contain_text("Closed on the book")
    expect(case.locator("[data-step=Fee]").first).to_contain_text("USDC")
    _keep(page, "liquidations")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    _keep(page, "liquidations-phone")
    mails = [file.read_text(encoding="utf-8") for file in (exchange.data / "mail").glob("*.log")]
    assert [name in text for text in mails if "Margin call" in text] == [True]


def test_staff_hold_a_market_up_and_traders_see_why_and_the_auction(
    open_page: OpenPage, sign_in: SignIn, exchange: LiveExchange
) -> None:
    staff, page = open_page(), open_page()
    staff.goto("/accounts/login/?next=/ops/trading/market/")
    staff.fill("[name=login]", exchange["staff"]["email"])
    staff.fill("[name=password]", exchange["staff"]["password"])
    staff.press("[name=password]", "Enter")
    staff.wait_for_url("**/ops/trading/market/")
    page.goto("/trade/ETH_USDC")
    _order(staff, "ETH_USDC", "cancel_only")
    banner = page.locator("#market-state")
    expect(banner).to_contain_text("Cancels only")
    expect(banner).to_contain_text("Staff have ordered it.")
    expect(banner).to_contain_text("You can cancel orders.")
    _keep(page, "cancel-only")
    _order(staff, "ETH_USDC", "open_book")
    expect(banner).to_contain_text("Auction")
    expect(banner.locator("[data-left]")).to_have_text(re.compile(r"00:\d\d"))
    expect(banner.locator("[data-price]")).not_to_be_empty()
    _keep(page, "auction")
    expect(banner).to_be_hidden(timeout=20_000)
    expect(page.locator("[data-market-state]")).to_have_text("Open · index Ok")


@pytest.mark.parametrize("phone", [False, True])
def test_its_pages_fit(open_page: OpenPage, sign_in: SignIn, phone: bool) -> None:
    page = open_page(phone=phone)
    sign_in(page, ALICE)
    for path in ("/account/liquidations", "/account/backstops", "/account/settings", "/trade/"):
        page.goto(path if path != "/trade/" else f"/trade/{PERP}")
        if path == "/trade/":
            page.locator("[data-open-notices]").click()
            expect(page.locator("#notices")).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, path
        _keep(page, f"{path.strip('/').replace('/', '-')}-{'phone' if phone else 'desk'}")


def _order(staff: Page, market: str, act: str) -> None:
    staff.goto("/ops/trading/market/")
    row = staff.locator("#result_list tr").filter(
        has=staff.get_by_role("link", name=market, exact=True)
    )
    row.locator("input[name=_selected_action]").check()
    staff.select_option("select[name=action]", act)
    staff.locator("button[name=index]").first.click()
    staff.fill("[name=reason]", "The venue is being repaired")
    staff.locator("form button[type=submit]").last.click()
    staff.wait_for_url("**/ops/trading/market/**")


def _keep(page: Page, name: str) -> None:
    """Keep a picture where SCREENSHOTS says; for people who look at the pages."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"risk-{name}.png")
