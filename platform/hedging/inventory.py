"""What the desks' accounts hold on our exchange, and at which mark: committed rows, read anew."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Sum

from trading.candle_models import PricePoint
from trading.catalog import market_named
from trading.models import ClosedPosition, Position

DOLLARS = ("USD", "USDC", "USDT")
ZERO = Decimal(0)
PRICE_DECIMALS = 8


class Mark(NamedTuple):
    """A price in USD for one whole unit, and when it was told."""

    price: Decimal
    at: datetime


class Earned(NamedTuple):
    """What an account's positions in a market have brought, in whole units of the quote asset."""

    realized: Decimal
    unrealized: Decimal
    fees: Decimal
    interest: Decimal


def held(account: int, market: str) -> Decimal:
    """Return an account's position in a perpetual market, above zero when long."""
    rows = Position.objects.filter(account_id=account, market=market)
    return in_units(market, rows.values_list("lots", flat=True).first() or 0)


def in_units(market: str, lots: int) -> Decimal:
    """Return a number of lots in whole units of the base asset, exactly."""
    listed = market_named(market)
    return Decimal(lots * listed.market.lot_atoms).scaleb(-listed.base.decimals)


def market_lots(market: str) -> int:
    """Return the lots of all positions in a market together: zero, or the engine is wrong."""
    total = Position.objects.filter(market=market).aggregate(lots=Sum("lots"))["lots"]
    return int(total or 0)


def mark_of(market: str) -> Mark | None:
    """Return the latest mark of a perpetual market."""
    return _point(market, PricePoint.Kind.MARK)


def index_of(asset: str) -> Decimal | None:
    """Return what a unit of an asset is worth in USD; a dollar is one."""
    if asset in DOLLARS:
        return Decimal(1)
    point = _point(asset, PricePoint.Kind.INDEX)
    return point.price if point else None


def earned(account: int, market: str, mark: Decimal | None) -> Earned:
    """Return what an account's positions in a market have brought so far."""
    closed = ClosedPosition.objects.filter(account_id=account, market=market).aggregate(
        *(Sum(f"{name}_atoms") for name in ("realized", "fees", "interest"))
    )
    sums = [closed[f"{name}_atoms__sum"] or ZERO for name in ("realized", "fees", "interest")]
    unrealized = ZERO
    row = Position.objects.filter(account_id=account, market=market).exclude(lots=0).first()
    decimals = market_named(market).quote.decimals
    if row is not None:
        parts = (row.realized_atoms, row.fees_atoms, row.interest_atoms)
        sums = [total + part for total, part in zip(sums, parts, strict=True)]
        if mark is not None:
            worth = in_units(market, row.lots) * mark
            unrealized = worth - row.entry_quote_atoms.scaleb(-decimals)
    realized, fees, interest = (total.scaleb(-decimals) for total in sums)
    return Earned(realized=realized, unrealized=unrealized, fees=fees, interest=interest)


def _point(symbol: str, kind: str) -> Mark | None:
    row = PricePoint.objects.filter(symbol=symbol, kind=kind).first()
    return Mark(row.price_e8.scaleb(-PRICE_DECIMALS), row.at) if row else None
