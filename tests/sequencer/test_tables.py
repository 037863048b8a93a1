"""Projections name the columns their models have, all of them."""

import accounts.projections
import lending.projections
import trading.order_projections
import trading.projections
from gateway.tables import Table
from sequencer.journal import JOURNAL


def test_every_column_a_row_needs_is_written() -> None:
    tables = [JOURNAL]
    modules = (
        accounts.projections,
        trading.projections,
        trading.order_projections,
        lending.projections,
    )
    for app in modules:
        tables += [value for value in vars(app).values() if isinstance(value, Table)]
    assert len(tables) == 29
    for table in tables:
        needed = {
            field.column
            for field in table.model._meta.concrete_fields
            if not (field.primary_key and field.get_internal_type() == "BigAutoField")
        }
        if table in (
            trading.projections.MARKET_STATES,
            trading.order_projections.ORDER_CHANGES,
            trading.order_projections.TRIGGERED,
        ):
            assert set(table.columns) < needed
        else:
            assert set(table.columns) - {"id"} == needed - {"id"}, table.name
