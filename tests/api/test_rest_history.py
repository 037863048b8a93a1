"""The histories: positions, what each may be narrowed to, and rows of which there is nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from engine.commands import AutoRealize, UpdatePrices
from engine.order_events import OrderPlaced
from engine.vocabulary import Side
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted
from tests.api.test_rest_accounts import refusal
from trading.models import Fill, Order
from trading.settlement_models import Settlement

PERP = "SOL_USDC_PERP"
PATH = ("/wapi/v1/history/position", "positionHistoryQueryAll")
FILLS = ("/wapi/v1/history/fills", "fillHistoryQueryAll")
PAGE_HEADERS = {
    "X-Page-Count": "0",
    "X-Current-Page": "1",
    "X-Page-Size": "100",
    "X-Total": "0",
    "Access-Control-Expose-Headers": "X-Page-Count, X-Current-Page, X-Page-Size, X-Total",
}


def deal(buyer: Trader, seller: Trader, *, lots: int, ticks: int) -> None:
    """Have the buyer take the seller's offer."""
    seller.limit(PERP, Side.ASK, ticks=ticks, lots=lots)
    buyer.limit(PERP, Side.BID, ticks=ticks, lots=lots)


def positions(trader: Trader, *pairs: tuple[str, str]) -> list[dict[str, Any]]:
    answer = trader.get(*PATH, *pairs)
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()
    assert all(list(row) == sorted(row) and len(row) == 22 for row in rows)
    return rows


def test_a_position_is_told_from_its_opening_to_its_end(alice: Trader, bob: Trader) -> None:
    """Bought 1 SOL at 100 and 1 at 104; sold 0.5 at 103, settled at 110, sold 2.5 at 101."""
    deal(alice, bob, lots=100, ticks=10_000)
    deal(alice, bob, lots=100, ticks=10_400)
    deal(bob, alice, lots=50, ticks=10_300)
    accepted(UpdatePrices(prices_e8={"SOL": 110 * 10**8}))
    accepted(AutoRealize(market=PERP))
    (held,) = positions(alice)
    assert held | {"id": "", "openedAt": ""} == {
        "accountLeverage": "20",
        "closedAt": None,
        "closedVolume": "0.5",
        "closingPrice": "103",
        "cumulativePnlRealized": "0.5",
        "entryPrice": "102",
        # 0.05 % of 100 and 104 as taker, 0.02 % of 51.50 as maker.
        "fees": "0.1123",
        "fundingQuantity": "0",
        "id": "",
        "imf": "0.05",
        "interest": "0",
        "liquidated": "0",
        "liquidationFees": "0",
        "markPrice": "110",
        "netCost": "153",
        "netExposureNotional": "165",
        "netExposureQuantity": "1.5",
        "netQuantity": "1.5",
        "openedAt": "",
        "state": "Open",
        "symbol": PERP,
        "unrealizedPnl": "12",
    }
    accepted(UpdatePrices(prices_e8={"SOL": 101 * 10**8}))
    deal(bob, alice, lots=250, ticks=10_100)
    turned, closed = positions(alice)
    assert (turned["netQuantity"], turned["closedVolume"], turned["state"]) == ("-1", "0", "Open")
    assert (turned["entryPrice"], turned["closingPrice"]) == ("101", None)
    facts = {"closedAt", "id", "openedAt"}
    assert {name: value for name, value in closed.items() if name not in facts} == {
        "accountLeverage": None,
        "closedVolume": "2",
        # 0.5 at 103 and 1.5 at 101.
        "closingPrice": "101.5",
        "cumulativePnlRealized": "-1",
        "entryPrice": "102",
        # And 0.02 % of the 151.50 which closed it.
        "fees": "0.1426",
        "fundingQuantity": "0",
        "imf": "0.02",
        "interest": "0",
        "liquidated": "0",
        "liquidationFees": "0",
        "markPrice": "101",
        "netCost": "0",
        "netExposureNotional": "0",
        "netExposureQuantity": "0",
        "netQuantity": "0",
        "state": "Closed",
        "symbol": PERP,
        "unrealizedPnl": "0",
    }
    assert (closed["id"], closed["openedAt"]) == (held["id"], held["openedAt"])
    assert closed["openedAt"] < closed["closedAt"] <= turned["openedAt"]


