"""What is over, as rows: positions that were closed, and the minutes of index and mark prices.

A part of this app's projections.
"""

from collections.abc import Mapping

from engine import events
from engine.units import SECOND_NS
from gateway.tables import Rows, Table
from trading.candle_models import PriceCandle, PricePoint
from trading.models import ClosedPosition

MINUTE_NS = 60 * SECOND_NS

CLOSED_POSITIONS = Table(
    ClosedPosition,
    (
        *("position_id", "account_id", "market", "lots"),
        *("entry_quote_atoms", "closed_quote_atoms", "realized_atoms", "fees_atoms"),
        *("opened_at", "closed_at", "funding_atoms", "interest_atoms"),
    ),
    key=("position_id",),
)
CLOSED_INTEREST = Table(
    ClosedPosition, ("position_id", "interest_atoms"), key=("position_id",), existing=True
)
PRICE_CANDLES = Table(
    PriceCandle,
    ("symbol", "kind", "start", "open_e8", "high_e8", "low_e8", "close_e8"),
    key=("symbol", "kind", "start"),
    keep=("open_e8",),
    change={
        "high_e8": "greatest(t.high_e8, excluded.high_e8)",
        "low_e8": "least(t.low_e8, excluded.low_e8)",
    },
)


def position_closed(rows: Rows, event: events.PositionClosed, sequence: int, at_ns: int) -> None:
    """Add the closed position."""
    names = (event.position_id, event.account, event.market, event.lots)
    amounts = (event.entry_quote_atoms, event.closed_quote_atoms, event.realized_atoms)
    times = (event.opened_at_ns, event.closed_at_ns)
    earned = (event.funding_atoms, event.interest_atoms)
    row = (*names, *amounts, event.fees_atoms, *times, *earned)
    rows.put(CLOSED_POSITIONS, event.position_id, row)


def take_up_interest(rows: Rows, event: events.PositionChanged) -> None:
    """Set the interest of a closed position: the last of it may be posted after the close."""
    if not event.interest_atoms:
        return
    number = event.position_id
    closed = rows.found(CLOSED_POSITIONS, number)
    if closed is None:
        rows.put(CLOSED_INTEREST, number, (number, event.interest_atoms))
    else:
        # Closed by the same batch: the row is not yet there to be changed.
        rows.put(CLOSED_POSITIONS, number, (*closed[:-1], event.interest_atoms))


def count_prices(rows: Rows, event: events.PricesUpdated, at_ns: int) -> None:
    """Take new prices into the candles of their minute."""
    start = at_ns - at_ns % MINUTE_NS
    _count(rows, PricePoint.Kind.INDEX, event.index_e8, start)
    _count(rows, PricePoint.Kind.MARK, event.mark_e8, start)


def _count(rows: Rows, kind: str, prices_e8: Mapping[str, int], start: int) -> None:
    for symbol, price in prices_e8.items():
        key = (symbol, kind, start)
        candle = rows.found(PRICE_CANDLES, key)
        if candle is None:
            rows.put(PRICE_CANDLES, key, (*key, price, price, price, price))
        else:
            _, _, _, first, high, low, _ = candle
            rows.put(PRICE_CANDLES, key, (*key, first, max(high, price), min(low, price), price))
