"""A mark update which concerns one account in ten of a hundred thousand; in memory, no commit."""

from bench.engine import Run
from bench.report import line, timed
from bench.workload import FIRST_ACCOUNT, MID_TICKS, setup
from engine import commands as c
from engine import events as e
from engine import vocabulary as v
from engine.margin import standing
from engine.units import AccountId

ACCOUNTS = 100_000
HOLDERS = 10_000
ROUNDS = 5
PERP, BASE = "A0_USDC_PERP", "A0"


def measure() -> None:
    """Print the line of a mark update."""
    run = Run()
    run.feed(setup(accounts=HOLDERS, markets=2))
    outcomes = run.feed([_order(number) for number in range(HOLDERS)])
    first = FIRST_ACCOUNT + HOLDERS
    for number in range(first, first + ACCOUNTS - HOLDERS):
        account = AccountId(number)
        outcomes += run.feed(
            [
                c.OpenAccount(account=account, owner=account),
                c.CreditDeposit(account=account, asset="USDC", amount_atoms=10**12),
            ]
        )
    assert not any(isinstance(outcome[0], e.CommandRejected) for outcome in outcomes)
    state = run.engine.state
    holders = [account for account in state.accounts.values() if account.positions]
    assert (len(state.accounts), len(holders)) == (ACCOUNTS, HOLDERS)
    whole, update = [], []
    for number in range(ROUNDS):
        before = [standing(state, account) for account in holders]
        with timed() as one:
            run.feed([c.UpdatePrices(prices_e8={BASE: (101 + number) * 10**8})])
        with timed() as all_of_them:
            after = [standing(state, account) for account in holders]
        assert all(old != new for old, new in zip(before, after, strict=True))
        update.append(one.cpu)
        whole.append(one.cpu + all_of_them.cpu)
    line(
        f"mark update, {HOLDERS:,} of {ACCOUNTS:,} accounts hold",
        cpu_us=min(whole) / HOLDERS * 1e6,
        latency=f"{min(whole) * 1e3:.1f} ms",
        includes=(
            f"the command ({min(update) * 1e6:.0f} µs: accounts are valued when next asked about), "
            f"then the margin of each holder anew; CPU time, best of {ROUNDS}; no commit"
        ),
    )


def _order(number: int) -> c.PlaceOrder:
    """Return an order which meets that of the account before it, so that each holds a lot."""
    return c.PlaceOrder(
        account=AccountId(FIRST_ACCOUNT + number),
        market=PERP,
        side=v.Side.ASK if number % 2 else v.Side.BID,
        price_ticks=MID_TICKS,
        lots=1,
    )
