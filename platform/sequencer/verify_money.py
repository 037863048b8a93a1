"""Money, as the tables have it and as a replay does: balances, ledger, pools, clearing."""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

from accounts.models import Balance, LedgerTransfer
from engine.catalog import POOL_OPEN
from engine.ledger import NO_TERMS
from engine.state import State
from lending.models import LendTerms, Pool, PoolLends
from sequencer.database import Connection
from sequencer.verify_facts import Facts, Table, name, rows, whole
from trading.settlement_models import Clearing


def _balances(connection: Connection) -> Facts:
    sql = (
        "SELECT account_id, asset, available, locked, lend_scaled, debt_scaled, lend_bucket "
        f"FROM {name(Balance)} WHERE available + locked + lend_scaled + debt_scaled <> 0"
    )
    return {(row[0], row[1]): whole(row[2:]) for row in rows(connection, sql)}


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
        f"SELECT account_id, asset, bucket, cap, keep, as_collateral FROM {name(LendTerms)} "
        "WHERE bucket <> 0 OR cap IS NOT NULL OR keep <> 0 OR NOT as_collateral"
    )
    return {
        (account, asset): (bucket, None if cap is None else int(cap), int(keep), as_collateral)
        for account, asset, bucket, cap, keep, as_collateral in rows(connection, sql)
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
        f"SELECT asset, credit AS name, amount FROM {name(LedgerTransfer)} UNION ALL "
        f"SELECT asset, debit, -amount FROM {name(LedgerTransfer)}) AS sides "
        "GROUP BY asset, name HAVING sum(amount) <> 0"
    )
    return {(row[0], row[1]): whole(row[2:]) for row in rows(connection, sql)}


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


def _pools(connection: Connection) -> Facts:
    columns = "state, cash, debt_scaled, debt_index_ray, reserve_ray"
    sql = (
        f"SELECT asset, {columns} FROM {name(Pool)} "
        "WHERE cash + debt_scaled + reserve_ray <> 0 OR state <> 'Open'"
    )
    return {row[0]: (row[1], *whole(row[2:])) for row in rows(connection, sql)}


def _live_pools(state: State) -> Facts:
    return {
        asset: (pool.state, pool.cash.atoms, pool.debt_scaled, pool.debt_index, pool.reserve)
        for asset, pool in state.pools.items()
        if pool.cash.atoms or pool.debt_scaled or pool.reserve or pool.state is not POOL_OPEN
    }


def _lends(connection: Connection) -> Facts:
    sql = (
        "SELECT asset, bucket, lend_scaled, lend_index_ray, active_ppb "
        f"FROM {name(PoolLends)} WHERE lend_scaled <> 0"
    )
    return {(row[0], row[1]): whole(row[2:]) for row in rows(connection, sql)}


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
    sql = f"SELECT market, {columns} FROM {name(Clearing)}"
    return {row[0]: amounts for row in rows(connection, sql) if any(amounts := whole(row[1:]))}


def _live_clearings(state: State) -> Facts:
    facts: Facts = {}
    for symbol, listed in state.markets.items():
        if (clearing := listed.clearing) is not None:
            backing = (clearing.cash.atoms, clearing.lend_scaled, clearing.debt_scaled)
            facts[symbol] = (*backing, clearing.settled, clearing.interest)
    return {symbol: amounts for symbol, amounts in facts.items() if any(amounts)}


TABLES: tuple[Table, ...] = (
    ("balances", _balances, _held),
    ("lend terms", _terms, _live_terms),
    ("ledger, summed", _ledger, _ledger_sums),
    ("pools", _pools, _live_pools),
    ("lends of pools", _lends, _live_lends),
    ("clearing", _clearings, _live_clearings),
)
