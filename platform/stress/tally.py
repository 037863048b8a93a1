"""What events say of a stress test: who was liquidated and how, who took over, who paid.

Each movement of a position is counted under the reason for it, so that what is told can be held
against what positions are in the end (`proof.py`): nothing that moved one may be forgotten.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

import msgspec

from engine import events as e
from engine import order_events as oe
from engine import risk_events as re
from engine import settlement_events as se
from engine.kinds import LiquidationEnd, MarginStatus, MovementSource, SystemOrder
from engine.margin import value_floor
from engine.state import State
from engine.units import AccountId
from engine.vocabulary import BID, Side

MOST_NOTES = 200


class Part(StrEnum):
    """Why the lots and the quote of a position moved."""

    # Forced trades of who is liquidated, by stage, and the other side of those off the book.
    BOOK = "book"
    BACKSTOP = "backstop"
    ADL = "adl"
    TOOK_BACKSTOP = "took_backstop"
    TOOK_ADL = "took_adl"
    TRADED = "traded"
    # What moves the quote alone. Owed: fees that were not paid in cash.
    REALIZED = "realized"
    FUNDING = "funding"
    INTEREST = "interest"
    OWED = "owed"
    SHARED = "shared"


_STAGES = {
    SystemOrder.LIQUIDATE_ON_BOOK: (Part.BOOK, Part.BOOK),
    SystemOrder.LIQUIDATE_ON_BACKSTOP: (Part.BACKSTOP, Part.TOOK_BACKSTOP),
    SystemOrder.LIQUIDATE_ON_ADL: (Part.ADL, Part.TOOK_ADL),
}


class Moved(msgspec.Struct):
    """Lots and quote atoms, signed; the micros traded at, and how much better than the mark."""

    lots: int = 0
    quote: int = 0
    bought: int = 0
    traded_micros: int = 0
    gained_micros: int = 0


class Case(msgspec.Struct):
    """What became of one account that was liquidated, once or more often.

    By stage, what was traded at; `collateral` was sold, or bought back for a debt, on spot books.
    """

    account: AccountId
    began: int
    times: int = 1
    ended: int | None = None
    end: str = ""
    bankrupt: int = 0
    traded_micros: Counter[str] = msgspec.field(default_factory=Counter)
    fee_micros: int = 0
    # What others bore for it: by the insurance fund and the house's fees, by winners, and what was
    # written off of its debts; and what was left of it in the end, for the insurance fund.
    paid_micros: int = 0
    left_micros: int = 0
    shared_micros: int = 0
    written_off_micros: int = 0


class WrittenOff(msgspec.Struct):
    """Debts of one asset that nobody will pay, and who bore them, in atoms."""

    count: int = 0
    debts: int = 0
    reserve: int = 0
    insured: int = 0
    lenders: int = 0


COLLATERAL = "collateral"
Moves = dict[tuple[AccountId, str], dict[Part, Moved]]
# Out of which account of the house into which, of which asset and why.
Flow = tuple[str, str, str, str]


class Tally:
    """Read the events of a run in their order; `second` is that of the scenario."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.second = 0
        self.cases = {number: Case(number, 0) for number in sorted(state.liquidations)}
        self.moves: Moves = defaultdict(lambda: defaultdict(Moved))
        self.shared: Counter[tuple[AccountId, str, str]] = Counter()
        self.written_off: dict[str, WrittenOff] = defaultdict(WrittenOff)
        # What the events of liquidations tell of money, by asset, for the proof.
        self.fees_cash: Counter[str] = Counter()
        self.fees_owed: Counter[str] = Counter()
        self.paid: Counter[str] = Counter()
        self.forgiven: Counter[str] = Counter()
        self.flows: Counter[Flow] = Counter()
        # Lots that were traded on books and by quotes, as the public and the requesters saw them.
        self.public: Counter[str] = Counter()
        # Fees that positions owed, and clearing has handed to the insurance fund, by market.
        self.handed_over: Counter[str] = Counter()
        self.called: set[AccountId] = set()
        self.takers: set[tuple[AccountId, Part]] = set()
        self.notes: list[tuple[int, str, str]] = []
        self._given: set[tuple[str, int]] = set()

    def read(self, events: Iterable[e.Event]) -> None:
        """Count what a command has brought about."""
        for event in events:
            reader = _READERS.get(type(event))
            if reader is not None:
                reader(self, event)

    def filled(self, event: oe.OrderFilled) -> None:
        """Count a fill: forced, or one's own."""
        terms, system = event.terms, event.terms.system
        listed = self._state.markets[terms.market]
        if not listed.is_perp:
            case = self.cases.get(terms.account)
            if system is not None and case is not None and case.ended is None:
                case.traded_micros[COLLATERAL] += self._micros(
                    listed.market.quote, event.quote_atoms
                )
            return
        part = Part.TRADED
        stages = _STAGES.get(system) if system is not None else None
        if stages is not None:
            trade = (terms.market, event.trade_id)
            # The giver's side is told first; on the book the other side is nobody's system order.
            part = stages[trade in self._given]
            if trade in self._given:
                self._given.remove(trade)
            elif part is not Part.BOOK:
                self._given.add(trade)
        self.traded(terms.account, terms.market, part, side=terms.side, fill=event)
        case = self.cases.get(terms.account)
        if case is not None and part in (Part.BOOK, Part.BACKSTOP, Part.ADL):
            case.traded_micros[part] += self._micros(listed.market.quote, event.quote_atoms)

    def traded(
        self,
        account: AccountId,
        market: str,
        part: Part,
        *,
        side: Side,
        fill: oe.OrderFilled | oe.RfqFilled | oe.QuoteFilled,
    ) -> None:
        """Move a position by one side of a trade."""
        listed = self._state.markets[market]
        if not listed.is_perp:
            return
        sign = 1 if side is BID else -1
        at_mark = listed.notional(fill.lots, self._state.mark_e8(listed))
        moved = self.moves[account, market][part]
        moved.lots += sign * fill.lots
        moved.bought += max(0, sign) * fill.lots
        moved.quote -= sign * fill.quote_atoms
        better = sign * (at_mark - fill.quote_atoms)
        moved.traded_micros += self._micros(listed.market.quote, fill.quote_atoms)
        moved.gained_micros += self._micros(listed.market.quote, better)
        if part in (Part.TOOK_ADL, Part.TOOK_BACKSTOP):
            self.takers.add((account, part))
        self.quoted(account, market, Part.OWED, -fill.fee_owed_atoms)

    def quoted(self, account: AccountId, market: str, part: Part, atoms: int) -> None:
        """Move the quote of a position alone."""
        if atoms:
            self.moves[account, market][part].quote += atoms

    def started(self, event: re.LiquidationStarted) -> None:
        """Open a case, or open it again."""
        known = self.cases.get(event.account)
        if known is None:
            self.cases[event.account] = Case(event.account, self.second)
        else:
            known.times += 1
            known.ended, known.end = None, ""

    def ended(self, event: re.LiquidationEnded) -> None:
        """Close a case."""
        case = self.cases[event.account]
        case.ended, case.end = self.second, event.end.value
        case.bankrupt += event.end is LiquidationEnd.BANKRUPT

    def charged(self, event: re.LiquidationFeeCharged) -> None:
        """Count a fee into the insurance fund."""
        self.cases[event.account].fee_micros += self._micros(event.asset, event.amount_atoms)
        self.fees_cash[event.asset] += event.amount_atoms - event.owed_atoms
        if event.owed_atoms:
            self.fees_owed[event.market] += event.owed_atoms
            self.quoted(event.account, event.market, Part.OWED, -event.owed_atoms)

    def insured(self, event: re.InsurancePaid) -> None:
        """Count what the insurance fund, or the house's fees, paid for an account."""
        case, micros = self.cases[event.account], self._micros(event.asset, event.amount_atoms)
        if micros > 0:
            case.paid_micros += micros
        else:
            case.left_micros -= micros
        self.paid[event.asset] += event.amount_atoms

    def loss_shared(self, event: re.LossShared) -> None:
        """Count what a winner gave up for a bankrupt account."""
        self.shared[event.account, event.market, event.asset] += event.amount_atoms
        micros = self._micros(event.asset, event.amount_atoms)
        self.cases[event.bankrupt].shared_micros += micros
        self.quoted(event.account, event.market, Part.SHARED, -event.amount_atoms)
        self.quoted(event.bankrupt, event.market, Part.SHARED, event.amount_atoms)

    def debt_written_off(self, event: e.DebtWrittenOff) -> None:
        """Count a debt that nobody will pay."""
        sums = self.written_off[event.asset]
        sums.count += 1
        sums.debts += event.amount_atoms
        sums.reserve += event.reserve_atoms
        sums.insured += event.insured_atoms
        sums.lenders += event.lenders_atoms
        case = self.cases.get(event.account)
        if case is not None:
            case.written_off_micros += self._micros(event.asset, event.amount_atoms)

    def borrow_lend_moved(self, event: e.BorrowLendMoved) -> None:
        """Count a debt that its account need not repay any more."""
        if event.source is MovementSource.WRITE_OFF:
            self.forgiven[event.asset] += event.amount_atoms

    def executed(self, event: oe.TradeExecuted) -> None:
        """Count a public trade."""
        self.public[event.market] += event.lots

    def posted(self, event: e.LedgerPosted) -> None:
        """Count money that goes into or out of the house."""
        debit, _, subject = event.debit.partition(":")
        credit = event.credit.partition(":")[0]
        if not {debit, credit} <= {"account", "pool"}:
            self.flows[debit, credit, event.asset, event.kind] += event.amount_atoms
        if (debit, credit, event.kind) == ("clearing", "insurance", "liquidation_fee"):
            self.handed_over[subject] += event.amount_atoms

    def status_changed(self, event: re.MarginStatusChanged) -> None:
        """Note who has come to a margin call."""
        if event.status is MarginStatus.MARGIN_CALL:
            self.called.add(event.account)

    def state_changed(self, event: e.MarketStateChanged) -> None:
        """Note what a market accepts from now on."""
        self.note(event.market, f"{event.state.value} ({event.reason.value})")

    def priced(self, event: e.PricesUpdated) -> None:
        """Note how far indexes are to be relied on from now on."""
        for asset, state in event.states.items():
            self.note(asset, f"index {state.value}")

    def note(self, subject: str, words: str) -> None:
        """Keep the first of what happened to markets and prices."""
        if len(self.notes) < MOST_NOTES:
            self.notes.append((self.second, subject, words))

    def _micros(self, asset: str, atoms: int) -> int:
        price_e8 = self._state.prices[asset].now_e8
        return value_floor(atoms, price_e8, self._state.assets[asset])


