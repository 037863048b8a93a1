"""A team as its owner and a trader see it, from the invitation to the cut, in two browsers."""

import base64
import json
import os
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey
from playwright.sync_api import Page, expect
from websockets.sync.client import ClientConnection, connect

from tests.api.signed import SignedClient
from tests.e2e.conftest import OpenPage, SignIn
from tests.live import LiveExchange

pytestmark = [pytest.mark.live, pytest.mark.browser]

OWNER, TRADER = "alice@demo.example", "bob@demo.example"
BOB = 1
MARKET = "SOL_USDC"
CUT_WITHIN_SECONDS = 10.0


class Team:
    """Alice, who owns two desks, and bob, in two browsers; `phone` is bob's screen."""

    def __init__(
        self, exchange: LiveExchange, open_page: OpenPage, sign_in: SignIn, *, phone: bool
    ) -> None:
        self.exchange, self.phone = exchange, phone
        self.owner, self.trader = open_page(), open_page(phone=phone)
        sign_in(self.owner, OWNER)
        sign_in(self.trader, TRADER)
        self.desk, self.vault = (self._account(word) for word in ("desk", "vault"))
        self._fund(self.desk)

    def _account(self, word: str) -> str:
        name, page = f"{word} {secrets.token_hex(3)}", self.owner
        page.goto("/account/")
        page.fill("#new-name", name)
        page.get_by_role("button", name="Open it").click()
        expect(page.locator(".messages")).to_contain_text(f"{name} is open")
        return name

    def _fund(self, name: str) -> None:
        page = self.owner
        page.goto("/account/transfers")
        page.select_option("#transfer [name=source]", label="Main")
        page.select_option("#transfer [name=destination]", label=name)
        page.select_option("[name=asset]", "USDC")
        page.fill("[name=amount]", "5000")
        page.get_by_role("button", name="Transfer", exact=True).click()
        expect(page.locator(".messages")).to_contain_text("Transferred 5000 USDC")

    def number(self, name: str) -> str:
        """Return the id of one of alice's accounts."""
        self.owner.goto("/account/")
        row = self.owner.locator("#accounts tbody tr", has_text=name)
        return str(row.get_attribute("data-account"))

    def invite(self, role: str) -> str:
        """Invite bob to the desk; return the link which the member's page shows."""
        page = self.owner
        page.goto("/account/team")
        form = page.locator("#invite")
        form.locator("[name=email]").fill(TRADER)
        form.locator("[name=account]").select_option(label=self.desk)
        form.locator("[name=role]").select_option("Custom")
        expect(form.get_by_label("Trade spot")).to_be_visible()
        form.locator("[name=role]").select_option(role)
        expect(form.get_by_label("Trade spot")).to_be_hidden()
        form.locator("[name=spend]").fill("much")
        page.get_by_role("button", name="Invite").click()
        expect(page.locator("#invite .errorlist")).to_contain_text("Write an amount in USD")
        form.locator("[name=spend]").fill("20000")
        page.get_by_role("button", name="Invite").click()
        expect(page.locator("h1")).to_have_text(TRADER)
        self.keep(page, "member-invited", phone=False)
        return page.locator("#invitation-link").inner_text()

    def join(self, role: str = "Trader") -> None:
        """Have bob accept the invitation to the desk."""
        link, page = self.invite(role), self.trader
        page.goto(link)
        expect(page.locator("main")).to_contain_text(f"{OWNER} invites you")
        expect(page.locator("main")).to_contain_text(self.desk)
        self.keep(page, "invitation")
        page.get_by_role("button", name="Accept").click()
        page.wait_for_url("**/?account=*")

    def change(self, role: str) -> None:
        """Give bob another role in the desk."""
        page = self.owner
        page.goto("/account/team")
        page.locator("#members tr", has_text=TRADER).get_by_role("link", name="Change").click()
        section = page.locator("[data-account]", has_text=self.desk)
        section.locator("summary", has_text="Change").click()
        section.locator("[name=role]").select_option(role)
        section.get_by_role("button", name="Save").click()
        expect(page.locator(".messages")).to_contain_text("holds for")
        expect(section.locator("h2")).to_contain_text(role)
        self.keep(page, "member", phone=False)

    def cut_off(self) -> None:
        """End bob's membership."""
        page = self.owner
        page.goto("/account/team")
        row = page.locator("#members tr", has_text=TRADER)
        row.locator("summary", has_text="Cut off").click()
        self.keep(page, "team", phone=False)
        row.get_by_role("button", name=f"Cut {TRADER} off").click()
        expect(page.locator(".messages")).to_contain_text(f"{TRADER} is cut off")
        expect(page.locator("#members")).to_contain_text("Nobody yet")

    def order(self, page: Page, price: str) -> None:
        """Send a bid through the ticket, which has shown the market's book."""
        if self.phone and page is self.trader:
            page.locator("[data-screen=trade]").click()
        page.fill("#price", price)
        page.fill("#quantity", "1")
        page.locator("#ticket [data-submit]").click()

    def key(self) -> SignedClient:
        """Have bob make a key of his own for the desk; return its client."""
        page, password = self.trader, self.exchange["users"][BOB]["password"]
        page.goto("/account/keys")
        if page.locator("[name=password]").count():
            page.fill("[name=password]", password)
            page.press("[name=password]", "Enter")
            page.wait_for_url("**/account/keys")
        page.fill("[name=name]", "desk bot")
        page.locator("[name=account]").select_option(label=f"{self.desk} of {OWNER}")
        page.get_by_role("button", name="Add the key").click()
        client = SignedClient(self.exchange, BOB)
        client.key = page.locator("#api-key").inner_text()
        secret = page.locator("#api-secret").inner_text()
        client.signer = SigningKey(base64.b64decode(secret))
        return client

    def keep(self, page: Page, name: str, *, phone: bool | None = None) -> None:
        """Keep a picture where SCREENSHOTS says; for people who look at the pages."""
        device = "phone" if (self.phone if phone is None else phone) else "desk"
        assert overflow(page) == 0, name
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{device}.png", full_page=True)


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_a_trader_is_invited_trades_in_one_account_and_is_cut_off(
    exchange: LiveExchange, open_page: OpenPage, sign_in: SignIn, phone: bool
) -> None:
    team = Team(exchange, open_page, sign_in, phone=phone)
    desk, vault, page = team.desk, team.vault, team.trader
    vault_number = team.number(vault)
    team.join()
    # Whose account it is stands at every place which acts for it.
    page.goto(f"/trade/{MARKET}")
    switcher = page.locator("#account-switch > summary")
    expect(switcher).to_contain_text(desk)
    expect(page.locator("#ticket [data-band]")).to_have_text(f"In {desk} of {OWNER}")
    switcher.click()
    menu = page.locator("#account-switch .menu")
    expect(menu).to_contain_text(f"Shared by {OWNER}")
    expect(menu).not_to_contain_text(vault)
    team.keep(page, "switcher")
    page.keyboard.press("Escape")
    # The other account is not there.
    for path in ("/", "/lend", "/account/settings", "/account/withdrawals", "/trade/account"):
        answer = page.request.get(f"{path}?account={vault_number}")
        assert answer.status in (403, 404) or vault not in answer.text(), path
    month = time.strftime("%Y-%m", time.gmtime())
    assert page.request.get(f"/account/statements/{vault_number}/{month}").status == 404
    team.order(page, "90")
    expect(page.locator("#ticket [data-result]")).to_contain_text("rests in the book at 90")
    team.keep(page, "member-ticket")
    # What he has no right to says why.
    page.goto("/lend/USDC")
    refusal = page.locator("#act-lend [data-refusal]")
    expect(refusal).to_contain_text("You have no right to this in this account (lend and borrow)")
    expect(page.locator("#act-lend").get_by_role("button", name="Lend")).to_be_disabled()
    csrf = page.locator("#act-lend [name=csrfmiddlewaretoken]").input_value()
    amount: dict[str, str | float | bool] = {
        "account": team.number(desk),
        "amount": "1",
        "csrfmiddlewaretoken": csrf,
    }
    amount["request_id"] = page.locator("#act-lend [name=request_id]").input_value()
    denied = page.request.post("/lend/USDC/lend", form=amount)
    assert "You have no right to this" in denied.text()
    # Cut off while his page is open.
    page.goto(f"/trade/{MARKET}")
    expect(page.locator("#ticket [data-submit]")).to_be_enabled()
    team.cut_off()
    team.order(page, "89")
    expect(page.locator("#ticket [data-error]")).to_contain_text("no such trading account")
    page.goto(f"/trade/{MARKET}?account={team.number(desk)}")
    expect(page.locator(".messages")).to_contain_text("You cannot use that account")
    expect(switcher).to_contain_text("Main")
    assert story(team) == [
        f"Invited {TRADER} as Trader",
        "Accepted the invitation, as Trader",
        f"Buy 1 SOL at 90 in {MARKET}",
        "Lend",
        f"Cut {TRADER} off",
    ]


