"""The engine alone: matching, margin, ledger, positions and events; in memory, no commit.

Besides the plain figure: does an order cost more when its account has many open orders, when there
are many accounts, many markets? It must not.
"""

import gc
from dataclasses import dataclass, field

from bench.report import line, timed
from bench.workload import FIRST_ACCOUNT, Fill, Workload, build, checksum
from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import vocabulary as v
from engine.engine import Engine
from engine.units import AccountId, OrderId

START_NS = 1_790_000_000 * 10**9


@dataclass
class Run:
    """An engine which is fed commands, as the sequencer would."""

    engine: Engine = field(default_factory=Engine)
    sequence: int = 0

    def feed(self, commands: list[c.AnyCommand]) -> list[tuple[e.Event, ...]]:
        """Apply all, one microsecond apart; return the events of each."""
        apply, sequence, outcomes = self.engine.apply, self.sequence, []
        for command in commands:
            sequence += 1
            outcomes.append(
                apply(
                    sequence=sequence,
                    at_ns=START_NS + sequence * 1_000,
                    command_id=f"bench:{sequence}",
                    command=command,
                )
            )
        self.sequence = sequence
        return outcomes


def measure() -> None:
    """Print the engine's lines."""
    work = build()
    run = Run()
    refused = [outcome[0] for outcome in run.feed(work.setup) if _refused(outcome)]
    assert not refused, refused[0]
    freeze()
    with timed() as timing:
        outcomes = run.feed(work.operations)
    _verify(work, outcomes)
    count = len(work.operations)
    line(
        "engine alone",
        rate=count / timing.wall,
        cpu_us=timing.cpu / count * 1e6,
        includes=(
            "margin, matching, fees, ledger, positions, all events; 2,000 accounts, 6 markets; "
            f"{len(work.fills):,} fills agree with the reference book"
        ),
    )
    del run, outcomes
    thaw()
    _by_open_orders()
    _by_accounts()
    _by_markets()


def freeze() -> None:
    """Put the collector into the state in which the engine runs in production."""
    gc.collect()
    gc.freeze()
    gc.disable()


def thaw() -> None:
    """Give the collector everything back."""
    gc.enable()
    gc.unfreeze()
    gc.collect()


def _refused(outcome: tuple[e.Event, ...]) -> bool:
    return isinstance(outcome[0], e.CommandRejected)


def fills_of(outcomes: list[tuple[e.Event, ...]]) -> list[Fill]:
    """Return the fills as (taker, maker, price, quantity), in order."""
    return [
        (event.seller_order, event.buyer_order, event.price_ticks, event.lots)
        if event.buyer_is_maker
        else (event.buyer_order, event.seller_order, event.price_ticks, event.lots)
        for outcome in outcomes
        for event in outcome
        if isinstance(event, oe.TradeExecuted)
    ]


def _verify(work: Workload, outcomes: list[tuple[e.Event, ...]]) -> None:
    refused = [outcome[0] for outcome in outcomes if _refused(outcome)]
    assert not refused, f"{len(refused)} operations were refused: {refused[0]}"
    assert checksum(fills_of(outcomes)) == work.checksum, "the fills differ from the reference"


def _by_open_orders() -> None:
    few, many = _placing_cost(28), _placing_cost(2_000)
    _ratio("open orders of the account: 28 → 2,000", few, many, "place + cancel of a perp order")


def _placing_cost(open_orders: int) -> float:
    """Return the CPU µs of placing and cancelling one perp order beside `open_orders` others."""
    run = Run()
    run.feed(build(operations=0, accounts=2, markets=2).setup)
    account = AccountId(FIRST_ACCOUNT)

    def bid(number: int) -> c.PlaceOrder:
        return c.PlaceOrder(
            account=account,
            market="A0_USDC_PERP",
            side=v.Side.BID,
            price_ticks=9_000 + number % 900,
            lots=1,
        )

    placed = run.feed([bid(number) for number in range(open_orders)])
    assert not any(_refused(outcome) for outcome in placed)
    last = placed[-1][0]
    assert isinstance(last, oe.OrderPlaced)
    first = last.terms.order_id + 1
    pairs: list[c.AnyCommand] = []
    for number in range(4_000):
        pairs.append(bid(number))
        pairs.append(
            c.CancelOrder(account=account, market="A0_USDC_PERP", order_id=OrderId(first + number))
        )
    best = _best_cpu(run, pairs)
    return best / 4_000 * 1e6


def _best_cpu(run: Run, commands: list[c.AnyCommand]) -> float:
    freeze()
    with timed() as timing:
        outcomes = run.feed(commands)
    thaw()
    refused = [outcome[0] for outcome in outcomes if _refused(outcome)]
    assert not refused, refused[0]
    return timing.cpu


def _by_accounts() -> None:
    _ratio(
        "accounts: 100 → 100,000",
        _workload_cost(accounts=100, markets=6),
        _workload_cost(accounts=100, markets=6, idle=99_900),
        "the workload, beside idle funded accounts",
    )


def _by_markets() -> None:
    _ratio(
        "markets: 6 → 200",
        _workload_cost(accounts=100, markets=6),
        _workload_cost(accounts=100, markets=6, idle_markets=194),
        "the workload, beside idle markets",
    )


def _workload_cost(*, accounts: int, markets: int, idle: int = 0, idle_markets: int = 0) -> float:
    """Return the CPU µs of one operation of a workload of 20,000."""
    work = build(operations=20_000, accounts=accounts, markets=markets)
    run = Run()
    run.feed(work.setup)
    first = FIRST_ACCOUNT + accounts
    run.feed(
        [
            command
            for number in range(first, first + idle)
            for command in (
                c.OpenAccount(account=AccountId(number), owner=AccountId(number)),
                c.CreditDeposit(account=AccountId(number), asset="USDC", amount_atoms=10**12),
            )
        ]
    )
    if idle_markets:
        known = set(run.engine.state.markets) | set(run.engine.state.assets)
        more = build(operations=0, accounts=0, markets=markets + idle_markets).setup
        run.feed([command for command in more if _listing_of(command) not in known])
    return _best_cpu(run, work.operations) / len(work.operations) * 1e6


def _listing_of(command: c.AnyCommand) -> str:
    if isinstance(command, c.ListAsset):
        return command.asset.symbol
    return command.market.symbol if isinstance(command, c.ListMarket) else ""


def _ratio(what: str, before: float, after: float, includes: str) -> None:
    line(
        what,
        cpu_us=after,
        latency=f"{after / before:.2f} ×",
        includes=f"{includes}; {before:.1f} µs before",
    )
