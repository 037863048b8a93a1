"""The state as bytes, and back; and its digest, which two replays of one journal share.

Only what cannot be derived is written: the sums over open orders are counted anew from the orders.
"""

import hashlib
from collections import deque
from typing import Any

import msgspec

from engine import market_states
from engine.book import Order
from engine.catalog import Asset, Market, MarketState, PoolState, PriceState, StateReason
from engine.clearing import Clearing, Cycle, Phase
from engine.funding_rates import FundedHour, Funding
from engine.kinds import AccountState, OrderTerms, RealizeKind
from engine.ledger import NO_TERMS, Holding, LedgerAccount, LendTerms
from engine.listed_market import ListedMarket
from engine.marks import Mark
from engine.pools import Pool
from engine.positions import Position
from engine.prices import Price
from engine.resting import paying_asset
from engine.snapshot_rfqs import dump_rfqs, load_rfqs
from engine.snapshot_risk import dump_risk, load_risk
from engine.snapshot_waiting import dump_waiting, load_waiting
from engine.state import Account, State, Withdrawal
from engine.units import AccountId, OrderId
from engine.upgrade import UPGRADES
from engine.vocabulary import Side

VERSION = 5

POOL_FIELDS = (
    "debt_scaled", "debt_index", "reserve", "accrued_at_ns", "anchor_ns", "anchor_debt_index",
    "anchor_reserve", "active_ray", "rate_ray", "throttle_started_ns", "throttle_cap_ppb",
    "swept_hour",
)  # fmt: skip
BUCKET_FIELDS = ("scaled", "used", "index", "anchor_index", "lent_ray", "active_ray")
POSITION_FIELDS = (
    "lots", "quote", "entry_quote", "realized", "fees", "due", "sample", "interest_ray",
    "interest", "posted_hour", "position_id", "opened_at_ns", "closed_lots", "closed_quote",
    "funding", "funding_due", "funded_hour",
)  # fmt: skip
SETTING_FIELDS = (
    "auto_lend", "auto_repay_borrows", "auto_borrow_settlements", "auto_realize_pnl",
    "leverage_limit", "borrow_limit_micros", "position_limit_micros",
)  # fmt: skip
ORDER_FIELDS = (
    "price", "lots_open", "executed_lots", "executed_quote", "locked", "borrow", "loss_micros",
    "flags", "may_borrow", "may_redeem", "slips",
)  # fmt: skip


_CLEARING_FIELDS = (
    "lend_scaled", "debt_scaled", "settled", "dust", "interest", "rounding_ray", "unposted_ray",
    "losses_scaled", "gains_scaled", "sampled_debt_index", "sampled_lend_index", "long_lots",
    "insured_dust", "funding",
)  # fmt: skip
_FUNDING_FIELDS = (
    "premiums_ppb", "samples", "sampled_s", "told_ppb", "cursor", "passed_hour",
)  # fmt: skip
_MARK_FIELDS = ("area", "weight", "started_ns", "sampled_ns")
_CYCLE_FIELDS = (
    "cursor", "due_atoms", "fund", "owed", "collected", "paid", "advanced",
)  # fmt: skip


class SnapshotError(ValueError):
    """The bytes are not a snapshot that this version can read."""


def dump_state(state: State) -> bytes:
    """Return the whole state as bytes."""
    return msgspec.msgpack.encode(_content(state))


def digest(state: State) -> str:
    """Return a SHA-256 over the whole state, in hex."""
    return hashlib.sha256(dump_state(state)).hexdigest()


