"""A statement as CSV: every movement on its own line, with the balance after it.

Times are UTC, amounts exact decimals. Interest stands at the beginning of its hour. What a position
has earned is in `position_interest`, apart from the amounts: it is no part of a balance yet.
"""

from collections.abc import Iterator
from datetime import datetime

from accounts.assets import decimals_of
from gateway.decimals import format_padded
from trading.csv_lines import lines, time_cell
from trading.flows import Flow, stream
from trading.statements import Statement

HEADINGS = (
    *("time", "account", "kind", "asset", "amount", "balance"),
    *("position_interest", "market", "position", "reference"),
)


def csv_lines(statement: Statement) -> Iterator[str]:
    """Yield the statement line by line: opening balances, movements, closing balances."""
    yield from lines(HEADINGS, _rows(statement))


def _rows(statement: Statement) -> Iterator[tuple[str, ...]]:
    balances = {asset.asset: asset.opening for asset in statement.assets}
    account = str(statement.account)
    for asset, atoms in balances.items():
        yield _balance_row(statement.start, account, "Opening balance", asset, atoms)
    for flow, memo in stream(statement.account, start=statement.start, end=statement.end):
        amount = format_padded(flow.amount, decimals_of(flow.asset))
        if memo:
            figures = ("", "", amount)
        else:
            balances[flow.asset] += flow.amount
            figures = (amount, format_padded(balances[flow.asset], decimals_of(flow.asset)), "")
        yield (time_cell(flow.at), account, flow.kind, flow.asset, *figures, *_where(flow))
    for asset, atoms in balances.items():
        yield _balance_row(statement.end, account, "Closing balance", asset, atoms)


def _balance_row(at: datetime, account: str, kind: str, asset: str, atoms: int) -> tuple[str, ...]:
    balance = format_padded(atoms, decimals_of(asset))
    return (time_cell(at), account, kind, asset, "", balance, "", "", "", "")


def _where(flow: Flow) -> tuple[str, str, str]:
    position = str(flow.position_id) if flow.position_id else ""
    return flow.market, position, flow.reference
