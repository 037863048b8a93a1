"""The trading page in a browser, on a live exchange whose market makers keep it moving."""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import OpenPage, SignIn

pytestmark = [pytest.mark.live, pytest.mark.browser]

ALICE, ERIN = "alice@demo.example", "erin@demo.example"
MOVES_WITHIN_MS = 30_000
FITS = "part => part.scrollWidth <= part.clientWidth"


def test_a_visitor_sees_live_markets_and_is_asked_to_sign_in(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/")
    expect(page.locator(".demo")).to_have_text(
        "Demo: prices are a random walk, money is play money."
    )
    expect(page.locator("#ticker [data-state]")).to_have_text("Live")
    expect(page.locator("#ticker [data-last]")).to_have_text(re.compile(r"^[\d,]+\.\d$"))
    expect(page.locator("#book .bid-level[data-price]").first).not_to_be_empty()
    expect(page.locator("[data-chart] canvas").first).to_be_visible()
    expect(page.locator("#markets [data-market]")).to_have_count(7)
    expect(page.locator("#ticket [data-submit]")).to_have_count(0)
    expect(page.locator("#ticket").get_by_role("link", name="Sign in to trade")).to_be_visible()
    expect(page.get_by_role("link", name="Charts by TradingView")).to_be_visible()


def test_the_book_moves_by_itself_and_is_never_crossed(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/trade/BTC_USDC_PERP")
    # A row beyond a thin book's last level has no price.
    priced = "-level[data-price]:not([data-price=''])"
    for side in ("bid", "ask"):
        expect(page.locator(f"#book .{side}{priced}")).not_to_have_count(0)
    first = page.locator("#book").inner_text()
    page.wait_for_function(
        "before => document.querySelector('#book').innerText !== before",
        arg=first,
        timeout=MOVES_WITHIN_MS,
    )
    # Both sides in one look, between two frames: the demo's maker always quotes both.
    bids, asks = page.evaluate(
        "priced => ['bid', 'ask'].map(side =>"
        " [...document.querySelectorAll('#book .' + side + priced)].map(row => row.dataset.price))",
        priced,
    )
    assert max(map(Decimal, bids)) < min(map(Decimal, asks))


def test_a_perpetual_shows_its_funding_rate_and_when_it_is_due(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/trade/BTC_USDC_PERP")
    expect(page.locator("#ticker [data-funding]")).to_have_text(re.compile(r"^\u2212?\d\.?\d*%$"))
    expect(page.locator("#ticker [data-countdown]")).to_have_text(re.compile(r"^[0-5]\d:[0-5]\d$"))
    page.get_by_role("tab", name="Funding").click()
    expect(page.locator("#table-funding thead")).to_contain_text("Rate")
    page.goto("/trade/BTC_USDC")
    expect(page.locator("#ticker [data-last]")).to_have_text(re.compile(r"\d"))
    expect(page.locator("#ticker [data-funding]")).to_have_count(0)


def test_the_market_list_is_searched_and_filtered(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/")
    shown = page.locator("#markets [data-market]:visible")
    page.get_by_role("button", name="Perp", exact=True).click()
    expect(shown).to_have_count(3)
    page.keyboard.press("/")
    page.keyboard.type("eth")
    expect(shown).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/trade/ETH_USDC_PERP")


def test_a_limit_order_rests_is_listed_and_is_cancelled(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = _trading(open_page, sign_in)
    price = _far_below(page)
    _limit(page, price=price, quantity="0.01")
    expect(page.locator("#ticket [data-result]")).to_contain_text(f"rests in the book at {price}")
    row = _order_row(page, price)
    expect(row).to_contain_text("Buy")
    expect(row).to_contain_text("0.01")
    page.locator("#tab-balances").click()
    expect(page.locator("tr[data-key=USDC] td").nth(2)).not_to_have_text("0")
    page.locator("#tab-orders").click()
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_have_count(0)
    page.locator("#tab-history").click()
    expect(page.locator("#table-history tbody tr").first).to_contain_text("Cancelled")


def test_a_market_order_fills_and_moves_the_balance_by_exactly_what_it_bought(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = _trading(open_page, sign_in)
    before = _held(page, "BTC")
    page.locator("#ticket .types").get_by_text("Market").click()
    page.fill("#quantity", "0.01")
    expect(page.locator("#ticket [data-value]")).to_contain_text("USDC")
    page.locator("[data-submit]").click()
    expect(page.locator("#ticket [data-result]")).to_contain_text("Bought 0.01 BTC for")
    page.locator("#tab-fills").click()
    fill = page.locator("#table-fills tbody tr").first
    expect(fill).to_contain_text("BTC_USDC")
    expect(fill).to_contain_text("Taker")
    page.locator("#tab-balances").click()
    fees = Decimal("0.01") * Decimal("0.001")
    held = str(before + Decimal("0.01") - fees)
    expect(page.locator("tr[data-key=BTC] td").nth(1)).to_have_text(held.rstrip("0"))


@pytest.mark.parametrize("symbol", ["BTC_USDC", "SOL_USDC_PERP"])
def test_a_market_order_may_say_what_to_spend(
    open_page: OpenPage, sign_in: SignIn, symbol: str
) -> None:
    page = _trading(open_page, sign_in, symbol)
    page.locator("#ticket .types").get_by_text("Market").click()
    page.select_option("#ticket [name=unit]", "quote")
    page.fill("#quantity", "500")
    # The dollar has more decimals than price and quantity of SOL together.
    expect(page.locator("#ticket [data-value]")).to_have_text("500.00 USDC")
    page.locator("[data-submit]").click()
    expect(page.locator("#ticket [data-result]")).to_contain_text("Bought")


def test_refusals_are_said_in_words_and_change_nothing(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = _trading(open_page, sign_in)
    error = page.locator("#ticket [data-error]")
    orders = page.locator("#table-orders tbody tr")
    open_before = orders.count()
    _limit(page, price="50000.05", quantity="0.01")
    expect(error).to_contain_text(re.compile("decimal|tick", re.IGNORECASE))
    _limit(page, price=_far_below(page), quantity="0.000001")
    expect(error).to_contain_text(re.compile("decimal|step|minimum", re.IGNORECASE))
    _limit(page, price=_far_below(page), quantity="900")
    expect(error).to_contain_text(re.compile(r"USDC|funds|margin", re.IGNORECASE))
    _limit(page, price="", quantity="1", native=False)
    expect(error).to_have_text("Enter a price.")
    expect(page.locator("#ticket [data-result]")).to_be_hidden()
    # A request for the account's state follows each refusal: wait for one more.
    with page.expect_response("**/trade/account*"):
        page.locator("#tab-orders").click()
    expect(orders).to_have_count(open_before)


def test_a_level_of_the_book_fills_the_price_and_a_share_the_quantity(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = _trading(open_page, sign_in)
    page.locator("#ticket .types").get_by_text("Market").click()
    # The book moves: ask the page itself for the price which its own click chooses.
    chosen = page.evaluate(
        "() => { const row = document.querySelectorAll('.bid-level')[3];"
        " const price = row.dataset.price; row.click(); return price; }"
    )
    assert Decimal(page.input_value("#price")) == Decimal(chosen)
    expect(page.locator("#ticket [name=orderType][value=Limit]")).to_be_checked()
    expect(page.locator("[data-share='50']")).to_be_enabled()
    page.locator("[data-share='50']").click()
    spent = Decimal(page.input_value("#quantity")) * Decimal(chosen)
    available = _held(page, "USDC")
    assert available * Decimal("0.49") < spent < available * Decimal("0.5")


def test_cancel_all_asks_first(open_page: OpenPage, sign_in: SignIn) -> None:
    page = _trading(open_page, sign_in)
    price = _far_below(page)
    _limit(page, price=price, quantity="0.01")
    row = _order_row(page, price)
    expect(row).to_have_count(1)
    page.get_by_role("button", name="Cancel all orders").click()
    page.get_by_role("button", name="Keep them").click()
    expect(row).to_have_count(1)
    page.get_by_role("button", name="Cancel all orders").click()
    page.get_by_role("button", name="Cancel all in Main").click()
    expect(row).to_have_count(0)


def test_a_stop_waits_is_listed_and_is_cancelled(open_page: OpenPage, sign_in: SignIn) -> None:
    page = _trading(open_page, sign_in, "SOL_USDC_PERP")
    words, stop = page.locator("#ticket [data-conditions]"), _far_below(page)
    expect(page.locator("#trigger-price")).to_be_hidden()
    expect(words).to_be_hidden()
    page.locator("#ticket .sides").get_by_text("Sell").click()
    page.locator("#ticket .types").get_by_text("Market").click()
    page.locator("#ticket .conditions summary").click()
    page.fill("#quantity", "1")
    page.fill("#trigger-price", stop)
    page.fill("#slippage", "0.5")
    sentence = f"Sells 1 SOL at the market once the mark price is at or below {stop}."
    expect(words).to_have_text(f"{sentence} Slippage at most 0.5%")
    page.locator("[data-submit]").click()
    result = page.locator("#ticket [data-result]")
    expect(result).to_contain_text(f"waits: it {sentence[0].lower()}{sentence[1:]}")
    # What was meant for that order is gone, the tolerance stays.
    expect(page.locator("#trigger-price")).to_have_value("")
    expect(words).to_have_text("Slippage at most 0.5%")
    page.locator("#tab-orders").click()
    row = page.locator("#table-orders tbody tr", has_text=f"Waits: Mark \u2264 {stop}")
    expect(row).to_contain_text("Sell")
    expect(page.locator("#book [data-own]")).to_have_count(0)
    page.locator("#tab-history").click()
    first = page.locator("#table-history tbody tr").first
    expect(first).to_contain_text(f"Market, Mark \u2264 {stop}")
    expect(first).to_contain_text("Waits")
    page.locator("#tab-orders").click()
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_have_count(0)


def test_a_long_has_its_take_profit_and_stop_loss_wait_for_it(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = _trading(open_page, sign_in, "SOL_USDC_PERP")
    low = _far_below(page)
    high = str(int(low) * 3)
    page.locator("#ticket .types").get_by_text("Market").click()
    page.locator("#ticket .conditions summary").click()
    page.fill("#quantity", "1")
    page.fill("[name=takeProfitTriggerPrice]", low)
    page.fill("[name=stopLossTriggerPrice]", low)
    page.locator("[data-submit]").click()
    error = page.locator("#ticket [data-error]")
    expect(error).to_contain_text("a take-profit lies where the order would gain")
    page.fill("[name=takeProfitTriggerPrice]", high)
    page.fill("[name=stopLossLimitPrice]", low)
    page.locator("[data-submit]").click()
    expect(page.locator("#ticket [data-result]")).to_contain_text(
        f"What it opens has a take-profit at {high} and a stop-loss at {low}."
    )
    page.locator("#tab-history").click()
    filled = page.locator("#table-history tbody tr", has_text="Filled").first
    parent = filled.get_attribute("data-key")
    page.locator("#tab-orders").click()
    rows = page.locator("#table-orders tbody tr", has_text=f"of {parent}")
    expect(rows).to_have_count(2)
    for exit_name, side in (("Take-profit", "\u2265"), ("Stop-loss", "\u2264")):
        words = f"{exit_name} of {parent}, waits: Mark {side}"
        expect(rows.filter(has_text=words)).to_have_count(1)
    # Closing the position takes what guarded it along.
    page.locator("#ticket .sides").get_by_text("Sell").click()
    page.check("[name=reduceOnly]")
    page.locator("[data-share='100']").click()
    page.locator("[data-submit]").click()
    expect(page.locator("#ticket [data-result]")).to_contain_text("Sold ")
    page.locator("#tab-history").click()
    expired = page.locator("#table-history tbody tr", has_text="no position left to close")
    expect(expired).not_to_have_count(0)


def test_the_page_fits_a_desk_and_a_phone(open_page: OpenPage, sign_in: SignIn) -> None:
    page = _trading(open_page, sign_in, "SOL_USDC_PERP")
    for part in ("#tables .tabs", "#ticket"):
        expect(page.locator(part)).to_be_visible()
    page.locator("#ticket .conditions summary").click()
    page.fill("#trigger-price", "1")
    page.select_option("[name=unit]", "position")
    for part in ("#tables .tabs", "#tables .standing", "#ticket"):
        assert page.locator(part).evaluate(FITS), f"{part} is cut off"
    tabs = page.locator("#tables [role=tab]")
    tops = tabs.evaluate_all("tabs => tabs.map(tab => tab.getBoundingClientRect().top)")
    assert len(set(tops)) == 1, "the tabs stand in one line"
    phone = open_page(phone=True)
    sign_in(phone, ALICE)
    phone.goto("/trade/SOL_USDC_PERP")
    phone.locator("[data-screen=trade]").click()
    phone.locator("#ticket .conditions summary").click()
    expect(phone.locator("#slippage")).to_be_hidden()
    for name in ("triggerPrice", "takeProfitTriggerPrice", "stopLossLimitPrice"):
        expect(phone.locator(f"[name={name}]")).to_be_visible()
    assert phone.locator("html").evaluate(FITS), "something sticks out of the phone's screen"


def test_orders_are_placed_and_cancelled_without_scripts(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = open_page(scripts=False)
    sign_in(page, ALICE)
    page.goto("/trade/ETH_USDC")
    page.fill("#price", "1900")
    page.fill("#quantity", "0.1")
    page.locator("[data-submit]").click()
    expect(page.locator(".messages")).to_contain_text("rests in the book at 1900")
    page.locator("noscript form", has_text="1900").get_by_role("button", name="Cancel").click()
    expect(page.locator(".messages")).to_contain_text("is cancelled")
    page.fill("#price", "1900")
    page.fill("#quantity", "100000000")
    page.locator("[data-submit]").click()
    expect(page.locator(".messages .error")).to_be_visible()
    page.locator("#ticket .types").get_by_text("Market").click()
    page.locator("#ticket .conditions summary").click()
    page.fill("#quantity", "0.1")
    page.fill("#trigger-price", "1500")
    page.locator("[data-submit]").click()
    expect(page.locator(".messages")).to_contain_text("once the index price is at or below 1500")
    waits = page.locator("noscript form", has_text="waits: Index \u2264 1500")
    waits.get_by_role("button", name="Cancel").click()
    expect(page.locator(".messages")).to_contain_text("is cancelled")


def test_a_resident_of_the_united_states_trades_spot_and_no_perp(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = open_page()
    sign_in(page, ERIN)
    page.goto("/trade/BTC_USDC_PERP")
    expect(page.locator("[data-refusal]")).to_contain_text(re.compile("perpetual", re.IGNORECASE))
    expect(page.locator("[data-submit]")).to_be_disabled()
    page.goto("/trade/BTC_USDC")
    expect(page.locator("[data-submit]")).to_be_enabled()


def _trading(open_page: OpenPage, sign_in: SignIn, market: str = "BTC_USDC") -> Page:
    page = open_page()
    sign_in(page, ALICE)
    page.goto(f"/trade/{market}")
    expect(page.locator("#book .bid-level[data-price]").first).not_to_be_empty()
    expect(page.locator("tr[data-key=USDC]")).to_have_count(1)
    return page


def _limit(page: Page, *, price: str, quantity: str, native: bool = True) -> None:
    """Fill in and send a limit order; `native` False skips the browser's own check of the form."""
    page.locator("#ticket .types").get_by_text("Limit").click()
    page.fill("#price", price)
    page.fill("#quantity", quantity)
    if not native:
        page.eval_on_selector("#ticket form", "form => { form.noValidate = true; }")
    with page.expect_response("**/trade/order"):
        page.locator("[data-submit]").click()


def _far_below(page: Page) -> str:
    """Return a price which will rest: two thirds of the last, in whole dollars."""
    last = page.locator("#ticker [data-last]").inner_text().replace(",", "")
    return str(int(Decimal(last) * 2 / 3))


def _order_row(page: Page, price: str) -> Locator:
    page.locator("#tab-orders").click()
    return page.locator("#table-orders tbody tr", has_text=f"{int(price):,}")


def _held(page: Page, asset: str) -> Decimal:
    """Return what is available of an asset, as the table shows it."""
    cell = page.locator(f"tr[data-key={asset}] td").nth(1)
    return Decimal(str(cell.text_content()).replace(",", ""))
