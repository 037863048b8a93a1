"""An order before and after, the account's health and other prices, on a live exchange."""

import re
import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from playwright.sync_api import Page, Route, expect

from tests.api.signed import SignedClient
from tests.e2e.conftest import OpenPage, SignIn
from tests.live import LiveExchange

pytestmark = [pytest.mark.live, pytest.mark.browser]

ALICE = "alice@demo.example"
FITS = "part => part.scrollWidth <= part.clientWidth"
PERP = "SOL_USDC_PERP"
# Alice's coins and the mark walk while the test looks.
NEARLY = Decimal("0.02")


@pytest.fixture(autouse=True)
def flat(exchange: LiveExchange) -> None:
    """Close what other tests have left of Alice's position."""
    alice = SignedClient(exchange, 0)
    for row in alice.call("GET", "/api/v1/position"):
        held = Decimal(row["netQuantity"])
        if row["symbol"] == PERP and held:
            order = {
                "symbol": PERP,
                "side": "Bid" if held < 0 else "Ask",
                "orderType": "Market",
                "quantity": f"{abs(held):f}",
                "reduceOnly": True,
            }
            answer = alice.call("POST", "/api/v1/order", order)
            assert alice.status == 200, answer


def test_a_previewed_order_is_sent_and_its_position_shows_the_price_it_was_told(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = _trading(open_page, sign_in)
    outlook = page.locator("#ticket [data-outlook]")
    expect(outlook).to_be_hidden()
    _choose(page, "Market", "Sell")
    page.fill("#quantity", "150")
    expect(outlook).to_contain_text("0 SOL \u2192 \u2212150 SOL")
    expect(outlook).to_contain_text(re.compile(r"(worse|better) than the mark|at the mark"))
    expect(outlook).to_contain_text(re.compile(r"Leverage0\u00d7 \u2192 0\.\d+\u00d7"))
    told = page.locator("[data-outlook-row=liquidation]")
    expect(told).to_have_text(re.compile(r"^none \u2192 [\d,]+\.\d\d$"))
    expect(page.locator("[data-outlook-note]")).to_have_text("150 SOL trade at once.")
    foretold = _number(told.inner_text().split("\u2192")[1])
    page.locator("[data-submit]").click()
    expect(page.locator("#ticket [data-result]")).to_contain_text("Sold 150 SOL")
    # The quantity is gone, and what was said of it with it.
    expect(outlook).to_be_hidden()
    page.locator("#tab-positions").click()
    shown = page.locator(f"[data-liquidation={PERP}]")
    expect(shown).to_have_text(re.compile(r"^[\d,]+\.\d\d \(\+[\d.]+%\)$"))
    price = _number(shown.inner_text().split(" ")[0])
    assert abs(price - foretold) < NEARLY * foretold
    _suppose(page, price)
    _choose(page, "Market", "Buy")
    page.check("[name=reduceOnly]")
    page.fill("#quantity", "150")
    expect(outlook).to_contain_text("\u2212150 SOL \u2192 0 SOL")
    page.locator("[data-submit]").click()
    expect(page.locator("#ticket [data-result]")).to_contain_text("Bought 150 SOL")
    expect(shown).to_have_count(0)


def _suppose(page: Page, price: Decimal) -> None:
    """Look at the account's health, and suppose what liquidates it, and what does not."""
    health = page.locator("[data-health]")
    expect(health.locator("[data-health-word]")).to_have_text("Healthy")
    meter = health.get_by_role("meter")
    expect(meter).to_have_attribute("aria-valuetext", re.compile("Healthy: 0% of the equity"))
    health.get_by_role("button", name="What if").click()
    drawer = page.get_by_role("dialog", name="What if prices move?")
    answer = drawer.get_by_role("status")
    expect(answer).to_have_text(re.compile("^At prices of now equity would be"))
    row = drawer.locator("li", has_text="SOL")
    expect(row).to_contain_text(re.compile(r"Liquidated with SOL at [\d,.]+ or above"))
    row.get_by_label("SOL", exact=True).fill(str(price * 2))
    expect(answer).to_contain_text("this account would be liquidated")
    expect(answer).to_have_attribute("data-safe", "false")
    drawer.get_by_role("button", name="All \u221210%").click()
    expect(answer).to_have_attribute("data-safe", "true")
    expect(drawer.locator("[data-moved=BTC]")).to_have_text("\u221210.00%")
    expect(drawer.locator("tbody")).to_contain_text(PERP)
    row.get_by_role("slider").press("ArrowRight")
    expect(drawer.locator("[data-moved=SOL]")).to_have_text("\u22129.00%")
    expect(answer).to_contain_text("SOL")
    drawer.get_by_role("button", name="Close").click()


def test_a_refusal_stands_in_the_ticket_before_anything_is_sent(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = _trading(open_page, sign_in)
    note = page.locator("[data-outlook-note]")
    page.fill("#price", "1")
    page.fill("#quantity", "10")
    expect(note).to_have_class(re.compile("refused"))
    expect(note).to_contain_text("Allowed:")
    page.fill("#price", "120")
    page.fill("#quantity", "900000")
    expect(note).to_contain_text("free equity does not carry this order")
    expect(page.locator("#ticket [data-outlook]")).to_be_hidden()
    page.fill("#quantity", "1")
    expect(note).to_contain_text("1 SOL rest in the book.")
    expect(note).not_to_have_class(re.compile("refused"))
    expect(page.locator("[data-outlook]")).to_contain_text("0 SOL \u2192 1 SOL")
    page.fill("#quantity", "")
    expect(note).to_be_hidden()


def test_typing_is_never_held_up_and_the_latest_answer_holds(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = _trading(open_page, sign_in)
    held: list[Route] = []

    def answer(route: Route) -> None:
        # The first question is answered last.
        if "quantity=1&" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/trade/preview", answer)
    _choose(page, "Market", "Buy")
    page.fill("#quantity", "1")
    _wait(lambda: bool(held), page)
    page.locator("#quantity").press_sequentially("2")
    expect(page.locator("#quantity")).to_have_value("12")
    outlook = page.locator("#ticket [data-outlook]")
    expect(outlook).to_contain_text("\u2192 12 SOL")
    with page.expect_response("**/trade/preview"):
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(outlook).to_contain_text("\u2192 12 SOL")


def test_ticket_and_drawer_fit_a_phone(open_page: OpenPage, sign_in: SignIn) -> None:
    phone = open_page(phone=True)
    sign_in(phone, ALICE)
    phone.goto(f"/trade/{PERP}")
    phone.locator("[data-screen=trade]").click()
    _choose(phone, "Market", "Buy")
    phone.fill("#quantity", "25")
    expect(phone.locator("#ticket [data-outlook]")).to_contain_text("Liquidation price")
    assert phone.locator("html").evaluate(FITS), "the preview sticks out"
    phone.locator("[data-screen=positions]").click()
    expect(phone.locator("[data-health-word]")).to_have_text("Healthy")
    assert phone.locator("html").evaluate(FITS), "the health bar sticks out"
    phone.get_by_role("button", name="What if").click()
    drawer = phone.locator("#what-if")
    expect(drawer.locator("li")).not_to_have_count(0)
    for part in (drawer, drawer.locator("li").first, phone.locator("html")):
        assert part.evaluate(FITS), "the drawer sticks out"


def _trading(open_page: OpenPage, sign_in: SignIn) -> Page:
    page = open_page()
    sign_in(page, ALICE)
    page.goto(f"/trade/{PERP}")
    expect(page.locator("[data-health-word]")).to_have_text("Healthy")
    return page


def _choose(page: Page, kind: str, side: str) -> None:
    page.locator("#ticket .types").get_by_text(kind).click()
    page.locator("#ticket .sides").get_by_text(side).click()


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", "").strip())


def _wait(met: Callable[[], bool], page: Page) -> None:
    deadline = time.monotonic() + 10
    while not met() and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert met()
