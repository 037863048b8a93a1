"""What members of a team have spent, counted a second time from what was asked and what was told.

Every quote asset of the test listings is a dollar at 1, so that micros are atoms.
"""

from collections import defaultdict

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine.allowances import lost_micros
from engine.kinds import MovementSource, OrderTerms
from engine.member_limits import LOOKS_AT_ONCE
from engine.risk_events import AllowanceChanged
from engine.state import State
from engine.units import DAY_NS, AccountId, div_ceil
from tests.engine.listings import ASSETS

UNIT = {asset.symbol: 10**asset.decimals for asset in ASSETS}


class TeamBooks:
    """By account and member: what is spent today, and the limits as they were told."""

    def __init__(self) -> None:
        self.day = 0
        self.spent: defaultdict[tuple[AccountId, int], int] = defaultdict(int)
        self.limits: dict[tuple[AccountId, int], AllowanceChanged] = {}
        self.index_e8: dict[str, int] = {}
        # Who asked for what, by the number of the order, strategy, request or quote.
        self._orders: dict[int, int] = {}
        self._asked: dict[int, int] = {}
        self._quoted: dict[int, int] = {}

    def read(self, command: c.AnyCommand, events: tuple[e.Event, ...], at_ns: int) -> None:
        """Take in a command and what came of it: nothing lifts spending above a limit."""
        if at_ns // DAY_NS != self.day:
            self.day = at_ns // DAY_NS
            self.spent.clear()
        before, limits = dict(self.spent), dict(self.limits)
        for event in events:
            self._read(command, event)
        for who, spent in self.spent.items():
            told = limits.get(who)
            if told is None or spent == before.get(who, 0):
                continue
            most = told.spend_micros
            assert most is None or spent <= most, f"{who} has spent {spent} of {most}: {command}"
            stopped = told.is_stopped and told.day == self.day
            assert not stopped, f"{who} had lost too much, and still spent: {command}"

    def check(self, command: c.AnyCommand, state: State) -> None:
        """Compare with what the engine has counted; a price that costs too much stops at once."""
        for who, told in self.limits.items():
            account, member = who
            kept = state.accounts[account].allowances.get(member)
            if told.spend_micros is None and told.loss_micros is None:
                assert kept is None, who
                continue
            assert kept is not None and kept.changed() == told, f"{who}: {kept} was not told"
            assert kept.spent_on(self.day) == self.spent[who], who
            looked = isinstance(command, c.UpdatePrices) and len(self.limits) < LOOKS_AT_ONCE
            if looked and kept.loss_micros is not None and not kept.is_stopped:
                lost = lost_micros(state, state.accounts[account], kept)
                assert lost <= kept.loss_micros, f"{who} has lost {lost}"

    def _read(self, command: c.AnyCommand, event: e.Event) -> None:
        match event:
            case AllowanceChanged():
                who = (event.account, event.member)
                if event.spend_micros is None and event.loss_micros is None:
                    # Set anew it counts from nothing.
                    self.spent[who] = 0
                elif who not in self.limits or self._lifted(who):
                    self.spent[who] = event.spent_micros
                self.limits[who] = event
            case oe.OrderFilled():
                if not event.terms.reduce_only:
                    self._spend(event.terms.account, event.terms.actor, event.quote_atoms)
            case oe.OrderPlaced() | oe.TriggerPlaced():
                self._placed(command, event.terms)
            case oe.StrategyCreated():
                self._orders[event.terms.strategy_id] = command.actor
            case oe.RfqSubmitted():
                self._asked[event.terms.rfq] = command.actor
            case oe.QuoteSubmitted():
                self._quoted[event.terms.quote] = command.actor
            case _:
                self._read_rest(command, event)

    def _read_rest(self, command: c.AnyCommand, event: e.Event) -> None:
        match event:
            case oe.RfqFilled():
                accepts = isinstance(command, c.AcceptQuote)
                actor = command.actor if accepts else self._asked[event.terms.rfq]
                self._spend(event.terms.account, actor, event.quote_atoms)
            case oe.QuoteFilled():
                # One that trades at once is told of after its trade.
                actor = self._quoted.get(event.terms.quote, command.actor)
                self._spend(event.terms.account, actor, event.quote_atoms)
            case e.PricesUpdated():
                self.index_e8.update(event.index_e8)
            case e.FundsTransferred():
                self._spend(event.source, command.actor, event.amount_atoms, event.asset)
            case e.WithdrawalRequested():
                self._spend(event.account, command.actor, event.amount_atoms, event.asset)
            case e.BorrowLendMoved():
                if isinstance(command, c.Borrow) and event.source is MovementSource.MANUAL:
                    self._spend(event.account, command.actor, event.amount_atoms, event.asset)

    def _placed(self, command: c.AnyCommand, terms: OrderTerms) -> None:
        """An order is the member's who asked for it, or for what it came of."""
        actor = 0 if terms.system is not None else command.actor
        parent = terms.related if terms.related is not None else terms.strategy
        if parent is not None:
            actor = self._orders.get(parent, terms.actor)
        assert terms.actor == actor, f"{terms} is not of {actor}"
        self._orders[terms.order_id] = actor

    def _lifted(self, who: tuple[AccountId, int]) -> bool:
        told = self.limits[who]
        return told.spend_micros is None and told.loss_micros is None

    def _spend(self, account: AccountId, actor: int, atoms: int, asset: str = "USDC") -> None:
        if actor and (account, actor) in self.limits and not self._lifted((account, actor)):
            micros = div_ceil(atoms * self.index_e8[asset] * 10**6, UNIT[asset] * 10**8)
            self.spent[account, actor] += micros
