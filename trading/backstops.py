"""Backstops: accounts that take over positions which are liquidated, up to limits of their own.

Their owners offer, change and end them where staff have given the account the right to; whoever
has offered may always end it.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Q, Sum
from django.utils import timezone

from accounts.access import Access
from accounts.api.errors import Refused, invalid_request, require, submit_accepted
from accounts.models import Account
from engine.commands import SetBackstop
from engine.kinds import SystemOrder
from engine.units import MAX_ATOMS, AccountId
from gateway.decimals import DecimalError, format_decimal, group_digits, parse_decimal
from trading.listings import listed_markets
from trading.risk_models import Backstop, Takeover

MICROS_DECIMALS = 6
NO_RIGHT = (
    "Backstops are for institutions: ask support to have staff allow them to this account, "
    "and say which markets and amounts you have in mind"
)


class OfferRow(NamedTuple):
    """What an account offers in a market, and what it took; amounts in USD as text."""

    symbol: str
    minute: str
    hour: str
    taken_minute: str
    taken_hour: str
    taken: str
    takeovers: int

    @property
    def is_offered(self) -> bool:
        return self.minute != "0"

    @property
    def words(self) -> dict[str, str]:
        """The amounts as people read them."""
        names = ("minute", "hour", "taken_minute", "taken_hour", "taken")
        return {name: group_digits(getattr(self, name)) for name in names}


def may_offer(account: int) -> bool:
    """Return whether staff have given the account the right to offer backstops."""
    return Account.objects.filter(pk=account, may_backstop=True).exists()


def offers(account: int, *, every_market: bool = False) -> list[OfferRow]:
    """Return an account's offers, ended ones too if it took something under them.

    Args:
        every_market: also the perpetuals in which it offers nothing.
    """
    stored = {row.market: row for row in Backstop.objects.filter(account_id=account)}
    taken = _taken(account, timezone.now())
    perpetuals = [one.symbol for one in listed_markets().values() if one.is_perp]
    return [
        _row(symbol, stored.get(symbol), taken.get(symbol, (0, 0, 0, 0)))
        for symbol in perpetuals
        if every_market or symbol in taken or (symbol in stored and stored[symbol].minute_micros)
    ]


def offer_backstop(access: Access, *, symbol: str, minute: str, hour: str) -> None:
    """Offer to take over positions of a market, or change the offer; holds from the next takeover.

    Args:
        minute: the most notional in a minute, in USD; `hour` the same in an hour, not less.

    Raises Refused without the right, EngineRefused, and the gateway's errors.
    """
    if not may_offer(access.account):
        raise Refused(403, "FORBIDDEN", NO_RIGHT)
    require(access, "trade_perp")
    _require_perpetual(symbol)
    minute_micros = _parse_usd(minute, name="notionalPerMinute")
    hour_micros = _parse_usd(hour, name="notionalPerHour")
    if minute_micros > hour_micros:
        raise invalid_request("notionalPerHour must be at least notionalPerMinute")
    _set(access, symbol, minute_micros, hour_micros)


def end_backstop(access: Access, *, symbol: str) -> None:
    """End an offer. Whoever may trade perpetuals may always stop.

    Raises Refused if there is none, EngineRefused, and the gateway's errors.
    """
    _require_perpetual(symbol)
    require(access, "trade_perp", reduces=True)
    live = Backstop.objects.filter(account_id=access.account, market=symbol, minute_micros__gt=0)
    if not live.exists():
        raise Refused(404, "RESOURCE_NOT_FOUND", f"This account offers no backstop in {symbol}")
    _set(access, symbol, 0, 0)


def _set(access: Access, symbol: str, minute_micros: int, hour_micros: int) -> None:
    submit_accepted(
        SetBackstop(
            account=AccountId(access.account),
            actor=access.actor,
            market=symbol,
            minute_micros=minute_micros,
            hour_micros=hour_micros,
        )
    )


def _require_perpetual(symbol: str) -> None:
    market = listed_markets().get(symbol)
    if market is None or not market.is_perp:
        raise invalid_request("Invalid market symbol: backstops are for perpetual markets")


def _parse_usd(text: str, *, name: str) -> int:
    try:
        micros = parse_decimal(text, MICROS_DECIMALS)
    except DecimalError as error:
        raise Refused(400, "INVALID_QUANTITY", f"Invalid {name}: {error}") from error
    if not 0 < micros <= MAX_ATOMS:
        highest = format_decimal(MAX_ATOMS, MICROS_DECIMALS)
        message = f"{name} must be above 0 and at most {highest} USD; DELETE ends the offer"
        raise Refused(400, "INVALID_QUANTITY", message)
    return micros


def _taken(account: int, now: datetime) -> dict[str, tuple[int, int, int, int]]:
    """Return by market the notional taken in the last minute, hour and ever, and how often."""
    rows = Takeover.objects.filter(
        taker_id=account, system=SystemOrder.LIQUIDATE_ON_BACKSTOP.value
    ).values("market")
    sums = rows.annotate(
        minute=Sum("worth_atoms", filter=Q(at__gt=now - timedelta(minutes=1)), default=0),
        hour=Sum("worth_atoms", filter=Q(at__gt=now - timedelta(hours=1)), default=0),
        ever=Sum("worth_atoms"),
        count=Count("id"),
    )
    return {
        one["market"]: (int(one["minute"]), int(one["hour"]), int(one["ever"]), one["count"])
        for one in sums
    }


def _row(symbol: str, stored: Backstop | None, taken: tuple[int, int, int, int]) -> OfferRow:
    minute, hour, ever, count = taken
    per_minute, per_hour = (0, 0)
    if stored is not None:
        per_minute, per_hour = int(stored.minute_micros), int(stored.hour_micros)
    return OfferRow(
        symbol=symbol,
        minute=_usd(per_minute),
        hour=_usd(per_hour),
        taken_minute=_usd(minute),
        taken_hour=_usd(hour),
        taken=_usd(ever),
        takeovers=count,
    )


def _usd(micros: int) -> str:
    return format_decimal(micros, MICROS_DECIMALS)
