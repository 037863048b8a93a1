"""Funding over REST: rates, payments, positions; on an engine whose clock we move."""

from base64 import b64encode
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from backpack_exchange_sdk import AuthenticationClient, PublicClient
from bpx.account import Account
from bpx.public import Public
from django.test import Client
from msgspec.structs import replace
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from engine.catalog import FundingRules
from engine.commands import AutoRealize, CancelAllOrders, ListMarket, PayFunding, UpdatePrices
from engine.units import HOUR_NS
from engine.vocabulary import Side
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted
from tests.engine.listings import SOL_PERP
from trading import portfolio, screens
from trading.catalog import refresh
from trading.funding_models import FundingPayment, FundingRate
from trading.models import Position
from trading.settlement_models import Clearing

PERP = "QUICK_USDC_PERP"
# One sample makes a rate; the book is looked at for 100 dollars.
RULES = FundingRules(samples_min=1, impact_micros=100 * 10**6, cap_ppb=10_000_000)
HOUSE = "http://testserver"
HISTORY = ("/wapi/v1/history/funding", "fundingHistoryQueryAll")

pytestmark = pytest.mark.django_db


@pytest.fixture
def traders(house: tuple[Trader, Trader], live_engine: InlineEngine) -> tuple[Trader, Trader]:
    """Return Alice, long 2 SOL at 100, and Bob, who is short, at the beginning of an hour."""
    accepted(ListMarket(market=replace(SOL_PERP, symbol=PERP, funding=RULES)))
    refresh()
    alice, bob = house
    bob.limit(PERP, Side.ASK, ticks=10_000, lots=200)
    alice.limit(PERP, Side.BID, ticks=10_000, lots=200)
    end_hour(live_engine)
    return alice, bob


