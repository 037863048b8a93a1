"""Requests for quote through unmodified clients, on a live exchange: the SDK, and ccxt's own paths.

Alice asks, Bob quotes two ticks around the book's middle, and the trade is off the book.
"""

import asyncio
import json
import time
from base64 import b64decode, b64encode
from decimal import Decimal
from typing import Any

import ccxt
import pytest
import websockets
from backpack_exchange_sdk import AuthenticationClient, PublicClient
from backpack_exchange_sdk._base.errors import BackpackAPIError
from nacl.signing import SigningKey

from tests.api.clients.accounts import through_ccxt, through_sdk
from tests.live import LiveExchange

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("forgotten")]
SPOT, ASKED, PERP = "SOL_USDC", "SOL_USDC_RFQ", "SOL_USDC_PERP"
Row = dict[str, Any]


@pytest.fixture
def alice(exchange: LiveExchange) -> AuthenticationClient:
    return through_sdk(exchange, 0)


@pytest.fixture
def bob(exchange: LiveExchange) -> AuthenticationClient:
    return through_sdk(exchange, 1)


def prices(exchange: LiveExchange, symbol: str) -> tuple[str, str]:
    """Return a bid and an ask two cents around the middle of the book."""
    depth = PublicClient(base_url=exchange["rest"] + "/").get_depth(symbol)
    middle = (Decimal(depth["bids"][-1][0]) + Decimal(depth["asks"][0][0])) / 2
    middle = middle.quantize(Decimal("0.01"))
    return str(middle - Decimal("0.01")), str(middle + Decimal("0.01"))


@pytest.mark.parametrize(("symbol", "side"), [(ASKED, "Ask"), (PERP, "Bid")])
def test_a_quote_is_asked_for_given_and_accepted(
    exchange: LiveExchange,
    alice: AuthenticationClient,
    bob: AuthenticationClient,
    symbol: str,
    side: str,
) -> None:
    bid, ask = prices(exchange, symbol.removesuffix("_RFQ"))
    asked = alice.submit_rfq(symbol, side, quantity="0.5", clientId="77")
    assert (asked["status"], asked["symbol"], asked["clientId"]) == ("New", symbol, 77)
    refreshed = alice.refresh_rfq(asked["rfqId"])
    assert refreshed["expiryTime"] > asked["expiryTime"]
    first = bob.submit_quote(asked["rfqId"], bid, ask)
    quoted = bob.submit_quote(asked["rfqId"], bid, ask, clientId="5")
    with pytest.raises(BackpackAPIError) as refusal:
        alice.accept_quote(first["quoteId"], clientId="77")
    assert refusal.value.code == "INVALID_CLIENT_REQUEST"
    filled = alice.accept_quote(quoted["quoteId"], clientId="77")
    assert (filled["status"], filled["rfqId"]) == ("Filled", asked["rfqId"])

    (fill,) = alice.get_rfq_fill_history(quoteId=quoted["quoteId"])
    price = ask if side == "Bid" else bid
    assert (Decimal(fill["fillPrice"]), fill["side"]) == (Decimal(price), side)
    (made,) = bob.get_quote_fill_history(quoteId=quoted["quoteId"])
    assert (made["fillPrice"], made["quantity"]) == (fill["fillPrice"], "0.5")
    assert (made["clientId"], made["side"]) == (5, "Ask" if side == "Bid" else "Bid")
    assert Decimal(made["fee"]) > 0
    assert alice.get_rfq_history(rfqId=asked["rfqId"])[0]["status"] == "Filled"
    statuses = {row["quoteId"]: row["status"] for row in bob.get_quote_history()}
    assert statuses[quoted["quoteId"]] == "Filled"
    assert statuses[first["quoteId"]] == "Cancelled"


def test_an_immediate_request_is_filled_by_the_first_good_quote(
    exchange: LiveExchange, alice: AuthenticationClient, bob: AuthenticationClient
) -> None:
    bid, ask = prices(exchange, PERP)
    asked = alice.submit_rfq(PERP, "Ask", quantity="0.5", price=bid, executionMode="Immediate")
    assert bob.submit_quote(asked["rfqId"], bid, ask)["status"] == "Filled"
    assert alice.get_rfq_history(rfqId=asked["rfqId"])[0]["status"] == "Filled"


def test_ccxt_which_signs_no_instruction_asks_accepts_refreshes_and_cancels(
    exchange: LiveExchange,
) -> None:
    alice, bob = through_ccxt(exchange, 0), through_ccxt(exchange, 1)
    bid, ask = prices(exchange, SPOT)
    body = {"symbol": ASKED, "side": "Ask", "quantity": "0.1"}
    asked = alice.private_post_api_v1_rfq(body)
    alice.private_post_api_v1_rfq_refresh({"rfqId": asked["rfqId"]})
    offer = {"rfqId": asked["rfqId"], "bidPrice": bid, "askPrice": ask}
    quoted = bob.private_post_api_v1_rfq_quote(offer)
    taken = {"rfqId": asked["rfqId"], "quoteId": quoted["quoteId"]}
    assert alice.private_post_api_v1_rfq_accept(taken)["status"] == "Filled"
    other = alice.private_post_api_v1_rfq(body)
    ended = alice.private_post_api_v1_rfq_cancel({"rfqId": other["rfqId"]})
    assert ended["status"] == "Cancelled"
    with pytest.raises(ccxt.BadRequest):
        alice.private_post_api_v1_rfq_cancel({"rfqId": other["rfqId"]})
    rows = alice.private_get_wapi_v1_history_rfq({"symbol": ASKED})
    assert {row["rfqId"]: row["status"] for row in rows}[asked["rfqId"]] == "Filled"
    assert bob.private_get_wapi_v1_history_quote()[0]["quoteId"] == quoted["quoteId"]


def test_makers_hear_of_a_request(exchange: LiveExchange, alice: AuthenticationClient) -> None:
    maker = exchange["users"][1]

    async def listen() -> Row:
        async with websockets.connect(exchange["ws"]) as socket:
            stamp = str(time.time_ns() // 1_000_000)
            text = f"instruction=subscribe&timestamp={stamp}&window=5000"
            signed = SigningKey(b64decode(maker["secret"])).sign(text.encode()).signature
            proof = [maker["apiKey"], b64encode(signed).decode(), stamp, "5000"]
            name = f"account.rfqUpdate.{ASKED}"
            frame = {"method": "SUBSCRIBE", "params": [name], "signature": proof}
            await socket.send(json.dumps(frame))
            await asyncio.sleep(1)
            await asyncio.to_thread(alice.submit_rfq, ASKED, "Bid", quoteQuantity="25")
            async with asyncio.timeout(20):
                return dict(json.loads(await socket.recv())["data"])

    heard = asyncio.run(listen())
    assert (heard["e"], heard["s"], heard["Q"]) == ("rfqActive", ASKED, "25.000000")
    assert not {"C", "S"} & set(heard)
    alice.cancel_rfq(rfqId=str(heard["R"]))


def test_a_request_ends_by_itself(forgotten: Row, alice: AuthenticationClient) -> None:
    # Nobody sends anything: the engine acts by its own clock.
    deadline = forgotten["expiryTime"] / 1_000 + 20
    while (row := alice.get_rfq_history(rfqId=forgotten["rfqId"])[0])["status"] == "New":
        assert time.time() < deadline, "the request has outlived its time"
        time.sleep(1)
    assert row["status"] == "Expired"
    assert time.time() * 1_000 >= forgotten["expiryTime"]