def load_state(data: bytes) -> State:
    """Return the state that `data` holds, also if an earlier version wrote it.

    Raises SnapshotError for bytes of a later version.
    """
    content = msgspec.msgpack.decode(data)
    while isinstance(content, dict) and content.get("version") in UPGRADES:
        content = UPGRADES[content["version"]](content)
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise SnapshotError("its snapshot was written by a later version: start that one")
    state = State()
    state.sequence, state.at_ns = content["sequence"], content["at_ns"]
    state.next_order_id = content["next_order_id"]
    state.next_position_id = content["next_position_id"]
    for command_id, sequence, fingerprint in content["command_ids"]:
        state.command_ids[command_id] = (sequence, fingerprint)
        state.command_order.append(command_id)
    for name, asset, atoms in content["house"]:
        account = state.ledger.house[name] = LedgerAccount(name, asset)
        account.atoms = int(atoms)
    for item in content["assets"]:
        _load_asset(state, item)
    for item in content["markets"]:
        _load_market(state, item)
    for item in content["accounts"]:
        _load_account(state, item)
    for withdrawal, account_id, symbol, amount, fee in content["withdrawals"]:
        state.withdrawals[withdrawal] = Withdrawal(
            withdrawal, account_id, symbol, int(amount), int(fee)
        )
    _load_orders(state, content["orders"])
    load_waiting(state, content)
    load_rfqs(state, content["rfqs"])
    load_risk(state, content)
    state.record.clear()
    return state


def _content(state: State) -> dict[str, Any]:
    return {
        "version": VERSION,
        "sequence": state.sequence,
        "at_ns": state.at_ns,
        "next_order_id": state.next_order_id,
        "next_position_id": state.next_position_id,
        "command_ids": [
            (command_id, *state.command_ids[command_id]) for command_id in state.command_order
        ],
        "house": [(a.name, a.asset, _int(a.atoms)) for a in state.ledger.house.values()],
        "assets": [_dump_asset(state, symbol) for symbol in state.assets],
        "markets": [_dump_market(listed) for listed in state.markets.values()],
        "accounts": [_dump_account(account) for account in state.accounts.values()],
        "withdrawals": [
            (w.withdrawal, w.account_id, w.asset, _int(w.amount_atoms), _int(w.fee_atoms))
            for w in state.withdrawals.values()
        ],
        "orders": [
            (
                msgspec.to_builtins(order.terms),
                order.owner,
                [_value(order, f) for f in ORDER_FIELDS],
            )
            for order in state.orders.values()
        ],
        **dump_waiting(state),
        "rfqs": dump_rfqs(state),
        **dump_risk(state),
    }


def _int(value: int) -> int | str:
    """Return an integer as msgpack can hold it: as text beyond 64 bits."""
    return value if -(2**63) <= value < 2**64 else str(value)


def _value(thing: object, field: str) -> Any:
    value = getattr(thing, field)
    return _int(value) if type(value) is int else value


def _restore(thing: object, fields: tuple[str, ...], values: list[Any]) -> None:
    for field, value in zip(fields, values, strict=True):
        if isinstance(value, list):
            setattr(thing, field, tuple(value))
        else:
            setattr(thing, field, int(value) if isinstance(value, str) else value)


def _dump_asset(state: State, symbol: str) -> list[Any]:
    pool = state.pools[symbol]
    return [
        msgspec.to_builtins(state.assets[symbol]),
        _int(pool.cash.atoms),
        pool.state.value,
        [_value(pool, field) for field in POOL_FIELDS],
        [[_value(bucket, field) for field in BUCKET_FIELDS] for bucket in pool.buckets],
        [(at_ns, _int(price)) for at_ns, price in state.prices[symbol].dump()],
        state.prices[symbol].state.value,
    ]


def _load_asset(state: State, item: list[Any]) -> None:
    spec, cash, pool_state, pool_values, bucket_values, samples, price_state = item
    asset = msgspec.convert(spec, Asset)
    state.list_asset(asset)
    pool: Pool = state.pools[asset.symbol]
    pool.cash.atoms = int(cash)
    pool.state = PoolState(pool_state)
    _restore(pool, POOL_FIELDS, pool_values)
    for bucket, values in zip(pool.buckets, bucket_values, strict=True):
        _restore(bucket, BUCKET_FIELDS, values)
    pool.live = [bucket for bucket in pool.buckets if bucket.scaled]
    price = state.prices[asset.symbol] = Price.restore([(at, int(e8)) for at, e8 in samples])
    price.state = PriceState(price_state)


