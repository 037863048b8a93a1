"""The page of the API in a browser: it draws a key, signs what is tried, and lets the key end."""

import base64
import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.signed import SignedClient
from tests.e2e.conftest import OpenPage, SignIn
from tests.live import LiveExchange

pytestmark = [pytest.mark.live, pytest.mark.browser]

ALICE = "alice@demo.example"
CLIENT_ID = 4_200_000_001


def open_signed(page: Page, exchange: LiveExchange) -> str:
    """Have the page make a key, giving the password once more; return the key."""
    page.goto("/api/docs")
    page.get_by_role("button", name="Try it signed").click()
    password = next(user["password"] for user in exchange["users"] if user["email"] == ALICE)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    state = page.locator("#signer-state")
    expect(state).to_contain_text("Signing with the key")
    expect(page.locator("#swagger")).to_have_attribute("data-ready", "1")
    found = re.search(r"[A-Za-z0-9+/]{43}=", state.inner_text())
    assert found is not None
    return found.group()


def operation(page: Page, method: str, path: str) -> Locator:
    """Open one operation for trying and return its block."""
    block = page.locator(f".opblock-{method}").filter(has=page.locator(f'[data-path="{path}"]'))
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    return block


def execute(block: Locator) -> Any:
    """Send the request and return the JSON of the answer, which must be 200."""
    block.get_by_role("button", name="Execute").click()
    row = block.locator(".live-responses-table .response").first
    expect(row.locator(".response-col_status")).to_contain_text("200")
    return json.loads(row.locator(".response-col_description pre").first.inner_text())


def expect_revoked(page: Page, key: str) -> None:
    """Look at the user's keys until the page's one is revoked: leaving a page waits for nothing."""
    row = page.locator("tr", has_text=key)
    for _ in range(50):
        page.goto("/account/keys")
        expect(row).to_contain_text("API page, until")
        if row.get_by_text("Revoked").count():
            return
    raise AssertionError(f"{key} is still live")


def test_signed_requests_are_tried_in_the_page(
    open_page: OpenPage, sign_in: SignIn, exchange: LiveExchange
) -> None:
    page = open_page()
    sign_in(page, ALICE)
    key = open_signed(page, exchange)
    assert len(base64.b64decode(key)) == 32

    balances = execute(operation(page, "get", "/api/v1/capital"))
    assert set(balances["USDC"]) == {"available", "locked", "staked"}

    order = {
        "symbol": "SOL_USDC",
        "side": "Bid",
        "orderType": "Limit",
        "price": "60.50",
        "quantity": "0.2",
        "clientId": CLIENT_ID,
        "postOnly": True,
        "timeInForce": "GTC",
    }
    block = operation(page, "post", "/api/v1/order")
    block.locator("textarea.body-param__text").fill(json.dumps(order, indent=2))
    placed = execute(block)
    assert (placed["status"], placed["clientId"]) == ("New", CLIENT_ID)
    # It is in the tables, and another key of the account sees it.
    client = SignedClient(exchange, 0)
    stored = client.call(
        "GET", "/wapi/v1/history/orders", {"orderId": placed["id"], "symbol": "SOL_USDC"}
    )
    assert [(row["id"], row["quantity"], row["price"]) for row in stored] == [
        (placed["id"], "0.2", "60.5")
    ]

    # A query is signed as well, and a DELETE with its body.
    live = operation(page, "delete", "/api/v1/order")
    body = {"symbol": "SOL_USDC", "orderId": placed["id"]}
    live.locator("textarea.body-param__text").fill(json.dumps(body))
    assert execute(live)["status"] == "Cancelled"

    # The key is one of the user's, and ends with the page.
    expect_revoked(page, key)


def test_the_key_ends_on_request_and_signs_no_more(
    open_page: OpenPage, sign_in: SignIn, exchange: LiveExchange
) -> None:
    page = open_page()
    sign_in(page, ALICE)
    key = open_signed(page, exchange)
    page.get_by_role("button", name="End the key now").click()
    expect(page.locator("#signer-state")).to_have_text("The key has ended.")
    block = operation(page, "get", "/api/v1/capital")
    block.get_by_role("button", name="Execute").click()
    row = block.locator(".live-responses-table .response").first
    expect(row.locator(".response-col_status")).to_contain_text("401")
    expect_revoked(page, key)


def test_a_visitor_reads_the_document_and_tries_public_requests(open_page: OpenPage) -> None:
    page = open_page(phone=True)
    page.goto("/")
    page.goto("/api/docs")
    expect(page.locator("#swagger")).to_have_attribute("data-ready", "1")
    expect(page.locator("#signer")).to_contain_text("Sign in")
    markets = execute(operation(page, "get", "/api/v1/markets"))
    assert "SOL_USDC" in {market["symbol"] for market in markets}
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow == 0


def test_money_goes_to_an_address_of_the_book_and_to_another_account(
    open_page: OpenPage, sign_in: SignIn, exchange: LiveExchange
) -> None:
    page = open_page(phone=True)
    sign_in(page, "bob@demo.example")
    page.goto("/account/deposits")
    page.select_option("[name=blockchain]", "Ethereum")
    page.get_by_role("button", name="Show the address").click()
    address = page.locator("[data-chain=Ethereum]").inner_text()
    assert re.fullmatch(r"0xde30[0-9a-f]{36}", address)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0

    page = open_page()
    sign_in(page, ALICE)
    page.goto("/account/addresses")
    password = next(user["password"] for user in exchange["users"] if user["email"] == ALICE)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/account/addresses")
    page.fill("#new-address [name=label]", "Bob")
    page.select_option("#new-address [name=blockchain]", "Ethereum")
    page.fill("#new-address [name=address]", address)
    page.get_by_role("button", name="Add the address").click()
    expect(page.locator(".messages")).to_contain_text("Bob counts as known")
    page.goto("/account/withdrawals")
    page.get_by_role("link", name="Bob", exact=True).click()
    page.select_option("#withdraw [name=asset]", "USDC")
    page.fill("#withdraw [name=amount]", "12.5")
    page.get_by_role("button", name="Withdraw from").click()
    row = page.locator("[data-withdrawal]").first
    expect(row).to_contain_text("12.5 USDC")
    expect(row).to_contain_text("Sent")
