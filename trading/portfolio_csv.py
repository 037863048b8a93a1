"""The tables of a portfolio as CSV: exact, account by account. The page rounds, these do not.

Amounts are USD with six decimals, or units of the asset with all of its decimals; times are UTC.
`net_inflow` is deposits less withdrawals and transfers; `from_other_assets` what came from other
assets of the same account.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from accounts.assets import decimals_of
from accounts.models import Account
from engine.units import PPB
from gateway.decimals import format_decimal, format_padded
from trading.consolidated import Margin, Portfolio, steps_of_each
from trading.csv_lines import lines, time_cell
from trading.equity_history import Change

_CHANGE = (
    *("opening", "net_inflow", "from_other_assets", "trading", "fees", "funding", "interest"),
    *("profit", "closing"),
)
_WHO = ("account", "name")
_PPB_DECIMALS = len(str(PPB)) - 1

Names = Mapping[int, Account]
Rows = Iterator[tuple[str, ...]]


def accounts_csv(found: Portfolio, names: Names, at: datetime) -> Iterator[str]:
    """Yield each account: as it stands now, and what became of it in the span."""
    now = ("equity_now", "unrealized_now", "margin_equity", "margin_used", "leverage", "status")
    headings = (*_WHO, "from", "until", *_CHANGE, "at", *now)

    def rows() -> Rows:
        for part in found.accounts:
            equity, open_profit = _usd(part.equity), _usd(part.unrealized)
            yield (
                *_who(part.account, names),
                *_span(found, at),
                *_change(part.change),
                *(time_cell(at), equity, open_profit, *_margin(part.margin)),
            )

    return lines(headings, rows())


def assets_csv(found: Portfolio, names: Names, at: datetime) -> Iterator[str]:
    """Yield what became of each asset of each account."""

    def rows() -> Rows:
        for part in found.assets_of_each:
            who = _who(part.account, names)
            yield (*who, part.asset, *_span(found, at), *_change(part.change))

    return lines((*_WHO, "asset", "from", "until", *_CHANGE), rows())


def exposure_csv(found: Portfolio, names: Names, at: datetime) -> Iterator[str]:
    """Yield what each account holds of each asset now, in balances and in perpetuals."""

    def rows() -> Rows:
        for row in found.exposure_of_each:
            decimals = decimals_of(row.asset)
            atoms = (row.net, row.perps, row.net + row.perps)
            units = [format_padded(amount, decimals) for amount in atoms]
            yield (*_who(row.account, names), time_cell(at), row.asset, *units, _usd(row.value))

    return lines((*_WHO, "at", "asset", "balance", "perpetuals", "exposure", "value"), rows())


def days_csv(found: Portfolio, names: Names, at: datetime) -> Iterator[str]:
    """Yield the days of each account in which it held something."""

    def rows() -> Rows:
        for day in steps_of_each(found, at=at):
            yield (*_who(day.account, names), time_cell(day.at), *_change(day.change))

    return lines((*_WHO, "until", *_CHANGE), rows())


TABLES: Mapping[str, Callable[[Portfolio, Names, datetime], Iterator[str]]] = {
    "accounts": accounts_csv,
    "assets": assets_csv,
    "exposure": exposure_csv,
    "days": days_csv,
}


def _who(account: int, names: Names) -> tuple[str, str]:
    return str(account), names[account].name


def _span(found: Portfolio, at: datetime) -> tuple[str, str]:
    return time_cell(found.span.start), time_cell(found.span.end or at)


def _change(change: Change) -> list[str]:
    amounts = (
        *(change.opening, change.inflow, change.moved, change.trading),
        *(change.fees, change.funding, change.interest, change.result, change.closing),
    )
    return [_usd(amount) for amount in amounts]


def _margin(margin: Margin | None) -> tuple[str, str, str, str]:
    if margin is None:
        return "", "", "", ""
    used, leverage = (
        "" if value is None else format_decimal(value, _PPB_DECIMALS)
        for value in (margin.used_ppb, margin.leverage_ppb)
    )
    return _usd(margin.equity), used, leverage, margin.status


def _usd(micros: int) -> str:
    return format_padded(micros, 6)
