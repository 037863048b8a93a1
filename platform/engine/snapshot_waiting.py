"""The part of a snapshot about what waits: conditional orders, strategies, the schedule."""

from typing import Any

import msgspec

from engine.book import ConditionalOrder, Links, Order
from engine.commands import PlaceOrder
from engine.kinds import OrderTerms, StrategyTerms
from engine.pending import alive
from engine.schedule import Due, Work
from engine.state import State
from engine.strategy import Strategy
from engine.units import AccountId, OrderId


def dump_waiting(state: State) -> dict[str, Any]:
    """Return what waits as plain lists."""
    schedule = state.schedule
    return {
        "triggers": [_dump_trigger(state, order) for order in state.triggers.values()],
        "links": [
            (order_id, [_id(state, link) for link in _linked(order.links)])
            for order_id, order in sorted(state.orders.items())
            if order.links is not None
        ],
        "strategies": [_dump_strategy(one) for one in state.strategies.values()],
        "schedule": [
            schedule.entered,
            [(due.at_ns, due.number, due.work.value, due.subject) for due in schedule.live()],
        ],
    }


def load_waiting(state: State, content: dict[str, Any]) -> None:
    """Put back what waits; accounts, markets and resting orders are there already."""
    _load_triggers(state, content["triggers"])
    _load_links(state, content["links"])
    _load_strategies(state, content["strategies"])
    _load_schedule(state, content["schedule"])


def _linked(links: Links) -> tuple[Order | ConditionalOrder | None, ...]:
    return (links.take_profit, links.stop_loss, links.partner)


def _id(state: State, linked: Order | ConditionalOrder | None) -> OrderId | None:
    """Return the id of a linked order which is still alive."""
    living = alive(state, linked)
    return None if living is None else living.terms.order_id


def _dump_trigger(state: State, order: ConditionalOrder) -> list[Any]:
    return [
        msgspec.to_builtins(order.terms),
        msgspec.to_builtins(order.command),
        order.owner,
        order.fires_above,
        order.lots_open,
        order.is_due,
        _id(state, order.partner),
    ]


def _load_triggers(state: State, items: list[Any]) -> None:
    for spec, command, owner, fires_above, lots_open, is_due, _ in items:
        terms = msgspec.convert(spec, OrderTerms)
        order = ConditionalOrder(
            terms,
            msgspec.convert(command, PlaceOrder),
            owner=AccountId(owner),
            fires_above=fires_above,
        )
        order.lots_open, order.is_due = lots_open, is_due
        account, listed = state.accounts[terms.account], state.markets[terms.market]
        state.triggers[terms.order_id] = account.triggers[terms.order_id] = order
        if terms.client_id is not None:
            account.client_ids[terms.client_id] = order
        if not is_due:
            listed.watch.add(order)
    for spec, *_, partner in items:
        state.triggers[OrderId(spec["order_id"])].partner = _alive(state, partner)


def _load_links(state: State, items: list[Any]) -> None:
    for order_id, linked in items:
        take_profit, stop_loss, partner = (_alive(state, one) for one in linked)
        links = Links(partner)
        assert not isinstance(take_profit, Order), f"order {order_id} has a resting exit"
        assert not isinstance(stop_loss, Order), f"order {order_id} has a resting exit"
        links.take_profit, links.stop_loss = take_profit, stop_loss
        state.orders[OrderId(order_id)].links = links


def _alive(state: State, order_id: int | None) -> Order | ConditionalOrder | None:
    if order_id is None:
        return None
    return state.triggers.get(OrderId(order_id)) or state.orders.get(OrderId(order_id))


def _dump_strategy(strategy: Strategy) -> list[Any]:
    return [
        msgspec.to_builtins(strategy.terms),
        strategy.executed_lots,
        # It may be beyond 64 bits.
        str(strategy.executed_quote),
        strategy.joined,
        strategy.child,
        strategy.due,
    ]


def _load_strategies(state: State, items: list[Any]) -> None:
    for spec, executed_lots, executed_quote, joined, child, due in items:
        terms = msgspec.convert(spec, StrategyTerms)
        strategy = Strategy(terms)
        strategy.executed_lots, strategy.executed_quote = executed_lots, int(executed_quote)
        strategy.joined, strategy.child, strategy.due = joined, child, due
        account = state.accounts[terms.command.account]
        state.strategies[terms.strategy_id] = account.strategies[terms.strategy_id] = strategy


def _load_schedule(state: State, item: list[Any]) -> None:
    entered, entries = item
    for at_ns, number, work, subject in entries:
        # Sorted, so the queue keeps its order.
        state.schedule.entries.append(Due(at_ns, number, Work(work), subject))
        if work == Work.PRICE_AGE:
            list(state.prices.values())[subject].is_watched = True
    state.schedule.entered = entered
    state.schedule.next_ns = entries[0][0] if entries else None
