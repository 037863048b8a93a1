"""A venue through unmodified ccxt: what its answers mean, and which of them mean nothing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hedging.ccxt_venue import CcxtVenue, NoSuchVenue, read_venue
from hedging.decision import Attempt, Rules
from hedging.venue import VenueAway, VenueRefused
from tests.hedging.http_venue import HttpVenue, described, serving

D = Decimal
SYMBOL = "SOL/USDC:USDC"
POST = "POST /api/v1/order"
HISTORY = "GET /wapi/v1/history/orders"


@pytest.fixture
def http() -> Iterator[HttpVenue]:
    with serving() as venue:
        yield venue


@pytest.fixture
def venue(http: HttpVenue) -> CcxtVenue:
    return CcxtVenue(described(http.url, timeout=500), SYMBOL)


def attempt(**more: Any) -> Attempt:
    now = datetime.now(UTC)
    ours = Attempt(
        client_id=4_000_000_000,
        is_buy=False,
        quantity=D("1.5"),
        price=D("99.5"),
        planned_at=now,
        sent_at=now,
    )
    return msgspec.structs.replace(ours, **more)


def test_rules_and_numbers_are_exact(venue: CcxtVenue) -> None:
    assert venue.rules() == Rules(step=D("0.01"), minimum=D("0.01"), tick=D("0.01"))
    assert venue.position() == 0


def test_an_order_is_sent_found_and_its_fills_are_read(venue: CcxtVenue, http: HttpVenue) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    ours = attempt()
    assert venue.find(ours) is None
    venue.place(ours)
    sent = http.orders[0]
    assert (sent["side"], sent["quantity"], sent["price"]) == ("Ask", "1.5", "99.5")
    assert sent["clientId"] == 4_000_000_000
    found = venue.find(ours)
    assert found is not None
    assert (found.order_id, found.client_id, found.is_buy) == ("1", 4_000_000_000, False)
    assert (found.quantity, found.filled, found.is_open) == (D("1.5"), D("1.5"), False)
    (fill,) = venue.fills(before)
    assert (fill.order_id, fill.quantity, fill.price) == ("1", D("1.5"), D("99.5"))
    assert (fill.fee, fill.fee_asset, fill.is_buy) == (D("0.01"), "USDC", False)
    assert venue.position() == D("-1.5")
    venue.place(attempt(client_id=4_000_000_001, is_buy=True, quantity=D(4), price=D(101)))
    assert venue.position() == D("2.5")


def test_an_order_that_rests_is_seen_and_cancelled(venue: CcxtVenue, http: HttpVenue) -> None:
    http.fate = "resting"
    venue.place(attempt())
    (resting,) = venue.open_orders()
    assert resting.is_open
    assert venue.find(attempt()) == resting
    venue.cancel(resting.order_id)
    venue.cancel(resting.order_id)
    found = venue.find(attempt())
    assert found is not None
    assert (found.is_open, found.filled) == (False, D(0))


def test_only_a_certain_refusal_is_one(venue: CcxtVenue, http: HttpVenue) -> None:
    http.fate = "refused"
    with pytest.raises(VenueRefused, match="INSUFFICIENT_MARGIN"):
        venue.place(attempt())
    for status, text in (
        (500, "oops"),
        (200, "{}"),
        (200, "no json"),
        (200, ""),
        (429, '{"code": "TOO_MANY_REQUESTS", "message": "slow down"}'),
        (503, '{"code": "TRADING_PAUSED", "message": "later"}'),
        (504, '{"code": "TIMEOUT", "message": "too late"}'),
        (400, '{"code": "SOMETHING_NEW", "message": "?"}'),
        (400, '{"code": "SERVER_ERROR", "message": "?"}'),
    ):
        http.instead[POST] = (status, text)
        try:
            venue.place(attempt())
        except VenueAway:
            continue
        # An answer that says nothing is as good as none: the order is looked up anyway.
        assert status == 200, text


@pytest.mark.parametrize("text", ["null", "{", '"x"', "", '{"a": 1}', "[{}]", '[{"symbol": 5}]'])
def test_garbage_never_says_that_an_order_is_missing(
    venue: CcxtVenue, http: HttpVenue, text: str
) -> None:
    venue.place(attempt())
    for name in ("GET /api/v1/orders", HISTORY):
        http.instead = {name: (200, text)}
        with pytest.raises(VenueAway):
            venue.find(attempt())


@pytest.mark.parametrize("text", ["null", "{", '"x"', "", '{"a": 1}', "[{}]", '[{"symbol": 5}]'])
def test_garbage_is_at_most_taken_for_nothing(venue: CcxtVenue, http: HttpVenue, text: str) -> None:
    """Nothing disagrees with what was filled: then a desk waits, and sends nothing."""
    venue.place(attempt())
    names = ("GET /api/v1/position", "GET /wapi/v1/history/fills")
    http.instead = dict.fromkeys(names, (200, text))
    for ask in (venue.position, lambda: venue.fills(datetime.now(UTC))):
        if text.startswith(("[", '{"')):
            assert not ask()
        else:
            with pytest.raises(VenueAway):
                ask()


def test_an_order_is_only_missing_if_the_list_reaches_back(
    venue: CcxtVenue, http: HttpVenue
) -> None:
    for number in range(60):
        venue.place(attempt(client_id=number + 1))
    with pytest.raises(VenueAway, match="read back"):
        venue.find(attempt())
    for order in http.orders[:10]:
        order["createdAt"] -= 3_600_000
    assert venue.find(attempt()) is None
    assert venue.find(attempt(client_id=5)) is not None


def test_what_staff_did_there_by_hand_is_passed_over(venue: CcxtVenue, http: HttpVenue) -> None:
    venue.place(attempt())
    # A market order for an amount of dollars.
    http.orders.insert(0, {**http.orders[0], "id": "9", "clientId": None, "quantity": None})
    found = venue.find(attempt())
    assert found is not None
    assert found.order_id == "1"


def test_silence_is_away(venue: CcxtVenue, http: HttpVenue) -> None:
    venue.rules()
    http.hang = (POST, "before")
    with pytest.raises(VenueAway, match="RequestTimeout"):
        venue.place(attempt())
    http.go_on(does_it=False)
    with pytest.raises(VenueAway):
        CcxtVenue(described("http://127.0.0.1:1"), SYMBOL).rules()


def test_the_venues_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "venues.json"
    for text in ("", "[]", "{}", '{"b": {}}', '{"b": {"class": "backpack", "config": 5}}'):
        path.write_text(text)
        with pytest.raises(NoSuchVenue, match="does not describe the venue 'b'"):
            read_venue(str(path), "b")
    path.write_text(json.dumps({"b": {"class": "backpack"}}))
    assert read_venue(str(path), "b") == {"class": "backpack", "config": {}}