def test_closed_positions_are_the_sum_of_their_fills(alice: Trader, bob: Trader) -> None:
    """Nothing is open at the end: then all fills belong to closed positions."""
    for lots, ticks in ((70, 10_013), (30, 9_987), (-250, 10_101), (90, 9_899), (60, 10_000)):
        buyer, seller = (alice, bob) if lots > 0 else (bob, alice)
        deal(buyer, seller, lots=abs(lots), ticks=ticks)
    for trader in (alice, bob):
        fills, rows = trader.get(*FILLS).json(), positions(trader)
        assert {row["state"] for row in rows} == {"Closed"}
        assert sum(Decimal(row["fees"]) for row in rows) == sum(Decimal(f["fee"]) for f in fills)
        traded = sum(Decimal(fill["quantity"]) for fill in fills)
        # Each lot was bought once and sold once.
        assert sum(Decimal(row["closedVolume"]) for row in rows) * 2 == traded
        gained = sum(
            Decimal(fill["price"])
            * Decimal(fill["quantity"])
            * (1 if fill["side"] == "Ask" else -1)
            for fill in fills
        )
        assert sum(Decimal(row["cumulativePnlRealized"]) for row in rows) == gained


def test_positions_can_be_narrowed_and_paged(alice: Trader, bob: Trader) -> None:
    for _ in range(3):
        deal(alice, bob, lots=10, ticks=10_000)
        deal(bob, alice, lots=10, ticks=10_000)
    deal(alice, bob, lots=10, ticks=10_000)
    numbers = [int(row["id"]) for row in positions(alice)]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 4
    table: list[tuple[tuple[tuple[str, str], ...], list[int]]] = [
        ((("state", "Open"),), numbers[:1]),
        ((("state", "Closed"),), numbers[1:]),
        ((("sortDirection", "Asc"),), numbers[::-1]),
        ((("sort_direction", "Asc"), ("limit", "2")), numbers[:1:-1]),
        ((("limit", "2"), ("offset", "1")), numbers[1:3]),
        ((("offset", "4"),), []),
        ((("symbol", PERP),), numbers),
        ((("symbol", "BTC_USDC_PERP"),), []),
        ((("symbol", "NO_SUCH"),), []),
        ((("marketType", "SPOT"),), []),
        ((("marketType", "SPOT"), ("marketType", "PERP")), numbers),
        ((("market_type", "PERP"),), numbers),
    ]
    for pairs, expected in table:
        assert [int(row["id"]) for row in positions(alice, *pairs)] == expected, pairs
    headers = alice.get(*PATH, ("limit", "3")).headers
    assert (headers["X-Total"], headers["X-Page-Count"]) == ("4", "2")
    for wrong in (("state", "open"), ("limit", "1001"), ("marketType", "SPOT,PERP")):
        assert refusal(alice.get(*PATH, wrong))[:2] == (400, "INVALID_CLIENT_REQUEST")


def test_each_account_has_its_own_positions(alice: Trader, bob: Trader) -> None:
    deal(alice, bob, lots=10, ticks=10_000)
    (long,), (short,) = positions(alice), positions(bob)
    assert (long["netQuantity"], short["netQuantity"]) == ("0.1", "-0.1")
    assert long["id"] != short["id"]


