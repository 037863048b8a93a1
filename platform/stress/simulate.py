"""Live through a scenario with a private copy of the exchange, by ordinary commands only.

Each second the copy gets what the live exchange gets: one UpdatePrices of the feed, the jobs of the
beat, and AdvanceTime whenever its own schedule is due. It ends when prices have arrived, nobody is
being liquidated and nobody is suspected, or when the scenario's patience does. The same state and
the same scenario give the same report.
"""

from typing import Final, Protocol

from engine.commands import (
    AccrueInterest,
    AdvanceTime,
    AutoLend,
    AutoRealize,
    Command,
    PayFunding,
    UpdatePrices,
)
from engine.engine import Engine
from engine.events import CommandRejected, CommandRepeated, Event
from engine.settlement_events import MarketFunded, MarketRealized
from engine.units import SECOND_NS
from prices.terms import Plan
from stress.feed import Feed
from stress.maker import Maker, empty_books
from stress.proof import Before, prove
from stress.report import PathPoint, Report
from stress.reporting import Lived, report_of
from stress.scenario import Books, Scenario, check
from stress.tally import Tally

# The rhythms of the beat's jobs (config/schedule.py) in seconds, and the size of their parts.
REALIZE_SECONDS: Final = 10
LEND_SECONDS: Final = 60
ACCRUE_SECONDS: Final = 60
FUND_SECONDS: Final = 300
POSITIONS_AT_ONCE: Final = 500
# Two updates a second apart and the median of five seconds decide: nobody is found after so long
# with prices at rest.
QUIET_SECONDS: Final = 10
# So many points of the prices are told while they move.
PATH_POINTS: Final = 120


def simulate(engine: Engine, scenario: Scenario, *, plan: Plan | None = None) -> Report:
    """Shock the prices of `engine`, which must be a copy that nobody else uses, and report.

    Raises ScenarioError. A broken invariant ends the run; the report says which.

    Args:
        plan: the terms of each asset's index, as the live feed has them.
    """
    priced = [asset for asset, price in engine.state.prices.items() if price.now_e8]
    check(scenario, priced=priced)
    run = Run(engine, scenario, plan or Plan())
    try:
        run.live()
        prove(run.tally, engine.state, run.before)
        return run.report()
    except AssertionError as error:
        return run.report(failure=f"second {run.second}: {error}")


class Prices(Protocol):
    """Where the prices of each second come from."""

    has_arrived: bool

    def prices(self, second: int) -> UpdatePrices: ...


class Run:
    """One scenario on one copy, second by second."""

    def __init__(self, engine: Engine, scenario: Scenario, plan: Plan) -> None:
        self.engine, self.scenario = engine, scenario
        self.second = 0
        # For how many seconds prices have been where they go, and nobody liquidated or suspected.
        self.quiet = 0
        self.path: list[PathPoint] = []
        state = engine.state
        self.sequence, self.began_ns = state.sequence, state.at_ns
        self.tally = Tally(state)
        for asset in state.assets:
            self._apply(AccrueInterest(asset=asset))
        if scenario.books is not Books.KEPT:
            for command in list(empty_books(state, scenario.books)):
                self._apply(command)
        self.maker: Maker | None = None
        if scenario.books is Books.FOLLOWED:
            self.maker = Maker(state, scenario, self._apply)
            self.maker.open()
        # What came before is how the copy is set up; its money is there from the beginning.
        self.before = Before(state)
        self.tally = Tally(state)
        self.feed: Prices = Feed(state, scenario, plan)

    def live(self) -> None:
        """Go through all seconds."""
        every = 1 + self.scenario.seconds // PATH_POINTS
        self._note_prices()
        while not self._is_over():
            self.second += 1
            self.tally.second = self.second
            self._pass_second()
            if self.second % every == 0:
                self._note_prices()
        self._note_prices()
        for asset in self.engine.state.assets:
            self._apply(AccrueInterest(asset=asset))

    def report(self, *, failure: str = "") -> Report:
        """Return what has become of it."""
        return report_of(
            Lived(self.tally, self.engine.state, self.before, self.maker),
            self.scenario,
            began=(self.sequence, self.began_ns),
            path=self.path,
            failure=failure,
        )

    def _is_over(self) -> bool:
        after = self.second - self.scenario.seconds
        if after >= self.scenario.patience_seconds:
            return True
        return after >= QUIET_SECONDS and self.quiet >= QUIET_SECONDS

    def _pass_second(self) -> None:
        at_ns = self.began_ns + self.second * SECOND_NS
        self._advance(at_ns - 1)
        told = self._apply(self.feed.prices(self.second), at_ns=at_ns)
        assert not isinstance(told, CommandRejected), f"the prices were refused: {told}"
        if self.maker is not None:
            self.maker.quote()
        self._advance(at_ns)
        state = self.engine.state
        perps = [market for market, listed in state.markets.items() if listed.is_perp]
        if self.second % REALIZE_SECONDS == 0:
            for market in perps:
                self._finish(AutoRealize(market=market, positions_max=POSITIONS_AT_ONCE))
        if self.second % FUND_SECONDS == 0:
            for market in perps:
                self._finish(PayFunding(market=market, positions_max=POSITIONS_AT_ONCE))
        for asset in state.assets:
            if self.second % LEND_SECONDS == 0:
                self._apply(AutoLend(asset=asset))
            if self.second % ACCRUE_SECONDS == 0:
                self._apply(AccrueInterest(asset=asset))
        self._advance(at_ns)
        guards = state.guards
        waits = bool(guards.suspects or guards.urgent or state.liquidations)
        self.quiet = 0 if waits or not self.feed.has_arrived else self.quiet + 1

    def _advance(self, until_ns: int) -> None:
        """Do what the engine's own schedule has, each thing when it is due."""
        state = self.engine.state
        while (due_ns := self.engine.due_ns) is not None and due_ns <= until_ns:
            self._apply(AdvanceTime(), at_ns=max(due_ns, state.at_ns))

    def _finish(self, command: AutoRealize | PayFunding) -> None:
        """Give a command in parts, until it is done or refused."""
        while True:
            told = self._apply(command)
            if not isinstance(told, MarketRealized | MarketFunded) or told.done:
                return

    def _apply(self, command: Command, *, at_ns: int | None = None) -> Event:
        state = self.engine.state
        sequence = state.sequence + 1
        events = self.engine.apply(
            sequence=sequence,
            at_ns=state.at_ns if at_ns is None else at_ns,
            command_id=f"stress:{sequence}",
            command=command,
        )
        assert not isinstance(events[0], CommandRepeated), f"{command} was known before"
        self.tally.read(events)
        return events[0]

    def _note_prices(self) -> None:
        state = self.engine.state
        self.path.append(
            PathPoint(
                second=self.second,
                index_e8={
                    asset: price.now_e8 for asset, price in state.prices.items() if price.now_e8
                },
                mark_e8={
                    market: state.mark_e8(listed)
                    for market, listed in state.markets.items()
                    if listed.is_perp
                },
            )
        )
