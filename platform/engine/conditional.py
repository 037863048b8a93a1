"""What an order with conditions must be: one that waits for a price, or brings its exits along."""

import msgspec

from engine import allowances, pending
from engine.answers import Events, rejected
from engine.book import ConditionalOrder, terms_of
from engine.catalog import MarketState
from engine.commands import PlaceOrder
from engine.intake import account_refusal, shape_refusal
from engine.listed_market import ListedMarket
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import PPB, OrderId
from engine.vocabulary import BID, Exit, Trigger, TriggerBy

# One account's waiting orders, and those of them that close one position.
MAX_TRIGGERS = 500
MAX_EXITS = 10


def place_trigger(
    state: State, account: Account, listed: ListedMarket, command: PlaceOrder
) -> Events:
    """Have an order wait for its price; what it needs besides is looked at then."""
    assert command.conditions is not None, "the caller saw its trigger"
    trigger = command.conditions.trigger
    assert trigger is not None, "the caller saw its trigger"
    refusal = (
        _state_refusal(listed)
        or _trigger_refusal(state, listed, command, trigger)
        or account_refusal(account, command)
        or _count_refusal(account, listed, command)
        or exits_refusal(state, account, listed, command)
        or _member_refusal(state, account, listed, command)
    )
    if refusal:
        return refusal
    # Past this line it must succeed.
    order_id = OrderId(state.next_order_id)
    state.next_order_id += 1
    terms = terms_of(command, order_id=order_id, at_ns=state.at_ns, lots=command.lots)
    price_e8 = trigger.price_ticks * listed.market.tick_e8
    order = ConditionalOrder(
        terms,
        command,
        owner=account.owner,
        fires_above=price_e8 >= _watched_e8(state, listed, trigger.by),
    )
    if trigger.share_ppb is not None:
        # Only told; what it is then is found when the price is met.
        order.lots_open = share_of(account, listed, trigger.share_ppb)
    return (pending.wait(state, account, listed, order),)


def _state_refusal(listed: ListedMarket) -> Events:
    if listed.state in (MarketState.CLOSED, MarketState.CANCEL_ONLY):
        return rejected(Reject.MARKET_CLOSED, f"{listed.market.symbol} takes no new orders now")
    return ()


def _trigger_refusal(
    state: State, listed: ListedMarket, command: PlaceOrder, trigger: Trigger
) -> Events:
    if not 0 < trigger.price_ticks <= listed.market.max_price_ticks:
        return rejected(Reject.INVALID_TRIGGER, "the trigger price is outside what is allowed")
    if command.quote_atoms is not None:
        return rejected(Reject.INVALID_TRIGGER, "a conditional order takes no quote quantity")
    share = trigger.share_ppb
    if share is not None:
        if not listed.is_perp or command.lots is not None or not 0 < share <= PPB:
            return rejected(
                Reject.INVALID_TRIGGER,
                "a share is of a perpetual position, above 0 and up to all of it, "
                "without a quantity",
            )
        # The smallest order stands for every share.
        command = msgspec.structs.replace(command, lots=listed.market.min_lots)
    refusal = shape_refusal(listed, command)
    if not refusal and not _watched_e8(state, listed, trigger.by):
        return rejected(
            Reject.NO_PRICE, f"{listed.market.symbol} has no {trigger.by} yet: trigger by another"
        )
    return refusal


def _count_refusal(account: Account, listed: ListedMarket, command: PlaceOrder) -> Events:
    if len(account.triggers) >= MAX_TRIGGERS:
        return rejected(
            Reject.TRIGGER_LIMIT, f"at most {MAX_TRIGGERS} orders may wait; cancel some first"
        )
    return _exits_over(account, listed, 1) if command.reduce_only else ()