def _dump_market(listed: ListedMarket) -> list[Any]:
    book, clearing = listed.book, listed.clearing
    return [
        msgspec.to_builtins(listed.market),
        listed.quote_atoms_per_tick,
        [listed.state.value, listed.reason.value],
        [book.trade_id, book.update_id, book.last_price],
        None if clearing is None else _dump_clearing(clearing),
        None if listed.mark is None else _dump_mark(listed.mark),
        _dump_orders_to_it(listed),
        None if listed.funding is None else _dump_funding(listed.funding),
    ]


def _dump_orders_to_it(listed: ListedMarket) -> list[Any]:
    """Return what has a market accept less than every order; the rest follows from its prices."""
    breaker = listed.breaker
    return [
        listed.ordered.value,
        [breaker.state.value, breaker.tripped_ns, breaker.until_ns],
        listed.halted,
        listed.auction_ns,
    ]


def _load_orders_to_it(state: State, listed: ListedMarket, item: list[Any]) -> None:
    ordered, (breaker_state, tripped_ns, until_ns), listed.halted, listed.auction_ns = item
    listed.ordered, breaker = MarketState(ordered), listed.breaker
    breaker.state = MarketState(breaker_state)
    breaker.tripped_ns, breaker.until_ns = tripped_ns, until_ns
    market_states.derive(state, listed)


def _dump_mark(mark: Mark) -> list[Any]:
    return [
        [_value(mark, field) for field in _MARK_FIELDS],
        [(at_ns, _int(price)) for at_ns, price in mark.price.dump()],
        [(at_ns, _int(price)) for at_ns, price in mark.recent],
    ]


def _load_mark(mark: Mark, item: list[Any]) -> None:
    values, samples, recent = item
    _restore(mark, _MARK_FIELDS, values)
    mark.price = Price.restore([(at, int(price)) for at, price in samples])
    mark.recent = deque((at, int(price)) for at, price in recent)


def _dump_funding(funding: Funding) -> list[Any]:
    return [
        funding.closed_hour,
        [_value(funding, field) for field in _FUNDING_FIELDS],
        [(one.hour, one.rate_ppb, _int(one.mark_e8)) for one in funding.unpaid],
    ]


def _load_funding(funding: Funding, item: list[Any]) -> None:
    closed_hour, values, unpaid = item
    funding.begin(closed_hour)
    _restore(funding, _FUNDING_FIELDS, values)
    funding.owe([FundedHour(hour, rate, int(mark)) for hour, rate, mark in unpaid])


def _dump_clearing(clearing: Clearing) -> list[Any]:
    return [
        _int(clearing.cash.atoms),
        [_value(clearing, field) for field in _CLEARING_FIELDS],
        None if clearing.cycle is None else _dump_cycle(clearing.cycle),
    ]


def _dump_cycle(cycle: Cycle) -> list[Any]:
    return [
        _int(cycle.mark_e8),
        cycle.started_ns,
        cycle.phase.value,
        None if cycle.cull is None else cycle.cull.value,
        [_value(cycle, field) for field in _CYCLE_FIELDS],
        [(number, _int(due)) for number, due in cycle.due.items()],
    ]


def _load_market(state: State, item: list[Any]) -> None:
    spec, per_tick, (market_state, reason), counters, cleared, marked, orders, funded = item
    market = msgspec.convert(spec, Market)
    state.list_market(market, per_tick)
    listed = state.markets[market.symbol]
    listed.state, listed.reason = MarketState(market_state), StateReason(reason)
    _load_orders_to_it(state, listed, orders)
    listed.book.trade_id, listed.book.update_id, listed.book.last_price = counters
    if cleared is not None:
        clearing = listed.perp_clearing()
        cash, values, cycle = cleared
        clearing.cash.atoms = int(cash)
        _restore(clearing, _CLEARING_FIELDS, values)
        clearing.cycle = None if cycle is None else _load_cycle(cycle)
        _load_mark(listed.perp_mark(), marked)
        _load_funding(listed.perp_funding(), funded)


