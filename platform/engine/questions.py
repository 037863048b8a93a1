"""What may be asked of the live exchange without changing it, and how it answers.

A question is answered from all commands applied so far; it has no number and leaves no trace.
"""

import msgspec

from engine.events import CommandRejected
from engine.units import AccountId
from engine.vocabulary import Side


class Question(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="question"
):
    """The base of all questions; the tag on the wire is the class name."""


class MaxBorrow(Question, frozen=True, kw_only=True):
    """Ask how much `Borrow` would lend the account now. The answer is a MaxAmount."""

    account: AccountId
    asset: str


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


class MaxWithdrawal(Question, frozen=True, kw_only=True):
    """Ask how much `RequestWithdrawal` would let go now. The answer is a MaxAmount."""

    account: AccountId
    asset: str
    auto_lend_redeem: bool = True
    auto_borrow: bool = False


class AskAdlRanks(Question, frozen=True, kw_only=True):
    """Ask for the ranks of some hundred of a market's holders, after the first `skip`.

    The answer is AdlRanks.
    """

    market: str
    skip: int = 0


# What is asked about one account.
AccountQuestion = MaxBorrow | MaxOrder | MaxWithdrawal
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
    """What is asked about is not there or not open: every quantity would be refused for this."""

    why: CommandRejected


AnyAnswer = AdlRanks | MaxAmount | MaxLots | Unanswerable
