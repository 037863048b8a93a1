"""The tables of the portfolio's page, as text to look at; cents.py says how it is rounded."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from accounts.assets import decimals_of
from accounts.models import Account
from engine.units import PPB
from gateway.decimals import format_decimal, format_padded, group_digits
from trading.cents import cents, cents_of, cents_of_days
from trading.consolidated import AccountPart, Exposure, Portfolio
from trading.equity_history import Change

# So many accounts are shown one by one, the largest first; the CSV has all.
ACCOUNTS_SHOWN = 100
# And so many days, the latest.
DAYS_SHOWN = 31
_INSTANT = timedelta(microseconds=1)


class Amount(NamedTuple):
    """Dollars and cents; `tone` is up, down or nothing."""

    text: str
    tone: str


class Row(NamedTuple):
    """What became of something in the span. `number` is an account, `colour` its own."""

    name: str
    number: int | None
    colour: str | None
    opening: Amount
    inflow: Amount
    moved: Amount
    trading: Amount
    fees: Amount
    funding: Amount
    interest: Amount
    result: Amount
    closing: Amount


class AccountRow(NamedTuple):
    """An account as it stands now."""

    name: str
    number: int
    colour: str | None
    equity: Amount
    unrealized: Amount
    used: str
    leverage: str
    status: str
    level: str


class ExposureRow(NamedTuple):
    asset: str
    net: str
    perps: str
    total: str
    value: Amount


def account_rows(found: Portfolio, accounts: Mapping[int, Account]) -> list[AccountRow]:
    """Return the largest accounts as they stand."""
    return [_account_row(part, accounts[part.account]) for part in _largest(found)[0]]


def change_rows(found: Portfolio, accounts: Mapping[int, Account]) -> list[Row]:
    """Return what became of the largest accounts, and of all others together."""
    shown, rest = _largest(found)
    changes = [part.change for part in shown]
    if rest:
        changes.append(Change(*map(sum, zip(*(part.change for part in rest), strict=True))))
    rows = []
    for number, change in enumerate(cents_of(changes)):
        if number < len(shown):
            account = accounts[shown[number].account]
            rows.append(_row(account.name, change, number=account.pk, colour=account.colour))
        else:
            rows.append(_row(f"{len(rest):,} other accounts", change))
    return rows


def asset_rows(found: Portfolio) -> list[Row]:
    """Return what became of each asset."""
    changes = cents_of([part.change for part in found.assets])
    return [_row(part.asset, row) for part, row in zip(found.assets, changes, strict=True)]


def day_rows(found: Portfolio) -> list[Row]:
    """Return the latest days, the last first, and those before them together.

    A day under way ends with what there is.
    """
    shown, early = found.days[-DAYS_SHOWN:], found.days[:-DAYS_SHOWN]
    changes = [day.change for day in shown]
    names = [(day.at - _INSTANT).date().isoformat() for day in shown]
    if early:
        flows = zip(*(day.change[2:] for day in early), strict=True)
        before = (early[0].change.opening, early[-1].change.closing)
        changes.insert(0, Change(*before, *map(sum, flows)))
        names.insert(0, f"{len(early):,} days before")
    rows = [_row(name, row) for name, row in zip(names, cents_of_days(changes), strict=True)]
    return rows[::-1]


def total_row(found: Portfolio) -> Row:
    """Return what became of everything: the last row of each table."""
    (change,) = cents_of([found.change])
    return _row("All", change)


def exposure_rows(found: Portfolio) -> list[ExposureRow]:
    """Return the exposures, the largest value of either side first."""
    rows = sorted(found.exposure, key=lambda row: (-abs(row.value), row.asset))
    return [_exposure_row(row) for row in rows]


def dollars(micros: int) -> Amount:
    """Return an amount in USD × 1e6 to the cent, rounded down."""
    return _amount(cents(micros))


def _largest(found: Portfolio) -> tuple[Sequence[AccountPart], Sequence[AccountPart]]:
    if len(found.accounts) <= ACCOUNTS_SHOWN:
        return found.accounts, ()
    by_size = sorted(found.accounts, key=lambda part: -abs(part.equity))
    return by_size[: ACCOUNTS_SHOWN - 1], by_size[ACCOUNTS_SHOWN - 1 :]


def _row(name: str, change: Change, *, number: int | None = None, colour: str | None = None) -> Row:
    return Row(
        name=name,
        number=number,
        colour=colour,
        opening=_amount(change.opening),
        inflow=_amount(change.inflow),
        moved=_amount(change.moved),
        trading=_amount(change.trading),
        fees=_amount(change.fees),
        funding=_amount(change.funding),
        interest=_amount(change.interest),
        result=_amount(change.result),
        closing=_amount(change.closing),
    )


def _account_row(part: AccountPart, account: Account) -> AccountRow:
    margin = part.margin
    used = margin.used_ppb if margin else None
    leverage = margin.leverage_ppb if margin else None
    status = margin.status if margin else ""
    return AccountRow(
        name=account.name,
        number=account.pk,
        colour=account.colour,
        equity=dollars(part.equity),
        unrealized=dollars(part.unrealized),
        used="–" if used is None else _percent(used),
        leverage="–" if leverage is None else f"{_hundredths(leverage)}×",
        status={"MarginCall": "Margin call"}.get(status, status or "Being opened"),
        level={"Healthy": "calm", "Low": "busy"}.get(status, "high" if status else "calm"),
    )


def _exposure_row(row: Exposure) -> ExposureRow:
    decimals = decimals_of(row.asset)

    def units(atoms: int) -> str:
        return group_digits(format_decimal(atoms, decimals))

    total = row.net + row.perps
    return ExposureRow(
        row.asset, units(row.net), units(row.perps), units(total), dollars(row.value)
    )


def _amount(amount_cents: int) -> Amount:
    tone = "up" if amount_cents > 0 else "down" if amount_cents < 0 else ""
    return Amount(group_digits(format_padded(amount_cents, 2)), tone)


def _percent(value_ppb: int) -> str:
    """Return a part as per cent with one decimal, rounded up."""
    return f"{format_padded(-(-value_ppb // (PPB // 1_000)), 1)}%"


def _hundredths(value_ppb: int) -> str:
    """Return a factor with two decimals, rounded up."""
    return format_padded(-(-value_ppb // (PPB // 100)), 2)
