"""What staff do about desks. The console asks for the reason, and records it before any of this."""

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from compliance.services import Refusal
from engine.units import MAX_ATOMS
from gateway.decimals import DecimalError, parse_decimal
from hedging import alarms, inventory
from hedging.cycle import OVERFILLED
from hedging.decision import Reason
from hedging.figures import figures_of
from hedging.models import Desk, HedgeOrder, InsuredProfit
from hedging.profit import Trade
from hedging.record import book_trade, holding_of
from hedging.words import plain
from trading.catalog import market_named

LOOK_AGE_LIMIT = timedelta(minutes=1)
PLACE = ("account_id", "venue", "venue_symbol", "paper")
TERMS = ("limit_usd", "slippage_ppm", "max_order")


class Profit(NamedTuple):
    """An amount of a quote asset, in atoms and in whole units."""

    asset: str
    atoms: int
    amount: Decimal


@transaction.atomic
def set_desk(wanted: Desk) -> Desk:
    """Store the desk of a market, paused, or change the terms of the one it has.

    Raises Refusal where its venue or account would change under an order or a hedge.
    """
    taken = Desk.objects.filter(account_id=wanted.account_id).exclude(market=wanted.market)
    if taken.exists():
        raise Refusal(
            "ACCOUNT_TAKEN", "This account belongs to another desk: choose one of its own."
        )
    same = Desk.objects.filter(venue=wanted.venue, venue_symbol=wanted.venue_symbol)
    if same.exclude(market=wanted.market).exists():
        raise Refusal(
            "SYMBOL_TAKEN", "Another desk trades this symbol there: choose another venue."
        )
    desk = Desk.objects.select_for_update().filter(market=wanted.market).first()
    if desk is None:
        wanted.state = Desk.State.PAUSED
        wanted.save(force_insert=True)
        return wanted
    if any(getattr(desk, name) != getattr(wanted, name) for name in PLACE):
        _require_free(desk)
        desk.position, desk.looked_at, desk.disagrees_since = Decimal(0), None, None
    for name in (*PLACE, *TERMS):
        setattr(desk, name, getattr(wanted, name))
    desk.save()
    return desk


def _require_free(desk: Desk) -> None:
    if desk.state == Desk.State.RUNNING:
        raise Refusal("DESK_RUNNING", "Pause the desk before its account or venue is changed.")
    if HedgeOrder.objects.filter(desk=desk, status=HedgeOrder.Status.OPEN).exists():
        raise Refusal("ORDER_OPEN", "An order is not settled yet: reconcile the desk first.")
    if not desk.paper and holding_of(desk).position:
        message = "The desk holds a hedge at its venue: close it there and take that over first."
        raise Refusal("HEDGE_OPEN", message)


def pause(desk: Desk) -> None:
    """Send nothing until the desk is resumed; what was sent is still followed up."""
    _change_state(desk, Desk.State.PAUSED)


def resume(desk: Desk) -> None:
    """Let a desk go on, and end the alarms which staff must have seen.

    Raises Refusal for one that is stopped and still unexplained.
    """
    desk.refresh_from_db()
    if desk.state == Desk.State.STOPPED:
        _require_explained(desk)
    _change_state(desk, Desk.State.RUNNING)
    alarms.end(desk, *alarms.STOPPED, OVERFILLED, alarms.FEE_UNKNOWN)


