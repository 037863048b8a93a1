"""Signing up, verification, keys and the phone, in a browser on a live exchange."""

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage, SignIn
from tests.live import LiveExchange

pytestmark = [pytest.mark.live, pytest.mark.browser]

ALICE = "alice@demo.example"
PASSWORD = "a-long-and-odd-password-7"


def test_a_new_customer_signs_up_and_sees_which_step_is_missing(open_page: OpenPage) -> None:
    page = open_page()
    email = f"new-{secrets.token_hex(4)}@customer.example"
    page.goto("/accounts/signup/")
    page.select_option("[name=country]", "DE")
    page.fill("[name=email]", email)
    page.fill("[name=password1]", PASSWORD)
    page.press("[name=password1]", "Enter")
    # The demo asks for no code by mail; tests/accounts has that way in.
    page.wait_for_url("**/")
    expect(page.locator(".user summary")).to_have_text(email)
    expect(page.locator("#ticket [data-refusal]")).to_contain_text(
        re.compile("verif", re.IGNORECASE)
    )
    expect(page.locator("#ticket [data-submit]")).to_be_disabled()
    page.locator("#ticket").get_by_role("link", name="See the steps").click()
    expect(page.get_by_role("heading", name="Verify your identity")).to_be_visible()


def test_a_resident_of_a_refused_country_is_told_so_and_not_stored(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/accounts/signup/")
    page.select_option("[name=country]", "CN")
    page.fill("[name=email]", f"cn-{secrets.token_hex(4)}@customer.example")
    page.fill("[name=password1]", PASSWORD)
    page.press("[name=password1]", "Enter")
    expect(page.locator(".errorlist, .error").first).to_be_visible()
    expect(page.locator(".user")).to_have_count(0)


def test_a_key_is_made_and_its_secret_shown_once(
    open_page: OpenPage, sign_in: SignIn, exchange: LiveExchange
) -> None:
    page = open_page()
    sign_in(page, ALICE)
    page.goto("/account/keys")
    # Keys move money: the password is asked for once more.
    page.fill("[name=password]", _password(exchange, ALICE))
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/account/keys")
    name = f"bot {secrets.token_hex(3)}"
    page.fill("[name=name]", name)
    page.get_by_role("button", name="Add the key").click()
    secret = page.locator("#api-secret").inner_text()
    assert re.fullmatch(r"[A-Za-z0-9+/]{43}=", secret)
    page.goto("/account/keys")
    row = page.locator("#keys tr", has_text=name)
    expect(row).to_contain_text("read, trade")
    assert secret not in page.content()


def test_the_limits_of_a_key_are_edited_on_a_phone(
    open_page: OpenPage, sign_in: SignIn, exchange: LiveExchange
) -> None:
    page = open_page(phone=True)
    sign_in(page, ALICE)
    page.goto("/account/keys")
    page.fill("[name=password]", _password(exchange, ALICE))
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/account/keys")
    name = f"vault {secrets.token_hex(3)}"
    page.fill("[name=name]", name)
    page.get_by_label("Withdraw").check()
    page.get_by_role("button", name="Add the key").click()
    page.goto("/account/keys")
    row = page.locator("#keys tr", has_text=name)
    expect(row).to_contain_text("read, trade, withdraw")
    row.get_by_role("link", name="Edit").click()
    page.get_by_label("Trade:").uncheck()
    page.fill("[name=addresses]", "10.0.0.5/8")
    page.fill("[name=expires_at]", "2999-01-02T03:04")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errorlist")).to_contain_text("write 10.0.0.5 or 10.0.0.0/8")
    page.fill("[name=addresses]", "10.0.0.5\n2001:db8::/32")
    page.get_by_role("button", name="Save").click()
    for shown in ("read, withdraw", "10.0.0.5, 2001:db8::/32", "2999-01-02 03:04"):
        expect(row).to_contain_text(shown)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_money_moves_to_a_new_sub_account_and_no_more_than_there_is(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = open_page(phone=True)
    sign_in(page, ALICE)
    page.goto("/account/")
    name = f"desk {secrets.token_hex(3)}"
    page.locator("form", has_text="Open it").locator("[name=name]").fill(name)
    page.get_by_role("button", name="Open it").click()
    expect(page.locator(".messages")).to_contain_text(f"{name} is open")
    page.goto("/account/transfers")
    page.select_option("[name=asset]", "USDC")
    page.fill("[name=amount]", "999999999")
    page.get_by_role("button", name="Transfer", exact=True).click()
    expect(page.locator(".errorlist")).to_be_visible()
    row = page.locator("tr", has_text=name)
    expect(row).to_contain_text("Empty")
    page.fill("[name=amount]", "25.5")
    page.get_by_role("button", name="Transfer", exact=True).click()
    expect(page.locator(".messages")).to_contain_text("Transferred 25.5 USDC")
    expect(row.first).to_contain_text("25.5")
    assert _overflow(page) == 0


def test_signing_out_hides_the_account(open_page: OpenPage, sign_in: SignIn) -> None:
    page = open_page()
    sign_in(page, ALICE)
    page.goto("/")
    page.locator(".user summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/")
    expect(page.locator("#ticket").get_by_role("link", name="Sign in to trade")).to_be_visible()
    expect(page.locator(".user")).to_have_count(0)


def test_on_a_phone_each_part_has_its_tab_and_nothing_scrolls_sideways(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = open_page(phone=True)
    sign_in(page, ALICE)
    parts = {"chart": ".chart-panel", "book": "#book", "trade": "#ticket", "positions": "#tables"}
    for symbol in ("BTC_USDC", "BTC_USDC_PERP"):
        page.goto(f"/trade/{symbol}")
        expect(page.locator("#book .bid-level[data-price]").first).not_to_be_empty()
        for name in parts:
            page.locator(f"[data-screen={name}]").click()
            for other, selector in parts.items():
                expect(page.locator(selector)).to_be_visible(visible=other == name)
            assert _overflow(page) == 0, f"{symbol} {name}"


def test_on_a_phone_the_other_pages_do_not_scroll_sideways(
    open_page: OpenPage, sign_in: SignIn
) -> None:
    page = open_page(phone=True)
    visited = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
    for path in visited:
        page.goto(path)
        assert _overflow(page) == 0, path
    sign_in(page, ALICE)
    pages = ("/account/", "/account/settings", "/account/transfers", "/account/keys", "/lend")
    for path in (*pages, "/compliance/verify/"):
        answer = page.goto(path)
        assert answer is not None and answer.ok, path
        assert _overflow(page) == 0, path


def test_the_theme_is_chosen_and_kept(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.locator("[data-theme-toggle]").click()
    light = page.evaluate(background)
    assert light != dark
    page.goto("/trade/SOL_USDC")
    assert page.evaluate(background) == light


def test_an_unknown_market_is_a_page_which_leads_back(open_page: OpenPage) -> None:
    page = open_page()
    answer = page.request.get("/trade/NO_SUCH_MARKET")
    assert answer.status == 404
    assert "Back to the markets" in answer.text()


def _password(exchange: LiveExchange, email: str) -> str:
    return next(str(user["password"]) for user in exchange["users"] if user["email"] == email)


def _overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
