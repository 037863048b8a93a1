"""Create and cancel strategies, and read how far they have come: for the REST API and the pages.

As with orders, every answer is what is committed, or a Refusal which says what to do.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from django.db.models import QuerySet

from accounts.access import Access
from accounts.api.paging import Listed, Page, listed
from engine.commands import CancelAllStrategies, CancelStrategy, Command, CreateStrategy
from engine.order_events import StrategiesCancelled, StrategyChanged, StrategyCreated
from engine.units import AccountId, OrderId
from engine.vocabulary import Conditions, OrderType, Slippage
from trading import conditions
from trading.catalog import ListedMarket, catalog
from trading.listings import listed_markets
from trading.models import RUNNING, Market, Strategy
from trading.refusals import (
    INVALID_MARKET,
    NO_RUNNING_STRATEGY,
    Refusal,
    Refused,
    invalid_request,
)
from trading.services import (
    OrderRequest,
    denied,
    forbids,
    forbids_cancel,
    parse_order_id,
    submit_command,
)

# What clients know as reasons; the others are told as the last of them.
REASONS: Final = (
    *("Expired", "FillOrKill", "InsufficientBorrowableQuantity", "InsufficientFunds"),
    *("InsufficientLiquidity", "InvalidPrice", "InvalidQuantity", "InsufficientMargin"),
    *("Liquidation", "PriceOutOfBounds", "ReduceOnlyNotReduced", "SelfTradePrevention"),
    *("UserPermissions", "Unknown"),
)
_ONE_NAME: Final = invalid_request(
    "Must specify exactly one of `strategyId` and `clientStrategyId`"
)


class StrategyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy in the user's words. `order` is each of its orders, but of the whole quantity.

    Its client id is that of the strategy; its orders have none.
    """

    order: OrderRequest
    duration_ms: int
    interval_ms: int
    randomized: bool = False


class StrategyName(msgspec.Struct, frozen=True, kw_only=True):
    """Which running strategy is meant: by the exchange's id or by the client's, not both."""

    symbol: str
    strategy_id: str | None = None
    client_id: int | None = None


class StrategyRow(NamedTuple):
    id: str
    client_id: int | None
    created_at: datetime
    status: str
    reason: str | None
    symbol: str
    side: str
    price: str | None
    quantity: str
    executed_quantity: str
    executed_quote_quantity: str
    duration: int
    interval: int
    randomized: bool
    time_in_force: str
    self_trade_prevention: str
    post_only: bool | None
    reduce_only: bool | None
    slippage_tolerance: str | None
    slippage_tolerance_type: str | None
    # Of the quantity, in whole per cent, rounded down.
    percent: int


def create_strategy(access: Access, request: StrategyRequest) -> StrategyRow | Refusal:
    """Have a strategy run, and return it: its first order may have traded already."""
    try:
        command = _create_command(access, request)
    except Refused as refused:
        return refused.refusal
    answer = submit_command(command)
    if isinstance(answer, Refusal):
        return answer
    assert isinstance(answer, StrategyCreated)
    return _rows(Strategy.objects.filter(pk=answer.terms.strategy_id))[0]


def cancel_strategy(access: Access, name: StrategyName) -> StrategyRow | Refusal:
    """End a running strategy of the account. Whoever may trade may always cancel."""
    try:
        strategy_id = _parsed_id(name)
    except Refused as refused:
        return refused.refusal
    denial = forbids_cancel(access, name.symbol)
    if denial is not None:
        return denied(access, denial)
    command = CancelStrategy(
        account=AccountId(access.account),
        actor=access.actor,
        market=name.symbol,
        strategy_id=strategy_id,
        client_id=name.client_id,
    )
    answer = submit_command(command)
    if isinstance(answer, Refusal):
        return answer
    assert isinstance(answer, StrategyChanged)
    return _rows(Strategy.objects.filter(pk=answer.terms.strategy_id))[0]


def cancel_all_strategies(access: Access, symbol: str) -> list[StrategyRow] | Refusal:
    """End the account's running strategies in one market, and return them."""
    if symbol not in catalog().markets:
        return INVALID_MARKET
    denial = forbids_cancel(access, symbol)
    if denial is not None:
        return denied(access, denial)
    command: Command = CancelAllStrategies(
        account=AccountId(access.account), actor=access.actor, market=symbol
    )
    answer = submit_command(command)
    if isinstance(answer, Refusal):
        return answer
    assert isinstance(answer, StrategiesCancelled)
    ended = [one.terms.strategy_id for one in answer.strategies]
    return _rows(Strategy.objects.filter(pk__in=ended).order_by("id"))


def running_strategy(account: int, name: StrategyName) -> StrategyRow | Refusal:
    """Return one running strategy of the account."""
    try:
        strategy_id = _parsed_id(name)
    except Refused as refused:
        return refused.refusal
    found = Strategy.objects.filter(account_id=account, market=name.symbol, status=RUNNING)
    if strategy_id is not None:
        found = found.filter(pk=strategy_id)
    else:
        found = found.filter(client_id=name.client_id)
    rows = _rows(found)
    return rows[0] if rows else NO_RUNNING_STRATEGY


