"""A long life of an exchange: seeded random commands of every kind, proved after each.

Unlike the state machine it does not shrink: it goes far, to states that short runs never reach,
such as pools without cash, winners without losers, positions in both modes over days.
"""

from collections import Counter
from random import Random
from typing import Any

from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import settlement_events as se
from engine import vocabulary as v
from engine.book import ConditionalOrder, Order
from engine.catalog import LEND_RATES_PPB, FundingRules, PoolState, RealizeLimits
from engine.engine import Engine
from engine.invariants import check
from engine.kinds import BorrowLendKind
from engine.margin import MarginType, health
from engine.positions import Position
from engine.risk_events import LiquidationEnded, MarginStatusChanged
from engine.snapshot import digest, dump_state, load_state
from engine.units import MAX_ATOMS, SECOND_NS, AccountId, OrderId
from tests.engine import listings
from tests.engine.driver import START_NS
from tests.engine.interest_books import InterestBooks

TRADERS = tuple(AccountId(number) for number in range(1001, 1009))
# They bet what they have on perpetuals until nothing is left but a debt.
GAMBLERS = (AccountId(1009), AccountId(1010))
STAKE = 500 * 10**6
UNIT = {"USDC": 10**6, "SOL": 10**9, "BTC": 10**8}
PERPS = ("SOL_USDC_PERP", "BTC_USDC_PERP")
SPOTS = ("SOL_USDC", "BTC_USDC")
TICKS_E8 = {"SOL": 10**6, "BTC": 10**7}
LOTS = {"SOL": 100, "BTC": 100_000}
# Orders of a thousand dollars or so.
SIZES = {"SOL": 1_000, "BTC": 2_000}
# So little may be advanced that the limit is met.
LIMITS = RealizeLimits(advance_limit_atoms=300 * 10**6)
# Prices come seldom: one sample makes a rate.
FUNDED = FundingRules(samples_min=1, impact_micros=500 * 10**6)
# A pool that fills up.
SOL_LIMIT = 300 * 10**9
# So often is the engine restarted from a snapshot.
LIFE = 1_000


