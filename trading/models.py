"""Markets, orders, trades and positions: tables of the engine, written by projections only.

Prices are ticks and quantities lots of their market; `*_atoms` are whole atoms of an asset. Account
numbers are plain columns without foreign keys: the engine has checked them.
"""

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from accounts.models.ledger import atoms_field

# At rest in a book; and besides those, what waits for a price.
# Django looks for an app's tables here.
from trading.candle_models import (  # noqa: F401
    Candle,
    HourCandle,
    HourPriceCandle,
    PriceCandle,
    PricePoint,
)
from trading.equity_models import AssetPoint, EquityHour, EquityPoint  # noqa: F401
from trading.funding_models import FundingPayment, FundingRate  # noqa: F401
from trading.notice_models import NoticeMail, NoticeMark, RiskNotice  # noqa: F401
from trading.price_models import PriceHalt, PriceRecord  # noqa: F401
from trading.rfq_models import RfqFill, RfqQuote, RfqRequest  # noqa: F401
from trading.risk_models import (  # noqa: F401
    AccountRisk,
    Backstop,
    Liquidation,
    LiquidationPayment,
    Takeover,
)
from trading.settlement_models import (  # noqa: F401
    Clearing,
    PositionInterest,
    Settlement,
    StatementClose,
)

OPEN_STATUSES = ("New", "PartiallyFilled")
TRIGGER_PENDING = "TriggerPending"
LIVE_STATUSES = (*OPEN_STATUSES, TRIGGER_PENDING)
# A strategy which has not ended.
RUNNING = "Running"


class Asset(models.Model):
    """A listed asset; `spec` is the engine's Asset as JSON."""

    symbol = models.TextField(primary_key=True)
    spec = models.JSONField()
    listed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.symbol


class Market(models.Model):
    """A listed market; `spec` is the engine's Market as JSON."""

    symbol = models.TextField(primary_key=True)
    kind = models.TextField()
    base = models.TextField()
    quote = models.TextField()
    # What its book accepts now, for whom it accepts no more, and until when if that is known.
    state = models.TextField()
    state_reason = models.TextField(default="Staff")
    state_until = models.DateTimeField(null=True)
    spec = models.JSONField()
    quote_atoms_per_tick = atoms_field()
    listed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.symbol


class MarketStateChange(models.Model):
    """When a market began to accept more or less than before, and for whom."""

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    market = models.TextField()
    state = models.TextField()
    reason = models.TextField()
    until = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            # Serves the history of one market, newest first.
            models.Index(fields=["market", "id"], name="state_change_by_market"),
        ]

    def __str__(self) -> str:
        return f"{self.market} {self.state} ({self.reason})"


