"""All accounts of an owner together: what they are worth, at risk, exposed to, and have won.

The accounts of an owner are margin accounts of their own: what one has is no collateral of another.
Amounts are in micros of a dollar and atoms; trading/worth.py says what the figures mean. However
many accounts there are, each table is read once.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from accounts.models import AccountSettings
from engine.kinds import MarginStatus
from engine.margin import MarginType, health
from engine.state import State
from engine.units import PPB, AccountId, div_ceil
from trading import equity_history
from trading.account_states import add_accounts, market_state
from trading.equity_history import Change, Step, change_of
from trading.equity_points import Standing, last_hour, stand, standings
from trading.holdings import Open
from trading.risk_models import AccountRisk
from trading.spans import Span
from trading.worth import NOTHING, Prices, prices_of

VOLUME_SPAN = timedelta(days=30)
# A short span has its hours too, as long as these are not too many points to add up.
HOURLY_DAYS = 7
HOURLY_POINTS_MAX = 50_000


class Margin(NamedTuple):
    """An account's margin, by the engine's rules: with haircuts, and orders at their worst.

    `used_ppb` is the part of the equity that initial margin takes, rounded up; `leverage_ppb`
    exposure over equity. Null where there is no equity.
    """

    status: str
    equity: int
    free: int
    used_ppb: int | None
    leverage_ppb: int | None


class AccountPart(NamedTuple):
    """One account: its equity now, and what became of it in the span."""

    account: int
    equity: int
    unrealized: int
    margin: Margin | None
    change: Change


class AssetPart(NamedTuple):
    """One asset of one account or, with account 0, of all."""

    account: int
    asset: str
    change: Change


class Exposure(NamedTuple):
    """What an account, or all (0), gains when an asset's price rises by one dollar.

    `net` is balances with lends, less debts; `perps` what positions come to, both in atoms. `value`
    is balances at the index and positions at the mark.
    """

    account: int
    asset: str
    net: int
    perps: int
    value: int


class Portfolio(NamedTuple):
    """The accounts together.

    `history_from` is when their points begin, `written` the last hour that has them; None: none
    yet. What came after it is counted too.
    """

    span: Span
    equity: int
    unrealized: int
    volume: int
    history_from: datetime | None
    written: datetime | None
    change: Change
    accounts: list[AccountPart]
    assets: list[AssetPart]
    assets_of_each: list[AssetPart]
    exposure: list[Exposure]
    exposure_of_each: list[Exposure]
    # Of all accounts together; the last may be under way.
    days: list[Step]
    # Equity at each hour of a short span.
    hours: list[tuple[datetime, int]]


class _Moment(NamedTuple):
    """The accounts now, all from the same rows, and the last hour that is written."""

    at: datetime
    state: State
    prices: Prices
    since: datetime | None
    now: Mapping[int, Standing]


def portfolio(accounts: Sequence[int], span: Span, *, at: datetime) -> Portfolio:
    """Return all that the page shows of accounts.

    Args:
        at: now.
    """
    moment = _moment(accounts, at)
    before = standings(accounts, _written(span.start, moment.since))
    after = moment.now
    if span.end is not None:
        after = standings(accounts, _written(span.end, moment.since))
    margins = _margins(moment.state, accounts)
    parts = [
        AccountPart(
            account=account,
            equity=moment.now[account].whole.worth,
            unrealized=moment.now[account].whole.unrealized,
            margin=margins.get(account),
            change=change_of(before[account].whole, after[account].whole),
        )
        for account in accounts
    ]
    assets_of_each = [
        row for account in accounts for row in _assets(account, before[account], after[account])
    ]
    exposure_of_each = [row for account in accounts for row in _exposures(account, moment)]
    change = _sum([part.change for part in parts])
    return Portfolio(
        span=span,
        equity=sum(part.equity for part in parts),
        unrealized=sum(part.unrealized for part in parts),
        volume=_volume(accounts, moment),
        history_from=equity_history.first_at(accounts),
        written=moment.since,
        change=change,
        accounts=parts,
        assets=_assets_together(assets_of_each),
        assets_of_each=assets_of_each,
        exposure=_exposure_together(exposure_of_each),
        exposure_of_each=exposure_of_each,
        days=_days(accounts, span, moment, change),
        hours=_hours(accounts, span, moment),
    )


def steps_of_each(found: Portfolio, *, at: datetime, hourly: bool = False) -> list[Step]:
    """Return the days, or hours, of each account in which it held something, in order."""
    accounts = [part.account for part in found.accounts]
    rows = _steps(equity_history.each, accounts, found.span, found.written, hourly=hourly)
    of_account: dict[int, list[Step]] = defaultdict(list)
    for row in rows:
        of_account[row.account].append(row)
    for part in found.accounts:
        rows += _rest(of_account[part.account], part.change, part.account, found.span.end or at)
    return [row for row in rows if any(row.change)]


def hours_together(found: Portfolio, *, at: datetime) -> list[Step]:
    """Return the hours of all accounts together, the running one among them."""
    accounts = [part.account for part in found.accounts]
    rows = _steps(equity_history.together, accounts, found.span, found.written, hourly=True)
    return rows + _rest(rows, found.change, 0, found.span.end or at)


def _steps(
    read: Callable[..., list[Step]],
    accounts: Sequence[int],
    span: Span,
    written: datetime | None,
    *,
    hourly: bool = False,
) -> list[Step]:
    if written is None:
        return []
    end = written if span.end is None else min(span.end, written)
    return read(accounts, start=span.start, end=end, hourly=hourly)


def _moment(accounts: Sequence[int], at: datetime) -> _Moment:
    state = market_state()
    prices, since = prices_of(state), last_hour()
    return _Moment(at, state, prices, since, stand(accounts, prices, since=since))


def _written(wanted: datetime, since: datetime | None) -> datetime | None:
    """Return the moment, or the last hour before it that is written."""
    return None if since is None else min(wanted, since)


def _assets(account: int, before: Standing, after: Standing) -> list[AssetPart]:
    found = []
    for symbol in sorted({*before.assets, *after.assets}):
        old = before.assets.get(symbol, NOTHING)
        change = change_of(old, after.assets.get(symbol, NOTHING))
        if any(change):
            found.append(AssetPart(account, symbol, change))
    return found


def _assets_together(rows: Sequence[AssetPart]) -> list[AssetPart]:
    changes: dict[str, list[Change]] = defaultdict(list)
    for row in rows:
        changes[row.asset].append(row.change)
    return [AssetPart(0, asset, _sum(changes[asset])) for asset in sorted(changes)]


def _exposures(account: int, moment: _Moment) -> list[Exposure]:
    prices, one = moment.prices, moment.now[account]
    perps: dict[str, list[Open]] = defaultdict(list)
    for position in one.positions:
        if position.lots:
            perps[prices.base_of(position.market)].append(position)
    found = []
    for asset in sorted({*one.assets, *perps}):
        net = one.assets.get(asset, NOTHING).net_atoms
        atoms = sum(prices.markets[each.market].base_atoms(each.lots) for each in perps[asset])
        if net or atoms:
            value = prices.balance_micros(asset, net)
            value += sum(prices.notional_micros(position) for position in perps[asset])
            found.append(Exposure(account, asset, net, atoms, value))
    return found


def _exposure_together(rows: Sequence[Exposure]) -> list[Exposure]:
    found: dict[str, Exposure] = {}
    for row in rows:
        sofar = found.get(row.asset, Exposure(0, row.asset, 0, 0, 0))
        found[row.asset] = sofar._replace(
            net=sofar.net + row.net,
            perps=sofar.perps + row.perps,
            value=sofar.value + row.value,
        )
    return [found[asset] for asset in sorted(found)]


def _sum(changes: Sequence[Change]) -> Change:
    return Change(*map(sum, zip(Change(0, 0, 0, 0, 0, 0, 0), *changes, strict=True)))


def _volume(accounts: Sequence[int], moment: _Moment) -> int:
    """Return what all accounts have traded in thirty days, up to the hour."""
    traded = sum(one.volume for one in moment.now.values())
    if moment.since is None:
        return traded
    return traded - equity_history.volume_until(accounts, moment.since - VOLUME_SPAN)


def _days(accounts: Sequence[int], span: Span, moment: _Moment, change: Change) -> list[Step]:
    """Return the days that are written, and what is left of the span: the running day."""
    rows = _steps(equity_history.together, accounts, span, moment.since)
    return rows + _rest(rows, change, 0, span.end or moment.at)


def _rest(rows: Sequence[Step], change: Change, account: int, at: datetime) -> list[Step]:
    """Return what of a change is in none of its days: it came after the last of them."""
    if rows and rows[-1].at == at:
        return []
    flows = zip(change[2:], _sum([row.change for row in rows])[2:], strict=True)
    opening = rows[-1].change.closing if rows else change.opening
    left = Change(opening, change.closing, *(whole - part for whole, part in flows))
    return [Step(account, at, left)]


def _hours(accounts: Sequence[int], span: Span, moment: _Moment) -> list[tuple[datetime, int]]:
    is_long = span.days > HOURLY_DAYS or span.days * 24 * len(accounts) > HOURLY_POINTS_MAX
    if is_long or moment.since is None:
        return []
    end = moment.since if span.end is None else min(span.end, moment.since)
    return equity_history.hours(accounts, start=span.start, end=end)


def _margins(state: State, accounts: Sequence[int]) -> dict[int, Margin]:
    opened = AccountSettings.objects.filter(account_id__in=accounts)
    numbers = list(opened.values_list("account_id", flat=True))
    add_accounts(state, numbers)
    risks = AccountRisk.objects.filter(account_id__in=numbers)
    statuses = dict(risks.values_list("account_id", "status"))
    return {
        number: _margin(state, number, statuses.get(number, MarginStatus.HEALTHY.value))
        for number in numbers
    }


def _margin(state: State, number: int, status: str) -> Margin:
    account = state.accounts[AccountId(number)]
    initial = health(state, account, MarginType.INITIAL)
    kept = health(state, account, MarginType.MAINTENANCE)
    used = initial.equity - initial.free
    exposure = kept.exposure + kept.liabilities_value
    return Margin(
        status=status,
        equity=kept.equity,
        free=max(0, initial.free),
        used_ppb=div_ceil(used * PPB, initial.equity) if initial.equity > 0 else None,
        leverage_ppb=div_ceil(exposure * PPB, kept.equity) if kept.equity > 0 else None,
    )
