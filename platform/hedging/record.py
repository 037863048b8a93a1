"""What a desk remembers, in PostgreSQL. Every method is one transaction.

An attempt is committed before it is sent, and the database holds one open attempt a desk: whoever
is second to store one sends nothing.
"""

import logging
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet, Sum
from django.utils import timezone

from hedging import alarms, inventory
from hedging.decision import (
    Attempt,
    Ending,
    Exposure,
    Place,
    Reason,
    Settle,
    Standing,
    Terms,
    exceeds,
)
from hedging.models import Desk, HedgeFill, HedgeOrder
from hedging.profit import Holding, Trade, after_trade, slippage
from hedging.venue import VenueFill
from hedging.words import plain

log = logging.getLogger(__name__)

# Fills which come after their order was settled are looked for among so many.
RECENT_ORDERS = 20
ANSWER_CHARACTERS = 500
FAILURES = (Ending.UNFILLED.value, Ending.REFUSED.value, Ending.LAPSED.value)


class DeskRecord:
    """The memory of one desk with one venue, for one look.

    Args:
        may_order: false for a look that only reconciles.
    """

    def __init__(self, desk: Desk, *, may_order: bool = True) -> None:
        self.desk = desk
        self._venue = desk.venue_name
        self._may_order = may_order

    def terms(self) -> Terms:
        """Return what staff allow now."""
        self.desk.refresh_from_db()
        return Terms(
            limit_usd=self.desk.limit_usd,
            slippage_ppm=self.desk.slippage_ppm,
            max_order=self.desk.max_order,
        )

    def standing(self) -> Standing:
        """Return how the desk stands now."""
        self.desk.refresh_from_db()
        state = Desk.State(self.desk.state)
        failed_at, failure = self._last_failure()
        return Standing(
            now=timezone.now(),
            may_order=self._may_order,
            is_paused=state is Desk.State.PAUSED,
            is_stopped=state is Desk.State.STOPPED,
            disagrees_since=self.desk.disagrees_since,
            failed_at=failed_at,
            failure=failure,
            resend_after=timedelta(seconds=settings.HEDGE_RESEND_SECONDS),
        )

    def exposure(self, position: Decimal) -> Exposure:
        """Return what there is to hedge, beside a position at the venue."""
        mark = inventory.mark_of(self.desk.market)
        return Exposure(
            inventory=inventory.held(self.desk.account_id, self.desk.market),
            position=position,
            explained=holding_of(self.desk).position,
            mark=mark.price if mark else None,
            mark_at=mark.at if mark else None,
        )

    def open_attempt(self) -> Attempt | None:
        """Return the attempt that is not settled."""
        row = self._orders().filter(status=HedgeOrder.Status.OPEN).first()
        return attempt_of(row) if row else None

    def plan(self, order: Place) -> Attempt | None:
        """Store an attempt; None if the desk is not running any more, or has one already."""
        now = timezone.now()
        try:
            with transaction.atomic():
                desk = Desk.objects.select_for_update().get(pk=self.desk.pk)
                if desk.state != Desk.State.RUNNING or desk.venue_name != self._venue:
                    return None
                mark = inventory.mark_of(desk.market)
                row = HedgeOrder.objects.create(
                    desk=desk,
                    venue=self._venue,
                    client_id=_next_client_id(self._venue, now),
                    is_buy=order.is_buy,
                    quantity=order.quantity,
                    price=order.price,
                    inventory=inventory.held(desk.account_id, desk.market),
                    mark=mark.price if mark else order.price,
                    planned_at=now,
                    sent_at=now,
                )
        except IntegrityError:
            # Another process has stored one, or drawn the same id: the next look goes on from it.
            return None
        log.info("%s at %s: %s at %s", row, row.venue, plain(row.quantity), plain(row.price))
        return attempt_of(row)

    def note_sending(self, attempt: Attempt) -> Attempt:
        """Store that an attempt is sent once more."""
        with transaction.atomic():
            row = self._orders().select_for_update().get(client_id=attempt.client_id)
            row.sends += 1
            row.sent_at = timezone.now()
            row.save(update_fields=["sends", "sent_at"])
        log.warning("%s is sent again under its id", row)
        return attempt_of(row)

    def note_answer(self, attempt: Attempt, answer: str, *, refused: bool = False) -> None:
        """Store what the venue answered, in its words."""
        words = answer[:ANSWER_CHARACTERS]
        changes = {"answer": words, "refused": words or "refused"} if refused else {"answer": words}
        self._orders().filter(client_id=attempt.client_id).update(**changes)

    def note_order(self, attempt: Attempt, order_id: str) -> None:
        """Store the venue's number of the order."""
        rows = self._orders().filter(client_id=attempt.client_id)
        rows.exclude(order_id=order_id).update(order_id=order_id)

    @transaction.atomic
    def take_fills(self, fills: list[VenueFill]) -> None:
        """Store the fills of our orders, each once; others are none of this desk's."""
        Desk.objects.select_for_update().get(pk=self.desk.pk)
        # An order whose number is not known yet has none, and owns no fill.
        names = {fill.order_id for fill in fills} - {""}
        ours = {row.order_id: row for row in self._orders().filter(order_id__in=names)}
        known = set(
            HedgeFill.objects.filter(
                desk=self.desk,
                venue=self._venue,
                trade_id__in=[fill.trade_id for fill in fills],
            ).values_list("trade_id", flat=True)
        )
        for fill in fills:
            if fill.order_id in ours and fill.trade_id not in known:
                known.add(fill.trade_id)
                self._take_fill(fill, ours[fill.order_id])

    def _take_fill(self, fill: VenueFill, order: HedgeOrder) -> None:
        trade = Trade(fill.is_buy, fill.quantity, fill.price)
        cost = {"fee": self._fee_usd(fill), "slippage": slippage(trade, order.mark)}
        named = {"trade_id": fill.trade_id, "at": fill.at, "fee_asset": fill.fee_asset}
        book_trade(self.desk, trade, order=order, **named, **cost)

    def _fee_usd(self, fill: VenueFill) -> Decimal:
        price = inventory.index_of(fill.fee_asset)
        if price is None and fill.fee:
            message = f"A fee of {fill.fee} {fill.fee_asset} is not counted: no such price here."
            self.alarm(alarms.FEE_UNKNOWN, message)
        return fill.fee * (price or 0)

    def booked(self, attempt: Attempt) -> Decimal:
        """Return what the recorded fills of an attempt come to, on its side."""
        rows = HedgeFill.objects.filter(
            desk=self.desk, venue=self._venue, order__client_id=attempt.client_id
        )
        sums: dict[bool, Decimal] = dict(rows.values_list("is_buy").annotate(Sum("quantity")))
        none = Decimal(0)
        return sums.get(attempt.is_buy, none) - sums.get(not attempt.is_buy, none)

    def settle(self, attempt: Attempt, act: Settle) -> None:
        """Store how an attempt ended, once."""
        self._orders().filter(client_id=attempt.client_id, status=HedgeOrder.Status.OPEN).update(
            status=act.ending.value, settled_at=timezone.now()
        )
        log.info("order %s of %s: %s", attempt.client_id, self.desk, act.ending)

    def recent_since(self) -> datetime | None:
        """Return since when late fills are looked for."""
        rows = self._orders().order_by("-id")[:RECENT_ORDERS]
        return min((row.planned_at for row in rows), default=None)

    def note_position(self, position: Decimal, *, agrees: bool) -> None:
        """Store what the venue holds; since when it disagrees with the fills; what is open."""
        now = timezone.now()
        with transaction.atomic():
            desk = Desk.objects.select_for_update().get(pk=self.desk.pk)
            desk.position, desk.looked_at = position, now
            desk.disagrees_since = None if agrees else desk.disagrees_since or now
            is_over = exceeds(self.exposure(position), desk.limit_usd)
            desk.over_since = (desk.over_since or now) if is_over else None
            desk.save(update_fields=["position", "looked_at", "disagrees_since", "over_since"])
        alarms.tell_over_limit(desk, now)

    def stop(self, reason: Reason) -> None:
        """Stop the desk, unless it is stopped already, and tell."""
        running = Desk.objects.filter(pk=self.desk.pk).exclude(state=Desk.State.STOPPED)
        if running.update(state=Desk.State.STOPPED, reason=reason.value):
            alarms.begin(self.desk, reason.value, alarms.STOPPED[reason])

    def alarm(self, kind: str, message: str) -> None:
        """Tell staff, once as long as it goes on."""
        alarms.begin(self.desk, kind, message)

    def calm(self, kind: str) -> None:
        """Say that an alarm is over."""
        alarms.end(self.desk, kind)

    def _orders(self) -> QuerySet[HedgeOrder]:
        return HedgeOrder.objects.filter(desk=self.desk, venue=self._venue)

    def _last_failure(self) -> tuple[datetime | None, Ending | None]:
        settled = self._orders().exclude(status=HedgeOrder.Status.OPEN).order_by("-id").first()
        if settled is None or settled.status not in FAILURES:
            return None, None
        return settled.settled_at, Ending(settled.status)