def _realized(tally: Tally, event: se.ProfitRealized) -> None:
    tally.quoted(event.account, event.market, Part.REALIZED, -event.amount_atoms)


def _funded(tally: Tally, event: se.FundingPaid) -> None:
    tally.quoted(event.account, event.market, Part.FUNDING, event.amount_atoms)


def _interest(tally: Tally, event: se.PositionInterestPosted) -> None:
    tally.quoted(event.account, event.market, Part.INTEREST, event.amount_atoms)


def _rfq_filled(tally: Tally, event: oe.RfqFilled) -> None:
    terms = event.terms
    tally.public[terms.market] += event.lots
    tally.traded(terms.account, terms.market, Part.TRADED, side=terms.side, fill=event)


def _quote_filled(tally: Tally, event: oe.QuoteFilled) -> None:
    terms = event.terms
    tally.traded(terms.account, terms.market, Part.TRADED, side=event.side, fill=event)


_READERS: dict[type[e.Event], Callable[[Tally, Any], None]] = {
    oe.OrderFilled: Tally.filled,
    oe.RfqFilled: _rfq_filled,
    oe.TradeExecuted: Tally.executed,
    oe.QuoteFilled: _quote_filled,
    se.ProfitRealized: _realized,
    se.FundingPaid: _funded,
    se.PositionInterestPosted: _interest,
    e.LedgerPosted: Tally.posted,
    e.BorrowLendMoved: Tally.borrow_lend_moved,
    e.DebtWrittenOff: Tally.debt_written_off,
    e.MarketStateChanged: Tally.state_changed,
    e.PricesUpdated: Tally.priced,
    re.LiquidationStarted: Tally.started,
    re.LiquidationEnded: Tally.ended,
    re.LiquidationFeeCharged: Tally.charged,
    re.InsurancePaid: Tally.insured,
    re.LossShared: Tally.loss_shared,
    re.MarginStatusChanged: Tally.status_changed,
}
