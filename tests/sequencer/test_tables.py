"""Projections name the columns their models have, all of them."""

import accounts.projections
import lending.projections
import trading.projections
from gateway.tables import Table
from sequencer.journal import JOURNAL


def test_every_column_a_row_needs_is_written() -> None:
    tables = [JOURNAL]
    for app in (accounts.projections, trading.projections, lending.projections):
        tables += [value for value in vars(app).values() if isinstance(value, Table)]
    assert len(tables) == 27
    for table in tables:
        needed = {
            field.column
            for field in table.model._meta.concrete_fields
            if not (field.primary_key and field.get_internal_type() == "BigAutoField")
        }
        if table is trading.projections.MARKET_STATES:
            assert set(table.columns) < needed
        else:
            assert set(table.columns) - {"id"} == needed - {"id"}, table.name
