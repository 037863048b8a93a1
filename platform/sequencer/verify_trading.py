"""What is open, as the tables have it and as a replay does: orders, quotes, positions."""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

from engine.state import State
from sequencer.database import Connection
from sequencer.verify_facts import Facts, Table, name, rows, whole
from trading.models import LIVE_STATUSES, RUNNING, Order, Position, Strategy
from trading.rfq_models import RfqQuote, RfqRequest


def _open_orders(connection: Connection) -> Facts:
    statuses = ", ".join(f"'{status}'" for status in LIVE_STATUSES)
    sql = (
        "SELECT id, account_id, market, side, lots_open, executed_lots, executed_quote_atoms, "
        "CASE WHEN status = 'TriggerPending' THEN fires_above END "
        f"FROM {name(Order)} WHERE status IN ({statuses})"
    )
    return {row[0]: (*row[1:6], int(row[6]), row[7]) for row in rows(connection, sql)}


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
        f"FROM {name(Strategy)} WHERE status = '{RUNNING}'"
    )
    return {row[0]: (*row[1:5], int(row[5])) for row in rows(connection, sql)}


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
    sql = f"SELECT id, account_id, market, side FROM {name(RfqRequest)} WHERE status = 'New'"
    return {row[0]: row[1:] for row in rows(connection, sql)}


def _live_rfqs(state: State) -> Facts:
    return {
        number: (rfq.terms.account, rfq.terms.market, rfq.terms.side)
        for number, rfq in state.rfqs.items()
    }


def _open_quotes(connection: Connection) -> Facts:
    columns = "rfq_id, account_id, bid_ticks, ask_ticks"
    sql = f"SELECT id, {columns} FROM {name(RfqQuote)} WHERE status = 'New'"
    return {row[0]: row[1:] for row in rows(connection, sql)}


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
        f"FROM {name(Position)} WHERE lots <> 0 OR quote_atoms <> 0"
    )
    return {(row[0], row[1]): whole(row[2:]) for row in rows(connection, sql)}


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


TABLES: tuple[Table, ...] = (
    ("open orders", _open_orders, _live_orders),
    ("running strategies", _running_strategies, _live_strategies),
    ("requests for quote", _open_rfqs, _live_rfqs),
    ("quotes", _open_quotes, _live_quotes),
    ("positions", _open_positions, _live_positions),
)
