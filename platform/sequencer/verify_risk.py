"""Terms and risk, as the tables have them and as a replay does: listings, settings, statuses."""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from accounts.models import AccountSettings, MemberAllowance
from engine.copies import ACCOUNT_FIELDS
from engine.kinds import MarginStatus
from engine.market_states import until_ns
from engine.snapshot_risk import ALLOWANCE_FIELDS
from engine.state import State
from sequencer.database import Connection
from sequencer.verify_facts import Facts, Table, name, rows, whole
from trading.models import Asset, Market
from trading.risk_models import AccountRisk, Backstop, Liquidation


def _assets(connection: Connection) -> Facts:
    found = rows(connection, f"SELECT symbol, spec::text FROM {name(Asset)}")
    return {symbol: (msgspec.json.decode(spec),) for symbol, spec in found}


def _live_assets(state: State) -> Facts:
    return {symbol: (_as_json(asset),) for symbol, asset in state.assets.items()}


def _markets(connection: Connection) -> Facts:
    columns = "spec::text, state, state_reason, state_until"
    found = rows(connection, f"SELECT symbol, {columns} FROM {name(Market)}")
    return {symbol: (msgspec.json.decode(spec), *state) for symbol, spec, *state in found}


def _live_markets(state: State) -> Facts:
    return {
        symbol: (
            _as_json(listed.market),
            listed.state,
            listed.reason,
            _as_time(until_ns(listed)),
        )
        for symbol, listed in state.markets.items()
    }


def _settings(connection: Connection) -> Facts:
    columns = ", ".join(("owner_id", *ACCOUNT_FIELDS))
    found = rows(connection, f"SELECT account_id, {columns} FROM {name(AccountSettings)}")
    return {row[0]: row[1:] for row in found}


def _live_settings(state: State) -> Facts:
    return {
        number: (account.owner, *(getattr(account, field) for field in ACCOUNT_FIELDS))
        for number, account in state.accounts.items()
    }


def _statuses(connection: Connection) -> Facts:
    sql = f"SELECT account_id, status FROM {name(AccountRisk)} WHERE status <> 'Healthy'"
    return {row[0]: row[1:] for row in rows(connection, sql)}


def _live_statuses(state: State) -> Facts:
    return {
        number: (account.margin_status,)
        for number, account in state.accounts.items()
        if account.margin_status is not MarginStatus.HEALTHY
    }


def _liquidations(connection: Connection) -> Facts:
    sql = f"SELECT account_id, sequence FROM {name(Liquidation)} WHERE ended_at IS NULL"
    return {row[0]: row[1:] for row in rows(connection, sql)}


def _live_liquidations(state: State) -> Facts:
    return {number: (case.sequence,) for number, case in state.liquidations.items()}


def _backstops(connection: Connection) -> Facts:
    columns = "account_id, market, minute_micros, hour_micros"
    sql = f"SELECT {columns} FROM {name(Backstop)} WHERE minute_micros <> 0"
    return {row[:2]: whole(row[2:]) for row in rows(connection, sql)}


def _live_backstops(state: State) -> Facts:
    return {
        (number, market): (offer.minute_micros, offer.hour_micros)
        for market, offers in state.backstops.items()
        for number, offer in offers.items()
    }


def _allowances(connection: Connection) -> Facts:
    columns = "spend_micros, loss_micros, day, spent_micros, base_micros, is_stopped"
    sql = (
        f"SELECT account_id, member_id, {columns} FROM {name(MemberAllowance)} "
        "WHERE spend_micros IS NOT NULL OR loss_micros IS NOT NULL"
    )
    return {
        row[:2]: (*row[2:5], int(row[5]), None if row[6] is None else int(row[6]), row[7])
        for row in rows(connection, sql)
    }


def _live_allowances(state: State) -> Facts:
    return {
        (number, member): tuple(getattr(one, field) for field in ALLOWANCE_FIELDS)
        for number, account in state.accounts.items()
        for member, one in account.allowances.items()
    }


def _as_json(spec: msgspec.Struct) -> Any:
    return msgspec.json.decode(msgspec.json.encode(spec))


def _as_time(at_ns: int | None) -> datetime | None:
    """Return a time as PostgreSQL keeps it: in whole microseconds."""
    if at_ns is None:
        return None
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at_ns // 1_000)


TABLES: tuple[Table, ...] = (
    ("assets", _assets, _live_assets),
    ("markets", _markets, _live_markets),
    ("account settings", _settings, _live_settings),
    ("margin statuses", _statuses, _live_statuses),
    ("liquidations under way", _liquidations, _live_liquidations),
    ("backstops", _backstops, _live_backstops),
    ("members' limits", _allowances, _live_allowances),
)