class LongRun:
    """An exchange with eight traders and two gamblers, and a source of commands for it.

    `seen` counts what has happened, by kind.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.engine = Engine()
        self.at_ns = START_NS
        self.price = dict(listings.INDEX_E8)
        self.withdrawals = 0
        self.seen: Counter[str] = Counter()
        self.books = InterestBooks()
        self.twin: Engine | None = None
        for listed in listings.ASSETS:
            limits = listed.limits
            if listed.symbol == "SOL":
                limits = replace(limits, size_limit_atoms=SOL_LIMIT)
            self.do(c.ListAsset(asset=replace(listed, limits=limits)))
        self.do(c.UpdatePrices(prices_e8=self.price))
        for market in listings.MARKETS:
            self.do(c.ListMarket(market=replace(market, realize=LIMITS, funding=FUNDED)))
        for number, trader in enumerate(TRADERS):
            self.do(c.OpenAccount(account=trader, owner=trader))
            self.do(c.UpdateAccount(account=trader, auto_lend=number % 2 == 0))
            for asset, unit in UNIT.items():
                amount = {"USDC": 20_000, "SOL": 200, "BTC": 1}[asset] * unit
                # Some hold no dollars, some nothing else.
                if (asset == "USDC") != (number % 4 == 3):
                    self.do(c.CreditDeposit(account=trader, asset=asset, amount_atoms=amount))
        for gambler in GAMBLERS:
            self.do(c.OpenAccount(account=gambler, owner=gambler))
            self.do(c.UpdateAccount(account=gambler, leverage_limit=50))

    def do(self, command: c.Command) -> e.Event:
        """Apply one command, to the twin as well, and prove everything anew."""
        engine = self.engine
        sequence = engine.state.sequence + 1
        told: dict[str, Any] = {
            "sequence": sequence,
            "at_ns": self.at_ns,
            "command_id": str(sequence),
            "command": command,
        }
        events = engine.apply(**told)
        for event in events:
            self.seen[_kind(event)] += 1
        check(engine.state)
        self.books.read(events)
        if isinstance(command, c.AutoRealize):
            self._protected_lends_stay(events)
        if self.twin is not None:
            assert self.twin.apply(**told) == events, "a replay tells otherwise"
        if sequence % LIFE == 0:
            self._restart()
        return events[0]

    def _restart(self) -> None:
        """Go on from a snapshot; the twin has come from the one before, by the same commands."""
        state = self.engine.state
        if self.twin is not None:
            assert digest(self.twin.state) == digest(state), "a replay ends otherwise"
        self.twin = self.engine
        self.engine = Engine(load_state(dump_state(state)))

    def _protected_lends_stay(self, events: tuple[e.Event, ...]) -> None:
        """A lend that is no collateral is never taken to settle."""
        for event in events:
            if isinstance(event, e.BorrowLendMoved) and event.kind is BorrowLendKind.REDEEM:
                holding = self.engine.state.accounts[event.account].holdings[event.asset]
                assert holding.terms.as_collateral, f"took {event}"

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
            *(self._gamble,) * 2,
            *(self._conditional_order,) * 2,
            self._money,
            self._dust,
            self._house,
        )
        for _ in range(commands):
            self.at_ns += self.random.choice((0, 1, 1, 10, 60, 1_800)) * SECOND_NS
            self.do(self.random.choice(kinds)())
            due_ns = self.engine.due_ns
            # The sequencer may be late.
            if due_ns is not None and due_ns <= self.at_ns and self.random.random() < 0.8:
                self.do(c.AdvanceTime())

    def _trader(self) -> AccountId:
        return self.random.choice(TRADERS)

    def _asset(self) -> str:
        return self.random.choice(("USDC", "USDC", "SOL", "BTC"))

    def _amount(self, asset: str) -> int:
        """Return an amount of any size, from an atom to more than there is."""
        most = int(UNIT[asset] * {"USDC": 30_000, "SOL": 300, "BTC": 2}[asset])
        return max(1, int(most * 10 ** -self.random.choice((0, 0, 1, 1, 2, 4, 9))))

    def _order(self, markets: tuple[str, ...], **terms: Any) -> c.PlaceOrder:
        random, market = self.random, self.random.choice(markets)
        asset = market.split("_")[0]
        mid = self.price[asset] // TICKS_E8[asset]
        offset = random.randint(-20, 20) * mid // 10_000
        return c.PlaceOrder(
            account=self._trader(),
            market=market,
            side=random.choice(tuple(v.Side)),
            price_ticks=mid + offset,
            lots=max(1, SIZES[asset] * random.choice((1, 5, 10, 20, 100)) // 10),
            time_in_force=random.choice((v.GTC, v.GTC, v.GTC, v.IOC)),
            self_trade_prevention=random.choice(tuple(v.SelfTradePrevention)),
            **terms,
        )

    def _perp_order(self) -> c.Command:
        return self._order(PERPS, reduce_only=self.random.random() < 0.1)

    def _spot_order(self) -> c.Command:
        return self._order(SPOTS, auto_borrow=self.random.random() < 0.5)

    def _conditional_order(self) -> c.Command:
        """Return an order that waits for a price near by, or one that brings its exits along."""
        random = self.random
        order = self._order((*PERPS, *PERPS, *SPOTS))
        assert order.price_ticks is not None
        by = random.choice(tuple(v.TriggerBy))
        away = order.price_ticks * random.choice((1, 3, 10)) // 1_000 + 1
        if order.market in PERPS and random.random() < 0.5:
            gain, lose = order.price_ticks + away, order.price_ticks - away
            if order.side is v.ASK:
                gain, lose = lose, gain
            limit = random.choice((None, lose))
            exits = v.Conditions(
                take_profit=random.choice((None, v.Exit(gain, by, limit and gain))),
                stop_loss=v.Exit(lose, by, limit),
            )
            return replace(order, time_in_force=v.GTC, conditions=exits)
        share = random.choice((None, None, 10**9, 10**8)) if order.market in PERPS else None
        trigger = v.Trigger(order.price_ticks + random.choice((-away, away)), by, share)
        waits = replace(order, conditions=v.Conditions(trigger=trigger), time_in_force=v.GTC)
        if share is not None or random.random() < 0.5:
            lots = None if share is not None else order.lots
            waits = replace(waits, type=v.OrderType.MARKET, price_ticks=None, lots=lots)
        return replace(waits, reduce_only=order.market in PERPS and random.random() < 0.5)

    def _cancel(self) -> c.Command:
        state = self.engine.state
        orders: dict[OrderId, Order | ConditionalOrder] = {**state.orders, **state.triggers}
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
            steps: tuple[int, ...] = (-300, -20, -5, 0, 5, 20, 300)
            if self.random.random() < 0.02:
                # A gap, which some do not survive.
                steps = (-2_500, 2_500)
            self.price[asset] += self.price[asset] * self.random.choice(steps) // 10_000 + drift
        return c.UpdatePrices(prices_e8=dict(self.price))

    def _accrue(self) -> c.Command:
        if self.engine.state.sequence % 3 == 0:
            return c.PayFunding(market=self.random.choice(PERPS), positions_max=3)
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
            min_rate_ppb=random.choice((0, 0, *LEND_RATES_PPB, *LEND_RATES_PPB, 5)),
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

    def _gamble(self) -> c.Command:
        """Bet all; who is ruined closes his positions, settles, and his debt is written off."""
        state, gambler = self.engine.state, self.random.choice(GAMBLERS)
        account = state.accounts[gambler]
        equity = health(state, account, MarginType.MAINTENANCE).equity
        if equity == 0:
            if state.pools["USDC"].state is not PoolState.OPEN:
                return c.SetPoolState(asset="USDC", state=PoolState.OPEN)
            return c.CreditDeposit(account=gambler, asset="USDC", amount_atoms=STAKE)
        if equity > 0:
            order = self._order(PERPS)
            # Thirty times what there is, in dollars.
            lots = 30 * equity * 10**8 // (10**6 * self.price[order.market.split("_")[0]])
            return replace(order, account=gambler, lots=max(1, lots * LOTS[order.market[:3]]))
        if account.orders:
            return c.CancelAllOrders(account=gambler)
        for position in account.positions.values():
            if position.lots:
                return self._closing(position)
            if position.quote:
                return self._realizing(position)
        holding = account.holdings["USDC"]
        if holding.available.atoms:
            amount = holding.available.atoms
            return c.Repay(account=gambler, asset="USDC", amount_atoms=amount)
        if self.random.random() < 0.7:
            return c.FundInsurance(asset="USDC", amount_atoms=4 * STAKE)
        return c.WriteOffDebt(account=gambler, asset="USDC")

    def _closing(self, position: Position) -> c.Command:
        side = v.ASK if position.lots > 0 else v.BID
        if self.engine.state.markets[position.market].book.side(side is v.ASK).best() is None:
            return self._order((position.market,))
        return c.PlaceOrder(
            account=position.account_id,
            market=position.market,
            side=side,
            type=v.OrderType.MARKET,
            lots=abs(position.lots),
            reduce_only=True,
        )

    def _realizing(self, position: Position) -> c.Command:
        """Have a closed position's loss become a debt, whatever forbids it."""
        return self.random.choice(
            (
                c.AutoRealize(market=position.market),
                c.SetPoolState(asset="USDC", state=PoolState.OPEN),
                c.UpdateAccount(account=position.account_id, auto_borrow_settlements=True),
            )
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

    def _dust(self) -> c.Command:
        trader, asset = self._trader(), self.random.choice(("SOL", "BTC"))
        if self.random.random() < 0.5:
            return c.ConvertDust(account=trader)
        amount = UNIT[asset] // (200 if asset == "SOL" else 200_000)
        return c.CreditDeposit(account=trader, asset=asset, amount_atoms=amount)

    def _house(self) -> c.Command:
        random, asset = self.random, self._asset()
        return random.choice(
            (
                c.FundInsurance(asset=asset, amount_atoms=self._amount(asset) // 10_000 + 1),
                c.SetPoolState(asset=asset, state=PoolState.OPEN),
                c.SetPoolState(asset=asset, state=random.choice(tuple(PoolState))),
                c.WriteOffDebt(account=self._trader(), asset=asset),
                self._backstop(),
            )
        )

    def _backstop(self) -> c.Command:
        micros = self.random.choice((0, 100, 10_000, 1_000_000)) * 10**6
        return c.SetBackstop(
            account=self._trader(),
            market=self.random.choice(PERPS),
            minute_micros=micros,
            hour_micros=3 * micros,
        )


def _kind(event: e.Event) -> str:
    """Name what an event tells of, as finely as the run must have shown it."""
    name = type(event).__name__
    match event:
        case e.CommandRejected():
            return event.code.value
        case se.ProfitRealized():
            return f"{event.kind.value} {'paid' if event.amount_atoms > 0 else 'collected'}"
        case e.BorrowLendMoved():
            place = f" {event.bucket}" if event.kind is BorrowLendKind.LEND else ""
            return f"{event.kind.value} {event.source.value}{place}"
        case se.FundingPaid():
            return f"{name} {'got' if event.amount_atoms > 0 else 'paid'}"
        case se.FundingRateSet():
            return f"{name} {'at a rate' if event.rate_ppb else 'at nothing'}"
        case se.PositionInterestPosted():
            return f"{name} {'earned' if event.amount_atoms > 0 else 'charged'}"
        case se.MarketRealized():
            if not event.done:
                return f"{name} in part"
            advanced = "advanced" if event.advanced_atoms else ""
            return f"{name} {advanced} {'unpaid' if event.paid_atoms < event.due_atoms else ''}"
        case e.DebtWrittenOff():
            borne = (event.reserve_atoms, event.insured_atoms, event.lenders_atoms)
            names = ("reserve", "insurance", "lenders")
            return " ".join(
                (name, *(who for who, atoms in zip(names, borne, strict=True) if atoms))
            )
    return _kind_of_order(event, name)


def _kind_of_order(event: e.Event, name: str) -> str:
    match event:
        case LiquidationEnded():
            return f"{name} {event.end.value}"
        case MarginStatusChanged():
            return f"{name} {event.status.value}"
        case oe.TriggerPlaced() | oe.OrderTriggered():
            return f"{name} exit" if event.terms.related else name
        case oe.TriggerFailed() | oe.OrderExpired():
            return f"{name} {event.reason.value}"
        case oe.OrderModified():
            return f"{name} {event.status.value}"
        case oe.OrderPlaced():
            return f"{name} {event.terms.system.value}" if event.terms.system else name
    return name