@transaction.atomic
def take_over(desk: Desk, quantity: str, record_id: int) -> Decimal:
    """Take into our books what the venue holds beyond our fills, at the mark; return how much.

    Args:
        quantity: what the venue holds, as staff have seen it there: the last look must say so too.
        record_id: of the act in the trail.

    Raises Refusal.
    """
    desk = Desk.objects.select_for_update().get(pk=desk.pk)
    mark = inventory.mark_of(desk.market)
    if mark is None:
        raise Refusal("NO_MARK", "There is no mark to book it at: wait for prices.")
    _require_looked(desk)
    if desk.position != _number(quantity):
        raise Refusal("OTHER_POSITION", f"The venue holds {plain(desk.position)}, not {quantity}.")
    difference = desk.position - holding_of(desk).position
    if not difference:
        raise Refusal("NOTHING_TO_TAKE_OVER", "Our fills explain what the venue holds.")
    book_trade(
        desk,
        Trade(difference > 0, abs(difference), mark.price),
        trade_id=f"audit:{record_id}",
        at=timezone.now(),
        fee_asset="",
        fee=Decimal(0),
        slippage=Decimal(0),
    )
    Desk.objects.filter(pk=desk.pk).update(disagrees_since=None)
    return difference


@transaction.atomic
def give_up_order(desk: Desk) -> HedgeOrder:
    """End an order which the venue will never tell the end of. Raises Refusal.

    Should it be filled after all, the position is not explained, and the desk stops.
    """
    desk = Desk.objects.select_for_update().get(pk=desk.pk)
    if desk.state == Desk.State.RUNNING:
        raise Refusal("DESK_RUNNING", "Pause the desk first.")
    order = HedgeOrder.objects.filter(desk=desk, status=HedgeOrder.Status.OPEN).first()
    if order is None:
        raise Refusal("NO_ORDER_OPEN", "Every order of this desk is settled.")
    order.status, order.settled_at = HedgeOrder.Status.LAPSED, timezone.now()
    order.save(update_fields=["status", "settled_at"])
    alarms.end(desk, Reason.FILLS_MISSING, Reason.ORDER_UNKNOWN)
    return order


def _require_explained(desk: Desk) -> None:
    _require_looked(desk)
    explained = holding_of(desk).position
    if desk.position != explained:
        message = (
            f"The venue holds {plain(desk.position)} and our fills come to {plain(explained)}: "
            "put it right at the venue, or take its position over."
        )
        raise Refusal("STILL_UNEXPLAINED", message)
    Desk.objects.filter(pk=desk.pk).update(disagrees_since=None)


def _require_looked(desk: Desk) -> None:
    """The console itself never asks a venue: its keys are with the desk's worker and the jobs."""
    if desk.looked_at is None or timezone.now() - desk.looked_at > LOOK_AGE_LIMIT:
        raise Refusal("NOT_LOOKED", "What the venue holds is not known now: reconcile first.")


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Refusal("INVALID_QUANTITY", f"{text} is no number.")
    return number


def _change_state(desk: Desk, state: Desk.State) -> None:
    Desk.objects.filter(pk=desk.pk).update(state=state, reason="")


@transaction.atomic
def reserve_profit(desk: Desk, amount: str, record_id: int) -> Profit:
    """Note that realized profit goes into the insurance, before it does. Raises Refusal.

    Args:
        record_id: of the act in the trail.
    """
    desk = Desk.objects.select_for_update().get(pk=desk.pk)
    quote = market_named(desk.market).quote
    try:
        atoms = parse_decimal(amount, quote.decimals)
    except DecimalError as error:
        raise Refusal("INVALID_AMOUNT", f"{amount} is no amount of {quote.symbol}.") from error
    if not 0 < atoms <= MAX_ATOMS:
        raise Refusal("INVALID_AMOUNT", f"{amount} is no amount of {quote.symbol}.")
    profit = Profit(quote.symbol, atoms, Decimal(atoms).scaleb(-quote.decimals))
    insurable = figures_of(desk).insurable
    if profit.amount > insurable:
        message = f"At most {plain(insurable)} is realized and not insured yet: write less."
        raise Refusal("NO_SUCH_PROFIT", message)
    InsuredProfit.objects.create(
        desk=desk,
        record_id=record_id,
        asset=profit.asset,
        amount=profit.amount,
        at=timezone.now(),
    )
    return profit


def release_profit(record_id: int) -> None:
    """Forget a note of profit which the engine did not take."""
    InsuredProfit.objects.filter(record_id=record_id).delete()