class Order(models.Model):
    """An accepted order, as it stands.

    `conditions` is the engine's Conditions as JSON. While a conditional order waits, `lots_open` is
    what it will place or, of a share of the position, what that was when it was accepted; then
    `lots` is null until the price is met. `fires_above` says from which side it is met: at it and
    above, or at it and below; null for an order which has not waited.
    """

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    market = models.TextField()
    side = models.TextField()
    type = models.TextField()
    status = models.TextField()
    price_ticks = models.BigIntegerField(null=True)
    lots = models.BigIntegerField(null=True)
    quote_atoms = atoms_field(null=True)
    lots_open = models.BigIntegerField()
    executed_lots = models.BigIntegerField()
    executed_quote_atoms = atoms_field()
    time_in_force = models.TextField()
    self_trade_prevention = models.TextField()
    post_only = models.BooleanField()
    reduce_only = models.BooleanField()
    client_id = models.BigIntegerField(null=True)
    reason = models.TextField(null=True)
    # Why the house placed it for the account; null for an order of the account's own.
    system = models.TextField(null=True)
    conditions = models.JSONField(null=True)
    fires_above = models.BooleanField(null=True)
    # The order whose take-profit or stop-loss it is; the strategy which placed it.
    related_id = models.BigIntegerField(null=True)
    strategy_id = models.BigIntegerField(null=True)
    triggered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_sequence = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [
            # Serves the order history of an account, newest first (ids grow with time).
            models.Index(fields=["account_id", "id"], name="order_by_account"),
            # Serves the open orders of an account or of all; holds only those, so it stays small.
            models.Index(
                fields=["account_id", "market"],
                name="order_live",
                condition=models.Q(status__in=LIVE_STATUSES),
            ),
            # Serves the orders of one strategy; holds only those.
            models.Index(
                fields=["strategy_id"],
                name="order_of_strategy",
                condition=models.Q(strategy_id__isnull=False),
            ),
            # Serves what the house has placed for an account: rare, so it stays small.
            models.Index(
                fields=["account_id"],
                name="order_of_house",
                condition=models.Q(system__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"order {self.pk}"


class Strategy(models.Model):
    """An order divided over time, as it stands; of its orders, what they have executed together.

    `slippage` is the engine's Slippage as JSON.
    """

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    market = models.TextField()
    side = models.TextField()
    status = models.TextField()
    price_ticks = models.BigIntegerField(null=True)
    lots = models.BigIntegerField()
    executed_lots = models.BigIntegerField()
    executed_quote_atoms = atoms_field()
    duration_ms = models.BigIntegerField()
    interval_ms = models.BigIntegerField()
    randomized = models.BooleanField()
    time_in_force = models.TextField()
    self_trade_prevention = models.TextField()
    post_only = models.BooleanField()
    reduce_only = models.BooleanField()
    slippage = models.JSONField(null=True)
    client_id = models.BigIntegerField(null=True)
    # Why the engine has terminated it.
    reason = models.TextField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "strategies"
        indexes: ClassVar = [
            # Serves the strategies of an account, newest first (ids grow with time).
            models.Index(fields=["account_id", "id"], name="strategy_by_account"),
            # Serves those which run; holds only those, so it stays small.
            models.Index(
                fields=["account_id", "market"],
                name="strategy_running",
                condition=models.Q(status=RUNNING),
            ),
        ]

    def __str__(self) -> str:
        return f"strategy {self.pk}"


class Fill(models.Model):
    """One order's side of a trade. A negative fee is a rebate.

    `fee_owed_atoms` of the fee could not be paid, and is owed in the position.
    """

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    order_id = models.BigIntegerField()
    account_id = models.BigIntegerField()
    market = models.TextField()
    trade_id = models.BigIntegerField()
    side = models.TextField()
    is_maker = models.BooleanField()
    price_ticks = models.BigIntegerField()
    lots = models.BigIntegerField()
    quote_atoms = atoms_field()
    fee_atoms = atoms_field()
    fee_asset = models.TextField()
    fee_owed_atoms = atoms_field(default=0)
    client_id = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            # Serves the fill history of an account, newest first.
            models.Index(fields=["account_id", "id"], name="fill_by_account"),
            # Serves the fills of one order.
            models.Index(fields=["order_id"], name="fill_by_order"),
        ]

    def __str__(self) -> str:
        return f"fill {self.market} {self.trade_id}"


class Trade(models.Model):
    """A trade as the public sees it."""

    market = models.TextField()
    trade_id = models.BigIntegerField()
    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    price_ticks = models.BigIntegerField()
    lots = models.BigIntegerField()
    quote_atoms = atoms_field()
    buyer_order_id = models.BigIntegerField()
    seller_order_id = models.BigIntegerField()
    buyer_is_maker = models.BooleanField()

    class Meta:
        constraints: ClassVar = [
            # Serves the public trade history of a market, newest first.
            models.UniqueConstraint(fields=["market", "trade_id"], name="trade_of_market"),
        ]
        indexes: ClassVar = [
            # Serves one-second candles, which are counted from the trades of a window.
            BrinIndex(fields=["at"], name="trade_by_time"),
        ]

    def __str__(self) -> str:
        return f"trade {self.market} {self.trade_id}"


class Position(models.Model):
    """An account's perpetual position in a market, as it stands; flat when `lots` is 0.

    unrealized = lots × mark + quote_atoms; `entry_quote_atoms` is the cost at the trader's prices.
    A position that is opened anew, or turns to the other side, gets a new `position_id`; realized
    profit, fees, interest, funding (negative: paid) and what was closed (without a sign) count
    since then. Funding is paid for the hours up to `funded_until`.
    """

    account_id = models.BigIntegerField()
    market = models.TextField()
    position_id = models.BigIntegerField()
    lots = models.BigIntegerField()
    quote_atoms = atoms_field()
    entry_quote_atoms = atoms_field()
    realized_atoms = atoms_field()
    fees_atoms = atoms_field()
    interest_atoms = atoms_field(default=0)
    funding_atoms = atoms_field(default=0)
    funded_until = models.DateTimeField(null=True)
    closed_lots = models.BigIntegerField(default=0)
    closed_quote_atoms = atoms_field(default=0)
    opened_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            # Serves the positions of an account, and the upsert of each commit.
            models.UniqueConstraint(fields=["account_id", "market"], name="position_of_account"),
        ]
        indexes: ClassVar = [
            # Serves open interest of a market.
            models.Index(fields=["market"], name="position_open", condition=~models.Q(lots=0)),
        ]

    def __str__(self) -> str:
        return f"position {self.account_id} {self.market}"


class ClosedPosition(models.Model):
    """A position that has gone flat or was turned: all that was opened and closed under its number.

    `lots` is positive for a long; the quote amounts have no sign. Interest posted after the close
    is still taken up.
    """

    position_id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    market = models.TextField()
    lots = models.BigIntegerField()
    entry_quote_atoms = atoms_field()
    closed_quote_atoms = atoms_field()
    realized_atoms = atoms_field()
    fees_atoms = atoms_field()
    interest_atoms = atoms_field()
    funding_atoms = atoms_field(default=0)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            # Serves the position history of an account, newest first (numbers grow with time).
            models.Index(fields=["account_id", "position_id"], name="closed_position_by_account"),
        ]

    def __str__(self) -> str:
        return f"closed position {self.pk}"
