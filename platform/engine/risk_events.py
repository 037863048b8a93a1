"""What has happened to accounts at risk: notices, liquidations, who bore what, members' limits."""

from engine.events import Event
from engine.kinds import LiquidationEnd, MarginStatus, SystemOrder
from engine.units import AccountId
from engine.vocabulary import Side


class MarginStatusChanged(Event, frozen=True, kw_only=True):
    """An account's equity came nearer to its maintenance margin, or away from it."""

    account: AccountId
    status: MarginStatus
    equity_micros: int
    margin_micros: int


class LiquidationStarted(Event, frozen=True, kw_only=True):
    """Equity is below the maintenance margin. `closing_micros`: below that there is no time."""

    account: AccountId
    equity_micros: int
    margin_micros: int
    closing_micros: int


class PositionTakenOver(Event, frozen=True, kw_only=True):
    """Lots that went from a liquidated account to another off the book; `side` is the giver's.

    The taker is a backstop, or is reduced (ADL), as `system` says. `worth_atoms` is at the mark.
    """

    account: AccountId
    taker: AccountId
    market: str
    trade_id: int
    side: Side
    lots: int
    price_ticks: int
    quote_atoms: int
    worth_atoms: int
    system: SystemOrder


class LiquidationFeeCharged(Event, frozen=True, kw_only=True):
    """What a forced trade cost, to the insurance fund."""

    account: AccountId
    market: str
    asset: str
    amount_atoms: int
    # What of it could not be paid, and is owed in the position.
    owed_atoms: int = 0


class InsurancePaid(Event, frozen=True, kw_only=True):
    """What the insurance fund gave for a bankrupt account; negative: what it got back.

    With a `market` it has bought the profit of the account's closed position there.
    """

    account: AccountId
    asset: str
    amount_atoms: int
    market: str = ""


class LossShared(Event, frozen=True, kw_only=True):
    """What a winner of a market gave up: nobody else could pay a bankrupt account's loss."""

    account: AccountId
    market: str
    asset: str
    bankrupt: AccountId
    amount_atoms: int


class LiquidationEnded(Event, frozen=True, kw_only=True):
    """`started` is the number of the command in which it began."""

    account: AccountId
    started: int
    end: LiquidationEnd
    equity_micros: int
    margin_micros: int


class BackstopChanged(Event, frozen=True, kw_only=True):
    """Up to which notional an account takes over positions of a market; 0: no more."""

    account: AccountId
    market: str
    minute_micros: int
    hour_micros: int


class AllowanceChanged(Event, frozen=True, kw_only=True):
    """What a member may do in an account per UTC day, and what of it is used; both None: anything.

    `day` counts from 1970. `base_micros` is what the account would be worth had it lost nothing
    since the day began; None without a loss limit, and until the day's is taken.
    """

    account: AccountId
    member: int
    spend_micros: int | None
    loss_micros: int | None
    day: int
    spent_micros: int
    base_micros: int | None
    is_stopped: bool
