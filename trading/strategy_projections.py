"""Strategies, as rows from the engine's events."""

import msgspec

from engine import events
from engine.kinds import StrategyStatus, StrategyTerms
from gateway.tables import Handlers, Rows, Table
from trading.models import Strategy

_TERMS = (
    *("id", "account_id", "market", "side", "price_ticks", "lots"),
    *("duration_ms", "interval_ms", "randomized"),
    *("time_in_force", "self_trade_prevention", "post_only", "reduce_only"),
    *("slippage", "client_id", "created_at"),
)
_PROGRESS = ("status", "executed_lots", "executed_quote_atoms", "reason", "updated_at")
STRATEGIES = Table(Strategy, (*_TERMS, *_PROGRESS), key=("id",), keep=_TERMS)


def strategy_created(rows: Rows, event: events.StrategyCreated, sequence: int, at_ns: int) -> None:
    """Add the strategy; nothing of it is executed yet."""
    progress = (StrategyStatus.RUNNING, 0, 0, None, at_ns)
    rows.put(STRATEGIES, event.terms.strategy_id, (*_terms(event.terms), *progress))


def strategy_changed(rows: Rows, event: events.StrategyChanged, sequence: int, at_ns: int) -> None:
    """Set how far the strategy has come."""
    done = (event.executed_lots, event.executed_quote_atoms)
    progress = (event.status, *done, event.reason, at_ns)
    rows.put(STRATEGIES, event.terms.strategy_id, (*_terms(event.terms), *progress))


def _terms(terms: StrategyTerms) -> tuple[object, ...]:
    command = terms.command
    slippage = command.slippage
    return (
        terms.strategy_id,
        command.account,
        command.market,
        command.side,
        command.price_ticks,
        command.lots,
        command.duration_ms,
        command.interval_ms,
        command.randomized,
        command.time_in_force,
        command.self_trade_prevention,
        command.post_only,
        command.reduce_only,
        None if slippage is None else msgspec.json.encode(slippage).decode(),
        command.client_id,
        terms.created_at_ns,
    )


HANDLERS: Handlers = {
    events.StrategyCreated: strategy_created,
    events.StrategyChanged: strategy_changed,
}
