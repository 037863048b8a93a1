"""A long life of an exchange: seeded random commands of every kind, proved after each.

Unlike the state machine it does not shrink: it goes far, to states that short runs never reach,
such as pools without cash, winners without losers, positions in both modes over days.
"""

from random import Random

from engine import commands as c
from engine.catalog import LEND_RATES_PPB, PoolState
from engine.engine import Engine
from engine.events import CommandRejected, Event
from engine.invariants import check
from engine.units import MAX_ATOMS, SECOND_NS, AccountId, OrderId
from tests.engine import listings
from tests.engine.driver import START_NS

TRADERS = tuple(AccountId(number) for number in range(1001, 1009))
UNIT = {"USDC": 10**6, "SOL": 10**9, "BTC": 10**8}
PERPS = ("SOL_USDC_PERP", "BTC_USDC_PERP")
SPOTS = ("SOL_USDC", "BTC_USDC")
TICKS_E8 = {"SOL": 10**6, "BTC": 10**7}
LOTS = {"SOL": 100, "BTC": 100_000}


class LongRun:
    """An exchange with eight traders, and a source of commands for it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.engine = Engine()
        self.at_ns = START_NS
        self.price = dict(listings.INDEX_E8)
        self.accepted = self.withdrawals = 0
        for asset in listings.ASSETS:
            self.do(c.ListAsset(asset=asset))
        self.do(c.UpdatePrices(prices_e8=self.price))
        for market in listings.MARKETS:
            self.do(c.ListMarket(market=market))
        for number, trader in enumerate(TRADERS):
            self.do(c.OpenAccount(account=trader, owner=trader))
            self.do(c.UpdateAccount(account=trader, auto_lend=number % 2 == 0))
            for asset, unit in UNIT.items():
                amount = {"USDC": 20_000, "SOL": 200, "BTC": 1}[asset] * unit
                # Some hold no dollars, some nothing else.
                if (asset == "USDC") != (number % 4 == 3):
                    self.do(c.CreditDeposit(account=trader, asset=asset, amount_atoms=amount))

    def do(self, command: c.Command) -> Event:
        """Apply one command and prove everything anew."""
        state = self.engine.state
        events = self.engine.apply(
            sequence=state.sequence + 1,
            at_ns=self.at_ns,
            command_id=str(state.sequence),
            command=command,
        )
        self.accepted += type(events[0]) is not CommandRejected
        check(state)
        return events[0]

    def run(self, commands: int) -> None:
        """Do so many random commands."""
        kinds = (
            *(self._perp_order,) * 10,
            *(self._spot_order,) * 5,
            *(self._cancel,) * 3,
            *(self._realize,) * 4,
            *(self._move_prices,) * 4,
            *(self._accrue,) * 2,
            *(self._lend_or_borrow,) * 4,
            *(self._terms,) * 2,
            *(self._settings,) * 2,
            self._money,
            self._house,
        )
        for _ in range(commands):
            self.at_ns += self.random.choice((0, 1, 1, 10, 60, 1_800)) * SECOND_NS
            self.do(self.random.choice(kinds)())

    def _trader(self) -> AccountId:
        return self.random.choice(TRADERS)

    def _asset(self) -> str:
        return self.random.choice(("USDC", "USDC", "SOL", "BTC"))

    def _amount(self, asset: str) -> int:
        """Return an amount of any size, from an atom to more than there is."""
        most = int(UNIT[asset] * {"USDC": 30_000, "SOL": 300, "BTC": 2}[asset])
        return max(1, int(most * 10 ** -self.random.choice((0, 0, 1, 1, 2, 4, 9))))

    def _order(self, markets: tuple[str, ...], **terms: bool) -> c.PlaceOrder:
        random, market = self.random, self.random.choice(markets)
        asset = market.split("_")[0]
        mid = self.price[asset] // TICKS_E8[asset]
        offset = random.randint(-20, 20) * mid // 10_000
        return c.PlaceOrder(
            account=self._trader(),
            market=market,
            side=random.choice(tuple(c.Side)),
            price_ticks=mid + offset,
            lots=max(1, LOTS[asset] * random.randint(1, 400) // 10),
            time_in_force=random.choice((c.GTC, c.GTC, c.GTC, c.IOC)),
            self_trade_prevention=random.choice(tuple(c.SelfTradePrevention)),
            **terms,
        )

    def _perp_order(self) -> c.Command:
        return self._order(PERPS, reduce_only=self.random.random() < 0.1)

    def _spot_order(self) -> c.Command:
        return self._order(SPOTS, auto_borrow=self.random.random() < 0.5)

    def _cancel(self) -> c.Command:
        orders = self.engine.state.orders
        if not orders or self.random.random() < 0.2:
            return c.CancelAllOrders(account=self._trader())
        terms = orders[self.random.choice(list(orders))].terms
        return c.CancelOrder(
            account=terms.account, market=terms.market, order_id=OrderId(terms.order_id)
        )

    def _realize(self) -> c.Command:
        most = self.random.choice((1, 3, 500, 500, 500))
        return c.AutoRealize(market=self.random.choice(PERPS), positions_max=most)

    def _move_prices(self) -> c.Command:
        for asset in ("SOL", "BTC"):
            start = listings.INDEX_E8[asset]
            drift = (start - self.price[asset]) // 50
            step = self.price[asset] * self.random.choice((-300, -20, -5, 0, 5, 20, 300)) // 10_000
            self.price[asset] += step + drift
        return c.UpdatePrices(prices_e8=dict(self.price))

    def _accrue(self) -> c.Command:
        kind = self.random.choice((c.AccrueInterest, c.AutoLend))
        return kind(asset=self._asset())

    def _lend_or_borrow(self) -> c.Command:
        kind = self.random.choice((c.Lend, c.Redeem, c.Borrow, c.Borrow, c.Repay))
        asset = self._asset()
        return kind(account=self._trader(), asset=asset, amount_atoms=self._amount(asset))

    def _terms(self) -> c.Command:
        random, asset = self.random, self._asset()
        return c.SetLendTerms(
            account=self._trader(),
            asset=asset,
            min_rate_ppb=random.choice((0, 0, *LEND_RATES_PPB)),
            cap_atoms=random.choice((None, None, self._amount(asset))),
            keep_atoms=random.choice((0, 0, self._amount(asset))),
            as_collateral=random.random() < 0.8,
        )

    def _settings(self) -> c.Command:
        random = self.random
        return c.UpdateAccount(
            account=self._trader(),
            auto_lend=random.choice((None, True, False)),
            auto_repay_borrows=random.choice((None, True, True, False)),
            auto_borrow_settlements=random.choice((None, True, True, False)),
            auto_realize_pnl=random.choice((None, True, False)),
            borrow_limit_micros=random.choice((None, None, MAX_ATOMS, 10**9)),
        )

    def _money(self) -> c.Command:
        asset, trader = self._asset(), self._trader()
        amount = self._amount(asset)
        if self.random.random() < 0.4:
            return c.CreditDeposit(account=trader, asset=asset, amount_atoms=amount // 10 + 1)
        self.withdrawals += 1
        return c.RequestWithdrawal(
            account=trader,
            asset=asset,
            amount_atoms=amount,
            withdrawal=self.withdrawals,
            auto_borrow=self.random.random() < 0.3,
        )

    def _house(self) -> c.Command:
        random, asset = self.random, self._asset()
        return random.choice(
            (
                c.ConvertDust(account=self._trader()),
                c.FundInsurance(asset=asset, amount_atoms=self._amount(asset)),
                c.SetPoolState(asset=asset, state=PoolState.OPEN),
                c.SetPoolState(asset=asset, state=random.choice(tuple(PoolState))),
                c.WriteOffDebt(account=self._trader(), asset=asset),
            )
        )
