"""Proof that the exchange is what its journal says: replay all of it, and compare.

Everything is read in one transaction, so that the engine may go on writing meanwhile.
"""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

import hashlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from accounts.models import Balance, LedgerTransfer
from engine.catalog import POOL_OPEN
from engine.ledger import NO_TERMS
from engine.snapshot import digest
from engine.state import State
from lending.models import LendTerms, Pool, PoolLends
from sequencer.database import Connection
from sequencer.journal import entries_after
from sequencer.models import Checkpoint, Snapshot
from sequencer.replica import Diverged, Replica
from trading.models import (
    LIVE_STATUSES,
    RUNNING,
    Clearing,
    Order,
    Position,
    Strategy,
)
from trading.rfq_models import RfqQuote, RfqRequest

Facts = dict[Any, tuple[Any, ...]]


class Check(NamedTuple):
    """One line of the proof."""

    passed: bool
    text: str


def verify(connection: Connection) -> Iterator[Check]:
    """Yield one check after the other; the replay comes first and ends the proof if it fails."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        replica = Replica()
        try:
            yield from _replay(connection, replica)
        except Diverged as error:
            yield Check(False, str(error))
            return
        yield from _snapshots(connection)
        state = replica.engine.state
        for name, read, expected in _TABLES:
            yield _compare(name, read(connection), expected(state))


def _replay(connection: Connection, replica: Replica) -> Iterator[Check]:
    checkpoints = dict(_rows(connection, f"SELECT sequence, digest FROM {_name(Checkpoint)}"))
    for entry in entries_after(connection, 0):
        replica.apply(entry)
        promised = checkpoints.pop(entry.sequence, None)
        if promised is not None:
            same = digest(replica.engine.state) == promised
            yield Check(same, f"checkpoint {entry.sequence}: the digest of the replayed state")
    last = replica.engine.state.sequence
    yield Check(True, f"journal 1 to {last}: no gap, chain unbroken, every answer given again")
    for sequence in checkpoints:
        yield Check(False, f"checkpoint {sequence}: the journal does not reach it")


def _snapshots(connection: Connection) -> Iterator[Check]:
    sql = f"SELECT sequence, digest, state FROM {_name(Snapshot)} ORDER BY sequence"
    for sequence, promised, state in _rows(connection, sql):
        found = hashlib.sha256(zlib.decompress(state)).hexdigest()
        yield Check(found == promised, f"snapshot {sequence}: the digest of what is stored")


def _compare(name: str, found: Facts, expected: Facts) -> Check:
    wrong = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
    if not wrong:
        return Check(True, f"{name}: {len(expected)} rows as replayed")
    first = wrong[0]
    return Check(
        False,
        f"{name}: {len(wrong)} of {len(expected)} differ, the first is {first}: "
        f"{found.get(first)} instead of {expected.get(first)}",
    )


def _balances(connection: Connection) -> Facts:
    sql = (
        "SELECT account_id, asset, available, locked, lend_scaled, debt_scaled, lend_bucket "
        f"FROM {_name(Balance)} WHERE available + locked + lend_scaled + debt_scaled <> 0"
    )
    return {(row[0], row[1]): _whole(row[2:]) for row in _rows(connection, sql)}


def _held(state: State) -> Facts:
    facts: Facts = {}
    for account in state.accounts.values():
        for asset, holding in account.holdings.items():
            free = (holding.available.atoms, holding.locked.atoms)
            amounts = (*free, holding.lend_scaled, holding.debt_scaled)
            if any(amounts):
                facts[(account.account_id, asset)] = (*amounts, holding.bucket)
    return facts


def _terms(connection: Connection) -> Facts:
    sql = (
        f"SELECT account_id, asset, bucket, cap, keep, as_collateral FROM {_name(LendTerms)} "
        "WHERE bucket <> 0 OR cap IS NOT NULL OR keep <> 0 OR NOT as_collateral"
    )
    return {
        (account, asset): (bucket, None if cap is None else int(cap), int(keep), as_collateral)
        for account, asset, bucket, cap, keep, as_collateral in _rows(connection, sql)
    }


def _live_terms(state: State) -> Facts:
    return {
        (account.account_id, asset): tuple(holding.terms)
        for account in state.accounts.values()
        for asset, holding in account.holdings.items()
        if holding.terms != NO_TERMS
    }


def _ledger(connection: Connection) -> Facts:
    sql = (
        "SELECT asset, name, sum(amount) FROM ("
        f"SELECT asset, credit AS name, amount FROM {_name(LedgerTransfer)} UNION ALL "
        f"SELECT asset, debit, -amount FROM {_name(LedgerTransfer)}) AS sides "
        "GROUP BY asset, name HAVING sum(amount) <> 0"
    )
    return {(row[0], row[1]): _whole(row[2:]) for row in _rows(connection, sql)}


def _ledger_sums(state: State) -> Facts:
    facts: Facts = {}
    for (account, asset), (available, locked, *_) in _held(state).items():
        facts[(asset, f"account:{account}:available")] = (available,)
        facts[(asset, f"account:{account}:locked")] = (locked,)
    for asset, pool in state.pools.items():
        facts[(asset, f"pool:{asset}")] = (pool.cash.atoms,)
    for listed in state.markets.values():
        if listed.clearing is not None:
            cash = listed.clearing.cash
            facts[(cash.asset, cash.name)] = (cash.atoms,)
    for house in state.ledger.house.values():
        facts[(house.asset, house.name)] = (house.atoms,)
    return {key: amount for key, amount in facts.items() if any(amount)}


def _open_orders(connection: Connection) -> Facts:
    statuses = ", ".join(f"'{status}'" for status in LIVE_STATUSES)
    sql = (
        "SELECT id, account_id, market, side, lots_open, executed_lots, executed_quote_atoms, "
        "CASE WHEN status = 'TriggerPending' THEN fires_above END "
        f"FROM {_name(Order)} WHERE status IN ({statuses})"
    )
    return {row[0]: (*row[1:6], int(row[6]), row[7]) for row in _rows(connection, sql)}


def _live_orders(state: State) -> Facts:
    return {
        number: (
            order.terms.account,
            order.terms.market,
            order.terms.side,
            order.lots_open,
            order.executed_lots,
            order.executed_quote,
            None,
        )
        for number, order in state.orders.items()
    } | {
        number: (
            order.terms.account,
            order.terms.market,
            order.terms.side,
            order.lots_open,
            *(0, 0, order.fires_above),
        )
        for number, order in state.triggers.items()
    }


def _running_strategies(connection: Connection) -> Facts:
    sql = (
        "SELECT id, account_id, market, lots, executed_lots, executed_quote_atoms "
        f"FROM {_name(Strategy)} WHERE status = '{RUNNING}'"
    )
    return {row[0]: (*row[1:5], int(row[5])) for row in _rows(connection, sql)}


def _live_strategies(state: State) -> Facts:
    return {
        number: (
            strategy.terms.command.account,
            strategy.terms.command.market,
            strategy.terms.command.lots,
            strategy.executed_lots,
            strategy.executed_quote,
        )
        for number, strategy in state.strategies.items()
    }


def _open_rfqs(connection: Connection) -> Facts:
    sql = f"SELECT id, account_id, market, side FROM {_name(RfqRequest)} WHERE status = 'New'"
    return {row[0]: row[1:] for row in _rows(connection, sql)}


def _live_rfqs(state: State) -> Facts:
    return {
        number: (rfq.terms.account, rfq.terms.market, rfq.terms.side)
        for number, rfq in state.rfqs.items()
    }


def _open_quotes(connection: Connection) -> Facts:
    columns = "rfq_id, account_id, bid_ticks, ask_ticks"
    sql = f"SELECT id, {columns} FROM {_name(RfqQuote)} WHERE status = 'New'"
    return {row[0]: row[1:] for row in _rows(connection, sql)}


def _live_quotes(state: State) -> Facts:
    return {
        quote.terms.quote: (number, maker, quote.terms.bid_ticks, quote.terms.ask_ticks)
        for number, rfq in state.rfqs.items()
        for maker, quote in rfq.quotes.items()
    }


def _open_positions(connection: Connection) -> Facts:
    sql = (
        "SELECT account_id, market, position_id, lots, quote_atoms, entry_quote_atoms, "
        "interest_atoms, funding_atoms, closed_lots, closed_quote_atoms "
        f"FROM {_name(Position)} WHERE lots <> 0 OR quote_atoms <> 0"
    )
    return {(row[0], row[1]): _whole(row[2:]) for row in _rows(connection, sql)}


def _live_positions(state: State) -> Facts:
    return {
        (account.account_id, market): (
            position.position_id,
            position.lots,
            position.quote,
            position.entry_quote,
            position.interest,
            position.funding,
            position.closed_lots,
            position.closed_quote,
        )
        for account in state.accounts.values()
        for market, position in account.positions.items()
        if position.lots or position.quote
    }


def _pools(connection: Connection) -> Facts:
    columns = "state, cash, debt_scaled, debt_index_ray, reserve_ray"
    sql = (
        f"SELECT asset, {columns} FROM {_name(Pool)} "
        "WHERE cash + debt_scaled + reserve_ray <> 0 OR state <> 'Open'"
    )
    return {row[0]: (row[1], *_whole(row[2:])) for row in _rows(connection, sql)}


def _live_pools(state: State) -> Facts:
    return {
        asset: (pool.state, pool.cash.atoms, pool.debt_scaled, pool.debt_index, pool.reserve)
        for asset, pool in state.pools.items()
        if pool.cash.atoms or pool.debt_scaled or pool.reserve or pool.state is not POOL_OPEN
    }


def _lends(connection: Connection) -> Facts:
    sql = (
        "SELECT asset, bucket, lend_scaled, lend_index_ray, active_ppb "
        f"FROM {_name(PoolLends)} WHERE lend_scaled <> 0"
    )
    return {(row[0], row[1]): _whole(row[2:]) for row in _rows(connection, sql)}


def _live_lends(state: State) -> Facts:
    return {
        (asset, lends.bucket): (lends.lend_scaled, lends.lend_index_ray, lends.active_ppb)
        for asset, pool in state.pools.items()
        for lends in pool.tell_lends()
        if lends.lend_scaled
    }


def _clearings(connection: Connection) -> Facts:
    # Without dust and funding, which trades change between the settlements that tell it.
    columns = "cash, lend_scaled, debt_scaled, settled, interest"
    sql = f"SELECT market, {columns} FROM {_name(Clearing)}"
    return {row[0]: whole for row in _rows(connection, sql) if any(whole := _whole(row[1:]))}


def _live_clearings(state: State) -> Facts:
    facts: Facts = {}
    for symbol, listed in state.markets.items():
        if (clearing := listed.clearing) is not None:
            backing = (clearing.cash.atoms, clearing.lend_scaled, clearing.debt_scaled)
            facts[symbol] = (*backing, clearing.settled, clearing.interest)
    return {symbol: amounts for symbol, amounts in facts.items() if any(amounts)}


_TABLES: tuple[tuple[str, Callable[[Connection], Facts], Callable[[State], Facts]], ...] = (
    ("balances", _balances, _held),
    ("lend terms", _terms, _live_terms),
    ("ledger, summed", _ledger, _ledger_sums),
    ("open orders", _open_orders, _live_orders),
    ("running strategies", _running_strategies, _live_strategies),
    ("requests for quote", _open_rfqs, _live_rfqs),
    ("quotes", _open_quotes, _live_quotes),
    ("positions", _open_positions, _live_positions),
    ("pools", _pools, _live_pools),
    ("lends of pools", _lends, _live_lends),
    ("clearing", _clearings, _live_clearings),
)


def _rows(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql, binary=True).fetchall()


def _whole(amounts: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(int(amount) for amount in amounts)


def _name(model: Any) -> str:
    name: str = model._meta.db_table
    return name
