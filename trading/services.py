"""Place and cancel orders: the one way in for the REST API, the pages and the console.

Asks what the caller may do, turns the words of a request into a command, and gives it to the
engine. Every answer is an event, or a Refusal which says what to do.
"""

from collections.abc import Mapping, Sequence

import msgspec

from accounts import acts
from accounts.access import Access, Denial
from engine.commands import CancelAllOrders, CancelOrder, Command, CreateStrategy, PlaceOrder
from engine.events import CommandRejected, Event
from engine.order_events import OrderCancelled, OrderPlaced, OrdersCancelled, TriggerPlaced
from engine.questions import MaxLots, MaxOrder, Unanswerable
from engine.rejects import Reject
from engine.units import AccountId, OrderId
from engine.vocabulary import CancelKind, OrderType, SelfTradePrevention, Side, TimeInForce
from gateway.client import Outcome, ask, submit, submit_async, submit_many
from gateway.errors import EngineUnavailable, GatewayError, RequestRepeated
from trading import conditions
from trading.catalog import MAX_INTEGER, ListedMarket, catalog
from trading.refusals import (
    ENGINE_AWAY,
    INVALID_MARKET,
    ORDER_NOT_FOUND,
    OUTCOME_UNKNOWN,
    REQUEST_REPEATED,
    Refusal,
    Refused,
    forbidden,
    invalid_request,
    refusal,
    refusal_of,
)

BATCH_LIMIT = 50
# Commands whose price the engine may refuse with a band in ticks.
_AT_A_PRICE = (PlaceOrder, CreateStrategy)

# What became of an order that was accepted: it was placed, or it waits for its price.
Placed = OrderPlaced | TriggerPlaced


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order in the user's words: numbers are decimal text, in whole units of their asset.

    A limit order needs `price` and `quantity`; a market order `quantity` or `quote_quantity`
    (what a bid spends, what an ask wants to receive). `conditions` are the words of triggers, exits
    and slippage tolerance by their names in the API.
    """

    symbol: str
    side: Side
    order_type: OrderType
    price: str | None = None
    quantity: str | None = None
    quote_quantity: str | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.REJECT_TAKER
    post_only: bool = False
    reduce_only: bool = False
    client_id: int | None = None
    auto_lend: bool | None = None
    auto_lend_redeem: bool | None = None
    auto_borrow: bool | None = None
    auto_borrow_repay: bool | None = None
    conditions: Mapping[str, str] = {}


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which order to cancel: by the exchange's id or by the client's, not both."""

    symbol: str
    order_id: str | None = None
    client_id: int | None = None


def place_order(access: Access, request: OrderRequest) -> Placed | Refusal:
    """Place an order and wait for its committed outcome; for pages and the console."""
    command = order_command(access, request)
    if isinstance(command, Refusal):
        return command
    return _placed(submit_command(command))


async def place_order_async(access: Access, request: OrderRequest) -> Placed | Refusal:
    """Place an order and wait for its committed outcome; for the event loop of the edge."""
    command = order_command(access, request)
    if isinstance(command, Refusal):
        return command
    return _placed(await _submit_async(command))


async def place_orders_async(
    access: Access, requests: Sequence[OrderRequest | Refusal]
) -> list[Placed | Refusal]:
    """Place orders one after the other, each for itself; answers stand in the order of `requests`.

    A request which is a Refusal already keeps its place. Raises GatewayError: then some orders may
    have been placed.
    """
    commands = [
        request if isinstance(request, Refusal) else order_command(access, request)
        for request in requests
    ]
    places = [at for at, one in enumerate(commands) if isinstance(one, PlaceOrder)]
    submitted = [one for one in commands if isinstance(one, PlaceOrder)]
    outcomes = iter(await submit_many(submitted, places=places))
    return [
        command if isinstance(command, Refusal) else _batch_placed(command, next(outcomes))
        for command in commands
    ]


def _batch_placed(command: PlaceOrder, outcome: Outcome) -> Placed | Refusal:
    return REQUEST_REPEATED if outcome.repeated else _placed(_outcome(command, outcome.answer))


def max_order(access: Access, request: OrderRequest) -> str:
    """Return the largest quantity with which the order would be accepted now; "0" if with none.

    The quantities of the request itself are not looked at. Raises Refused for an unknown market,
    a price that is none there, and a market that is shut; EngineUnavailable.
    """
    listed = catalog().markets.get(request.symbol)
    if listed is None:
        raise Refused(INVALID_MARKET)
    price = None if request.price is None else listed.parse_price(request.price)
    if forbids(access, request, is_perp=listed.is_perp) is not None:
        return "0"
    answer = ask(
        MaxOrder(
            account=AccountId(access.account),
            market=request.symbol,
            side=request.side,
            price_ticks=price,
            reduce_only=request.reduce_only,
            auto_lend_redeem=request.auto_lend_redeem is not False,
            auto_borrow=request.auto_borrow is True,
            auto_borrow_repay=request.auto_borrow_repay,
        )
    )
    if isinstance(answer, Unanswerable):
        raise Refused(in_words(answer.why, listed))
    assert isinstance(answer, MaxLots)
    return listed.quantity_text(answer.lots)


