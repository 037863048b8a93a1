"""The hot order endpoints: read the words of a signed request, call a service, write the answer.

Called by the edge with the verified key's Access. Nothing is decided here.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from accounts.access import Access
from engine.kinds import OrderStatus, OrderTerms
from engine.order_events import TriggerPlaced
from engine.units import AccountId, OrderId
from engine.vocabulary import (
    CancelKind,
    Conditions,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from gateway.errors import GatewayError
from trading import conditions, services
from trading.api.answers import Answer, answer, encode_sorted, refused
from trading.catalog import catalog
from trading.reads import Row, rows
from trading.refusals import (
    INVALID_MARKET,
    NO_LIVE_ORDER,
    Refusal,
    Refused,
    invalid_request,
)
from trading.services import CancelRequest, OrderRequest, Placed

# The parameters of a request by name, as text; a null is the same as nothing.
Words = Mapping[str, str]

MAX_CLIENT_ID: Final = 2**32 - 1
_CANCEL_KINDS: Final = {kind.value: kind for kind in CancelKind}
_MARKET_TYPES: Final = ("SPOT", "PERP", "IPERP", "DATED", "PREDICTION", "RFQ")
_LIVE_ORDERS: Final = (
    "SELECT id, account_id, market, side, type, price_ticks, lots, quote_atoms, time_in_force,"
    " self_trade_prevention, post_only, reduce_only, client_id,"
    " floor(extract(epoch FROM created_at) * 1000)::bigint, status, executed_lots,"
    " executed_quote_atoms, lots_open, conditions, related_id, strategy_id,"
    " floor(extract(epoch FROM triggered_at) * 1000)::bigint FROM trading_order"
    " WHERE account_id = %s AND status IN ('New', 'PartiallyFilled', 'TriggerPending')"
)
_MILLISECOND_NS: Final = 1_000_000
_Enum = TypeVar("_Enum", bound=StrEnum)


async def post_order(access: Access, words: Words) -> Answer:
    """Place one order."""
    request = order_request(words)
    if isinstance(request, Refusal):
        return refused(request)
    placed = await services.place_order_async(access, request)
    return refused(placed) if isinstance(placed, Refusal) else answer(_placed_fields(placed))


async def post_orders(access: Access, batch: Sequence[Words]) -> Answer:
    """Place up to 50 orders; each item of the answer says Ok or Err for itself."""
    if not 0 < len(batch) <= services.BATCH_LIMIT:
        message = f"A batch holds 1 to {services.BATCH_LIMIT} orders, this one has {len(batch)}"
        return refused(invalid_request(message))
    try:
        results = await services.place_orders_async(access, [order_request(one) for one in batch])
    except GatewayError as error:
        return refused(services.refusal_without_answer(error))
    return Answer(200, encode_sorted([_batch_item(result) for result in results]))


async def get_order(access: Access, words: Words) -> Answer:
    """Find one live order by `orderId` or `clientId`."""
    try:
        request = _cancel_request(words)
    except Refused as error:
        return refused(error.refusal)
    if request.symbol not in catalog().markets:
        return refused(INVALID_MARKET)
    if (request.order_id is None) == (request.client_id is None):
        return refused(invalid_request("Must specify exactly one of `orderId` and `clientId`"))
    if request.order_id is None:
        column, wanted = "client_id", request.client_id
    else:
        column, wanted = "id", services.parse_order_id(request.order_id)
    found = await rows(
        f"{_LIVE_ORDERS} AND market = %s AND {column} = %s",
        access.account,
        request.symbol,
        wanted,
    )
    return answer(_row_fields(found[0])) if found else refused(NO_LIVE_ORDER)


async def delete_order(access: Access, words: Words) -> Answer:
    """Cancel one open order by `orderId` or `clientId`."""
    try:
        request = _cancel_request(words)
    except Refused as error:
        return refused(error.refusal)
    cancelled = await services.cancel_order_async(access, request)
    if isinstance(cancelled, Refusal):
        return refused(cancelled)
    return answer(
        order_fields(
            cancelled.terms,
            status=OrderStatus.CANCELLED,
            executed_lots=cancelled.executed_lots,
            executed_quote_atoms=cancelled.executed_quote_atoms,
        )
    )


async def get_orders(access: Access, words: Words) -> Answer:
    """List the account's live orders, oldest first, in one market or in all."""
    symbol, kind = words.get("symbol"), words.get("marketType")
    if symbol is not None and symbol not in catalog().markets:
        return refused(INVALID_MARKET)
    if kind is not None and kind not in _MARKET_TYPES:
        return refused(invalid_request(f"`marketType` must be one of {', '.join(_MARKET_TYPES)}"))
    query, parameters = _LIVE_ORDERS, [access.account]
    if symbol is not None:
        found = await rows(f"{query} AND market = %s ORDER BY id", *parameters, symbol)
    else:
        found = await rows(f"{query} ORDER BY id", *parameters)
    markets = catalog().markets
    return answer(
        [
            _row_fields(row)
            for row in found
            if kind is None or markets[row[2]].market.kind.value == kind
        ]
    )