# -- what this venue has nothing of ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "is_paged"),
    [
        ("market-sessions", False),
        ("market-holidays", False),
        ("securities", False),
        ("prediction", True),
        ("prediction?resolved=True&tagSlug=x&limit=100&offset=0", True),
        ("prediction/tags", False),
        ("vaults", False),
        ("vaults/history?interval=1d", False),
        ("vaults/history?interval=1year&vaultId=7", False),
        ("fundingRates?symbol=SOL_USDC_PERP", True),
        ("fundingRates?symbol=SOL_USDC&limit=100&offset=0", True),
    ],
)
def test_public_rows_without_content_are_empty_lists(
    house: object, path: str, is_paged: bool
) -> None:
    answer = Client().get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()) == (200, [])
    shown = {name: answer.headers.get(name) for name in PAGE_HEADERS}
    assert shown == (PAGE_HEADERS if is_paged else dict.fromkeys(PAGE_HEADERS))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("fundingRates", "Invalid `symbol`: This field is required."),
        ("fundingRates?symbol=NO_SUCH", "Invalid market symbol"),
        ("fundingRates?symbol=SOL_USDC_PERP&limit=10001", "Invalid `limit`: "),
        ("vaults/history", "Invalid `interval`: This field is required."),
        ("vaults/history?interval=1h", "Invalid `interval`: "),
        ("prediction?limit=0", "Invalid `limit`: "),
        ("prediction?resolved=maybe", "Invalid `resolved`: "),
    ],
)
def test_a_question_without_sense_is_refused(house: object, path: str, message: str) -> None:
    status, code, told = refusal(Client().get(f"/api/v1/{path}"))
    assert (status, code) == (400, "INVALID_CLIENT_REQUEST")
    assert told.startswith(message)