def test_with_the_membership_end_keys_and_their_sockets(
    exchange: LiveExchange, open_page: OpenPage, sign_in: SignIn
) -> None:
    team = Team(exchange, open_page, sign_in, phone=False)
    team.join()
    team.change("Bot operator")
    client = team.key()
    until(lambda: (client.call("GET", "/api/v1/orders"), client.status == 200)[1])
    with connect(exchange["ws"], max_size=None) as socket:
        subscribe(socket, client)
        bid = {"symbol": MARKET, "side": "Bid", "orderType": "Limit"} | {"timeInForce": "GTC"}
        placed = client.call("POST", "/api/v1/order", bid | {"price": "91", "quantity": "1"})
        assert client.status == 200, placed
        assert heard(socket)["data"]["e"] == "orderAccepted"
        team.cut_off()
        until(lambda: (client.call("GET", "/api/v1/orders"), client.status == 401)[1])
        # The owner goes on in the desk; who was cut off hears nothing of it.
        page = team.owner
        page.goto(f"/trade/{MARKET}?account={team.number(team.desk)}")
        team.order(page, "92")
        expect(page.locator("#ticket [data-result]")).to_contain_text("rests in the book")
        subscribe(socket, client)
        assert heard(socket)["error"]["code"] == 4003


def test_the_story_is_filtered_and_downloaded(
    exchange: LiveExchange, open_page: OpenPage, sign_in: SignIn
) -> None:
    team = Team(exchange, open_page, sign_in, phone=True)
    team.join("Viewer")
    page = team.trader
    page.goto(f"/trade/{MARKET}")
    page.locator("[data-screen=trade]").click()
    expect(page.locator("#ticket [data-refusal]")).to_contain_text("(trade spot): ask its owner")
    expect(page.locator("#ticket [data-submit]")).to_be_disabled()
    team.keep(page, "viewer-ticket")
    owner = open_page(phone=True)
    sign_in(owner, OWNER)
    owner.goto("/account/activity")
    owner.locator(".filters [name=account]").select_option(label=team.desk)
    owner.get_by_label("Who").select_option(label=TRADER)
    owner.get_by_role("button", name="Show").click()
    rows = owner.locator("#activity tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Accepted the invitation, as Viewer")
    team.keep(owner, "activity")
    with owner.expect_download() as download:
        owner.get_by_role("link", name="CSV").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 and "Accepted the invitation" in lines[1]
    owner.get_by_label("Outcome").select_option(label="Refused")
    owner.get_by_role("button", name="Show").click()
    expect(owner.locator("#activity")).to_contain_text("Nothing that fits these choices")
    # He leaves by himself.
    page.goto("/account/team")
    own = page.locator("#own-teams")
    expect(own).to_contain_text(team.desk)
    own.locator("summary", has_text="Leave").click()
    team.keep(page, "own-teams")
    own.get_by_role("button", name="Leave the team").click()
    expect(page.locator(".messages")).to_contain_text("You have left the team")
    expect(own).to_have_count(0)