def cancel_order(access: Access, request: CancelRequest) -> OrderCancelled | Refusal:
    """Cancel one resting order of the account; for pages and the console."""
    command = cancel_command(access, request)
    if isinstance(command, Refusal):
        return command
    return _cancelled(submit_command(command))


async def cancel_order_async(access: Access, request: CancelRequest) -> OrderCancelled | Refusal:
    """Cancel one resting order of the account; for the event loop of the edge."""
    command = cancel_command(access, request)
    if isinstance(command, Refusal):
        return command
    return _cancelled(await _submit_async(command))


def cancel_all_orders(access: Access, symbol: str | None) -> OrdersCancelled | Refusal:
    """Cancel the account's open orders in one market or, without a symbol, in all."""
    command = cancel_all_command(access, symbol)
    if isinstance(command, Refusal):
        return command
    return _all_cancelled(submit_command(command))


async def cancel_all_orders_async(
    access: Access, symbol: str | None, kind: CancelKind | None = None
) -> OrdersCancelled | Refusal:
    """Cancel the account's open orders in one market or all, of one kind or both; for the edge."""
    command = cancel_all_command(access, symbol, kind)
    if isinstance(command, Refusal):
        return command
    return _all_cancelled(await _submit_async(command))


def order_command(access: Access, request: OrderRequest) -> PlaceOrder | Refusal:
    """Return the command which places the order, or why this customer may not place it."""
    listed = catalog().markets.get(request.symbol)
    if listed is None:
        return INVALID_MARKET
    denial = forbids(access, request, is_perp=listed.is_perp)
    if denial is not None:
        return denied(access, denial)
    try:
        asked = None
        if request.conditions:
            asked = conditions.read(request.conditions, listed, request.order_type)
        if asked is not None and asked.conditions.trigger is not None:
            price, lots, quote = _limit_price(listed, request), asked.lots, None
        else:
            price, lots, quote = _amounts(listed, request)
    except Refused as refused:
        return refused.refusal
    return PlaceOrder(
        account=AccountId(access.account),
        actor=access.actor,
        market=request.symbol,
        side=request.side,
        type=request.order_type,
        price_ticks=price,
        lots=lots,
        quote_atoms=quote,
        time_in_force=request.time_in_force,
        self_trade_prevention=request.self_trade_prevention,
        post_only=request.post_only,
        reduce_only=request.reduce_only,
        client_id=request.client_id,
        auto_lend=request.auto_lend,
        # Lent money is there to be used; it is left alone only on request.
        auto_lend_redeem=request.auto_lend_redeem is not False,
        auto_borrow=request.auto_borrow is True,
        auto_borrow_repay=request.auto_borrow_repay,
        conditions=None if asked is None else asked.conditions,
    )


def forbids(access: Access, request: OrderRequest, *, is_perp: bool) -> Denial | None:
    """Say why the order is denied. Whoever may trade may always reduce a position."""
    if is_perp and request.reduce_only:
        return access.denial("trade_perp", reduces=True)
    return forbids_trade(
        access, is_perp=is_perp, auto_borrow=request.auto_borrow, auto_lend=request.auto_lend
    )


def forbids_trade(
    access: Access, *, is_perp: bool, auto_borrow: bool | None, auto_lend: bool | None
) -> Denial | None:
    """Say why a trade which may open a position, borrow or lend is denied."""
    if is_perp:
        return access.denial("trade_perp")
    denial = access.denial("trade_spot")
    if denial is None and auto_borrow is True:
        denial = access.denial("borrow")
    if denial is None and auto_lend is True:
        denial = access.denial("lend")
    return denial


def forbids_cancel(access: Access, symbol: str | None) -> Denial | None:
    """Say why what is open in a market, or without one in all, may not be cancelled.

    Only a member without the right to trade there, or a key without the scope, may not.
    """
    markets = catalog().markets
    kinds = {True, False} if symbol is None else {markets[symbol].is_perp}
    denials = (
        access.denial("trade_perp" if is_perp else "trade_spot", reduces=True)
        for is_perp in sorted(kinds)
    )
    return next((denial for denial in denials if denial is not None), None)


def denied(access: Access, denial: Denial) -> Refusal:
    """Note that somebody was denied an act, and return what they are told."""
    acts.note_denial(access, denial)
    return forbidden(denial.message)


def cancel_command(access: Access, request: CancelRequest) -> CancelOrder | Refusal:
    """Return the command which cancels the order. Whoever may trade may always cancel."""
    if request.symbol not in catalog().markets:
        return INVALID_MARKET
    denial = forbids_cancel(access, request.symbol)
    if denial is not None:
        return denied(access, denial)
    if (request.order_id is None) == (request.client_id is None):
        return invalid_request("Must specify exactly one of `orderId` and `clientId`")
    order_id = None
    if request.order_id is not None:
        order_id = parse_order_id(request.order_id)
        if order_id is None:
            return ORDER_NOT_FOUND
    return CancelOrder(
        account=AccountId(access.account),
        actor=access.actor,
        market=request.symbol,
        order_id=order_id,
        client_id=request.client_id,
    )