def _member_refusal(
    state: State, account: Account, listed: ListedMarket, command: PlaceOrder
) -> Events:
    """Refuse a member what the limit does not leave; it is asked again when the price is met."""
    if not command.actor or command.reduce_only:
        return ()
    assert command.conditions is not None and command.conditions.trigger is not None
    share = command.conditions.trigger.share_ppb
    lots = share_of(account, listed, share) if share is not None else command.lots or 0
    atoms = allowances.trigger_atoms(listed, command, lots)
    return allowances.spending_refusal(state, account, command.actor, {listed.market.quote: atoms})


def exits_refusal(
    state: State, account: Account, listed: ListedMarket, command: PlaceOrder
) -> Events:
    """Refuse the exits of an order; one without any passes."""
    conditions = command.conditions
    assert conditions is not None, "the caller saw its conditions"
    exits = [one for one in (conditions.take_profit, conditions.stop_loss) if one is not None]
    if not exits:
        return ()
    if not listed.is_perp or command.reduce_only:
        return rejected(
            Reject.INVALID_TRIGGER,
            "take-profit and stop-loss belong to an order which opens a perpetual position; "
            "to close one, or on a spot market, place a conditional order",
        )
    most = listed.market.max_price_ticks
    for one in exits:
        if not 0 < one.price_ticks <= most or not 0 < (one.limit_ticks or 1) <= most:
            return rejected(Reject.INVALID_TRIGGER, "an exit's price is outside what is allowed")
        if not _watched_e8(state, listed, one.by):
            return rejected(
                Reject.NO_PRICE, f"{listed.market.symbol} has no {one.by} yet: trigger by another"
            )
    entry_e8 = _entry_e8(state, listed, command)
    for one in exits:
        gains_above = (one is conditions.take_profit) == (command.side is BID)
        if not _is_beyond(listed, one, entry_e8, above=gains_above):
            return rejected(
                Reject.INVALID_TRIGGER,
                "a take-profit lies where the order would gain, a stop-loss where it would lose",
            )
    return _exits_over(account, listed, len(exits))


def _entry_e8(state: State, listed: ListedMarket, command: PlaceOrder) -> int:
    """Return the price at which an order opens, as far as it is known, in quote × 1e8."""
    ticks = command.price_ticks
    if ticks is None and command.conditions is not None and command.conditions.trigger is not None:
        ticks = command.conditions.trigger.price_ticks
    return state.reference_e8(listed) if ticks is None else ticks * listed.market.tick_e8


def _is_beyond(listed: ListedMarket, one: Exit, entry_e8: int, *, above: bool) -> bool:
    price_e8 = one.price_ticks * listed.market.tick_e8
    return price_e8 > entry_e8 if above else price_e8 < entry_e8


def _exits_over(account: Account, listed: ListedMarket, more: int) -> Events:
    """Refuse more exits than one position may have, counting those which open orders will bring."""
    symbol = listed.market.symbol
    count = sum(
        one.command.market == symbol and one.command.reduce_only
        for one in account.triggers.values()
    )
    for open_orders in (account.orders.values(), account.triggers.values()):
        for order in open_orders:
            conditions = order.terms.conditions
            if conditions is not None and order.terms.market == symbol:
                count += (conditions.take_profit is not None) + (conditions.stop_loss is not None)
    if count + more > MAX_EXITS:
        return rejected(
            Reject.TRIGGER_LIMIT,
            f"at most {MAX_EXITS} orders may wait to close one position; cancel some first",
        )
    return ()


def share_of(account: Account, listed: ListedMarket, share_ppb: int) -> int:
    """Return a share of the account's position in lots, rounded down."""
    position = account.positions.get(listed.market.symbol)
    return abs(position.lots) * share_ppb // PPB if position is not None else 0


def _watched_e8(state: State, listed: ListedMarket, by: TriggerBy) -> int:
    """Return the price that a trigger watches, in quote × 1e8; 0 if there is none yet."""
    if by is TriggerBy.LAST:
        last = listed.book.last_price
        return 0 if last is None else last * listed.market.tick_e8
    return state.index_e8(listed) if by is TriggerBy.INDEX else state.reference_e8(listed)