@pytest.mark.parametrize(
    ("path", "instruction"),
    [
        ("funding", "fundingHistoryQueryAll"),
        ("pnl", "pnlHistoryQueryAll"),
        ("vault/mint", "vaultMintHistoryQueryAll"),
        ("vault/redeem", "vaultRedeemHistoryQueryAll"),
        ("position", "positionHistoryQueryAll"),
    ],
)
def test_histories_without_content_are_empty_pages(
    alice: Trader, path: str, instruction: str
) -> None:
    target = (f"/wapi/v1/history/{path}", instruction)
    answer = alice.get(*target)
    assert (answer.status_code, answer.json()) == (200, [])
    assert {name: answer.headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    assert answer.headers["Cache-Control"] == "no-store"
    if path != "position":
        assert alice.get(*target, ("subaccountId", "0")).json() == []
        other = refusal(alice.get(*target, ("subaccountId", "3")))
        assert other[:2] == (403, "FORBIDDEN")
    unsigned = Client().get(target[0])
    assert unsigned.status_code in (400, 401)


@pytest.mark.parametrize(
    ("method", "path", "instruction", "body"),
    [
        ("POST", "mint", "vaultMint", {"vaultId": 7, "symbol": "USDC", "quantity": "5"}),
        (
            "POST",
            "mint",
            "vaultMint",
            {"vaultId": 7, "symbol": "USDC", "quantity": "5", "autoBorrow": None},
        ),
        ("POST", "redeem", "vaultRedeemRequest", {"vaultId": 7, "vaultTokenQuantity": None}),
        ("DELETE", "redeem", "vaultRedeemCancel", {"vaultId": 7}),
    ],
)
def test_no_number_names_a_vault(
    alice: Trader,
    live_engine: InlineEngine,
    method: str,
    path: str,
    instruction: str,
    body: dict[str, Any],
) -> None:
    before = live_engine.engine.state.sequence
    answer = alice.send(method, f"/api/v1/vault/{path}", instruction, body)
    expected = (404, "RESOURCE_NOT_FOUND", "There is no vault 7: this venue has none")
    assert refusal(answer) == expected
    missing = alice.send(method, f"/api/v1/vault/{path}", instruction, {"symbol": "USDC"})
    assert refusal(missing)[:2] == (400, "INVALID_CLIENT_REQUEST")
    assert live_engine.engine.state.sequence == before


def test_a_vault_has_an_operator_and_this_account_is_none(alice: Trader) -> None:
    nav = refusal(alice.get("/api/v1/vault/nav", "vaultNavQuery"))
    assert nav == (404, "RESOURCE_NOT_FOUND", "This account operates no vault")
    pending = ("/api/v1/vault/redeems/pending", "vaultPendingRedeemsQuery")
    assert refusal(alice.get(*pending, ("vaultId", "7")))[:2] == (404, "RESOURCE_NOT_FOUND")
    assert refusal(alice.get(*pending))[:2] == (400, "INVALID_CLIENT_REQUEST")


# -- what the histories may be narrowed to ---------------------------------------------------------

ALL, BOOK, BACKSTOP, ADL, SOLD = (
    None,
    "LiquidatePositionOnBook",
    "LiquidatePositionOnBackstop",
    "LiquidatePositionOnAdl",
    "CollateralConversion",
)


def test_fills_by_type(alice: Trader, bob: Trader) -> None:
    """Each kind of system order once, besides one of her own; oldest first."""
    for system in (None, BOOK, BACKSTOP, ADL, SOLD):
        bob.limit("SOL_USDC", Side.ASK, ticks=10_000, lots=1)
        placed = alice.limit("SOL_USDC", Side.BID, ticks=10_000, lots=1)
        assert isinstance(placed, OrderPlaced)
        Order.objects.filter(pk=placed.terms.order_id).update(system=system)
    table: dict[str | None, list[str | None]] = {
        ALL: [None, BOOK, BACKSTOP, ADL, SOLD],
        "User": [None],
        "BookLiquidation": [BOOK],
        "Backstop": [BACKSTOP],
        "Adl": [ADL],
        "Liquidation": [BOOK, BACKSTOP],
        "AllLiquidation": [BOOK, BACKSTOP, ADL],
        "CollateralConversion": [SOLD],
        "CollateralConversionAndSpotLiquidation": [SOLD],
    }
    for fill_type, expected in table.items():
        for name in ("fillType", "fill_type"):
            pairs = [("sortDirection", "Asc"), *([(name, fill_type)] if fill_type else [])]
            answer = alice.get(*FILLS, *pairs)
            assert [row["systemOrderType"] for row in answer.json()] == expected, fill_type
            assert answer.headers["X-Total"] == str(len(expected))
    # The other side of a liquidation is an order like any other.
    assert len(bob.get(*FILLS, ("fillType", "User")).json()) == 5
    for wrong in (("fillType", "user"), ("fillType", "Allliquidation")):
        assert refusal(alice.get(*FILLS, wrong))[:2] == (400, "INVALID_CLIENT_REQUEST")


def test_fills_by_time_order_and_market(alice: Trader, bob: Trader) -> None:
    orders = []
    for market, client_id in (("SOL_USDC", 7), (PERP, None)):
        bob.limit(market, Side.ASK, ticks=10_000, lots=1)
        placed = alice.limit(market, Side.BID, ticks=10_000, lots=1, client_id=client_id)
        assert isinstance(placed, OrderPlaced)
        orders.append(str(placed.terms.order_id))
    spot, perp = Fill.objects.filter(account_id=alice.id).order_by("id")
    start = datetime(2026, 11, 1, 12, tzinfo=UTC)
    for fill, at in ((spot, start), (perp, start + timedelta(hours=1))):
        Fill.objects.filter(pk=fill.pk).update(at=at)
    first_ms, hour = int(start.timestamp()) * 1000, 3_600_000
    table: list[tuple[tuple[tuple[str, str], ...], list[str]]] = [
        ((), ["SOL_USDC", PERP]),
        ((("from", str(first_ms)),), ["SOL_USDC", PERP]),
        ((("from", str(first_ms + 1)),), [PERP]),
        ((("to", str(first_ms + hour)),), ["SOL_USDC", PERP]),
        ((("to", str(first_ms + hour - 1)),), ["SOL_USDC"]),
        ((("from", str(first_ms)), ("to", str(first_ms))), ["SOL_USDC"]),
        ((("orderId", orders[1]),), [PERP]),
        ((("order_id", orders[0]),), ["SOL_USDC"]),
        ((("orderId", "99"),), []),
        ((("strategyId", "5"),), []),
        ((("strategy_id", "5"),), []),
        ((("symbol", PERP),), [PERP]),
        ((("marketType", "SPOT"), ("marketType", "PERP")), ["SOL_USDC", PERP]),
        ((("market_type", "PERP"),), [PERP]),
        ((("marketType", "RFQ"),), []),
        ((("limit", "1"), ("offset", "1")), [PERP]),
    ]
    for pairs, expected in table:
        rows = alice.get(*FILLS, *pairs, ("sort_direction", "Asc")).json()
        assert [row["symbol"] for row in rows] == expected, pairs
        assert all(list(row) == sorted(row) and len(row) == 12 for row in rows)
    told = alice.get(*FILLS, ("sortDirection", "Asc")).json()
    assert [row["clientId"] for row in told] == ["7", None]
    assert told[0]["timestamp"] == "2026-11-01T12:00:00.000"


def test_orders_by_number_and_market(alice: Trader) -> None:
    path = ("/wapi/v1/history/orders", "orderHistoryQueryAll")
    numbers = []
    for market, ticks in (("SOL_USDC", 9_000), (PERP, 9_000), ("BTC_USDC", 400_000)):
        placed = alice.limit(market, Side.BID, ticks=ticks, lots=1_000)
        assert isinstance(placed, OrderPlaced)
        numbers.append(str(placed.terms.order_id))
    table: list[tuple[tuple[tuple[str, str], ...], list[str]]] = [
        ((), numbers[::-1]),
        ((("sortDirection", "Asc"),), numbers),
        ((("orderId", numbers[1]),), numbers[1:2]),
        ((("order_id", numbers[1]),), numbers[1:2]),
        ((("orderId", numbers[1]), ("symbol", "SOL_USDC")), []),
        ((("marketType", "PERP"),), numbers[1:2]),
        ((("marketType", "PERP"), ("marketType", "SPOT")), numbers[::-1]),
        ((("symbol", "BTC_USDC"),), numbers[2:]),
        ((("strategyId", "5"),), []),
        ((("limit", "2"), ("offset", "2")), numbers[:1]),
    ]
    for pairs, expected in table:
        rows = alice.get(*path, *pairs).json()
        assert [row["id"] for row in rows] == expected, pairs


def test_settlements_by_source(alice: Trader) -> None:
    path = ("/wapi/v1/history/settlement", "settlementHistoryQueryAll")
    culled = [
        "CulledRealizePnlAccountThreshold",
        "CulledRealizePnlBookUtilisation",
        "CulledRealizePnlSystemThreshold",
    ]
    backstop = [
        "BackstopAdlLiquidation",
        "BackstopLiquidityFundProceeds",
        "BackstopProviderLiquidation",
    ]
    plain = ["FundingPayment", "RealizePnl", "TradingFees", "TradingFeesSystem"]
    for number, source in enumerate([*culled, *backstop, *plain]):
        Settlement.objects.create(
            sequence=number,
            at=datetime(2026, 11, 1, 12, number, tzinfo=UTC),
            account_id=alice.id,
            market=PERP,
            asset="USDC",
            position_id=number,
            amount_atoms=Decimal(number - 3),
            source=source,
        )
    table = {
        "CulledRealizePnl": culled,
        "CulledRealizePnlBookUtilization": culled[1:2],
        "BackstopLiquidation": backstop,
        "CulledBorrowInterest": [],
        **{source: [source] for source in plain},
    }
    for asked, expected in table.items():
        rows = alice.get(*path, ("source", asked), ("sortDirection", "Asc")).json()
        assert [row["source"] for row in rows] == expected
        assert all(list(row) == sorted(row) and len(row) == 7 for row in rows)
    assert alice.get(*path, ("limit", "4")).headers["X-Total"] == "10"
    row = alice.get(*path, ("sortDirection", "Asc"), ("limit", "1"), ("offset", "1")).json()[0]
    assert row == {
        "engineSequence": 1,
        "positionId": "1",
        "quantity": "-0.000002",
        "source": "CulledRealizePnlBookUtilisation",
        "subaccountId": None,
        "timestamp": "2026-11-01T12:01:00.000",
        "userId": alice.user.pk,
    }
    assert refusal(alice.get(*path, ("source", "Elsewhere")))[0] == 400


def test_movements_are_asked_for_by_sources_that_there_are(alice: Trader) -> None:
    path = ("/wapi/v1/history/borrowLend", "borrowHistoryQueryAll")
    every = "AdlProvider,AutoBorrowRepay,AutoLend,Interest,Manual,Rfq,SpotMargin,Withdrawal"
    for known in ("Manual", every):
        assert alice.get(*path, ("sources", known)).status_code == 200
    for unknown in ("manual", "Manual,Elsewhere", "Manual, AutoLend"):
        status, code, message = refusal(alice.get(*path, ("sources", unknown)))
        assert (status, code) == (400, "INVALID_SOURCE")
        assert "AutoBorrowRepay, AutoLend" in message