def _load_cycle(item: list[Any]) -> Cycle:
    mark, started_ns, phase, cull, values, due = item
    cycle = Cycle(int(mark), started_ns)
    cycle.phase = Phase(phase)
    cycle.cull = None if cull is None else RealizeKind(cull)
    _restore(cycle, _CYCLE_FIELDS, values)
    cycle.due = {AccountId(number): int(amount) for number, amount in due}
    return cycle


def _dump_account(account: Account) -> list[Any]:
    return [
        account.account_id,
        account.owner,
        [_value(account, field) for field in SETTING_FIELDS],
        [
            [symbol, [_int(x) for x in _amounts(holding)], _dump_terms(holding.terms)]
            for symbol, holding in account.holdings.items()
        ],
        [
            [market, [_value(position, field) for field in POSITION_FIELDS]]
            for market, position in account.positions.items()
        ],
        account.state.value,
    ]


def _dump_terms(terms: LendTerms) -> list[Any] | None:
    """Most have none of their own."""
    if terms == NO_TERMS:
        return None
    cap = None if terms.cap_atoms is None else _int(terms.cap_atoms)
    return [terms.bucket, cap, _int(terms.keep_atoms), terms.as_collateral]


def _load_terms(item: list[Any] | None) -> LendTerms:
    if item is None:
        return NO_TERMS
    bucket, cap, keep, as_collateral = item
    return LendTerms(bucket, None if cap is None else int(cap), int(keep), as_collateral)


def _amounts(holding: Holding) -> tuple[int, int, int, int, int]:
    return (
        holding.available.atoms,
        holding.locked.atoms,
        holding.lend_scaled,
        holding.debt_scaled,
        holding.opened,
    )


def _load_account(state: State, item: list[Any]) -> None:
    account_id, owner, settings, holdings, positions, account_state = item
    account = Account(AccountId(account_id), AccountId(owner))
    _restore(account, SETTING_FIELDS, settings)
    state.set_account_state(account, AccountState(account_state))
    for symbol, amounts, terms in holdings:
        holding = account.holding(symbol)
        holding.terms = _load_terms(terms)
        holding.bucket = holding.terms.bucket
        holding.available.atoms, holding.locked.atoms = int(amounts[0]), int(amounts[1])
        holding.lend_scaled, holding.debt_scaled = int(amounts[2]), int(amounts[3])
        holding.opened = amounts[4]
        holding.note_interest()
    for market, values in positions:
        position: Position = state.position(account, state.markets[market])
        _restore(position, POSITION_FIELDS, values)
    state.accounts[account.account_id] = account


def _load_orders(state: State, items: list[Any]) -> None:
    """Put the orders back as they came to rest: that is their priority at each price.

    It is not the order of their ids: one that has waited for a price is younger than its id.
    """
    for spec, owner, values in items:
        terms = msgspec.convert(spec, OrderTerms)
        order = Order(terms, owner=AccountId(owner), price=0, lots_open=0)
        _restore(order, ORDER_FIELDS, values)
        state.orders[terms.order_id] = order
        state.markets[terms.market].book.side(terms.side is Side.BID).add(order)
        _count(state, terms.order_id, order)


def _count(state: State, order_id: OrderId, order: Order) -> None:
    terms = order.terms
    account, listed = state.accounts[terms.account], state.markets[terms.market]
    account.orders[order_id] = order
    if terms.client_id is not None:
        account.client_ids[terms.client_id] = order
    if listed.is_perp:
        state.position(account, listed).add_order(order, order.lots_open)
        return
    account.spot_loss_micros += order.loss_micros
    if order.borrow:
        asset = paying_asset(listed, is_bid=order.is_bid)
        account.pending_borrow[asset] = account.pending_borrow.get(asset, 0) + order.borrow
