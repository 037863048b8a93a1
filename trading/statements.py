"""An account's statement of a month: opening balance + every movement = closing balance.

The movements come from what happened (fills, settlements, interest lines and the rest, flows.py);
the closing balance from what the engine says the account holds. So the sum is a proof, and one
that fails is an error and no page.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import NamedTuple

from lending.interest_lines import accounted_until
from lending.models import DebtWriteOff
from trading.flows import DaySum, Flow, Held, Kind, day_sums, held_at, memo_sums
from trading.settlement_models import StatementClose

NOTHING = Held(0, 0, 0)


class StatementWrong(Exception):
    """The movements of an account do not lead to what it holds; no statement may be shown."""

    def __init__(self, account: int, month: date, differences: dict[str, int]) -> None:
        self.differences = differences
        words = ", ".join(f"{atoms} atoms of {asset}" for asset, atoms in differences.items())
        super().__init__(f"statement {month:%Y-%m} of account {account} is off by {words}")


class Movement(NamedTuple):
    """All of one kind, asset and market in the span, in atoms."""

    kind: str
    market: str
    amount: int


class AssetStatement(NamedTuple):
    """One asset; `opening` + Σ `movements` = `closing`, in atoms."""

    asset: str
    opening: int
    movements: list[Movement]
    held: Held

    @property
    def closing(self) -> int:
        return self.held.total


class Statement(NamedTuple):
    """A month of an account, or the part of it whose hours have closed."""

    account: int
    month: date
    start: datetime
    end: datetime
    is_final: bool
    is_whole: bool
    assets: list[AssetStatement]
    days: list[DaySum]
    position_interest: list[Flow]
    # Assets in which lenders bore a debt that was written off: interest is what is left after it.
    bad_debts: list[str]


def statement(account: int, month: date) -> Statement:
    """Return the account's statement of a month that has begun, up to the last closed hour.

    Raises StatementWrong if it does not add up, to the atom.
    """
    start, until = month_start(month), accounted_until()
    assert until is not None and start < until, f"{month} has no closed hour"
    end = min(month_start(next_month(month)), until)
    close = StatementClose.objects.filter(account_id=account, month=month).first()
    opening = _opening(account, month)
    days = day_sums(account, start=start, end=end)
    closing = held_at(account, end) if close is None else _balances(close)
    _prove(account, month, opening, days, closing)
    return Statement(
        account=account,
        month=month,
        start=start,
        end=end,
        is_final=close is not None,
        is_whole=end == month_start(next_month(month)),
        assets=_by_asset(opening, days, closing),
        days=days,
        position_interest=memo_sums(account, start=start, end=end),
        bad_debts=_bad_debts(start, end),
    )


def months(first: datetime) -> list[date]:
    """Return the months of which a statement can be had, the latest first."""
    until = accounted_until()
    found: list[date] = []
    month = date(first.year, first.month, 1)
    while until is not None and month_start(month) < until:
        found.append(month)
        month = next_month(month)
    return found[::-1]


def month_start(month: date) -> datetime:
    """Return the first moment of a month, in UTC."""
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def next_month(month: date) -> date:
    """Return the first day of the month after.

    >>> next_month(date(2026, 12, 1))
    datetime.date(2027, 1, 1)
    """
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _opening(account: int, month: date) -> dict[str, int]:
    """Return the totals of the last close before the month, and all that came since; or from 0."""
    closes = StatementClose.objects.filter(account_id=account, month__lt=month)
    close = closes.order_by("-month").first()
    totals: dict[str, int] = defaultdict(int)
    since = None
    if close is not None:
        since = month_start(next_month(close.month))
        totals.update({asset: held.total for asset, held in _balances(close).items()})
    if since != month_start(month):
        for flow in day_sums(account, start=since, end=month_start(month)):
            totals[flow.asset] += flow.amount
    return totals


def _bad_debts(start: datetime, end: datetime) -> list[str]:
    rows = DebtWriteOff.objects.filter(at__gte=start, at__lt=end, lenders__gt=0)
    return sorted(set(rows.values_list("asset", flat=True)))


def _prove(
    account: int,
    month: date,
    opening: dict[str, int],
    days: Iterable[DaySum],
    closing: dict[str, Held],
) -> None:
    totals = defaultdict(int, opening)
    for flow in days:
        totals[flow.asset] += flow.amount
    differences = {
        asset: totals[asset] - closing.get(asset, NOTHING).total
        for asset in sorted({*totals, *closing})
        if totals[asset] != closing.get(asset, NOTHING).total
    }
    if differences:
        raise StatementWrong(account, month, differences)


def _by_asset(
    opening: dict[str, int], days: Iterable[DaySum], closing: dict[str, Held]
) -> list[AssetStatement]:
    order = [kind.value for kind in Kind]
    sums: dict[str, dict[tuple[int, str], int]] = defaultdict(lambda: defaultdict(int))
    for flow in days:
        sums[flow.asset][order.index(flow.kind), flow.market] += flow.amount
    return [
        AssetStatement(
            asset=asset,
            opening=opening.get(asset, 0),
            movements=[
                Movement(order[kind], market, amount)
                for (kind, market), amount in sorted(sums[asset].items())
                if amount
            ],
            held=closing.get(asset, NOTHING),
        )
        for asset in sorted({*opening, *closing, *sums})
        if opening.get(asset) or sums.get(asset) or closing.get(asset, NOTHING) != NOTHING
    ]


def _balances(close: StatementClose) -> dict[str, Held]:
    return {asset: Held(*map(int, amounts)) for asset, amounts in close.balances.items()}