def holding_of(desk: Desk) -> Holding:
    """Return what the recorded fills of a desk at its venue come to."""
    last = HedgeFill.objects.filter(desk=desk, venue=desk.venue_name).order_by("-id").first()
    return Holding(last.position, last.cost, last.realized) if last else Holding()


def book_trade(desk: Desk, trade: Trade, **more: Any) -> HedgeFill:
    """Store a trade, counted on from the last. The desk's row must be locked.

    Args:
        more: the other columns: by which order, under which name, when, and what it cost.
    """
    after = after_trade(holding_of(desk), trade)
    return HedgeFill.objects.create(
        desk=desk,
        venue=desk.venue_name,
        **trade._asdict(),
        position=after.position,
        cost=after.cost,
        realized=after.realized,
        **more,
    )


def attempt_of(row: HedgeOrder) -> Attempt:
    """Return a stored order as the decision reads it."""
    return Attempt(
        client_id=row.client_id,
        is_buy=row.is_buy,
        quantity=row.quantity,
        price=row.price,
        planned_at=row.planned_at,
        sent_at=row.sent_at,
        refused=row.refused,
    )


def _next_client_id(venue: str, now: datetime) -> int:
    """Return an id which no order at the venue has: the second, or one after the last.

    It grows with time, so that a database which was made anew does not use those of its
    predecessor again. Venues such as Backpack take 32 bits; they last until 2106.
    """
    last = HedgeOrder.objects.filter(venue=venue).aggregate(last=Max("client_id"))["last"] or 0
    return max(int(now.timestamp()), last + 1)
