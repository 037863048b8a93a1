"""The state as bytes, and back; and its digest, which two replays of one journal share.

Only what cannot be derived is written: the sums over open orders are counted anew from the orders.
"""

import hashlib
from typing import Any

import msgspec

from engine.book import Order
from engine.catalog import Asset, Market, MarketState
from engine.commands import Side
from engine.events import OrderTerms
from engine.ledger import Holding, LedgerAccount
from engine.pools import Pool
from engine.positions import Position
from engine.prices import Price
from engine.resting import paying_asset
from engine.state import Account, ListedMarket, State, Withdrawal
from engine.units import AccountId, OrderId

VERSION = 1

_POOL_FIELDS = (
    "lend_scaled", "debt_scaled", "lend_index", "debt_index", "reserve", "accrued_at_ns",
    "anchor_ns", "anchor_lend_index", "anchor_debt_index", "anchor_reserve", "rate_ray",
    "throttle_started_ns", "throttle_cap_ppb",
)  # fmt: skip
_POSITION_FIELDS = (
    "lots", "quote", "entry_quote", "realized", "fees", "position_id", "opened_at_ns",
)  # fmt: skip
_SETTING_FIELDS = (
    "auto_lend", "auto_repay_borrows", "auto_borrow_settlements", "auto_realize_pnl",
    "leverage_limit",
)  # fmt: skip
_ORDER_FIELDS = (
    "price", "lots_open", "executed_lots", "executed_quote", "locked", "borrow", "loss_micros",
    "flags", "may_borrow", "may_redeem",
)  # fmt: skip


class SnapshotError(ValueError):
    """The bytes are not a snapshot of this version."""


def dump_state(state: State) -> bytes:
    """Return the whole state as bytes."""
    return msgspec.msgpack.encode(_content(state))


def digest(state: State) -> str:
    """Return a SHA-256 over the whole state, in hex."""
    return hashlib.sha256(dump_state(state)).hexdigest()


def load_state(data: bytes) -> State:
    """Return the state that `data` holds. Raises SnapshotError for bytes of another version."""
    content = msgspec.msgpack.decode(data)
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise SnapshotError("this snapshot was written by another version")
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
    for withdrawal, account_id, symbol, amount in content["withdrawals"]:
        state.withdrawals[withdrawal] = Withdrawal(withdrawal, account_id, symbol, amount)
    _load_orders(state, content["orders"])
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
            (w.withdrawal, w.account_id, w.asset, _int(w.amount_atoms))
            for w in state.withdrawals.values()
        ],
        "orders": [
            (
                msgspec.to_builtins(order.terms),
                order.owner,
                [_value(order, f) for f in _ORDER_FIELDS],
            )
            for listed in state.markets.values()
            for side in (listed.book.bids, listed.book.asks)
            for level in side.from_best()
            for order in level
        ],
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
        [_value(pool, field) for field in _POOL_FIELDS],
        [(at_ns, _int(price)) for at_ns, price in state.prices[symbol].dump()],
    ]


def _load_asset(state: State, item: list[Any]) -> None:
    spec, cash, pool_values, samples = item
    asset = msgspec.convert(spec, Asset)
    state.list_asset(asset)
    pool: Pool = state.pools[asset.symbol]
    pool.cash.atoms = int(cash)
    _restore(pool, _POOL_FIELDS, pool_values)
    state.prices[asset.symbol] = Price.restore([(at, int(price)) for at, price in samples])


def _dump_market(listed: ListedMarket) -> list[Any]:
    book, clearing = listed.book, listed.clearing
    return [
        msgspec.to_builtins(listed.market),
        listed.quote_atoms_per_tick,
        listed.state.value,
        [book.trade_id, book.update_id, book.last_price],
        None
        if clearing is None
        else [_int(clearing.cash.atoms), _int(clearing.dust), clearing.long_lots],
    ]


def _load_market(state: State, item: list[Any]) -> None:
    spec, per_tick, market_state, counters, cleared = item
    market = msgspec.convert(spec, Market)
    state.list_market(market, per_tick)
    listed = state.markets[market.symbol]
    listed.state = MarketState(market_state)
    listed.book.trade_id, listed.book.update_id, listed.book.last_price = counters
    if cleared is not None:
        clearing = listed.perp_clearing()
        clearing.cash.atoms = int(cleared[0])
        clearing.dust, clearing.long_lots = int(cleared[1]), int(cleared[2])


def _dump_account(account: Account) -> list[Any]:
    return [
        account.account_id,
        account.owner,
        [_value(account, field) for field in _SETTING_FIELDS],
        [
            [symbol, *(_int(x) for x in _amounts(holding))]
            for symbol, holding in account.holdings.items()
        ],
        [
            [market, [_value(position, field) for field in _POSITION_FIELDS]]
            for market, position in account.positions.items()
        ],
    ]


def _amounts(holding: Holding) -> tuple[int, int, int, int]:
    return (
        holding.available.atoms,
        holding.locked.atoms,
        holding.lend_scaled,
        holding.debt_scaled,
    )


def _load_account(state: State, item: list[Any]) -> None:
    account_id, owner, settings, holdings, positions = item
    account = Account(AccountId(account_id), AccountId(owner))
    _restore(account, _SETTING_FIELDS, settings)
    for symbol, *amounts in holdings:
        holding = account.holding(symbol)
        holding.available.atoms, holding.locked.atoms = int(amounts[0]), int(amounts[1])
        holding.lend_scaled, holding.debt_scaled = int(amounts[2]), int(amounts[3])
        holding.note_interest()
    for market, values in positions:
        position: Position = state.position(account, state.markets[market])
        _restore(position, _POSITION_FIELDS, values)
    state.accounts[account.account_id] = account


def _load_orders(state: State, items: list[Any]) -> None:
    """Put the orders back in their priority, then into their accounts' sums by age."""
    for spec, owner, values in items:
        terms = msgspec.convert(spec, OrderTerms)
        order = Order(terms, owner=AccountId(owner), price=0, lots_open=0)
        _restore(order, _ORDER_FIELDS, values)
        state.orders[terms.order_id] = order
        state.markets[terms.market].book.side(terms.side is Side.BID).add(order)
    state.orders = dict(sorted(state.orders.items()))
    for order_id, order in state.orders.items():
        _count(state, OrderId(order_id), order)


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
