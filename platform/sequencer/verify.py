"""Proof that the exchange is what its journal says: replay all of it, and compare.

Everything is read in one transaction, so that the engine may go on writing meanwhile.
"""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

import hashlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from accounts.models import Balance, LedgerTransfer
from engine.snapshot import digest
from engine.state import State
from lending.models import Pool
from sequencer.database import Connection
from sequencer.journal import entries_after
from sequencer.models import Checkpoint, Snapshot
from sequencer.replica import Diverged, Replica
from trading.models import OPEN_STATUSES, Order, Position

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
        "SELECT account_id, asset, available, locked, lend_scaled, debt_scaled "
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
                facts[(account.account_id, asset)] = amounts
    return facts


def _ledger(connection: Connection) -> Facts:
    sql = (
        "SELECT asset, name, sum(amount) FROM ("
        f"SELECT asset, credit AS name, amount FROM {_name(LedgerTransfer)} UNION ALL "
        f"SELECT asset, debit, -amount FROM {_name(LedgerTransfer)}) AS sides "
        "WHERE name LIKE 'account:%' OR name LIKE 'pool:%' "
        "GROUP BY asset, name HAVING sum(amount) <> 0"
    )
    return {(row[0], row[1]): _whole(row[2:]) for row in _rows(connection, sql)}


def _ledger_sums(state: State) -> Facts:
    facts: Facts = {}
    for (account, asset), (available, locked, _, _) in _held(state).items():
        facts[(asset, f"account:{account}:available")] = (available,)
        facts[(asset, f"account:{account}:locked")] = (locked,)
    for asset, pool in state.pools.items():
        facts[(asset, f"pool:{asset}")] = (pool.cash.atoms,)
    return {key: amount for key, amount in facts.items() if any(amount)}


def _open_orders(connection: Connection) -> Facts:
    statuses = ", ".join(f"'{status}'" for status in OPEN_STATUSES)
    sql = (
        "SELECT id, account_id, market, side, lots_open, executed_lots, executed_quote_atoms "
        f"FROM {_name(Order)} WHERE status IN ({statuses})"
    )
    return {row[0]: (*row[1:6], int(row[6])) for row in _rows(connection, sql)}


def _live_orders(state: State) -> Facts:
    return {
        number: (
            order.terms.account,
            order.terms.market,
            order.terms.side,
            order.lots_open,
            order.executed_lots,
            order.executed_quote,
        )
        for number, order in state.orders.items()
    }


def _open_positions(connection: Connection) -> Facts:
    sql = (
        "SELECT account_id, market, position_id, lots, quote_atoms, entry_quote_atoms "
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
        )
        for account in state.accounts.values()
        for market, position in account.positions.items()
        if position.lots or position.quote
    }


def _pools(connection: Connection) -> Facts:
    columns = "cash, lend_scaled, lend_index_ray, debt_scaled, debt_index_ray, reserve_ray"
    sql = (
        f"SELECT asset, {columns} FROM {_name(Pool)} "
        "WHERE lend_scaled + debt_scaled + reserve_ray <> 0"
    )
    return {row[0]: _whole(row[1:]) for row in _rows(connection, sql)}


def _live_pools(state: State) -> Facts:
    return {
        asset: (
            pool.cash.atoms,
            pool.lend_scaled,
            pool.lend_index,
            pool.debt_scaled,
            pool.debt_index,
            pool.reserve,
        )
        for asset, pool in state.pools.items()
        if pool.lend_scaled or pool.debt_scaled or pool.reserve
    }


_TABLES: tuple[tuple[str, Callable[[Connection], Facts], Callable[[State], Facts]], ...] = (
    ("balances", _balances, _held),
    ("ledger, summed", _ledger, _ledger_sums),
    ("open orders", _open_orders, _live_orders),
    ("positions", _open_positions, _live_positions),
    ("pools", _pools, _live_pools),
)


def _rows(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql, binary=True).fetchall()


def _whole(amounts: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(int(amount) for amount in amounts)


def _name(model: Any) -> str:
    name: str = model._meta.db_table
    return name
