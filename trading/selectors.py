"""Reads of orders, fills, open interest and settlements. Numbers come out as decimal text."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from django.core.cache import cache
from django.db.models import Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from accounts.api.paging import Listed, Page, listed
from accounts.assets import assets
from accounts.selectors import account_settings, subaccount_number
from engine.catalog import Asset
from engine.kinds import MarginStatus
from engine.vocabulary import Conditions
from gateway.decimals import format_decimal
from trading.catalog import ListedMarket
from trading.conditions import texts as condition_texts
from trading.listings import listed_markets
from trading.models import (
    LIVE_STATUSES,
    OPEN_STATUSES,
    TRIGGER_PENDING,
    Fill,
    Market,
    Order,
    Position,
)
from trading.portfolio import account_limits
from trading.risk_models import AccountRisk
from trading.settlement_models import Settlement

OPEN_INTEREST_SECONDS: Final = 5
OPEN_INTEREST_KEY: Final = "open-interest"
Traded = TypeVar("Traded", Order, Fill)


class Wanted(NamedTuple):
    """Which orders or fills are asked for.

    `systems`: why the house placed them for the account; empty for the account's own, None for all.
    """

    order_id: int | None = None
    strategy_id: int | None = None
    symbol: str | None = None
    kinds: tuple[str, ...] = ()
    systems: tuple[str, ...] | None = None


class OpenInterestRow(NamedTuple):
    symbol: str
    quantity: str | None
    at: datetime


class FillRow(NamedTuple):
    client_id: str | None
    fee: str
    fee_symbol: str
    is_maker: bool
    order_id: str
    price: str
    quantity: str
    side: str
    symbol: str
    at: datetime
    trade_id: int
    system: str | None


class OrderRow(NamedTuple):
    id: str
    client_id: int | None
    created_at: datetime
    executed_quantity: str
    executed_quote_quantity: str
    expiry_reason: str | None
    order_type: str
    post_only: bool | None
    price: str | None
    quantity: str | None
    quote_quantity: str | None
    reduce_only: bool
    self_trade_prevention: str
    side: str
    status: str
    symbol: str
    time_in_force: str
    system: str | None
    # The words of its conditions by their names in the API; what a trigger will place, or placed.
    conditions: Mapping[str, str | None]
    trigger_quantity: str | None
    # From which side its price is met; None if it has not waited.
    fires_above: bool | None
    related_id: str | None
    strategy_id: str | None


class AccountSummary(NamedTuple):
    """Fees are in basis points."""

    auto_borrow_settlements: bool
    auto_lend: bool
    auto_realize_pnl: bool
    auto_repay_borrows: bool
    leverage_limit: str
    limit_orders: int
    borrow_limit: str
    position_limit: str
    spot_maker_fee: str
    spot_taker_fee: str
    futures_maker_fee: str
    futures_taker_fee: str
    trigger_orders: int
    liquidating: bool


class SettlementRow(NamedTuple):
    position_id: str | None
    quantity: str
    source: str
    subaccount: int | None
    at: datetime
    user: int
    engine_sequence: int


def open_interest(symbol: str | None = None) -> list[OpenInterestRow]:
    """Return what is open in each perpetual, or in the one market that is asked for.

    The sum over all positions is made at most once in OPEN_INTEREST_SECONDS, however many ask.
    """
    sums: Any = cache.get_or_set(OPEN_INTEREST_KEY, _sum_open_lots, OPEN_INTEREST_SECONDS)
    rows = []
    for market in listed_markets().values():
        if market.symbol != symbol if symbol else not market.is_perp:
            continue
        held = sums.get(market.symbol)
        quantity = market.quantity_text(int(held["lots"]) if held else 0)
        at = held["at"] if held else timezone.now()
        rows.append(OpenInterestRow(market.symbol, quantity if market.is_perp else None, at))
    return rows


def _sum_open_lots() -> dict[str, Any]:
    """Return the long lots of each market, and when a position in it last changed."""
    long = Position.objects.filter(lots__gt=0).values("market")
    return {row["market"]: row for row in long.annotate(lots=Sum("lots"), at=Max("updated_at"))}


def open_orders(account: int, *, symbol: str | None = None) -> list[OrderRow]:
    """Return the account's orders that rest or wait, newest first."""
    rows = Order.objects.filter(account_id=account, status__in=LIVE_STATUSES)
    if symbol is not None:
        rows = rows.filter(market=symbol)
    read = _order_reader(listed_markets())
    return [read(row) for row in rows.order_by("-id")]


