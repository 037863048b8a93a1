"""Who is looked at when prices have moved, and what that costs; in memory, no commit.

An update of prices looks at the accounts whose bounds a price has left. So it is measured in steps
as prices make them every second, and in one step that leaves the bounds of every holder; both
beside nine times as many accounts that hold another market, and without them.
"""

import time
from statistics import median

from bench.engine import Run, freeze, thaw
from bench.report import line
from engine import commands as c
from engine import vocabulary as v
from engine.units import MICROS, PRICE_SCALE, AccountId
from launcher.demo_listing import ASSETS, MARKETS

ACCOUNTS = 100_000
HOLDERS = 10_000
PERP, OTHER = "SOL_USDC_PERP", "BTC_USDC_PERP"
MAKER = AccountId(1)
FIRST = 2
PRICE = 100
# Ten thousandths of the price, a second: a quiet minute, with two steps of half a percent in it.
STEPS = (2, -1, 3, -2, 1, -3, 2, 2, -50, 4, -2, 1, 3, -1, -2, 50, 1, -2, 3, -1)
ROUNDS = 10


def measure() -> None:
    """Print what an update of prices costs among many accounts and among few."""
    alone = _Looks(accounts=HOLDERS)
    many = _Looks(accounts=ACCOUNTS)
    line(
        f"an update of prices, {HOLDERS:,} of {ACCOUNTS:,} accounts hold",
        latency=f"{median(many.usual) * 1e3:.1f}/{max(many.usual) * 1e3:.1f}",
        includes=(
            "p50 and most; steps of 0.01 to 0.5 %; until everybody near a bound has been looked at;"
            f" {sum(many.usual) / sum(alone.usual):.2f} × what it costs without the others"
        ),
    )
    line(
        f"the same, 11 % at once: all {HOLDERS:,} are looked at",
        cpu_us=many.whole / HOLDERS * 1e6,
        latency=f"{many.longest * 1e3:.1f} most",
        includes=(
            f"{many.whole * 1e3:.0f} ms in all, over commands of which the longest is told; "
            f"{many.whole / alone.whole:.2f} × what it costs without the others"
        ),
    )


class _Looks:
    """Updates of prices, each with all the looks it leads to, in seconds of CPU time."""

    def __init__(self, *, accounts: int) -> None:
        self._run = Run()
        self._run.feed(listed())
        for number in range(accounts):
            account, usd = AccountId(FIRST + number), 300 + number % 700
            market, cents = (PERP, PRICE * 100) if number < HOLDERS else (OTHER, 500_000)
            self._run.feed(funded(account, usd=usd) + traded(account, market, price=cents))
        self._settle_down(PRICE * PRICE_SCALE)
        freeze()
        self.usual: list[float] = []
        price = PRICE * PRICE_SCALE
        for step in STEPS * ROUNDS:
            price += price * step // 10_000
            self.usual.append(sum(self._settle_down(price)))
        commands = self._settle_down(price * 89 // 100)
        self.whole, self.longest = sum(commands), max(commands)
        thaw()
        state = self._run.engine.state
        assert len(state.accounts) == accounts + 1
        assert not state.liquidations

    def _settle_down(self, price_e8: int) -> list[float]:
        """Set the price and do what is due; return what each command took."""
        took = [self._timed(c.UpdatePrices(prices_e8={"SOL": price_e8}))]
        engine = self._run.engine
        while engine.state.guards.is_due:
            took.append(self._timed(c.AdvanceTime()))
        return took

    def _timed(self, command: c.AnyCommand) -> float:
        began = time.process_time()
        self._run.feed([command])
        return time.process_time() - began


def listed() -> list[c.AnyCommand]:
    """Return what lists the demo's assets and markets, and funds who quotes them."""
    commands: list[c.AnyCommand] = [c.ListAsset(asset=asset) for asset in ASSETS]
    prices = {"USDC": 1, "USDT": 1, "BTC": 50_000, "ETH": 2_500, "SOL": PRICE}
    commands.append(c.UpdatePrices(prices_e8={s: p * PRICE_SCALE for s, p in prices.items()}))
    commands += [c.ListMarket(market=market) for market in MARKETS]
    return commands + funded(MAKER, usd=100_000_000)


def funded(account: AccountId, *, usd: int, leverage: int = 50) -> list[c.AnyCommand]:
    return [
        c.OpenAccount(account=account, owner=account),
        c.UpdateAccount(account=account, leverage_limit=leverage),
        c.CreditDeposit(account=account, asset="USDC", amount_atoms=usd * MICROS),
    ]


def traded(account: AccountId, market: str, *, price: int, lots: int = 1_000) -> list[c.AnyCommand]:
    """Return what makes an account long, the maker being short; the price is in ticks."""
    return [
        limit(MAKER, v.Side.ASK, market, price=price, lots=lots),
        limit(account, v.Side.BID, market, price=price, lots=lots),
    ]


def limit(account: AccountId, side: v.Side, market: str, *, price: int, lots: int) -> c.PlaceOrder:
    return c.PlaceOrder(account=account, market=market, side=side, price_ticks=price, lots=lots)
