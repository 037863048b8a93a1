"""Equity by the hour: the points of every account, written once an hour has closed.

A point is a function of rows that never change (holdings.py), so it is the same however late it is
written, and hours are written in order, each for all accounts or, after a crash, again. An hour has
closed when every pool that lends has told its indexes at its end or later.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from accounts.assets import assets
from accounts.models import Balance
from lending.interest_lines import closed_until
from trading.equity_models import AssetPoint, EquityHour, EquityPoint
from trading.holdings import Open, holdings
from trading.worth import Figures, Prices, figures_of, prices_at, total

HOUR = timedelta(hours=1)
# After a long silence the next run goes on where this one ends.
HOURS_AT_ONCE = 200
ACCOUNTS_AT_ONCE = 1_000
# A volume of thirty days is looked up by the hour. Assets are looked at by the day, and from the
# account's last point on, which is repeated at midnight: both are longer than a day.
HOURS_KEPT = timedelta(days=35)
ASSET_HOURS_KEPT = timedelta(days=2)


class Standing(NamedTuple):
    """An account at a moment: its figures by asset, and what it has traded, in micros.

    `positions` are not kept with points: they are known of now only.
    """

    at: datetime | None
    assets: dict[str, Figures]
    volume: int
    positions: Sequence[Open] = ()

    @property
    def whole(self) -> Figures:
        return total(self.assets.values())


_COSTS = ("fees", "funding", "interest")
NEVER = Standing(None, {}, 0)


def write_closed_hours() -> dict[datetime, int]:
    """Write the points of each hour that has closed, in order; return how many accounts by hour."""
    until = closed_until([asset.symbol for asset in assets().values() if asset.lendable])
    last = last_hour()
    written: dict[datetime, int] = {}
    # The history of an exchange begins with the hour that closed last; its first points have all
    # that came before.
    at = until if last is None else last + HOUR
    while until is not None and at is not None and at <= until and len(written) < HOURS_AT_ONCE:
        written[at] = _write(at, since=last)
        last, at = at, at + HOUR
    return written


def last_hour() -> datetime | None:
    """Return the last hour at which every account's points are written."""
    found: datetime | None = EquityHour.objects.aggregate(last=Max("at"))["last"]
    return found


def standings(accounts: Sequence[int], at: datetime | None) -> dict[int, Standing]:
    """Return the last points of accounts up to a moment; `NEVER` of one that has none by then."""
    found = dict.fromkeys(accounts, NEVER)
    if at is None:
        return found
    with connection.cursor() as cursor:
        cursor.execute(_LAST_POINTS, {"accounts": list(accounts), "at": at})
        for account, point_at, volume, asset, *figures in cursor.fetchall():
            one = found[account]
            if one.at is None:
                one = found[account] = Standing(point_at, {}, int(volume))
            if asset is not None:
                one.assets[asset] = Figures(*map(int, figures))
    return found


_LAST_POINTS = f"""
    SELECT last.account_id, last.at, last.volume, part.asset,
           {", ".join(f"part.{name}" for name in Figures._fields)}
    FROM unnest(%(accounts)s::bigint[]) AS named (account_id)
    CROSS JOIN LATERAL (
        SELECT account_id, at, volume FROM {EquityPoint._meta.db_table} AS p
        WHERE p.account_id = named.account_id AND p.at <= %(at)s ORDER BY p.at DESC LIMIT 1
    ) AS last
    LEFT JOIN {AssetPoint._meta.db_table} AS part
        ON part.account_id = last.account_id AND part.at = last.at"""  # noqa: S608 -- models' names


def stand(
    accounts: Sequence[int],
    prices: Prices,
    *,
    since: datetime | None,
    at: datetime | None = None,
) -> dict[int, Standing]:
    """Return how accounts stand at a closed hour, or now (None).

    Args:
        since: an hour at which all points are written, or None before the first.
    """
    return _after(standings(accounts, since), prices, since=since, at=at)


def _after(
    before: Mapping[int, Standing], prices: Prices, *, since: datetime | None, at: datetime | None
) -> dict[int, Standing]:
    now = {}
    for account, found in holdings(list(before), since=since, at=at).items():
        figures, volume = figures_of(found, prices, before[account].assets)
        volume += before[account].volume
        now[account] = Standing(at, figures, volume, found.positions)
    return now


def _write(at: datetime, *, since: datetime | None) -> int:
    prices, count = prices_at(at), 0
    rows = Balance.objects.order_by("account_id").values_list("account_id", flat=True)
    everybody = list(rows.distinct())
    for first in range(0, len(everybody), ACCOUNTS_AT_ONCE):
        accounts = everybody[first : first + ACCOUNTS_AT_ONCE]
        count += _write_points(accounts, prices, since=since, at=at)
    with transaction.atomic():
        _forget(at)
        # Two at once write the same points; the first has marked the hour.
        row = EquityHour(at=at, accounts=count, written_at=timezone.now())
        EquityHour.objects.bulk_create([row], ignore_conflicts=True)
    return count


def _write_points(
    accounts: Sequence[int], prices: Prices, *, since: datetime | None, at: datetime
) -> int:
    before = standings(accounts, since)
    now = {
        account: one
        for account, one in _after(before, prices, since=since, at=at).items()
        if _is_told(one, before[account], at)
    }
    with transaction.atomic():
        EquityPoint.objects.bulk_create(_points(now), ignore_conflicts=True, batch_size=5_000)
        AssetPoint.objects.bulk_create(_asset_points(now), ignore_conflicts=True, batch_size=5_000)
    return len(now)


def _is_told(now: Standing, before: Standing, at: datetime) -> bool:
    """Tell whether an account gets a point: it holds something, or did, or something happened.

    What a day has left of an account that is empty is kept at its end: hours are forgotten.
    """
    if any(one.net_atoms or one.worth for one in now.assets.values()):
        return True
    if (now.assets, now.volume) != (before.assets, before.volume):
        return True
    return is_midnight(at) and before.at is not None and not is_midnight(before.at)


def is_midnight(at: datetime) -> bool:
    """Tell whether a whole hour (UTC) begins a day."""
    return at.hour == 0


def _points(now: Mapping[int, Standing]) -> Iterable[EquityPoint]:
    for account, one in now.items():
        whole = one.whole._asdict()
        figures = {name: whole[name] for name in ("unrealized", "inflow", *_COSTS)}
        figures |= {"equity": whole["worth"], "volume": one.volume}
        yield EquityPoint(**_key(account, one), **figures)


def _asset_points(now: Mapping[int, Standing]) -> Iterable[AssetPoint]:
    for account, one in now.items():
        for asset, figures in one.assets.items():
            yield AssetPoint(**_key(account, one), asset=asset, **figures._asdict())


def _key(account: int, one: Standing) -> dict[str, Any]:
    assert one.at is not None, "a point has a time"
    return {"account_id": account, "at": one.at, "is_day": is_midnight(one.at)}


def _forget(at: datetime) -> None:
    """Forget the hours that are too old now; each hour that is written forgets one of each."""
    EquityPoint.objects.filter(at=at - HOURS_KEPT, is_day=False).delete()
    AssetPoint.objects.filter(at=at - ASSET_HOURS_KEPT, is_day=False).delete()
    EquityHour.objects.filter(at__lt=at - HOURS_KEPT).delete()
