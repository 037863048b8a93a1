"""Ten owners with five sub-accounts each, who never meet but through one maker without a bottom.

The maker quotes every book at one price a side, in sizes that nobody could exhaust, and lends more
than all others could borrow, at no interest; the insurance fund and one backstop are as deep, and
clearing holds a profit which the backstop does not take, so that winners never wait for losers. So
whatever one account does leaves prices, rates and rooms as they were for the next one. While prices
move the maker's quotes are away: a mark is then its index, whoever has traded last.
"""

from collections import Counter
from random import Random
from typing import Any, NamedTuple

from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import risk_events as re
from engine import vocabulary as v
from engine.catalog import FundingRules, MarketKind, RateCurve
from engine.invariants import check
from engine.kinds import LiquidationEnd
from engine.state import State
from engine.units import MAX_ATOMS, PPB, RAY, AccountId
from tests.engine import listings
from tests.engine.driver import Exchange

MAKER, BACKSTOP = AccountId(1), AccountId(2)
HOUSE = frozenset({MAKER, BACKSTOP})
MAINS = tuple(AccountId(10 * number) for number in range(1, 11))
SUBS = tuple(AccountId(main + number) for main in MAINS for number in range(1, 6))
FREE = RateCurve(optimal_ppb=850_000_000, slope1_ppb=0, slope2_ppb=0)
# Never enough samples for a rate: funding is told elsewhere.
UNFUNDED = FundingRules(samples_min=3_600)
ASSETS = tuple(replace(asset, curve=FREE) for asset in listings.ASSETS)
# What rests far away must not keep the maker from quoting.
WIDE: dict[str, Any] = {"min_multiplier_ppb": PPB // 10, "max_multiplier_ppb": 10 * PPB}
MARKETS = tuple(replace(market, funding=UNFUNDED, **WIDE) for market in listings.MARKETS)
PERPS = tuple(market.symbol for market in MARKETS if market.kind is MarketKind.PERP)
UNIT = {"USDC": 10**6, "SOL": 10**9, "BTC": 10**8}
WORTH = {"USDC": 1, "SOL": 100, "BTC": 50_000}
# Prices stay between; orders that rest lie beyond both.
LOWEST, HIGHEST = {"SOL": 70, "BTC": 35_000}, {"SOL": 105, "BTC": 52_500}
RESTING = {"SOL": (35, 125), "BTC": (18_000, 65_000)}
BOTTOMLESS = 10**10
# What leaves all that an owner has as it was: it moves money, or none.
NEUTRAL = (
    *(c.TransferFunds, c.TransferBasket, c.SweepFunds, c.FreezeAccount, c.CloseAccount),
    *(c.ReopenAccount, c.UpdateAccount, c.Lend, c.Redeem, c.Borrow, c.Repay, c.AutoLend),
    *(c.CancelAllOrders, c.UpdatePrices, c.OpenAccount),
)
Owned = dict[tuple[AccountId, str], int]


class Entry(NamedTuple):
    """A command of the journal, when it came, and what came of it."""

    at_ns: int
    command: c.AnyCommand
    events: tuple[e.Event, ...]


class World(Exchange):
    """An exchange on which all of them act at random; `seen` counts what has happened."""

    def __init__(self, seed: int) -> None:
        self.entries: list[Entry] = []
        self.seen: Counter[str] = Counter()
        self.random = Random(seed)
        self.withdrawals = 0
        super().__init__(assets=ASSETS, markets=MARKETS, accounts=(MAKER, BACKSTOP, *MAINS))
        self.dollars = {"SOL": 100, "BTC": 50_000}
        for sub in SUBS:
            self.accept(c.OpenAccount(account=sub, owner=AccountId(sub // 10 * 10)))
        for house in (MAKER, BACKSTOP):
            for asset in UNIT:
                self.deposit(house, asset, 10**18)
        for asset in UNIT:
            self.accept(c.Lend(account=MAKER, asset=asset, amount_atoms=10**17))
            self.accept(c.FundInsurance(asset=asset, amount_atoms=10**17))
        for market in PERPS:
            self.accept(
                c.SetBackstop(
                    account=BACKSTOP, market=market, minute_micros=MAX_ATOMS, hour_micros=MAX_ATOMS
                )
            )
        for main in MAINS:
            for asset, unit in UNIT.items():
                self.deposit(main, asset, 40_000 * unit // WORTH[asset])
        self._fill_clearing()

    def _fill_clearing(self) -> None:
        """Have the maker lose to the backstop, which leaves its profit where it is."""
        self.accept(c.UpdateAccount(account=BACKSTOP, auto_realize_pnl=False))
        for symbol, lots, price in (
            ("SOL_USDC_PERP", 10**7, 10_000),
            ("BTC_USDC_PERP", 10**8, 500_000),
        ):
            self.limit(BACKSTOP, v.Side.ASK, lots, price, symbol)
            self.limit(MAKER, v.Side.BID, lots, price, symbol)
        self.dollars = dict(LOWEST)
        self.move_prices()
        for market in PERPS:
            collected = self.accept(c.AutoRealize(market=market)).collected_atoms
            assert collected > 10**12, f"{market} holds {collected}"
        self.accept(c.UpdateAccount(account=MAKER, auto_realize_pnl=False))

    def apply(self, command: c.AnyCommand, *, command_id: str | None = None) -> tuple[e.Event, ...]:
        """Apply, keep it for the replays, and see that each owner has what it had."""
        before = owned(self.engine.state)
        events = super().apply(command, command_id=command_id)
        self.entries.append(Entry(self.at_ns, command, events))
        self._count(events)
        self._conserved(command, events, before)
        return events

    def _count(self, events: tuple[e.Event, ...]) -> None:
        for event in events:
            if isinstance(event, e.CommandRejected):
                self.seen[event.code] += 1
            elif isinstance(event, re.LiquidationEnded):
                self.seen[event.end] += 1
            else:
                self.seen[type(event).__name__] += 1

    def _conserved(self, command: c.AnyCommand, events: tuple[e.Event, ...], before: Owned) -> None:
        """What moves between accounts of one owner leaves their sum as it was, to the atom."""
        moved: Owned = {}
        first = events[0]
        if isinstance(first, e.DepositCredited):
            moved[_owner(first.account), first.asset] = first.amount_atoms
        elif isinstance(first, e.WithdrawalRequested):
            moved[_owner(first.account), first.asset] = -first.amount_atoms
        elif isinstance(first, e.WithdrawalSettled) and first.returned:
            moved[_owner(first.account), first.asset] = first.amount_atoms
        elif not isinstance(first, e.CommandRejected) and not isinstance(command, NEUTRAL):
            return
        after = owned(self.engine.state)
        for key in after.keys() | before.keys():
            expected = before.get(key, 0) + moved.get(key, 0)
            assert after.get(key, 0) == expected, f"{command} has cost {key}"

    # -- a day in their lives ------------------------------------------------------------------

    def live(self, seconds: int) -> None:
        """Let prices move once a second, and everybody act between."""
        for second in range(seconds):
            self.move_prices()
            for _ in range(25):
                self.apply(self.act())
                self.advance()
            if second % 5 == 0:
                for market in PERPS:
                    self.accept(c.AutoRealize(market=market, positions_max=500))
            if second % 7 == 0:
                self.accept(c.AutoLend(asset=self.random.choice(list(UNIT))))
            for number in list(self.engine.state.withdrawals):
                self.accept(c.SettleWithdrawal(withdrawal=number, returned=number % 3 == 0))
            if second % 10 == 0:
                check(self.engine.state)

    def move_prices(self) -> None:
        self.wait(1)
        random = self.random
        for asset, price in self.dollars.items():
            move = random.uniform(-0.02, 0.022)
            if random.random() < 0.06:
                move = random.choice((-0.25, -0.12, 0.15))
            moved = round(price * (1 + move))
            self.dollars[asset] = max(LOWEST[asset], min(HIGHEST[asset], moved))
        self.accept(c.CancelAllOrders(account=MAKER))
        prices = {asset: price * 10**8 for asset, price in self.dollars.items()}
        self.accept(c.UpdatePrices(prices_e8={"USDC": 10**8, **prices}))
        for market in MARKETS:
            middle = self.dollars[market.base] * 10**8 // market.tick_e8
            for side, ticks in ((v.Side.BID, middle - 10), (v.Side.ASK, middle + 10)):
                self.limit(MAKER, side, BOTTOMLESS // middle * 100, ticks, market.symbol)
        self.advance()

    def act(self) -> c.AnyCommand:
        """Return what somebody asks for now."""
        random = self.random
        main = random.choice(MAINS)
        family = (main, *(AccountId(main + number) for number in range(1, 6)))
        account, other = random.sample(family, 2)
        # The main account is the one that gives.
        giver, taker = account, other
        if account != main and random.random() < 0.6:
            giver, taker = main, account
        kinds = (*(self._move, self._trade) * 3, self._loan, self._order, self._state)
        return random.choice(kinds)(account, giver, taker)

    def _amount(self, asset: str) -> int:
        most = self.random.choice((400, 2_000, 9_000)) * UNIT[asset] // WORTH[asset]
        return self.random.randint(most // 3, most)

    def _move(self, account: AccountId, giver: AccountId, taker: AccountId) -> c.AnyCommand:
        random, asset = self.random, self.random.choice(list(UNIT))
        kind = random.randrange(7)
        if kind <= 1:
            return c.TransferFunds(
                source=giver, destination=taker, asset=asset, amount_atoms=self._amount(asset)
            )
        if kind == 2:
            chosen = random.sample(list(UNIT), random.randint(1, 3))
            amounts = {one: self._amount(one) for one in chosen}
            return c.TransferBasket(source=giver, destination=taker, amounts=amounts)
        if kind <= 4:
            return c.SweepFunds(
                account=taker,
                other=giver,
                asset=asset,
                keep_atoms=self._amount(asset),
                top_up=random.random() < 0.7,
            )
        amount = self._amount(asset)
        if kind == 5:
            return c.CreditDeposit(account=account, asset=asset, amount_atoms=amount)
        self.withdrawals += 1
        return c.RequestWithdrawal(
            account=account, asset=asset, amount_atoms=amount, withdrawal=self.withdrawals
        )

    def _trade(self, account: AccountId, giver: AccountId, taker: AccountId) -> c.AnyCommand:
        """Take from the maker, at times with all the leverage there is."""
        random, market = self.random, self.random.choice((*MARKETS, *MARKETS[2:]))
        dollars = random.choice((1_000, 20_000, 60_000, 150_000))
        lots = max(1, dollars * UNIT[market.base] // (WORTH[market.base] * market.lot_atoms))
        is_perp = market.kind is MarketKind.PERP
        return c.PlaceOrder(
            account=account,
            market=market.symbol,
            side=random.choice((v.Side.BID, v.Side.BID, v.Side.ASK)),
            type=v.OrderType.MARKET,
            lots=lots,
            reduce_only=is_perp and random.random() < 0.2,
            auto_borrow=not is_perp and random.random() < 0.5,
        )

    def _loan(self, account: AccountId, giver: AccountId, taker: AccountId) -> c.AnyCommand:
        random, asset = self.random, self.random.choice(list(UNIT))
        if random.random() < 0.2:
            return c.UpdateAccount(
                account=account,
                auto_lend=random.random() < 0.5,
                auto_repay_borrows=random.random() < 0.7,
            )
        kinds: tuple[Any, ...] = (c.Lend, c.Redeem, c.Borrow, c.Borrow, c.Repay)
        kind = random.choice(kinds)
        command: c.AnyCommand = kind(account=account, asset=asset, amount_atoms=self._amount(asset))
        return command

    def _order(self, account: AccountId, giver: AccountId, taker: AccountId) -> c.AnyCommand:
        """Rest far away, wait for a price, or cancel it all."""
        random, market = self.random, self.random.choice(MARKETS)
        if random.random() < 0.2:
            return c.CancelAllOrders(account=account)
        lots = max(1, 200 * UNIT[market.base] // (WORTH[market.base] * market.lot_atoms))
        side = random.choice((v.Side.BID, v.Side.ASK))
        if random.random() < 0.3:
            stop = self.dollars[market.base] * (97 if side is v.Side.ASK else 103) // 100
            trigger = v.Trigger(stop * 10**8 // market.tick_e8, v.TriggerBy.MARK)
            return c.PlaceOrder(
                account=account,
                market=market.symbol,
                side=side,
                type=v.OrderType.MARKET,
                lots=lots,
                reduce_only=market.kind is MarketKind.PERP,
                conditions=v.Conditions(trigger=trigger),
            )
        dollars = RESTING[market.base][side is v.Side.ASK]
        ticks = dollars * 10**8 // market.tick_e8 + random.randrange(5)
        return c.PlaceOrder(
            account=account, market=market.symbol, side=side, price_ticks=ticks, lots=lots
        )

    def _state(self, account: AccountId, giver: AccountId, taker: AccountId) -> c.AnyCommand:
        kind = self.random.randrange(10)
        if kind <= 0:
            return c.FreezeAccount(account=account)
        if kind <= 4:
            return c.FreezeAccount(account=account, frozen=False)
        return c.CloseAccount(account=account) if kind <= 6 else c.ReopenAccount(account=account)


def owned(state: State) -> Owned:
    """Return what each owner has of each asset over all its accounts, less what is owed, in atoms.

    There is no interest, so each index is 1.
    """
    found: Owned = {}
    for asset, pool in state.pools.items():
        assert pool.debt_index == RAY, f"{asset} bears interest"
    for account in state.accounts.values():
        for asset, held in account.holdings.items():
            atoms = held.available.atoms + held.locked.atoms + held.lend_scaled - held.debt_scaled
            key = (account.owner, asset)
            found[key] = found.get(key, 0) + atoms
    return found


def _owner(account: AccountId) -> AccountId:
    return account if account in HOUSE else AccountId(account // 10 * 10)


BANKRUPT, RECOVERED = LiquidationEnd.BANKRUPT, LiquidationEnd.RECOVERED
