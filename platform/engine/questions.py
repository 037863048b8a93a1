"""What may be asked of the live exchange without changing it, and how it answers.

A question is answered from all commands applied so far; it has no number and leaves no trace.
"""

import msgspec

from engine.commands import PlaceOrder
from engine.events import CommandRejected
from engine.kinds import MarginStatus, OrderStatus
from engine.rejects import ExpiryReason
from engine.units import AccountId
from engine.vocabulary import Side


class Question(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="question"
):
    """The base of all questions; the tag on the wire is the class name.

    `actor` is the member of a team whose limits count, as in commands; 0: nobody's.
    """


class MaxBorrow(Question, frozen=True, kw_only=True):
    """Ask how much `Borrow` would lend the account now. The answer is a MaxAmount."""

    account: AccountId
    asset: str
    actor: int = 0


class MaxOrder(Question, frozen=True, kw_only=True):
    """Ask how much `PlaceOrder` would accept now. The answer is MaxLots.

    Without a price it is a market order. The flags are those of the order.
    """

    account: AccountId
    market: str
    side: Side
    price_ticks: int | None = None
    reduce_only: bool = False
    auto_lend_redeem: bool = True
    auto_borrow: bool = False
    auto_borrow_repay: bool | None = None
    actor: int = 0


class MaxTransfer(Question, frozen=True, kw_only=True):
    """Ask how much `TransferFunds` would move from `account` now. The answer is a MaxAmount."""

    account: AccountId
    destination: AccountId
    asset: str
    actor: int = 0


class MaxWithdrawal(Question, frozen=True, kw_only=True):
    """Ask how much `RequestWithdrawal` would let go now. The answer is a MaxAmount."""

    account: AccountId
    asset: str
    auto_lend_redeem: bool = True
    auto_borrow: bool = False
    actor: int = 0


class AccountRisk(Question, frozen=True, kw_only=True):
    """Ask how far the account is from liquidation. The answer is a RiskReport."""

    account: AccountId


class SupposePrices(Question, frozen=True, kw_only=True):
    """Ask how the account would stand if prices were others. The answer is a RiskReport.

    An asset's index is `prices_e8`, or moves by `moves_ppm` of what it is (-100,000 is a fall by a
    tenth); the marks of its perpetuals move by the same ratio. What is not named stays. Five-minute
    averages stay too, as they do at the moment when prices move.
    """

    account: AccountId
    prices_e8: dict[str, int] = {}
    moves_ppm: dict[str, int] = {}


class PreviewOrder(Question, frozen=True, kw_only=True):
    """Ask what would become of an order, and of its account. The answer is an OrderPreview."""

    order: PlaceOrder

    @property
    def account(self) -> AccountId:
        return self.order.account


class AskAdlRanks(Question, frozen=True, kw_only=True):
    """Ask for the ranks of some hundred of a market's holders, after the first `skip`.

    The answer is AdlRanks.
    """

    market: str
    skip: int = 0


# What is asked about one account.
AccountQuestion = (
    AccountRisk | MaxBorrow | MaxOrder | MaxTransfer | MaxWithdrawal | PreviewOrder | SupposePrices
)
AnyQuestion = AskAdlRanks | AccountQuestion


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="answer"):
    """The base of all answers."""


class MaxAmount(Answer, frozen=True, kw_only=True):
    """The largest amount that is accepted: one atom more is refused. 0: nothing is."""

    amount_atoms: int


class MaxLots(Answer, frozen=True, kw_only=True):
    """The largest quantity that is accepted: one lot more is refused. 0: nothing is.

    A reduce-only order of one lot more is accepted too, but cut to these.
    """

    lots: int


class AdlRank(msgspec.Struct, frozen=True, kw_only=True):
    """What decides when a holder is reduced; `score` is a whole number of any size, as text."""

    account: AccountId
    is_long: bool
    is_liquidated: bool
    score: str

    @property
    def place(self) -> tuple[bool, int, AccountId]:
        """What orders the holders of one side, who is reduced first the first."""
        return self.is_liquidated, -int(self.score), self.account


