"""What became of an account's perpetual positions, open and closed, by their numbers."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet

from accounts.api.paging import Listed, Page
from accounts.assets import ppb_text, prices_e8
from trading import account_states, portfolio
from trading.catalog import ListedMarket
from trading.liquidation_history import liquidated_in
from trading.listings import listed_markets
from trading.models import ClosedPosition, Position

OPEN, CLOSED = "Open", "Closed"


class HistoryRow(NamedTuple):
    """`closed_volume` is what was closed so far, in the base asset.

    Of a closed position the entry price is the mean of all that was opened; of an open one it is
    that of what is open.
    """

    id: str
    symbol: str
    state: str
    net_quantity: str
    net_cost: str
    net_exposure_quantity: str
    net_exposure_notional: str
    mark_price: str
    entry_price: str
    closing_price: str | None
    realized: str
    unrealized: str
    interest: str
    fees: str
    closed_volume: str
    imf: str
    leverage: str | None
    opened_at: datetime
    closed_at: datetime | None
    funding: str
    # In the base asset; the fees in the quote.
    liquidated: str = "0"
    liquidation_fees: str = "0"


def position_history(
    account: int,
    *,
    page: Page,
    symbol: str | None = None,
    kinds: Sequence[str] = (),
    state: str | None = None,
) -> Listed[HistoryRow]:
    """Return a page of the account's positions, the latest opened first.

    Args:
        kinds: market types, none for all.
        state: "Open" or "Closed", None for both.
    """
    known = {
        market.symbol: market
        for market in listed_markets().values()
        if symbol in (None, market.symbol) and (not kinds or market.market.kind in kinds)
    }
    live = Position.objects.filter(account_id=account, market__in=known).exclude(lots=0)
    over = ClosedPosition.objects.filter(account_id=account, market__in=known)
    if state == CLOSED:
        live = live.none()
    elif state == OPEN:
        over = over.none()
    numbers = _page_of_numbers(live, over, page)
    rows: dict[int, HistoryRow] = {}
    if live.filter(position_id__in=numbers).exists():
        rows = _open_rows(account, live, known)
    # Asked for last: a position may have been closed meanwhile.
    rows |= _closed_rows(over.filter(position_id__in=numbers), known)
    found = [rows[number] for number in numbers if number in rows]
    found = _with_liquidated(account, found)
    return Listed(found, live.count() + over.count())


def _with_liquidated(account: int, rows: list[HistoryRow]) -> list[HistoryRow]:
    """Say what of each position its owner's own liquidation has closed, and what that cost."""
    spans = {int(row.id): (row.symbol, row.opened_at, row.closed_at) for row in rows}
    found, known = liquidated_in(account, spans), listed_markets()

    def told(row: HistoryRow) -> HistoryRow:
        closed, listed = found.get(int(row.id)), known[row.symbol]
        if closed is None:
            return row
        return row._replace(
            liquidated=listed.quantity_text(closed.lots),
            liquidation_fees=listed.quote_text(closed.fee_atoms),
        )

    return [told(row) for row in rows]


def _page_of_numbers(
    live: QuerySet[Position], over: QuerySet[ClosedPosition], page: Page
) -> list[int]:
    numbers = live.values_list("position_id").union(over.values_list("position_id"), all=True)
    ordered = numbers.order_by("position_id" if page.ascending else "-position_id")
    return [number for (number,) in ordered[page.offset : page.offset + page.limit]]


def _closed_rows(
    closed: QuerySet[ClosedPosition], known: dict[str, ListedMarket]
) -> dict[int, HistoryRow]:
    marks = prices_e8()
    return {
        row.position_id: _closed_row(row, known[row.market], marks.get(row.market, 0))
        for row in closed
    }


def _closed_row(row: ClosedPosition, listed: ListedMarket, mark_e8: int) -> HistoryRow:
    lots, imf = abs(row.lots), listed.market.imf
    assert imf is not None, f"{row.market} has no margin fractions"
    return HistoryRow(
        id=str(row.position_id),
        symbol=row.market,
        state=CLOSED,
        net_quantity="0",
        net_cost="0",
        net_exposure_quantity="0",
        net_exposure_notional="0",
        mark_price=listed.mark_text(mark_e8),
        entry_price=listed.mean_price(int(row.entry_quote_atoms), lots),
        closing_price=listed.mean_price(int(row.closed_quote_atoms), lots),
        realized=listed.quote_text(int(row.realized_atoms)),
        unrealized="0",
        interest=listed.quote_text(int(row.interest_atoms)),
        funding=listed.quote_text(int(row.funding_atoms)),
        fees=listed.quote_text(int(row.fees_atoms)),
        closed_volume=listed.quantity_text(lots),
        imf=ppb_text(imf.base_ppb),
        leverage=None,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
    )


def _open_rows(
    account: int, live: QuerySet[Position], known: dict[str, ListedMarket]
) -> dict[int, HistoryRow]:
    state, loaded = account_states.load(account)
    shown = {row.symbol: row for row in portfolio.positions_of(state, loaded)}
    rows = {}
    for stored in live:
        now, listed = shown.get(stored.market), known[stored.market]
        if now is None or now.position_id != str(stored.position_id):
            continue
        rows[stored.position_id] = HistoryRow(
            id=now.position_id,
            symbol=now.symbol,
            state=OPEN,
            net_quantity=now.net_quantity,
            net_cost=now.net_cost,
            net_exposure_quantity=now.net_exposure_quantity,
            net_exposure_notional=now.net_exposure_notional,
            mark_price=now.mark_price,
            entry_price=now.entry_price,
            closing_price=_closing_price(stored, listed),
            realized=now.pnl_realized,
            unrealized=now.pnl_unrealized,
            interest=now.interest,
            funding=now.funding,
            fees=listed.quote_text(int(stored.fees_atoms)),
            closed_volume=listed.quantity_text(stored.closed_lots),
            imf=now.imf,
            leverage=str(loaded.leverage_limit),
            opened_at=stored.opened_at,
            closed_at=None,
        )
    return rows


def _closing_price(stored: Position, listed: ListedMarket) -> str | None:
    if not stored.closed_lots:
        return None
    return listed.mean_price(int(stored.closed_quote_atoms), stored.closed_lots)
