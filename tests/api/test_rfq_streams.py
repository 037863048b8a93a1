"""The stream account.rfqUpdate: makers hear of requests, and each account of what concerns it."""

from typing import Any

import pytest

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine.vocabulary import ExecutionMode, Side
from sequencer.batch import Entry
from sequencer.publish import feed_item
from tests.api.front import Front, Socket, User, front
from tests.api.test_streams import without_times

__all__ = ["front"]
NAME = "account.rfqUpdate"
SPOT = "SOL_USDC"


def listen(front: Front, user: User, *names: str) -> Socket:
    """Return a socket that hears the account's requests for quote."""
    socket = front.socket()
    socket.subscribe(*(names or (NAME,)), user=user)
    return socket


def do(front: Front, command: c.Command) -> Any:
    """Apply a command which must be accepted."""
    answer = front.command(command).answer
    assert not isinstance(answer, e.CommandRejected), answer
    return answer


def ask_for(front: Front, **terms: Any) -> oe.RfqSubmitted:
    usual: dict[str, Any] = {"market": SPOT, "side": Side.BID, "lots": 100, "client_id": 7}
    asked = do(front, c.RequestQuote(account=front.alice.account, **(usual | terms)))
    assert isinstance(asked, oe.RfqSubmitted)
    return asked


def quote(front: Front, rfq: int) -> oe.QuoteSubmitted:
    quoted = do(
        front,
        c.SubmitQuote(
            account=front.bob.account, rfq=rfq, bid_ticks=9_990, ask_ticks=10_010, client_id=9
        ),
    )
    assert isinstance(quoted, oe.QuoteSubmitted)
    return quoted


def told(socket: Socket) -> list[dict[str, Any]]:
    return [without_times(data) for data in socket.data()]


def test_makers_are_told_of_a_request_but_not_whose_it_is_nor_its_side(front: Front) -> None:
    maker, requester = listen(front, front.bob), listen(front, front.alice)
    asked = ask_for(front, price_ticks=10_050)
    rfq, times = asked.terms.rfq, {
        "w": asked.submission_ns // 10**6,
        "W": asked.expires_ns // 10**6,
    }  # fmt: skip
    active = {
        "e": "rfqActive",
        "s": "SOL_USDC_RFQ",
        "R": rfq,
        "X": "New",
        "q": "1.00",
        **times,
    }
    assert told(maker) == [active]
    accepted = active | {"e": "rfqAccepted", "C": 7, "S": "Bid", "p": "100.50"}
    own = told(requester)
    assert accepted in own
    assert active in own
    assert len(own) == 2


def test_each_side_is_told_its_own_of_a_trade(front: Front) -> None:
    rfq = ask_for(front).terms.rfq
    maker, requester = listen(front, front.bob), listen(front, front.alice)
    quoted = quote(front, rfq).terms.quote
    (candidate,) = told(requester)
    assert {key: candidate[key] for key in "eRuCSpqXs"} == {
        "e": "rfqCandidate",
        "R": rfq,
        "u": quoted,
        "C": 7,
        "S": "Bid",
        "p": "100.10",
        "q": "1.00",
        "X": "New",
        "s": "SOL_USDC_RFQ",
    }
    of_quote = {"s": "SOL_USDC_RFQ", "R": rfq, "u": quoted, "C": 9}
    assert told(maker) == [of_quote | {"e": "quoteAccepted", "X": "New"}]
    do(front, c.AcceptQuote(account=front.alice.account, rfq=rfq, quote=quoted))
    filled = {"e": "rfqFilled", "X": "Filled", "p": "100.10", "q": "1.00", "Q": "100.100000"}
    assert told(maker) == [of_quote | filled | {"S": "Ask"}]
    (mine,) = told(requester)
    assert filled.items() <= mine.items()
    assert (mine["S"], mine["C"], mine["u"]) == ("Bid", 7, quoted)


@pytest.mark.parametrize(
    ("act", "words", "of_maker"),
    [
        (c.RefreshQuoteRequest, ["rfqActive", "rfqRefreshed"], ["rfqActive"]),
        (c.CancelQuoteRequest, ["rfqCancelled"], ["quoteCancelled"]),
    ],
)
def test_a_refresh_and_a_cancel_are_told(
    front: Front, act: Any, words: list[str], of_maker: list[str]
) -> None:
    rfq = ask_for(front, lots=None, quote_atoms=50_000_000).terms.rfq
    quote(front, rfq)
    maker, requester = listen(front, front.bob), listen(front, front.alice)
    do(front, act(account=front.alice.account, rfq=rfq))
    own = told(requester)
    assert sorted(data["e"] for data in own) == words
    assert own[0]["Q"] == "50.000000"
    assert [data["e"] for data in told(maker)] == of_maker


def test_an_immediate_fill_is_told_in_order(front: Front) -> None:
    rfq = ask_for(front, mode=ExecutionMode.IMMEDIATE, price_ticks=10_010).terms.rfq
    maker, requester = listen(front, front.bob), listen(front, front.alice)
    quote(front, rfq)
    assert [data["e"] for data in told(requester)] == ["rfqCandidate", "rfqFilled"]
    assert [data["e"] for data in told(maker)] == ["quoteAccepted", "rfqFilled"]


@pytest.mark.parametrize("name", [SPOT, "SOL_USDC_RFQ"])
def test_a_market_may_be_chosen_by_either_name(front: Front, name: str) -> None:
    socket = listen(front, front.bob, f"{NAME}.{name}")
    other = listen(front, front.bob, f"{NAME}.BTC_USDC_RFQ", f"{NAME}.SOL_USDC_PERP")
    rfq = ask_for(front).terms.rfq
    quote(front, rfq)
    frames = socket.told()
    assert [frame["data"]["e"] for frame in frames] == ["rfqActive", "quoteAccepted"]
    assert {frame["stream"] for frame in frames} == {f"{NAME}.{name}"}
    assert other.told() == []
    ask_for(front, market="SOL_USDC_PERP", client_id=None)
    assert [data["e"] for data in told(other)] == ["rfqActive"]


def test_the_stream_is_signed_for(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(NAME)
    (answer,) = socket.told()
    assert answer["error"]["code"] == 4003


def test_a_request_reaches_the_followers_of_the_feed(front: Front) -> None:
    asked = ask_for(front)
    quoted = quote(front, asked.terms.rfq)
    for event, concerned in (
        (asked, {front.alice.account}),
        (quoted, {front.alice.account, front.bob.account}),
    ):
        entry = Entry(sequence=1, at_ns=1, command_id="", command=b"", events=(event,))
        assert set(feed_item(entry).accounts) == concerned