def count_open_limit_orders(account: int) -> int:
    """Return how many limit orders of the account rest in books."""
    resting = Order.objects.filter(account_id=account, status__in=OPEN_STATUSES, type="Limit")
    return resting.count()


def count_trigger_orders(account: int) -> int:
    """Return how many orders of the account wait for a price."""
    return Order.objects.filter(account_id=account, status=TRIGGER_PENDING).count()


def order_history(account: int, *, page: Page, wanted: Wanted) -> Listed[OrderRow]:
    """Return a page of the account's orders, open and finished."""
    rows = _of_markets(Order.objects.filter(account_id=account), wanted)
    if wanted.order_id is not None:
        rows = rows.filter(pk=wanted.order_id)
    if wanted.strategy_id is not None:
        rows = rows.filter(strategy_id=wanted.strategy_id)
    return listed(rows, page=page, order="id", read=_order_reader(listed_markets()))


def fill_history(account: int, *, page: Page, wanted: Wanted, span: Q) -> Listed[FillRow]:
    """Return a page of the account's fills.

    Args:
        span: a condition on `at`.
    """
    rows = _of_markets(Fill.objects.filter(span, account_id=account), wanted)
    if wanted.order_id is not None:
        rows = rows.filter(order_id=wanted.order_id)
    if wanted.strategy_id is not None:
        children = Order.objects.filter(account_id=account, strategy_id=wanted.strategy_id)
        rows = rows.filter(order_id__in=children.values("id"))
    placed = Order.objects.filter(account_id=account).exclude(system=None)
    if wanted.systems:
        placed = placed.filter(system__in=wanted.systems)
        rows = rows.filter(order_id__in=placed.values("id"))
    elif wanted.systems is not None:
        rows = rows.exclude(order_id__in=placed.values("id"))
    # Looked up for the rows of the page only.
    system = Order.objects.filter(pk=OuterRef("order_id")).values("system")
    rows = rows.annotate(system=Subquery(system))
    return listed(rows, page=page, order="id", read=_fill_reader(listed_markets(), assets()))


def settlement_history(
    account: int, *, user: int, page: Page, sources: tuple[str, ...] = ()
) -> Listed[SettlementRow]:
    """Return a page of what the account was paid, or paid, for its positions.

    Args:
        sources: only these; none is all of them.
    """
    rows = Settlement.objects.filter(account_id=account)
    if sources:
        rows = rows.filter(source__in=sources)
    known, subaccount = listed_markets(), subaccount_number(account)

    def read(row: Settlement) -> SettlementRow:
        return SettlementRow(
            position_id=str(row.position_id) if row.position_id else None,
            quantity=known[row.market].quote_text(int(row.amount_atoms)),
            source=row.source,
            subaccount=subaccount,
            at=row.at,
            user=user,
            engine_sequence=row.sequence,
        )

    return listed(rows, page=page, order="id", read=read)


def _of_markets(rows: QuerySet[Traded], wanted: Wanted) -> QuerySet[Traded]:
    if wanted.symbol is not None:
        rows = rows.filter(market=wanted.symbol)
    if wanted.kinds:
        of_kind = Market.objects.filter(kind__in=wanted.kinds).values("symbol")
        rows = rows.filter(market__in=of_kind)
    return rows