async def delete_orders(access: Access, words: Words) -> Answer:
    """Cancel all live orders in one market and list them."""
    symbol, kind = words.get("symbol"), words.get("orderType")
    if symbol is None:
        return refused(invalid_request("`symbol` is required"))
    if kind is not None and kind not in _CANCEL_KINDS:
        return refused(invalid_request(f"`orderType` must be one of {', '.join(_CANCEL_KINDS)}"))
    if symbol not in catalog().markets:
        return refused(INVALID_MARKET)
    chosen = None if kind is None else _CANCEL_KINDS[kind]
    cancelled = await services.cancel_all_orders_async(access, symbol, chosen)
    if isinstance(cancelled, Refusal):
        return refused(cancelled)
    return answer(
        [
            order_fields(
                order.terms,
                status=OrderStatus.CANCELLED,
                executed_lots=order.executed_lots,
                executed_quote_atoms=order.executed_quote_atoms,
            )
            for order in cancelled.orders
        ]
    )


def order_fields(
    terms: OrderTerms,
    *,
    status: OrderStatus,
    executed_lots: int = 0,
    executed_quote_atoms: int = 0,
    waiting_lots: int | None = None,
    triggered_ms: int | None = None,
) -> dict[str, object]:
    """Return an order as REST shows it: every key, in alphabetical order, null where empty.

    Args:
        waiting_lots: what a conditional order will place; for a share, what it came to at first.
    """
    listed = catalog().markets[terms.market]
    limit = terms.type is OrderType.LIMIT
    told = conditions.texts(listed, terms.conditions)
    waits = status is OrderStatus.TRIGGER_PENDING
    fields: dict[str, object] = {
        "clientId": terms.client_id,
        "createdAt": terms.created_at_ns // _MILLISECOND_NS,
        "executedQuantity": listed.quantity_text(executed_lots),
        "executedQuoteQuantity": listed.quote_text(executed_quote_atoms),
        "id": str(terms.order_id),
        "orderType": terms.type,
    }
    quantity = None if terms.lots is None or waits else listed.quantity_text(terms.lots)
    if limit:
        assert terms.price_ticks is not None
        fields["postOnly"] = terms.post_only
        fields["price"] = listed.price_text(terms.price_ticks)
        # Clients read a limit order's quantity as a number in any case.
        fields["quantity"] = quantity or listed.quantity_text(waiting_lots or 0)
    else:
        quote = executed_quote_atoms if terms.quote_atoms is None else terms.quote_atoms
        fields["quantity"] = quantity
        fields["quoteQuantity"] = None if waits else listed.quote_text(quote)
    fields["reduceOnly"] = terms.reduce_only if listed.is_perp else None
    fields["relatedOrderId"] = None if terms.related is None else str(terms.related)
    fields["selfTradePrevention"] = terms.self_trade_prevention
    fields["side"] = terms.side
    if not limit:
        fields["slippageTolerance"] = told["slippageTolerance"]
        fields["slippageToleranceType"] = told["slippageToleranceType"]
    fields["status"] = status
    fields["stopLossLimitPrice"] = told["stopLossLimitPrice"]
    fields["stopLossTriggerBy"] = told["stopLossTriggerBy"]
    fields["stopLossTriggerPrice"] = told["stopLossTriggerPrice"]
    fields["strategyId"] = None if terms.strategy is None else str(terms.strategy)
    fields["symbol"] = terms.market
    fields["takeProfitLimitPrice"] = told["takeProfitLimitPrice"]
    fields["takeProfitTriggerBy"] = told["takeProfitTriggerBy"]
    fields["takeProfitTriggerPrice"] = told["takeProfitTriggerPrice"]
    fields["timeInForce"] = terms.time_in_force
    fields["triggerBy"] = told["triggerBy"]
    fields["triggerPrice"] = told["triggerPrice"]
    trigger_lots = waiting_lots if waits else terms.lots
    has_trigger = told["triggerPrice"] is not None
    fields["triggerQuantity"] = listed.quantity_text(trigger_lots or 0) if has_trigger else None
    fields["triggeredAt"] = triggered_ms
    return fields


