"""Projections name the columns their models have, all of them."""

import accounts.projections
import lending.projections
import trading.projections
from gateway.tables import Table
from sequencer.journal import JOURNAL
from trading import history_projections, order_projections, risk_projections, strategy_projections

# These only change rows that are there.
CHANGES = (
    trading.projections.MARKET_STATES,
    trading.projections.MARKET_SPECS,
    order_projections.ORDER_CHANGES,
    order_projections.TRIGGERED,
    history_projections.CLOSED_INTEREST,
    risk_projections.LIQUIDATION_ENDS,
)


def test_every_column_a_row_needs_is_written() -> None:
    tables = [JOURNAL]
    modules = (
        accounts.projections,
        trading.projections,
        order_projections,
        history_projections,
        strategy_projections,
        risk_projections,
        lending.projections,
    )
    for app in modules:
        tables += [value for value in vars(app).values() if isinstance(value, Table)]
    assert len(tables) == 45
    for table in tables:
        needed = {
            field.column
            for field in table.model._meta.concrete_fields
            if not (field.primary_key and field.get_internal_type() == "BigAutoField")
        }
        if table in CHANGES:
            assert set(table.columns) < needed
        else:
            assert set(table.columns) - {"id"} == needed - {"id"}, table.name