def _order_reader(known: dict[str, ListedMarket]) -> Callable[[Order], OrderRow]:
    def read(row: Order) -> OrderRow:
        market = known[row.market]
        conditions = None
        if row.conditions is not None:
            conditions = msgspec.convert(row.conditions, Conditions)
        waits = row.status == TRIGGER_PENDING
        trigger_lots = None
        if conditions is not None and conditions.trigger is not None:
            trigger_lots = row.lots_open if waits else row.lots
        return OrderRow(
            id=str(row.pk),
            client_id=row.client_id,
            created_at=row.created_at,
            executed_quantity=market.quantity_text(row.executed_lots),
            executed_quote_quantity=market.quote_text(int(row.executed_quote_atoms)),
            expiry_reason=row.reason,
            order_type=row.type,
            post_only=row.post_only if row.type == "Limit" else None,
            price=None if row.price_ticks is None else market.price_text(row.price_ticks),
            quantity=None if row.lots is None else market.quantity_text(row.lots),
            quote_quantity=_quote_quantity(row, market),
            reduce_only=row.reduce_only,
            self_trade_prevention=row.self_trade_prevention,
            side=row.side,
            status=row.status,
            symbol=row.market,
            time_in_force=row.time_in_force,
            system=row.system,
            conditions=condition_texts(market, conditions),
            trigger_quantity=None if trigger_lots is None else market.quantity_text(trigger_lots),
            fires_above=row.fires_above,
            related_id=None if row.related_id is None else str(row.related_id),
            strategy_id=None if row.strategy_id is None else str(row.strategy_id),
        )

    return read


def _quote_quantity(row: Order, market: ListedMarket) -> str | None:
    """Return what was asked for in quote, or what a limit order comes to at its price."""
    if row.quote_atoms is not None:
        return market.quote_text(int(row.quote_atoms))
    if row.price_ticks is None or row.lots is None:
        return None
    return market.quote_text(row.price_ticks * row.lots * market.quote_atoms_per_tick)


def _fill_reader(
    known: dict[str, ListedMarket], fee_assets: dict[str, Asset]
) -> Callable[[Any], FillRow]:
    def read(row: Any) -> FillRow:
        market = known[row.market]
        return FillRow(
            client_id=None if row.client_id is None else str(row.client_id),
            fee=format_decimal(int(row.fee_atoms), fee_assets[row.fee_asset].decimals),
            fee_symbol=row.fee_asset,
            is_maker=row.is_maker,
            order_id=str(row.order_id),
            price=market.price_text(row.price_ticks),
            quantity=market.quantity_text(row.lots),
            side=row.side,
            symbol=row.market,
            at=row.at,
            trade_id=row.trade_id,
            system=row.system,
        )

    return read


def account_summary(account: int) -> AccountSummary:
    """Return the account's settings, and the fees and limits which hold for it."""
    settings, limits = account_settings(account), account_limits(account)
    known = listed_markets().values()
    spot = [listed.market for listed in known if not listed.is_perp]
    perps = [listed.market for listed in known if listed.is_perp]
    return AccountSummary(
        auto_borrow_settlements=settings.auto_borrow_settlements,
        auto_lend=settings.auto_lend,
        auto_realize_pnl=settings.auto_realize_pnl,
        auto_repay_borrows=settings.auto_repay_borrows,
        leverage_limit=str(settings.leverage_limit),
        limit_orders=count_open_limit_orders(account),
        trigger_orders=count_trigger_orders(account),
        borrow_limit=limits.borrow,
        position_limit=limits.position,
        spot_maker_fee=_highest_fee([market.maker_fee_ppm for market in spot]),
        spot_taker_fee=_highest_fee([market.taker_fee_ppm for market in spot]),
        futures_maker_fee=_highest_fee([market.maker_fee_ppm for market in perps]),
        futures_taker_fee=_highest_fee([market.taker_fee_ppm for market in perps]),
        liquidating=is_liquidating(account),
    )


def is_liquidating(account: int) -> bool:
    """Tell whether the account is being liquidated."""
    status = MarginStatus.LIQUIDATING
    return AccountRisk.objects.filter(account_id=account, status=status).exists()


def _highest_fee(fees_ppm: list[int]) -> str:
    """Return the highest fee of some markets in basis points; each may charge less, never more."""
    return format_decimal(max(fees_ppm, default=0), 2)