def _placed_fields(placed: Placed) -> dict[str, object]:
    if isinstance(placed, TriggerPlaced):
        return order_fields(
            placed.terms, status=OrderStatus.TRIGGER_PENDING, waiting_lots=placed.lots_open
        )
    return order_fields(
        placed.terms,
        status=placed.status,
        executed_lots=placed.executed_lots,
        executed_quote_atoms=placed.executed_quote_atoms,
    )


def _batch_item(result: Placed | Refusal) -> dict[str, object]:
    if isinstance(result, Refusal):
        return {"code": result.code, "message": result.message, "operation": "Err"}
    return {**_placed_fields(result), "operation": "Ok"}


def _row_fields(row: Row) -> dict[str, object]:
    terms = OrderTerms(
        order_id=OrderId(row[0]),
        account=AccountId(row[1]),
        market=row[2],
        side=Side(row[3]),
        type=OrderType(row[4]),
        price_ticks=row[5],
        lots=row[6],
        quote_atoms=None if row[7] is None else int(row[7]),
        time_in_force=TimeInForce(row[8]),
        self_trade_prevention=SelfTradePrevention(row[9]),
        post_only=row[10],
        reduce_only=row[11],
        client_id=row[12],
        created_at_ns=row[13] * _MILLISECOND_NS,
        conditions=None if row[18] is None else msgspec.convert(row[18], Conditions),
        related=row[19],
        strategy=row[20],
    )
    return order_fields(
        terms,
        status=OrderStatus(row[14]),
        executed_lots=row[15],
        executed_quote_atoms=int(row[16]),
        waiting_lots=row[17],
        triggered_ms=row[21],
    )


def order_request(words: Words) -> OrderRequest | Refusal:
    """Return the order which the words of a request ask for, or what is wrong with them."""
    asked = {} if conditions.NAMES.isdisjoint(words) else words
    try:
        return OrderRequest(
            symbol=_required(words, "symbol"),
            side=_enum(_SIDES, words, "side"),
            order_type=_enum(_ORDER_TYPES, words, "orderType"),
            price=words.get("price"),
            quantity=words.get("quantity"),
            quote_quantity=words.get("quoteQuantity"),
            time_in_force=_enum(_TIMES_IN_FORCE, words, "timeInForce", TimeInForce.GTC),
            self_trade_prevention=_enum(
                _PREVENTIONS, words, "selfTradePrevention", SelfTradePrevention.REJECT_TAKER
            ),
            post_only=_flag(words, "postOnly") is True,
            reduce_only=_flag(words, "reduceOnly") is True,
            client_id=_client_id(words),
            auto_lend=_flag(words, "autoLend"),
            auto_lend_redeem=_flag(words, "autoLendRedeem"),
            auto_borrow=_flag(words, "autoBorrow"),
            auto_borrow_repay=_flag(words, "autoBorrowRepay"),
            conditions=asked,
        )
    except Refused as error:
        return error.refusal


def _cancel_request(words: Words) -> CancelRequest:
    return CancelRequest(
        symbol=_required(words, "symbol"),
        order_id=words.get("orderId"),
        client_id=_client_id(words),
    )


_SIDES: Final = {one.value: one for one in Side}
_ORDER_TYPES: Final = {one.value: one for one in OrderType}
_TIMES_IN_FORCE: Final = {one.value: one for one in TimeInForce}
_PREVENTIONS: Final = {one.value: one for one in SelfTradePrevention}
_FLAGS: Final = {"true": True, "false": False}


def _required(words: Words, name: str) -> str:
    value = words.get(name)
    if not value:
        raise Refused(invalid_request(f"`{name}` is required"))
    return value


def _enum(
    choices: Mapping[str, _Enum], words: Words, name: str, default: _Enum | None = None
) -> _Enum:
    value = words.get(name)
    chosen = default if value is None else choices.get(value)
    if chosen is None:
        raise Refused(invalid_request(f"`{name}` must be one of {', '.join(choices)}"))
    return chosen


def _flag(words: Words, name: str) -> bool | None:
    value = words.get(name)
    if value is None:
        return None
    chosen = _FLAGS.get(value.lower())
    if chosen is None:
        raise Refused(invalid_request(f"`{name}` must be true or false"))
    return chosen


def _client_id(words: Words) -> int | None:
    value = words.get("clientId")
    if value is None:
        return None
    if not (
        value.isascii() and value.isdigit() and len(value) <= 10 and int(value) <= MAX_CLIENT_ID
    ):
        raise Refused(invalid_request(f"`clientId` must be a whole number up to {MAX_CLIENT_ID}"))
    return int(value)