class AdlRanks(Answer, frozen=True, kw_only=True):
    """Some of the holders, in no order; the next are those after `next_skip`, None: no more."""

    ranks: tuple[AdlRank, ...]
    next_skip: int | None


class Unanswerable(Answer, frozen=True, kw_only=True):
    """What is asked about is not there or not open, or its account may not ask for it now: every
    quantity would be refused for this."""

    why: CommandRejected


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What an account is worth and must keep, in micros of a dollar.

    The first four are at prices of now, the next five at the worse of them and their five-minute
    averages, as orders are asked for. `exposure` is what positions and debts come to now.
    """

    equity_micros: int
    maintenance_micros: int
    closing_micros: int
    real_equity_micros: int
    initial_equity_micros: int
    initial_micros: int
    open_loss_micros: int
    fee_reserve_micros: int
    free_micros: int
    exposure_micros: int

    @property
    def is_met(self) -> bool:
        return self.equity_micros >= self.maintenance_micros


class AssetRisk(msgspec.Struct, frozen=True, kw_only=True):
    """An asset whose price the account hangs on, and the prices at which it is no longer safe.

    There are two: below and above its index. At each equity is below the maintenance margin, and
    one unit (1e-8 USD) nearer to the index it is not. None: at no price there, up to a hundred
    times the index; both are None where equity is below the margin already.
    """

    asset: str
    index_e8: int
    owned_atoms: int
    owed_atoms: int
    lower_e8: int | None
    upper_e8: int | None


class PositionRisk(msgspec.Struct, frozen=True, kw_only=True):
    """A position, and the mark at which it would be liquidated; None: at no price.

    That is its mark where the index of its base is at the end on the losing side of the position,
    rounded down.
    """

    market: str
    lots: int
    mark_e8: int
    pnl_atoms: int
    notional_micros: int
    maintenance_micros: int
    liquidation_e8: int | None


class RiskReport(Answer, frozen=True, kw_only=True):
    """How an account stands, and what would liquidate it.

    `status` is what it would be told at these prices.
    """

    figures: Figures
    status: MarginStatus
    assets: tuple[AssetRisk, ...]
    positions: tuple[PositionRisk, ...]


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """How an account stands, its position in one market, and where that would be liquidated.

    `lower_e8` and `upper_e8` are of the market's base, as in AssetRisk; `liquidation_e8` is the
    position's, as in PositionRisk; of a spot market, the end on the losing side of what is held.
    """

    figures: Figures
    lots: int
    entry_quote_atoms: int
    mark_e8: int
    lower_e8: int | None
    upper_e8: int | None
    liquidation_e8: int | None


class OrderPreview(Answer, frozen=True, kw_only=True):
    """What would become of an order that came now.

    Either `refusal` is what it would be refused with, and the rest but `before` is empty; or
    `after` is how its account would stand right after it, and `filled` once what then rests has
    filled whole at its own price, all else as it is; None if nothing rests.

    `average_e8` is the mean price of what would trade at once, rounded against the account,
    `worst_ticks` the worst one; `slippage_ppm` is how much worse the mean is than the reference
    (of a perpetual the mark, of spot the index), negative if it is better. `borrowed` and `repaid`
    are in atoms by asset, at once; `to_borrow_atoms` is what a resting spot order may borrow yet.
    """

    refusal: CommandRejected | None = None
    status: OrderStatus | None = None
    reason: ExpiryReason | None = None
    executed_lots: int = 0
    executed_quote_atoms: int = 0
    resting_lots: int = 0
    worst_ticks: int | None = None
    average_e8: int | None = None
    reference_e8: int = 0
    slippage_ppm: int | None = None
    fee_asset: str | None = None
    fee_atoms: int = 0
    borrowed: dict[str, int] = {}
    repaid: dict[str, int] = {}
    to_borrow_atoms: int = 0
    before: Outlook
    after: Outlook | None = None
    filled: Outlook | None = None


AnyAnswer = AdlRanks | MaxAmount | MaxLots | OrderPreview | RiskReport | Unanswerable