def running_strategies(
    account: int, *, symbol: str | None = None, kinds: tuple[str, ...] = ()
) -> list[StrategyRow]:
    """Return the account's running strategies, oldest first."""
    running = Strategy.objects.filter(account_id=account, status=RUNNING)
    return _rows(_of_markets(running, symbol=symbol, kinds=kinds).order_by("id"))


def strategy_history(
    account: int,
    *,
    page: Page,
    strategy_id: str | None = None,
    symbol: str | None = None,
    kinds: tuple[str, ...] = (),
) -> Listed[StrategyRow]:
    """Return a page of the account's strategies which have ended."""
    ended = Strategy.objects.filter(account_id=account).exclude(status=RUNNING)
    ended = _of_markets(ended, symbol=symbol, kinds=kinds)
    if strategy_id is not None:
        number = parse_order_id(strategy_id)
        ended = ended.none() if number is None else ended.filter(pk=number)
    return listed(ended, page=page, order="id", read=_reader(listed_markets()))


def _create_command(access: Access, request: StrategyRequest) -> CreateStrategy:
    order = request.order
    market = catalog().markets.get(order.symbol)
    if market is None:
        raise Refused(INVALID_MARKET)
    denial = forbids(access, order, is_perp=market.is_perp)
    if denial is not None:
        raise Refused(denied(access, denial))
    if order.quantity is None:
        raise Refused(invalid_request("`quantity` is required"))
    asked = conditions.read(order.conditions, market, order.order_type)
    orders = max(1, request.duration_ms // max(1, request.interval_ms))
    return CreateStrategy(
        account=AccountId(access.account),
        actor=access.actor,
        market=order.symbol,
        side=order.side,
        lots=market.parse_quantity(order.quantity, orders=orders),
        duration_ms=request.duration_ms,
        interval_ms=request.interval_ms,
        price_ticks=None if order.price is None else market.parse_price(order.price),
        time_in_force=order.time_in_force,
        self_trade_prevention=order.self_trade_prevention,
        post_only=order.post_only,
        reduce_only=order.reduce_only,
        client_id=order.client_id,
        randomized=request.randomized,
        slippage=None if asked is None else asked.conditions.slippage,
        auto_lend=order.auto_lend,
        auto_lend_redeem=order.auto_lend_redeem is not False,
        auto_borrow=order.auto_borrow is True,
        auto_borrow_repay=order.auto_borrow_repay,
    )


def _parsed_id(name: StrategyName) -> OrderId | None:
    """Return the strategy's id, None if it is named by the client's. Raises Refused."""
    if name.symbol not in catalog().markets:
        raise Refused(INVALID_MARKET)
    if (name.strategy_id is None) == (name.client_id is None):
        raise Refused(_ONE_NAME)
    if name.strategy_id is None:
        return None
    strategy_id = parse_order_id(name.strategy_id)
    if strategy_id is None:
        raise Refused(NO_RUNNING_STRATEGY)
    return strategy_id


def _of_markets(
    rows: QuerySet[Strategy], *, symbol: str | None, kinds: tuple[str, ...]
) -> QuerySet[Strategy]:
    if symbol is not None:
        rows = rows.filter(market=symbol)
    if kinds:
        rows = rows.filter(market__in=Market.objects.filter(kind__in=kinds).values("symbol"))
    return rows


def _rows(found: QuerySet[Strategy]) -> list[StrategyRow]:
    read = _reader(listed_markets())
    return [read(row) for row in found]


def _reader(known: dict[str, ListedMarket]) -> Callable[[Strategy], StrategyRow]:
    def read(row: Strategy) -> StrategyRow:
        market = known[row.market]
        is_limit = row.price_ticks is not None
        slippage = None
        if row.slippage is not None:
            slippage = Conditions(slippage=msgspec.convert(row.slippage, Slippage))
        told = conditions.texts(market, slippage)
        return StrategyRow(
            id=str(row.pk),
            client_id=row.client_id,
            created_at=row.created_at,
            status=row.status,
            reason=row.reason,
            symbol=row.market,
            side=row.side,
            price=None if row.price_ticks is None else market.price_text(row.price_ticks),
            quantity=market.quantity_text(row.lots),
            executed_quantity=market.quantity_text(row.executed_lots),
            executed_quote_quantity=market.quote_text(int(row.executed_quote_atoms)),
            duration=row.duration_ms,
            interval=row.interval_ms,
            randomized=row.randomized,
            time_in_force=row.time_in_force,
            self_trade_prevention=row.self_trade_prevention,
            post_only=row.post_only if is_limit else None,
            reduce_only=row.reduce_only if market.is_perp else None,
            slippage_tolerance=told["slippageTolerance"],
            slippage_tolerance_type=told["slippageToleranceType"],
            percent=row.executed_lots * 100 // row.lots,
        )

    return read


def order_type(price: str | None) -> OrderType:
    """Return what the orders of a strategy are: with a price they are limit orders."""
    return OrderType.MARKET if price is None else OrderType.LIMIT
