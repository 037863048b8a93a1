"""Desks, what they ordered at venues, and what came of it. Written by the desk and by staff only.

Quantities are of the market's base asset and prices in USD for one whole unit, as decimals: venues
have steps and contracts of their own. Nothing here is money of the exchange, which only the engine
moves.
"""

from decimal import Decimal
from typing import ClassVar

from django.db import models

from accounts.models import Account

PAPER = "paper"


def number_field() -> "models.DecimalField[Decimal, Decimal]":
    """Return a column for a quantity, price or amount: 12 decimals."""
    return models.DecimalField(max_digits=30, decimal_places=12)


class Desk(models.Model):
    """One market whose inventory is hedged.

    `account` is an ordinary margin account of the house. Beyond `limit_usd` not hedged, an order of
    at most `max_order` goes out, at most `slippage_ppm` from the mark. `paper` trades with the
    paper venue instead of `venue`. `position` is what the venue held at `looked_at`.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        STOPPED = "stopped", "Stopped"

    market = models.TextField(unique=True)
    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="+")
    venue = models.TextField()
    venue_symbol = models.TextField()
    limit_usd = number_field()
    slippage_ppm = models.PositiveIntegerField()
    max_order = number_field()
    paper = models.BooleanField(default=True)
    state = models.TextField(choices=State.choices, default=State.RUNNING)
    # Why it is stopped; empty otherwise.
    reason = models.TextField(blank=True)
    position = models.DecimalField(max_digits=30, decimal_places=12, default=Decimal(0))
    looked_at = models.DateTimeField(null=True)
    # Since when the venue's position is not what the fills come to.
    disagrees_since = models.DateTimeField(null=True)
    # Since when more than the limit is not hedged.
    over_since = models.DateTimeField(null=True)

    class Meta:
        permissions: ClassVar = [
            ("set_desk", "Set up desks and change their terms"),
            ("run_desk", "Pause, resume, reconcile and hedge"),
            ("insure_profit", "Put the profit of desks into the insurance"),
        ]

    def __str__(self) -> str:
        return f"desk of {self.market}"

    @property
    def venue_name(self) -> str:
        """Where its orders go."""
        return PAPER if self.paper else self.venue


class HedgeOrder(models.Model):
    """An attempt: stored before it is sent, under an id by which the venue is asked for it."""

    class Status(models.TextChoices):
        OPEN = "open", "Open: not settled"
        FILLED = "filled", "Filled"
        PARTLY_FILLED = "partly_filled", "Partly filled"
        UNFILLED = "unfilled", "Unfilled"
        REFUSED = "refused", "Refused by the venue"
        LAPSED = "lapsed", "Lapsed: never reached the venue"

    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="orders")
    venue = models.TextField()
    client_id = models.BigIntegerField()
    is_buy = models.BooleanField()
    quantity = number_field()
    price = number_field()
    # What it was decided on.
    inventory = number_field()
    mark = number_field()
    status = models.TextField(choices=Status.choices, default=Status.OPEN)
    sends = models.PositiveIntegerField(default=1)
    planned_at = models.DateTimeField()
    sent_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    # The venue's number, once it has named one; its answers in its own words.
    order_id = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    refused = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            # However many hedge at once, a desk has one open attempt.
            models.UniqueConstraint(
                fields=["desk"], condition=models.Q(status="open"), name="one_open_attempt"
            ),
            # The venue is asked for an attempt by this.
            models.UniqueConstraint(fields=["venue", "client_id"], name="client_id_of_venue"),
        ]
        indexes: ClassVar = [
            # Serves whose order a fill is.
            models.Index(
                fields=["venue", "order_id"],
                name="hedge_order_of_venue",
                condition=~models.Q(order_id=""),
            ),
            # Serves the last orders of a desk.
            models.Index(fields=["desk", "-id"], name="hedge_order_of_desk"),
        ]

    def __str__(self) -> str:
        return f"{'buy' if self.is_buy else 'sell'} order {self.client_id} of {self.desk}"


class HedgeFill(models.Model):
    """A trade at a venue, or a position there which staff took over (`order` is null then).

    `position`, `cost` and `realized` count on: what the hedge holds after this, what that cost, and
    what this closed brought, before fees. `slippage` is the cost against the mark of the decision;
    `fee` is in USD, whatever `fee_asset` it was paid in.
    """

    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="fills")
    venue = models.TextField()
    order = models.ForeignKey(HedgeOrder, on_delete=models.PROTECT, related_name="fills", null=True)
    trade_id = models.TextField()
    at = models.DateTimeField()
    is_buy = models.BooleanField()
    quantity = number_field()
    price = number_field()
    fee = number_field()
    fee_asset = models.TextField()
    slippage = number_field()
    position = number_field()
    cost = number_field()
    realized = number_field()

    class Meta:
        constraints: ClassVar = [
            # However often the venue is asked, a trade is recorded once.
            models.UniqueConstraint(fields=["desk", "venue", "trade_id"], name="fill_of_venue"),
        ]
        indexes: ClassVar = [
            # Serves the last fill of a desk, which the next counts on from.
            models.Index(fields=["desk", "venue", "-id"], name="hedge_fill_of_desk"),
        ]

    def __str__(self) -> str:
        return f"fill {self.trade_id} of {self.desk}"


class HedgeReport(models.Model):
    """How a desk stood in a minute. `market_lots` of all positions must be zero."""

    desk = models.ForeignKey(Desk, on_delete=models.CASCADE, related_name="reports")
    minute = models.DateTimeField()
    asset = models.TextField()
    inventory = number_field()
    hedge = number_field()
    delta = number_field()
    # Of all desks in the asset.
    asset_delta = number_field()
    mark = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    unhedged_usd = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    market_lots = models.BigIntegerField()
    is_over = models.BooleanField()

    class Meta:
        constraints: ClassVar = [
            # A report that is made twice is one; serves a desk's minutes.
            models.UniqueConstraint(fields=["desk", "minute"], name="report_of_minute"),
        ]
        indexes: ClassVar = [
            # Serves forgetting those of long ago.
            models.Index(fields=["minute"], name="hedge_report_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.desk} at {self.minute:%Y-%m-%d %H:%M}"


class HedgeAlarm(models.Model):
    """Something that staff must know of a desk, from when it began until it was over."""

    desk = models.ForeignKey(Desk, on_delete=models.CASCADE, related_name="alarms")
    kind = models.TextField()
    message = models.TextField()
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            # An alarm that goes on is one.
            models.UniqueConstraint(
                fields=["desk", "kind"],
                condition=models.Q(ended_at__isnull=True),
                name="one_alarm_of_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.desk}"


class InsuredProfit(models.Model):
    """Profit of a desk which staff put into the insurance, by the act of the trail."""

    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="insured")
    record_id = models.BigIntegerField(unique=True)
    asset = models.TextField()
    amount = number_field()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.amount} {self.asset} of {self.desk}"


class PaperOrder(models.Model):
    """The memory of the paper venue: an order which it took, and filled at once or not at all."""

    client_id = models.BigIntegerField(unique=True)
    symbol = models.TextField()
    is_buy = models.BooleanField()
    quantity = number_field()
    price = number_field()
    filled = number_field()
    fill_price = number_field()
    fee = number_field()
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            # Serves the position and the trades of a market.
            models.Index(fields=["symbol", "at"], name="paper_order_of_symbol"),
        ]

    def __str__(self) -> str:
        return f"paper order {self.client_id}"