def cancel_all_command(
    access: Access, symbol: str | None, kind: CancelKind | None = None
) -> CancelAllOrders | Refusal:
    """Return the command which cancels all orders in a market, or in all markets."""
    if symbol is not None and symbol not in catalog().markets:
        return INVALID_MARKET
    denial = forbids_cancel(access, symbol)
    if denial is not None:
        return denied(access, denial)
    return CancelAllOrders(
        account=AccountId(access.account), actor=access.actor, market=symbol, kind=kind
    )


def parse_order_id(text: str) -> OrderId | None:
    """Return the order id which `text` says, or None if no order can have it."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    number = int(text)
    return OrderId(number) if number <= MAX_INTEGER else None


def _limit_price(listed: ListedMarket, request: OrderRequest) -> int | None:
    """Return the price of a conditional order; its quantity is that of its trigger."""
    if request.quote_quantity is not None:
        raise Refused(_invalid("A conditional order takes `triggerQuantity`, no `quoteQuantity`"))
    if request.order_type is OrderType.LIMIT:
        if request.price is None:
            raise Refused(_invalid("A limit order needs `price`"))
        return listed.parse_price(request.price)
    if request.price is not None:
        raise Refused(_invalid("A market order has no `price`: leave it out or send a limit order"))
    return None


def _amounts(
    listed: ListedMarket, request: OrderRequest
) -> tuple[int | None, int | None, int | None]:
    """Return price in ticks, quantity in lots and quote amount in atoms. Raises Refused."""
    if request.order_type is OrderType.LIMIT:
        if request.price is None or request.quantity is None:
            raise Refused(_invalid("A limit order needs `price` and `quantity`"))
        if request.quote_quantity is not None:
            raise Refused(_invalid("`quoteQuantity` is for market orders: send `quantity`"))
        return listed.parse_price(request.price), listed.parse_quantity(request.quantity), None
    if request.price is not None:
        raise Refused(_invalid("A market order has no `price`: leave it out or send a limit order"))
    if request.post_only:
        raise Refused(_invalid("A market order cannot be post-only"))
    if (request.quantity is None) == (request.quote_quantity is None):
        raise Refused(_invalid("A market order needs either `quantity` or `quoteQuantity`"))
    if request.quantity is not None:
        return None, listed.parse_quantity(request.quantity), None
    assert request.quote_quantity is not None
    return None, None, listed.parse_quote(request.quote_quantity)


def submit_command(command: Command) -> Event | Refusal:
    """Submit a command, and return the event which answers it."""
    try:
        return _outcome(command, submit(command).answer)
    except GatewayError as error:
        return refusal_without_answer(error)


async def _submit_async(command: Command) -> Event | Refusal:
    try:
        return _outcome(command, (await submit_async(command)).answer)
    except GatewayError as error:
        return refusal_without_answer(error)


def refusal_without_answer(error: GatewayError) -> Refusal:
    """Return what to say when the engine has not answered, or had answered before."""
    if isinstance(error, RequestRepeated):
        return REQUEST_REPEATED
    return ENGINE_AWAY if isinstance(error, EngineUnavailable) else OUTCOME_UNKNOWN


def _outcome(command: Command, answer: Event) -> Event | Refusal:
    if not isinstance(answer, CommandRejected):
        return answer
    listed = catalog().markets[command.market] if isinstance(command, _AT_A_PRICE) else None
    return in_words(answer, listed)


def in_words(rejected: CommandRejected, listed: ListedMarket | None) -> Refusal:
    """Return what the engine refused, with the prices that it would have taken."""
    refused = refusal_of(rejected, catalog().decimals)
    lowest, highest = rejected.details.get("lowest_ticks"), rejected.details.get("highest_ticks")
    if listed is not None and isinstance(lowest, int) and isinstance(highest, int):
        # The engine counts in ticks; the customer does not.
        band = f"{listed.price_text(lowest)} to {listed.price_text(highest)}"
        return msgspec.structs.replace(refused, message=f"{refused.message}. Allowed: {band}")
    return refused


def _placed(answer: Event | Refusal) -> Placed | Refusal:
    if isinstance(answer, Refusal):
        return answer
    assert isinstance(answer, OrderPlaced | TriggerPlaced)
    return answer


def _cancelled(answer: Event | Refusal) -> OrderCancelled | Refusal:
    if isinstance(answer, Refusal):
        return answer
    assert isinstance(answer, OrderCancelled)
    return answer


def _all_cancelled(answer: Event | Refusal) -> OrdersCancelled | Refusal:
    if isinstance(answer, Refusal):
        return answer
    assert isinstance(answer, OrdersCancelled)
    return answer


def _invalid(message: str) -> Refusal:
    return refusal(Reject.INVALID_ORDER, message)