def end_hour(live_engine: InlineEngine, *, hours: int = 1) -> None:
    """Go on to a few seconds after a whole hour."""
    state = live_engine.engine.state
    now = max(state.at_ns, 0)
    live_engine.ahead_ns += (now // HOUR_NS + hours) * HOUR_NS - now + 10**9
    accepted(UpdatePrices(prices_e8={"USDC": 10**8}))


def sample(bob: Trader, *, bid: int = 9_990, ask: int = 10_010) -> None:
    """Have prices come in while Bob quotes."""
    bob.limit(PERP, Side.BID, ticks=bid, lots=200)
    bob.limit(PERP, Side.ASK, ticks=ask, lots=200)
    accepted(UpdatePrices(prices_e8={"SOL": 100 * 10**8}))
    accepted(CancelAllOrders(account=bob.id))


def rates(*pairs: str) -> list[dict[str, Any]]:
    answer = Client().get("&".join((f"/api/v1/fundingRates?symbol={PERP}", *pairs)))
    assert answer.status_code == 200, answer.content
    assert answer.headers["X-Total"] == str(FundingRate.objects.filter(market=PERP).count())
    rows: list[dict[str, Any]] = answer.json()
    return rows


def test_rates_are_told_newest_first_the_running_hour_among_them(
    traders: tuple[Trader, Trader], live_engine: InlineEngine
) -> None:
    sample(traders[1])
    end_hour(live_engine)
    sample(traders[1], bid=10_400, ask=10_410)
    told = rates()
    # 4 % of premium: (4 % − 0.05 %) / 8, and for the hours before 0.01 % / 8 and no sample.
    assert [row["fundingRate"] for row in told] == ["0.0049375", "0.0000125", "0"]
    ends = [row["intervalEndTimestamp"] for row in told]
    assert ends == sorted(ends, reverse=True)
    assert all(end.endswith(":00:00") for end in ends)
    assert set(told[0]) == {"fundingRate", "intervalEndTimestamp", "symbol"}
    assert [row["fundingRate"] for row in rates("limit=1", "offset=1")] == ["0.0000125"]
    ended = FundingRate.objects.get(market=PERP, rate_ppb=12_500)
    assert (ended.samples, ended.premium_ppb) == (1, 0)
    assert ended.mark_e8 == 100 * 10**8
    end_hour(live_engine)
    sample(traders[1], bid=12_000, ask=12_010)
    assert [row["fundingRate"] for row in rates()][:2] == ["0.01", "0.0049375"], "the cap"
    # Prices are what comes first after the hour: they end it, and begin the next one.
    state = live_engine.engine.state
    live_engine.ahead_ns += HOUR_NS - state.at_ns % HOUR_NS
    sample(traders[1])
    assert [row["fundingRate"] for row in rates()][:2] == ["0.0000125", "0.01"]


def test_a_payment_stands_in_the_history_with_its_hour_and_rate(
    traders: tuple[Trader, Trader], live_engine: InlineEngine
) -> None:
    alice, bob = traders
    for _ in range(2):
        sample(bob)
        end_hour(live_engine)
    assert alice.get(*HISTORY).json() == [], "nothing was touched yet"
    accepted(PayFunding(market=PERP))
    newest, oldest = alice.get(*HISTORY).json()
    hours = [row["intervalEndTimestamp"] for row in rates()]
    # 200 dollars × 0.00125 %.
    assert newest == {
        "fundingRate": "0.0000125",
        "intervalEndTimestamp": hours[0],
        "quantity": "-0.0025",
        "subaccountId": None,
        "symbol": PERP,
        "userId": alice.user.pk,
    }
    assert oldest == newest | {"intervalEndTimestamp": hours[1]}
    assert [row["quantity"] for row in bob.get(*HISTORY).json()] == ["0.0025"] * 2
    (first,) = bob.get(*HISTORY, ("limit", "1"), ("sortDirection", "Asc")).json()
    assert first["intervalEndTimestamp"] == hours[1]
    assert bob.get(*HISTORY, ("symbol", "SOL_USDC_PERP")).json() == []
    assert FundingPayment.objects.count() == 4
    shown = screens.funding_rows(bob.account)
    assert [(row["size"], row["rate"], row["quantity"]) for row in shown] == [
        ("-2", "0.0000125", "0.0025")
    ] * 2
    cleared = Clearing.objects.get(market=PERP)
    assert cleared.funding == 0


def test_positions_show_funding_before_and_after_it_is_paid(
    traders: tuple[Trader, Trader], live_engine: InlineEngine
) -> None:
    alice, bob = traders
    sample(bob)
    end_hour(live_engine)
    told = []
    for act in (None, PayFunding(market=PERP), AutoRealize(market=PERP)):
        if act is not None:
            accepted(act)
        (long,) = alice.get("/api/v1/position", "positionQuery").json()
        (short,) = bob.get("/api/v1/position", "positionQuery").json()
        margin = portfolio.margin_summary(alice.id)
        told.append(
            (
                long["cumulativeFundingPayment"],
                short["cumulativeFundingPayment"],
                long["breakEvenPrice"],
                margin.net_equity,
            )
        )
    # Bought for 200 with a fee of 0.1: 200.1025 to come out even.
    assert told[0][:3] == ("-0.0025", "0.0025", "100.05125")
    assert told[0] == told[1] == told[2]
    (settled,) = alice.get(
        "/wapi/v1/history/settlement", "settlementHistoryQueryAll", ("source", "FundingPayment")
    ).json() or [None]
    assert settled is None, "less than a cent waits"
    bob.limit(PERP, Side.BID, ticks=10_000, lots=200)
    alice.limit(PERP, Side.ASK, ticks=10_000, lots=200)
    accepted(AutoRealize(market=PERP))
    rows = alice.get("/wapi/v1/history/settlement", "settlementHistoryQueryAll").json()
    assert [(row["source"], row["quantity"]) for row in rows] == [("FundingPayment", "-0.0025")]
    (closed,) = alice.get("/wapi/v1/history/position", "positionHistoryQueryAll").json()
    assert (closed["state"], closed["fundingQuantity"]) == ("Closed", "-0.0025")
    assert Position.objects.get(account_id=alice.id).lots == 0


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have whoever uses `requests` reach this process's Django: its clock is ours to move."""

    def send(adapter: HTTPAdapter, request: PreparedRequest, **options: Any) -> Response:
        assert request.method is not None and request.path_url
        answer = Client().generic(
            request.method,
            request.path_url,
            request.body or b"",
            headers={name: str(value) for name, value in request.headers.items()},
        )
        told = Response()
        told.status_code, told.raw = answer.status_code, BytesIO(answer.content)
        told.headers.update(dict(answer.headers))
        return told

    monkeypatch.setattr(HTTPAdapter, "send", send)


@pytest.mark.usefixtures("in_process")
def test_unmodified_clients_read_what_was_paid(
    traders: tuple[Trader, Trader], live_engine: InlineEngine
) -> None:
    alice, bob = traders
    sample(bob, bid=10_400, ask=10_410)
    end_hour(live_engine)
    sample(bob)
    accepted(PayFunding(market=PERP))
    secret = b64encode(bytes(alice.signer)).decode()
    sdk = AuthenticationClient(alice.key.public_key, secret, base_url=f"{HOUSE}/")
    told: list[Any] = [
        (sdk.get_funding_payments(symbol=PERP), PublicClient(f"{HOUSE}/"), "SDK"),
        (Account(alice.key.public_key, secret).get_funding_payments(symbol=PERP), Public(), "bpx"),
    ]
    for payments, public, name in told:
        # 200 dollars × 0.49375 %, of a mark that is at most 5 % above the index.
        (paid,) = payments
        assert (paid["fundingRate"], paid["symbol"]) == ("0.0049375", PERP), name
        running, ended, *_ = public.get_funding_interval_rates(PERP)
        assert ended["fundingRate"] == paid["fundingRate"]
        assert ended["intervalEndTimestamp"] == paid["intervalEndTimestamp"]
        assert running["intervalEndTimestamp"] > ended["intervalEndTimestamp"]
        row = FundingRate.objects.get(market=PERP, rate_ppb=4_937_500)
        assert row.mark_e8 is not None
        assert Decimal(paid["quantity"]) == -Decimal(row.mark_e8) * 2 * Decimal("0.0049375") / 10**8
