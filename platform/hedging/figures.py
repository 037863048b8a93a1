"""How desks stand, for the console and the minute's report: from committed rows, no venue asked."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q, Sum
from django.utils import timezone

from hedging import alarms, inventory
from hedging.inventory import Earned
from hedging.models import PAPER, Desk, HedgeFill, HedgeOrder, HedgeReport, InsuredProfit
from hedging.record import holding_of
from trading.catalog import market_named

ZERO = Decimal(0)
REPORTS_KEPT = timedelta(days=90)


class Figures(NamedTuple):
    """One desk as it stands. Quantities in the base asset, all else in USD.

    `delta` is what is not hedged: inventory + hedge. `mark` is None before the first price.
    """

    inventory: Decimal
    hedge: Decimal
    delta: Decimal
    mark: Decimal | None
    delta_usd: Decimal | None
    fees: Decimal
    slippage: Decimal
    hedge_realized: Decimal
    hedge_unrealized: Decimal
    earned: Earned
    insured: Decimal
    is_paper: bool
    last_order: HedgeOrder | None

    @property
    def realized(self) -> Decimal:
        """What hedge and inventory have realized together, after all fees."""
        return self.hedge_realized - self.fees + self.inventory_realized

    @property
    def inventory_realized(self) -> Decimal:
        """What the inventory has realized, after fees and with interest."""
        return self.earned.realized - self.earned.fees + self.earned.interest

    @property
    def unrealized(self) -> Decimal:
        """What is open on both sides, at the mark."""
        return self.hedge_unrealized + self.earned.unrealized

    @property
    def insurable(self) -> Decimal:
        """What of the realized profit has not been put into the insurance; paper makes none."""
        realized = self.inventory_realized if self.is_paper else self.realized
        return max(ZERO, realized - self.insured)


def figures_of(desk: Desk) -> Figures:
    """Return how a desk stands. Its hedge is what the venue held when it was last asked."""
    held = inventory.held(desk.account_id, desk.market)
    point = inventory.mark_of(desk.market)
    mark = point.price if point else None
    holding = holding_of(desk)
    # At every venue so far; paper and money are not added up.
    on_paper = Q(venue=PAPER)
    fills = HedgeFill.objects.filter(on_paper if desk.paper else ~on_paper, desk=desk)
    sums = fills.aggregate(*(Sum(name) for name in ("fee", "slippage", "realized")))
    insured = InsuredProfit.objects.filter(desk=desk).aggregate(total=Sum("amount"))["total"]
    delta = held + desk.position
    return Figures(
        inventory=held,
        hedge=desk.position,
        delta=delta,
        mark=mark,
        delta_usd=None if mark is None else delta * mark,
        fees=sums["fee__sum"] or ZERO,
        slippage=sums["slippage__sum"] or ZERO,
        hedge_realized=sums["realized__sum"] or ZERO,
        hedge_unrealized=ZERO if mark is None else holding.position * mark - holding.cost,
        earned=inventory.earned(desk.account_id, desk.market, mark),
        insured=insured or ZERO,
        is_paper=desk.paper,
        last_order=HedgeOrder.objects.filter(desk=desk).order_by("-id").first(),
    )


def report(now: datetime) -> tuple[int, int]:
    """Write how each desk stands in this minute; return how many there are, and over the limit."""
    desks = list(Desk.objects.order_by("market"))
    found = [(desk, figures_of(desk)) for desk in desks]
    deltas: dict[str, Decimal] = {}
    for desk, figures in found:
        asset = market_named(desk.market).market.base
        deltas[asset] = deltas.get(asset, ZERO) + figures.delta
    return len(found), sum(_write(desk, figures, deltas, now) for desk, figures in found)


def _write(desk: Desk, figures: Figures, deltas: dict[str, Decimal], now: datetime) -> bool:
    asset = market_named(desk.market).market.base
    usd = None if figures.delta_usd is None else abs(figures.delta_usd)
    is_over = usd is not None and usd > desk.limit_usd
    lots = inventory.market_lots(desk.market)
    HedgeReport.objects.update_or_create(
        desk=desk,
        minute=now.replace(second=0, microsecond=0),
        defaults={
            "asset": asset,
            "inventory": figures.inventory,
            "hedge": figures.hedge,
            "delta": figures.delta,
            "asset_delta": deltas[asset],
            "mark": figures.mark,
            "unhedged_usd": usd,
            "market_lots": lots,
            "is_over": is_over,
        },
    )
    _tell(desk, is_over=is_over, lots=lots, now=now)
    return is_over


def _tell(desk: Desk, *, is_over: bool, lots: int, now: datetime) -> None:
    # The desk's own look keeps this as well; a venue that is away must not hide it.
    rows = Desk.objects.filter(pk=desk.pk)
    if is_over:
        rows.filter(over_since=None).update(over_since=now)
    else:
        rows.update(over_since=None)
    desk.refresh_from_db()
    alarms.tell_over_limit(desk, now)
    if lots:
        message = f"All positions in {desk.market} together are {lots} lots instead of none."
        alarms.begin(desk, alarms.MARKET_SUM, message)
    else:
        alarms.end(desk, alarms.MARKET_SUM)


def forget_old_reports() -> int:
    """Delete the reports of long ago and return how many there were."""
    return HedgeReport.objects.filter(minute__lt=timezone.now() - REPORTS_KEPT).delete()[0]