def test_a_threshold_is_set_and_nothing_waits(
    exchange: LiveExchange, open_page: OpenPage, sign_in: SignIn
) -> None:
    for phone in (False, True):
        page = open_page(phone=phone)
        sign_in(page, OWNER)
        page.goto("/account/approvals")
        expect(page.locator("#approvals")).to_contain_text("Nothing waits")
        page.fill("[name=threshold]", "much")
        page.fill("[name=code]", "123456")
        page.get_by_role("button", name="Set the threshold").click()
        page.wait_for_load_state()
        if page.locator("[name=password]").count():
            page.fill("[name=password]", exchange["users"][0]["password"])
            page.press("[name=password]", "Enter")
            expect(page.locator(".errorlist")).to_contain_text("Write an amount in USD")
        assert overflow(page) == 0


def story(team: Team) -> list[str]:
    """Return what the owner's activity page tells of the desk, oldest first."""
    page = team.owner
    page.goto("/account/activity")
    page.locator(".filters [name=account]").select_option(label=team.desk)
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/account/activity?account=*")
    team.keep(page, "activity", phone=False)
    rows = page.locator("#activity tbody tr")
    said = [row.locator("[data-label=What]").inner_text() for row in reversed(rows.all())]
    told = [re.sub(r" \(.*| ×.*", "", words) for words in said]
    expect(rows.locator("[data-label=Outcome]", has_text=re.compile("no right"))).to_have_count(1)
    return told[told.index(f"Invited {TRADER} as Trader") :]


def subscribe(socket: ClientConnection, client: SignedClient) -> None:
    """Ask for the updates of the key's orders."""
    stamp = str(int(time.time() * 1000))
    text = f"instruction=subscribe&timestamp={stamp}&window=5000"
    signature = base64.b64encode(client.signer.sign(text.encode()).signature).decode()
    frame = {"method": "SUBSCRIBE", "params": ["account.orderUpdate"]}
    socket.send(json.dumps(frame | {"signature": [client.key, signature, stamp, "5000"]}))


def heard(socket: ClientConnection) -> Any:
    """Return the next message."""
    return json.loads(socket.recv(timeout=CUT_WITHIN_SECONDS))


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds: edges hear of keys through a feed."""
    deadline = time.monotonic() + CUT_WITHIN_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.1)


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
