"""A trader puts money to work in a browser: lend, terms, borrow, settings, interest on screen."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import DESK, PHONE, OpenPage, SignIn

pytestmark = [pytest.mark.live, pytest.mark.browser]

BOB, ERIN = "bob@demo.example", "erin@demo.example"


def test_a_trader_lends_sets_terms_borrows_and_sees_it_on_the_trading_page(
    open_page: OpenPage, sign_in: SignIn, tmp_path: Path
) -> None:
    page = open_page()
    sign_in(page, BOB)
    page.get_by_role("navigation", name="Site").get_by_role("link", name="Lend").click()
    expect(page.get_by_role("heading", name="Lend and borrow")).to_be_visible()
    expect(page.locator("[data-here]")).to_contain_text(re.compile(r"you are here: \d+\.\d\d%"))
    page.goto("/lend/ETH")

    _act(page, "lend", "5")
    expect(page.locator(".messages")).to_contain_text("Lent 5 ETH.")
    expect(_own(page, "ETH", "You lend")).to_contain_text(_about("5", " at "))
    _act(page, "lend", "5000")
    expect(page.locator("#act-lend .error")).to_contain_text("at most 15 ETH.")

    page.get_by_label("Lend at", exact=True).select_option(label="25.00% a year or more")
    page.get_by_label("Lend at most (ETH)").fill("3")
    page.get_by_label("Counts as collateral").uncheck()
    page.get_by_role("button", name="Set the terms").click()
    expect(page.locator(".messages")).to_contain_text("Your terms for ETH hold from now on.")
    expect(page.locator("[data-terms]")).to_contain_text("25.00% a year or more")
    expect(page.locator("[data-terms]")).to_contain_text("At most 3 ETH is lent.")
    expect(_own(page, "ETH", "You lend")).to_contain_text(_about("3", " at 0.00%"))

    page.goto("/lend/SOL")
    most = page.locator("#act-borrow [data-fill]")
    assert Decimal(str(most.get_attribute("data-fill"))) > 100
    most.click()
    expect(page.get_by_label("Amount to borrow")).to_have_value(re.compile(r"^\d+(\.\d+)?$"))
    _act(page, "borrow", "99999999")
    expect(page.locator("#act-borrow .error")).to_contain_text(re.compile(r"at most [\d,.]+ SOL\."))
    _act(page, "borrow", "10")
    expect(_own(page, "SOL", "You owe")).to_contain_text(re.compile(r"^10(\.0\d+)?$"))
    _photograph(page, tmp_path, "lend")

    _change_settings(page, tmp_path)

    page.goto("/trade/SOL_USDC_PERP")
    _buy(page, "1")
    page.locator("#tab-positions").click()
    expect(page.locator("#table-positions thead")).to_contain_text("Interest")
    row = page.locator("#table-positions tr[data-key=SOL_USDC_PERP]")
    expect(row.locator("td").nth(6)).to_have_text(re.compile(r"^\u2212?\d+(\.\d+)?$"))
    page.locator("#tab-borrowLends").click()
    moved = page.locator("#table-borrowLends tbody")
    expect(moved.locator("tr", has_text="Borrowed").first).to_contain_text("By yourself")
    expect(moved.locator("tr", has_text="Redeemed").first).to_contain_text("New terms")
    page.locator("#tab-balances").click()
    expect(page.locator("tr[data-key=SOL] td").nth(4)).to_have_text(re.compile(r"^10(\.0\d+)?$"))
    _photograph(page, tmp_path, "tables")

    page.goto("/lend/SOL")
    _act(page, "repay", "11")
    expect(page.locator(".messages")).to_contain_text(re.compile(r"Repaid 10(\.0\d+)? SOL\."))


def test_the_ticket_says_what_an_order_would_borrow(
    open_page: OpenPage, sign_in: SignIn, tmp_path: Path
) -> None:
    page = open_page()
    sign_in(page, BOB)
    page.goto("/trade/BTC_USDC")
    expect(page.locator("tr[data-key=USDC]")).to_have_count(1)
    page.fill("#price", "20000")
    page.fill("#quantity", "0.01")
    hint = page.locator("#ticket [data-borrows]")
    expect(hint).to_be_hidden()
    page.fill("#quantity", "50")
    expect(hint).to_have_text(re.compile(r"^[\d,.]+ USDC more is needed: deposit it, or let it"))
    page.get_by_label("Use margin: borrow what is missing").check()
    expect(hint).to_have_text(re.compile(r"^Borrows [\d,.]+ USDC, at \d+\.\d\d% a year now\.$"))
    _photograph(page, tmp_path, "ticket")


def test_a_resident_of_the_united_states_sees_why_not_to_lend_or_borrow(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = open_page(phone=True)
    sign_in(page, ERIN)
    page.goto("/lend")
    for act in ("lend", "borrow"):
        expect(page.locator(f"#act-{act} [data-refusal]")).to_be_visible()
        expect(page.locator(f"#act-{act}").get_by_role("button", name=act.title())).to_be_disabled()
    expect(page.locator("#act-repay").get_by_role("button", name="Repay")).to_be_enabled()
    assert _overflow(page) == 0


def _change_settings(page: Page, folder: Path) -> None:
    """Turn borrowing off, and on again with its question; have positions bear interest."""
    page.get_by_role("navigation", name="Site").get_by_role("link", name="Settings").click()
    switch = page.get_by_label("Auto-Borrow for settlements")
    switch.uncheck()
    page.get_by_label("Auto-Realize").uncheck()
    page.locator("#settings").get_by_role("button", name="Save").click()
    expect(page.locator(".messages")).to_contain_text("The settings of Main hold from now on.")
    expect(switch).not_to_be_checked()
    expect(page.get_by_label("Auto-Realize")).not_to_be_checked()
    switch.check()
    page.locator("#settings").get_by_role("button", name="Save").click()
    expect(page.locator("#confirm-borrowing")).to_contain_text("Turn borrowing on in Main?")
    _photograph(page, folder, "settings")
    page.get_by_role("button", name="Yes, turn borrowing on").click()
    expect(switch).to_be_checked()


def _act(page: Page, act: str, amount: str) -> None:
    page.get_by_label(f"Amount to {act}").fill(amount)
    with page.expect_navigation():
        page.locator(f"#act-{act}").get_by_role("button", name=act.title()).click()


def _about(whole: str, then: str) -> re.Pattern[str]:
    """Match a lend: it is worth an atom less when it begins, and more when it has earned."""
    return re.compile(rf"^({whole}|{whole}\.0\d+|{int(whole) - 1}\.9+){re.escape(then)}")


def _own(page: Page, symbol: str, column: str) -> Locator:
    return page.locator(f"tr[data-asset={symbol}] td[data-label='{column}']")


def _buy(page: Page, quantity: str) -> None:
    expect(page.locator("#book .ask-level[data-price]").first).not_to_be_empty()
    page.locator("#ticket .types").get_by_text("Market").click()
    page.fill("#quantity", quantity)
    page.locator("[data-submit]").click()
    expect(page.locator("#ticket [data-result]")).to_contain_text("Bought")


def _photograph(page: Page, folder: Path, name: str) -> None:
    """Keep the page as it looks on a desk and on a phone; neither scrolls sideways."""
    for device, size in (("desk", DESK), ("phone", PHONE)):
        page.set_viewport_size(size)
        page.wait_for_timeout(300)
        assert _overflow(page) == 0, f"{name} on a {device}"
        page.screenshot(path=folder / f"{name}-{device}.png", full_page=True)
    page.set_viewport_size(DESK)


def _overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
