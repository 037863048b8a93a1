"""Random commands over several accounts, assets and markets; every truth is checked after each."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import questions as q
from engine import settlement_events as se
from engine import vocabulary as v
from engine.bands import find_taker_band
from engine.catalog import (
    LEND_RATES_PPB,
    Band,
    BreakerRules,
    Fraction,
    FundingRules,
    Haircut,
    MarketKind,
    MarketState,
    PoolLimits,
    PoolState,
    PriceState,
    RateCurve,
)
from engine.engine import Engine
from engine.kinds import AccountState, LiquidationEnd, OrderStatus, SystemOrder
from engine.maintenance import real_equity
from engine.rejects import Reject
from engine.risk_events import LiquidationEnded
from engine.snapshot import digest, dump_state, load_state
from engine.units import MAX_ATOMS, MICROS, PPB, RAY, AccountId, OrderId
from tests.engine import foresight, invariants, listings
from tests.engine.driver import ALICE, BOB, CAROL, Exchange
from tests.engine.team_books import TeamBooks

SUB, SPARE = AccountId(2_001), AccountId(2_002)
ACCOUNTS = st.sampled_from([ALICE, BOB, CAROL, SUB])
# Alice's own accounts: the last does not trade, so that it can be emptied.
FAMILY = st.sampled_from([ALICE, SUB, SPARE, SPARE])
PAIRS = st.sampled_from([(ALICE, SUB), (SUB, ALICE), (ALICE, SPARE), (SPARE, ALICE)])
ASSETS = st.sampled_from(["USDC", "SOL", "BTC"])
SPOT = "SOL_USDC"
PERP = "SOL_USDC_PERP"
MARKETS = st.sampled_from([SPOT, PERP, PERP, "BTC_USDC", "BTC_USDC_PERP"])
# Amounts in hundredths of a whole unit, of every size from dust to most of what there is.
AMOUNTS = st.one_of(st.integers(min_value=1, max_value=200_000), st.sampled_from([1, 10**6, 10**8]))
UNIT = {"USDC": 10**4, "SOL": 10**7, "BTC": 10**4}
DEPOSITS = {"USDC": 20_000 * 10**6, "SOL": 200 * 10**9, "BTC": 10**8}
MID = {SPOT: 10_000, PERP: 10_000, "BTC_USDC": 500_000, "BTC_USDC_PERP": 500_000}
LOTS = {SPOT: 100, PERP: 100, "BTC_USDC": 200, "BTC_USDC_PERP": 200}
# One sample makes an hour's rate, at a size that the books have.
FUNDED = FundingRules(samples_min=1, impact_micros=100 * MICROS)
LISTED = {
    market.symbol: replace(market, funding=FUNDED) if market.kind is MarketKind.PERP else market
    for market in listings.MARKETS
}
AUCTION: dict[str, Any] = {"auction_ms": 1_000}
NARROW: tuple[dict[str, Any], ...] = (
    {"max_impact_ppb": 1_000_300_000, "min_impact_ppb": 999_700_000},
    {"mean_mark_band": Band(999_000_000, 1_001_000_000)},
)
# What of a market's parameters is changed, from those it was listed with.
OF_ALL: tuple[dict[str, Any], ...] = (
    {},
    {"taker_fee_ppm": 700},
    *NARROW,
    {
        "breaker": BreakerRules(
            short_move_ppb=30_000_000, long_move_ppb=60_000_000, limit_only_ms=1_000
        )
    },
    AUCTION,
)
OF_PERPETUALS: tuple[dict[str, Any], ...] = (
    {"open_interest_limit_lots": 350},
    {"open_interest_limit_lots": 350, "auction_ms": 1_000},
    {"position_limit_micros": 1_000 * 10**6},
    {"premium_tolerance_ppb": 2_000_000},
    {"mmf": Fraction(20_000_000), "profit_limit_micros": 10**7},
)
OF_ASSETS: tuple[dict[str, Any], ...] = (
    {},
    {"haircut": Haircut(weight_ppb=500_000_000, factor_ppb=100_000)},
    {"borrow_imf": Fraction(300_000_000), "borrow_mmf": Fraction(250_000_000)},
    {"curve": RateCurve(optimal_ppb=500_000_000, slope1_ppb=400_000_000, slope2_ppb=2 * PPB)},
    {"limits": PoolLimits(max_utilization_ppb=940_000_000, throttle_bound_ppb=930_000_000)},
    {"fee_ppm": 300_000, "lendable": False},
)
RISK = (c.PlaceOrder, c.Borrow, c.RequestWithdrawal, c.TransferFunds, c.TransferBasket)
# A member of Alice's team, and what he does for her when he acts.
MEMBER = 7
BY_MEMBER = (
    *(*RISK, c.CreateStrategy, c.RequestQuote, c.SubmitQuote, c.AcceptQuote),
    *(c.SweepFunds, c.Lend, c.Redeem, c.Repay, c.SetBackstop, c.CancelOrder, c.CancelAllOrders),
)
# What who is frozen may not ask for, besides orders that do not reduce.
OPENING = (
    *(c.Borrow, c.Lend, c.SetLendTerms, c.ConvertDust, c.RequestWithdrawal, c.SetBackstop),
    *(c.TransferFunds, c.TransferBasket, c.CreateStrategy, c.CloseAccount),
    *(c.RequestQuote, c.SubmitQuote, c.AcceptQuote, c.RefreshQuoteRequest),
)


def _actor(command: c.AnyCommand) -> AccountId:
    """Return the account that a command is asked for."""
    if isinstance(command, c.TransferFunds | c.TransferBasket):
        return command.source
    return getattr(command, "account", AccountId(0))


def _ended_at_once(answer: e.Event) -> bool:
    """Tell whether an order has neither traded nor come to rest: it adds no risk."""
    return (
        isinstance(answer, oe.OrderPlaced)
        and answer.status is OrderStatus.EXPIRED
        and not answer.executed_lots
    )


class ExchangeMachine(RuleBasedStateMachine):
    """Rules are commands; a twin restored from a snapshot must stay equal to the bit."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange(accounts=(ALICE, BOB, CAROL), markets=tuple(LISTED.values()))
        for account in (SUB, SPARE):
            self.exchange.accept(c.OpenAccount(account=account, owner=ALICE))
        for account in (ALICE, BOB, CAROL):
            for asset, atoms in DEPOSITS.items():
                self.exchange.deposit(account, asset, atoms)
        for asset, atoms in DEPOSITS.items():
            lend = c.Lend(account=CAROL, asset=asset, amount_atoms=atoms // 2)
            self.exchange.accept(lend)
        self._open_positions_and_books()
        self.twin = Engine(load_state(dump_state(self.exchange.engine.state)))
        self.withdrawals = 0
        self.indexes: dict[str, dict[int, int]] = {}
        self.member_acts = True
        self.team = TeamBooks()
        self.team.index_e8 = {**self.exchange.mirror.index_e8}

    def _open_positions_and_books(self) -> None:
        """Give Alice a long, Bob a short, and each book two sides with orders half filled."""
        exchange = self.exchange
        for market, mid in MID.items():
            lots = LOTS[market]
            exchange.limit(CAROL, v.Side.ASK, 4 * lots, mid + 10, market)
            exchange.limit(CAROL, v.Side.BID, 4 * lots, mid - 10, market)
            exchange.limit(BOB, v.Side.ASK, 3 * lots, mid, market)
            # Of her exits each ends the other: what a snapshot must not forget.
            exits = v.Conditions(
                take_profit=v.Exit(mid * 103 // 100), stop_loss=v.Exit(mid * 97 // 100)
            )
            terms = {"conditions": exits} if market.endswith("_PERP") else {}
            exchange.limit(ALICE, v.Side.BID, 2 * lots, mid, market, **terms)
            exchange.limit(BOB, v.Side.BID, lots, mid - 10, market)
            exchange.limit(ALICE, v.Side.ASK, lots, mid - 10, market)
        exchange.limit(ALICE, v.Side.ASK, LOTS[PERP], MID[PERP] + 30, PERP, reduce_only=True)
        # The sub-account has just the margin for what it holds: it is the first to be liquidated.
        exchange.deposit(SUB, "USDC", 80 * 10**6)
        exchange.limit(BOB, v.Side.ASK, 1_000, MID[PERP], PERP)
        exchange.limit(SUB, v.Side.BID, 1_000, MID[PERP], PERP)
        for asset, atoms in DEPOSITS.items():
            exchange.accept(c.Borrow(account=BOB, asset=asset, amount_atoms=atoms // 50))
        # An hour later no index is 1 any more, rounding shows, and funding is owed for it.
        exchange.accept(c.UpdatePrices(prices_e8=listings.INDEX_E8))
        exchange.wait(3_600)
        for asset in DEPOSITS:
            exchange.accept(c.AccrueInterest(asset=asset))
        lots, bid, ask = LOTS[SPOT], MID[SPOT] - 20, MID[SPOT] + 20
        asked = exchange.accept(
            c.RequestQuote(account=ALICE, market=SPOT, side=v.Side.BID, lots=lots)
        )
        exchange.accept(
            c.SubmitQuote(account=CAROL, rfq=asked.terms.rfq, bid_ticks=bid, ask_ticks=ask)
        )

    def do(self, command: c.AnyCommand) -> e.Event:
        """Apply, check what is particular to this command, apply again and to the twin."""
        exchange = self.exchange
        command = self._signed(command)
        state = exchange.engine.state
        before = digest(state)
        reducing = isinstance(command, c.PlaceOrder) and self._reduces(command)
        held = {key: position.lots for key, position in exchange.mirror.positions.items()}
        open_interest = self._open_interest()
        may = exchange.mirror.account_states.get(_actor(command), AccountState.OPEN)
        taker_bands = {symbol: find_taker_band(state, one) for symbol, one in state.markets.items()}
        events = self._foreseen(command)
        answer = events[0]
        self._limits_hold(open_interest)
        self.team.read(command, events, exchange.at_ns)
        self.team.check(command, state)
        if isinstance(command, c.PlaceOrder):
            self._bands_hold(events, taker_bands)
        if isinstance(answer, e.CommandRejected):
            due = (e.PoolChanged, e.PoolHourClosed)
            assert all(isinstance(event, due) for event in events[1:]), events
        elif isinstance(command, RISK) and not reducing and not _ended_at_once(answer):
            account = _actor(command)
            # Each fill rounds its fee up by itself; the check before it rounded their sum.
            fills = sum(isinstance(event, oe.OrderFilled) for event in events)
            invariants.margin_is_met(state, account, slack_micros=2 * fills + 2)
        if not isinstance(answer, e.CommandRejected):
            self._state_allows(command, may)
        for event in events:
            if isinstance(event, oe.RfqFilled | oe.QuoteFilled):
                self._quoted_margin_is_met(event, held)
            elif isinstance(event, oe.OrderFilled | LiquidationEnded):
                self._liquidated(event)
            elif isinstance(event, e.DebtWrittenOff) and event.lenders_atoms:
                self.indexes.pop(event.asset, None)
        sequence, at_ns, command_id, _ = exchange.journal[-1]
        after = digest(state)
        assert after != before, "even a refused command has a number"
        again = exchange.apply(command, command_id=command_id)
        assert again == (e.CommandRepeated(sequence=sequence),)
        assert digest(state) == after, "a repeated command changed something"
        same = self.twin.apply(
            sequence=sequence, at_ns=at_ns, command_id=command_id, command=command
        )
        assert same == events, "a replay tells something else"
        assert digest(self.twin.state) == after
        return answer

    def _signed(self, command: c.AnyCommand) -> c.AnyCommand:
        """Return what is asked for Alice as the member's, while he acts for her."""
        number = getattr(command, "account", getattr(command, "source", None))
        if self.member_acts and number == ALICE and isinstance(command, BY_MEMBER):
            return replace(command, actor=MEMBER)
        return command

    def _state_allows(self, command: c.AnyCommand, may: AccountState) -> None:
        """A frozen account opens nothing; a closed one is only reopened, or paid into another."""
        if may is AccountState.FROZEN:
            opens = isinstance(command, c.PlaceOrder) and not command.reduce_only
            assert not opens and not isinstance(command, OPENING), command
        elif may is AccountState.CLOSED:
            assert isinstance(command, c.ReopenAccount | c.CreditDeposit), command

    def _foreseen(self, command: c.AnyCommand) -> tuple[e.Event, ...]:
        """Apply a command; what the engine said of an order before is what then comes of it."""
        exchange = self.exchange
        if not isinstance(command, c.PlaceOrder):
            return exchange.apply(command)
        told = foresight.preview(exchange.engine, command, exchange.at_ns)
        events = exchange.apply(command)
        if told is not None:
            report = foresight.risk(exchange.engine, command.account, exchange.at_ns)
            foresight.compare(told, command, events, report)
        return events

    def _open_interest(self) -> dict[str, int]:
        markets = self.exchange.engine.state.markets.items()
        return {symbol: one.clearing.long_lots for symbol, one in markets if one.clearing}

    def _limits_hold(self, before: dict[str, int]) -> None:
        """Open interest may stand above its limit, but does not grow there."""
        for symbol, lots in self._open_interest().items():
            limit = self.exchange.mirror.markets[symbol].open_interest_limit_lots
            assert limit is None or lots <= max(limit, before[symbol]), f"{symbol} has {lots} open"

    def _bands_hold(self, events: tuple[e.Event, ...], bands: dict[str, tuple[int, int]]) -> None:
        """An order trades within its market's bands; its first price is the best there was."""
        first: dict[str, int] = {}
        for event in events:
            if not isinstance(event, oe.TradeExecuted):
                continue
            market, price = self.exchange.mirror.markets[event.market], event.price_ticks
            best = first.setdefault(event.market, price)
            lowest, highest = bands[event.market]
            if event.buyer_is_maker:
                assert price >= max(lowest, best * market.min_impact_ppb / 10**9), event
            else:
                assert price <= min(highest, best * market.max_impact_ppb / 10**9), event

    def _liquidated(self, event: oe.OrderFilled | LiquidationEnded) -> None:
        """Selling on the book leaves nobody bankrupt; who is bankrupt owns and owes nothing."""
        state = self.exchange.engine.state
        if isinstance(event, oe.OrderFilled):
            if event.terms.system is SystemOrder.LIQUIDATE_ON_BOOK:
                account = state.accounts[event.terms.account]
                assert real_equity(state, account) >= -10, event
        elif event.end is LiquidationEnd.BANKRUPT:
            account = state.accounts[event.account]
            assert not any(position.lots for position in account.positions.values())
            for holding in account.holdings.values():
                assert (holding.available.atoms, holding.debt_scaled) == (0, 0), holding.asset

    def _reduces(self, command: c.PlaceOrder) -> bool:
        lots, _ = self.exchange.position(command.account, command.market)
        orders = self.exchange.mirror.orders_of(command.account, command.market)
        # A resting reduce-only order takes no more than the position has, whatever else fills.
        same = sum(
            o.lots_open for o in orders if o.terms.side is command.side and not o.terms.reduce_only
        )
        size = (command.lots or 0) + same
        if command.conditions is not None and command.conditions.trigger is not None:
            # It is asked for margin when it is triggered.
            return True
        return command.reduce_only or (
            0 < lots >= size if command.side is v.Side.ASK else 0 < -lots >= size
        )

    def _quoted_margin_is_met(
        self, event: oe.RfqFilled | oe.QuoteFilled, held: dict[tuple[int, str], int]
    ) -> None:
        """Whoever took on risk by a quoted trade has the initial margin for it right after."""
        account, market = event.terms.account, event.terms.market
        side = event.side if isinstance(event, oe.QuoteFilled) else event.terms.side
        lots = held.get((account, market), 0)
        same = sum(
            order.lots_open
            for order in self.exchange.mirror.orders_of(account, market)
            if order.terms.side is side and not order.terms.reduce_only
        )
        size = event.lots + same
        if not (0 < lots >= size if side is v.Side.ASK else 0 < -lots >= size):
            invariants.margin_is_met(self.exchange.engine.state, account, slack_micros=4)

    @rule(account=ACCOUNTS, asset=ASSETS, amount=AMOUNTS)
    def deposit(self, account: AccountId, asset: str, amount: int) -> None:
        self.do(
            c.CreditDeposit(account=account, asset=asset, amount_atoms=amount * UNIT[asset] // 100)
        ) if amount * UNIT[asset] >= 100 else None

    @rule(
        account=ACCOUNTS, asset=ASSETS, amount=AMOUNTS, redeem=st.booleans(), borrow=st.booleans()
    )
    def withdraw(
        self, account: AccountId, asset: str, amount: int, redeem: bool, borrow: bool
    ) -> None:
        self.withdrawals += 1
        # Every other one pays a fee, at times as much as it takes out: refused.
        fee = self.withdrawals % 2 * min(amount, 3) * UNIT[asset]
        self.do(
            c.RequestWithdrawal(
                account=account,
                asset=asset,
                amount_atoms=amount * UNIT[asset],
                withdrawal=self.withdrawals,
                auto_lend_redeem=redeem,
                auto_borrow=borrow,
                fee_atoms=fee,
            )
        )

    @precondition(lambda self: self.withdrawals)
    @rule(pick=st.integers(min_value=0, max_value=100), returned=st.booleans())
    def settle_withdrawal(self, pick: int, returned: bool) -> None:
        number = 1 + pick % self.withdrawals
        self.do(c.SettleWithdrawal(withdrawal=number, returned=returned))

    @rule(pair=PAIRS, amounts=st.dictionaries(ASSETS, AMOUNTS, min_size=1))
    def transfer(self, pair: tuple[AccountId, AccountId], amounts: dict[str, int]) -> None:
        """Move one asset, or several at once."""
        source, destination = pair
        atoms = {asset: amount * UNIT[asset] for asset, amount in amounts.items()}
        if len(atoms) > 1:
            self.do(c.TransferBasket(source=source, destination=destination, amounts=atoms))
            return
        ((asset, amount),) = atoms.items()
        self.do(
            c.TransferFunds(
                source=source, destination=destination, asset=asset, amount_atoms=amount
            )
        )

    @rule(pair=PAIRS, asset=ASSETS, keep=AMOUNTS, top_up=st.booleans())
    def sweep(self, pair: tuple[AccountId, AccountId], asset: str, keep: int, top_up: bool) -> None:
        account, other = pair
        kept = keep * UNIT[asset]
        swept = self.do(
            c.SweepFunds(account=account, other=other, asset=asset, keep_atoms=kept, top_up=top_up)
        )
        if isinstance(swept, e.FundsSwept) and swept.amount_atoms:
            invariants.margin_is_met(self.exchange.engine.state, swept.source, slack_micros=2)
            held = self.exchange.available(account, asset) + self.exchange.lent(account, asset)
            if swept.source == account:
                # What is redeemed is rounded up.
                assert held >= kept - 1, f"{held} of {kept} are left"
            else:
                assert held <= kept, f"{held} are more than {kept}"

    @rule(account=FAMILY, change=st.sampled_from(["freeze", "thaw", "thaw", "close", "reopen"]))
    def change_state(self, account: AccountId, change: str) -> None:
        self._change_state(account, change)

    def _change_state(self, account: AccountId, change: str) -> e.Event:
        if change == "close":
            return self.do(c.CloseAccount(account=account))
        if change == "reopen":
            return self.do(c.ReopenAccount(account=account))
        return self.do(c.FreezeAccount(account=account, frozen=change == "freeze"))

    @rule(asset=ASSETS, amount=AMOUNTS, withdraw=st.booleans())
    def empty_and_close(self, asset: str, amount: int, withdraw: bool) -> None:
        """Have money come and go, and close the account behind it."""
        for change in ("reopen", "thaw"):
            self._change_state(SPARE, change)
        self.deposit(SPARE, asset, amount)
        for symbol in DEPOSITS:
            question = q.MaxTransfer(account=SPARE, destination=ALICE, asset=symbol)
            most = self.exchange.engine.ask(question, at_ns=self.exchange.at_ns)
            if not isinstance(most, q.MaxAmount) or not most.amount_atoms:
                continue
            terms: dict[str, Any] = {"asset": symbol, "amount_atoms": most.amount_atoms}
            if withdraw:
                self.withdrawals += 1
                number = self.withdrawals
                self.do(c.RequestWithdrawal(account=SPARE, withdrawal=number, **terms))
            else:
                self.do(c.TransferFunds(source=SPARE, destination=ALICE, **terms))
        self._change_state(SPARE, "close")

    @rule(
        account=ACCOUNTS,
        market=MARKETS,
        side=st.sampled_from(v.Side),
        offset=st.integers(min_value=-30, max_value=30),
        size=st.integers(min_value=1, max_value=60),
        large=st.sampled_from([1, 1, 1, 20]),
        time_in_force=st.sampled_from([v.TimeInForce.GTC] * 4 + list(v.TimeInForce)),
        prevention=st.sampled_from(v.SelfTradePrevention),
        flags=st.sampled_from(
            [
                {},
                {},
                {"post_only": True},
                {"reduce_only": True},
                {"auto_borrow": True},
                {"auto_borrow": True, "auto_lend": True},
                {"auto_borrow": True, "auto_borrow_repay": False},
                {"auto_lend_redeem": False},
            ]
        ),
    )
    def limit_order(  # noqa: PLR0917
        self,
        account: AccountId,
        market: str,
        side: v.Side,
        offset: int,
        size: int,
        large: int,
        time_in_force: v.TimeInForce,
        prevention: v.SelfTradePrevention,
        flags: dict[str, Any],
    ) -> None:
        self.do(
            c.PlaceOrder(
                account=account,
                market=market,
                side=side,
                price_ticks=MID[market] + offset,
                lots=size * large * LOTS[market] // 10,
                time_in_force=time_in_force,
                self_trade_prevention=prevention,
                **flags,
            )
        )

    @rule(
        account=ACCOUNTS,
        market=MARKETS,
        side=st.sampled_from(v.Side),
        size=st.integers(min_value=1, max_value=300),
        by_quote=st.booleans(),
        reduce_only=st.booleans(),
        borrow=st.booleans(),
    )
    def market_order(  # noqa: PLR0917
        self,
        account: AccountId,
        market: str,
        side: v.Side,
        size: int,
        by_quote: bool,
        reduce_only: bool,
        borrow: bool,
    ) -> None:
        amount: dict[str, Any] = (
            {"quote_atoms": size * 1_234_567} if by_quote else {"lots": size * LOTS[market] // 10}
        )
        self.do(
            c.PlaceOrder(
                account=account,
                market=market,
                side=side,
                type=v.OrderType.MARKET,
                reduce_only=reduce_only,
                auto_borrow=borrow,
                **amount,
            )
        )

    @rule(
        account=ACCOUNTS,
        market=MARKETS,
        side=st.sampled_from(v.Side),
        offset=st.integers(min_value=-5, max_value=5),
        size=st.integers(min_value=1, max_value=30),
        by=st.sampled_from(v.TriggerBy),
        kind=st.sampled_from(["order", "stop", "share", "limit"]),
    )
    def conditional_order(  # noqa: PLR0917
        self,
        account: AccountId,
        market: str,
        side: v.Side,
        offset: int,
        size: int,
        by: v.TriggerBy,
        kind: str,
    ) -> None:
        price = MID[market] * (100 + offset) // 100
        share = size * 10**7 if kind == "share" else None
        conditions = v.Conditions(trigger=v.Trigger(price, by, share))
        terms: dict[str, Any] = {"type": v.OrderType.MARKET}
        if kind == "limit":
            terms = {"price_ticks": MID[market] - offset}
        self.do(
            c.PlaceOrder(
                account=account,
                market=market,
                side=side,
                lots=None if share else size * LOTS[market] // 10,
                reduce_only=kind in ("stop", "share"),
                conditions=conditions,
                **terms,
            )
        )

    @rule(
        account=ACCOUNTS,
        market=st.sampled_from([PERP, "BTC_USDC_PERP"]),
        side=st.sampled_from(v.Side),
        size=st.integers(min_value=1, max_value=30),
        away=st.integers(min_value=1, max_value=8),
        which=st.sampled_from(["profit", "loss", "both"]),
        limit=st.booleans(),
        offset=st.integers(min_value=-30, max_value=30),
    )
    def order_with_exits(  # noqa: PLR0917
        self,
        account: AccountId,
        market: str,
        side: v.Side,
        size: int,
        away: int,
        which: str,
        limit: bool,
        offset: int,
    ) -> None:
        price = MID[market] + offset
        gain = price * (100 + away) // 100
        lose = price * (100 - away) // 100
        if side is v.Side.ASK:
            gain, lose = lose, gain
        conditions = v.Conditions(
            take_profit=v.Exit(gain, limit_ticks=gain if limit else None)
            if which != "loss"
            else None,
            stop_loss=v.Exit(lose, limit_ticks=lose if limit else None)
            if which != "profit"
            else None,
        )
        self.do(
            c.PlaceOrder(
                account=account,
                market=market,
                side=side,
                price_ticks=price,
                lots=size * LOTS[market] // 10,
                conditions=conditions,
            )
        )

    @precondition(lambda self: self.exchange.engine.due_ns is not None)
    @rule(seconds=st.sampled_from([0, 0, 1, 2]))
    def advance_time(self, seconds: int) -> None:
        self._advance(seconds)

    def _advance(self, seconds: int) -> None:
        self.exchange.wait(seconds)
        self.do(c.AdvanceTime())

    @precondition(lambda self: self.exchange.mirror.orders or self.exchange.mirror.waiting)
    @rule(pick=st.integers(min_value=0, max_value=200))
    def cancel(self, pick: int) -> None:
        mirror = self.exchange.mirror
        orders = [*mirror.orders.values(), *mirror.waiting.values()]
        terms = orders[pick % len(orders)].terms
        self.do(
            c.CancelOrder(
                account=terms.account, market=terms.market, order_id=OrderId(terms.order_id)
            )
        )

    @rule(
        account=ACCOUNTS,
        market=st.one_of(st.none(), MARKETS),
        kind=st.one_of(st.none(), st.sampled_from(v.CancelKind)),
    )
    def cancel_all(self, account: AccountId, market: str | None, kind: v.CancelKind | None) -> None:
        self.do(c.CancelAllOrders(account=account, market=market, kind=kind))
        if kind is not v.CancelKind.CONDITIONAL:
            assert not self.exchange.mirror.orders_of(account, market)

    @rule(
        account=ACCOUNTS,
        market=MARKETS,
        side=st.sampled_from(v.Side),
        offset=st.one_of(st.none(), st.integers(min_value=-30, max_value=30)),
        size=st.integers(min_value=1, max_value=60),
        slices=st.integers(min_value=1, max_value=5),
        flags=st.sampled_from([{}, {}, {"randomized": True}, {"reduce_only": True}]),
        waits=st.lists(st.sampled_from([0, 1, 1, 2]), max_size=3),
    )
    def create_strategy(  # noqa: PLR0917
        self,
        account: AccountId,
        market: str,
        side: v.Side,
        offset: int | None,
        size: int,
        slices: int,
        flags: dict[str, Any],
        waits: list[int],
    ) -> None:
        self.do(
            c.CreateStrategy(
                account=account,
                market=market,
                side=side,
                lots=size * LOTS[market] // 10,
                duration_ms=slices * 1_000,
                interval_ms=1_000,
                price_ticks=None if offset is None else MID[market] + offset,
                **flags,
            )
        )
        for seconds in waits:
            self._advance(seconds)

    @precondition(lambda self: self.exchange.mirror.strategies)
    @rule(pick=st.integers(min_value=0, max_value=200), everywhere=st.booleans())
    def cancel_strategies(self, pick: int, everywhere: bool) -> None:
        running = list(self.exchange.mirror.strategies.values())
        terms = running[pick % len(running)].terms
        asked = terms.command
        if everywhere:
            self.do(c.CancelAllStrategies(account=asked.account))
            return
        self.do(
            c.CancelStrategy(
                account=asked.account, market=asked.market, strategy_id=terms.strategy_id
            )
        )

    @rule(
        account=ACCOUNTS,
        market=MARKETS,
        side=st.sampled_from(v.Side),
        size=st.integers(min_value=1, max_value=200),
        by_quote=st.booleans(),
        limit=st.sampled_from([None, None, 0, 20]),
        flags=st.sampled_from([{}, {}, {"auto_borrow": True}, {"auto_lend_redeem": False}]),
    )
    def request_quote(  # noqa: PLR0917
        self,
        account: AccountId,
        market: str,
        side: v.Side,
        size: int,
        by_quote: bool,
        limit: int | None,
        flags: dict[str, Any],
    ) -> None:
        amount: dict[str, Any] = (
            {"quote_atoms": size * 1_234_567} if by_quote else {"lots": size * LOTS[market] // 10}
        )
        if limit is not None:
            amount["price_ticks"] = MID[market] + (limit if side is v.Side.BID else -limit)
            amount["mode"] = v.ExecutionMode.IMMEDIATE if limit else v.ExecutionMode.AWAIT_ACCEPT
        self.do(c.RequestQuote(account=account, market=market, side=side, **amount, **flags))

    @precondition(lambda self: self.exchange.mirror.rfqs)
    @rule(
        account=ACCOUNTS,
        pick=st.integers(min_value=0, max_value=20),
        middle=st.integers(min_value=-25, max_value=25),
        width=st.integers(min_value=0, max_value=20),
        flags=st.sampled_from([{}, {"auto_borrow": True}, {"auto_lend": True}]),
    )
    def submit_quote(
        self, account: AccountId, pick: int, middle: int, width: int, flags: dict[str, Any]
    ) -> None:
        numbers = list(self.exchange.mirror.rfqs)
        rfq = self.exchange.engine.state.rfqs[numbers[pick % len(numbers)]].terms
        price = MID[rfq.market] + middle
        self.do(
            c.SubmitQuote(
                account=account, rfq=rfq.rfq, bid_ticks=price, ask_ticks=price + width, **flags
            )
        )

    @rule(
        account=ACCOUNTS,
        maker=ACCOUNTS,
        market=MARKETS,
        side=st.sampled_from(v.Side),
        size=st.integers(min_value=1, max_value=3_000),
        price=st.integers(min_value=-25, max_value=25),
        flags=st.sampled_from([{}, {"auto_borrow": True}]),
    )
    def trade_by_quote(  # noqa: PLR0917
        self,
        account: AccountId,
        maker: AccountId,
        market: str,
        side: v.Side,
        size: int,
        price: int,
        flags: dict[str, Any],
    ) -> None:
        lots, ticks = size * LOTS[market] // 10, MID[market] + price
        asked = self.do(
            c.RequestQuote(account=account, market=market, side=side, lots=lots, **flags)
        )
        if not isinstance(asked, oe.RfqSubmitted):
            return
        rfq = asked.terms.rfq
        quoted = self.do(
            c.SubmitQuote(account=maker, rfq=rfq, bid_ticks=ticks, ask_ticks=ticks, **flags)
        )
        if isinstance(quoted, oe.QuoteSubmitted):
            self.do(c.AcceptQuote(account=account, rfq=rfq, quote=quoted.terms.quote))

    @precondition(lambda self: self.exchange.mirror.quotes)
    @rule(account=ACCOUNTS, pick=st.integers(min_value=0, max_value=20), own=st.booleans())
    def accept_quote(self, account: AccountId, pick: int, own: bool) -> None:
        terms = list(self.exchange.mirror.quotes.values())
        quoted = terms[pick % len(terms)]
        asked = self.exchange.engine.state.rfqs[quoted.rfq].terms
        self.do(
            c.AcceptQuote(
                account=asked.account if own else account, rfq=quoted.rfq, quote=quoted.quote
            )
        )

    @precondition(lambda self: self.exchange.mirror.rfqs)
    @rule(
        pick=st.integers(min_value=0, max_value=20),
        kind=st.sampled_from([c.RefreshQuoteRequest, c.CancelQuoteRequest]),
    )
    def refresh_or_cancel(self, pick: int, kind: Any) -> None:
        numbers = list(self.exchange.mirror.rfqs)
        asked = self.exchange.engine.state.rfqs[numbers[pick % len(numbers)]].terms
        self.do(kind(account=asked.account, rfq=asked.rfq))

    @precondition(lambda self: self.exchange.mirror.rfqs)
    @rule(seconds=st.sampled_from([0, 1, 30, 50]))
    def let_requests_end(self, seconds: int) -> None:
        self._advance(seconds)
        now = self.exchange.at_ns
        assert all(until_ns > now for until_ns in self.exchange.mirror.rfqs.values())

    @rule(
        account=ACCOUNTS,
        asset=ASSETS,
        amount=AMOUNTS,
        kind=st.sampled_from([c.Lend, c.Redeem, c.Borrow, c.Repay]),
    )
    def lend_or_borrow(self, account: AccountId, asset: str, amount: int, kind: Any) -> None:
        held = self.exchange.mirror.balance(account, asset)
        self.do(kind(account=account, asset=asset, amount_atoms=amount * UNIT[asset]))
        assert self._worth_ray(self.exchange.mirror.balance(account, asset)) <= self._worth_ray(
            held
        ), "rounding is on the pool's side"

    def _worth_ray(self, held: e.BalanceChanged) -> int:
        """Return what a holding comes to at the pool's indexes of now, in atoms × ray, exactly."""
        atoms = held.available_atoms + held.locked_atoms
        pool = self.exchange.mirror.pools.get(held.asset)
        if pool is None:
            return atoms * RAY
        index = {lends.bucket: lends.lend_index_ray for lends in pool.lends}
        lent = held.lend_scaled * index[held.bucket] if held.lend_scaled else 0
        return atoms * RAY + lent - held.debt_scaled * pool.debt_index_ray

    @rule(
        account=ACCOUNTS,
        lend=st.booleans(),
        repay=st.booleans(),
        borrow=st.booleans(),
        realize=st.booleans(),
        limit=st.sampled_from([None, None, 0, 500_000_000, MAX_ATOMS]),
    )
    def settings(
        self,
        account: AccountId,
        lend: bool,
        repay: bool,
        borrow: bool,
        realize: bool,
        limit: int | None,
    ) -> None:
        self.do(
            c.UpdateAccount(
                account=account,
                auto_lend=lend,
                auto_repay_borrows=repay,
                auto_borrow_settlements=borrow,
                auto_realize_pnl=realize,
                leverage_limit=5 if lend else 20,
                borrow_limit_micros=limit,
            )
        )

    @rule(
        account=ACCOUNTS,
        asset=ASSETS,
        rate=st.sampled_from(LEND_RATES_PPB),
        cap=st.one_of(st.none(), AMOUNTS),
        keep=st.sampled_from([0, 0, 1, 40]),
        collateral=st.booleans(),
    )
    def lend_terms(
        self,
        account: AccountId,
        asset: str,
        rate: int,
        cap: int | None,
        keep: int,
        collateral: bool,
    ) -> None:
        self.do(
            c.SetLendTerms(
                account=account,
                asset=asset,
                min_rate_ppb=rate,
                cap_atoms=None if cap is None else cap * UNIT[asset],
                keep_atoms=keep * UNIT[asset],
                as_collateral=collateral,
            )
        )

    @rule(account=ACCOUNTS, asset=st.one_of(st.none(), ASSETS))
    def convert_dust(self, account: AccountId, asset: str | None) -> None:
        self.do(c.ConvertDust(account=account, asset=asset))

    @rule(asset=ASSETS, amount=AMOUNTS)
    def fund_insurance(self, asset: str, amount: int) -> None:
        self.do(c.FundInsurance(asset=asset, amount_atoms=amount * UNIT[asset]))

    @rule(asset=ASSETS, state=st.sampled_from([PoolState.OPEN] * 3 + list(PoolState)))
    def pool_state(self, asset: str, state: PoolState) -> None:
        self.do(c.SetPoolState(asset=asset, state=state))

    @rule(account=ACCOUNTS, asset=ASSETS)
    def write_off(self, account: AccountId, asset: str) -> None:
        self.do(c.WriteOffDebt(account=account, asset=asset))

    @rule(percent=st.integers(min_value=90, max_value=110), asset=st.sampled_from(["SOL", "BTC"]))
    def move_price(self, percent: int, asset: str) -> None:
        price = self.exchange.mirror.index_e8[asset] * percent // 100
        base = 100 * 10**8 if asset == "SOL" else 50_000 * 10**8
        # Books stay where they are, so the index may not walk out of their band.
        self.do(c.UpdatePrices(prices_e8={asset: max(base // 2, min(base * 3 // 2, price))}))

    @rule(
        percent=st.integers(min_value=70, max_value=130),
        asset=st.sampled_from(["SOL", "BTC"]),
        seconds=st.integers(min_value=1, max_value=6),
        trust=st.sampled_from([PriceState.OK] * 4 + list(PriceState)),
    )
    def fall_and_stay(self, percent: int, asset: str, seconds: int, trust: PriceState) -> None:
        """A new price of one asset, which is told each second: long enough to liquidate."""
        prices = {"USDC": 10**8, "SOL": 100 * 10**8, "BTC": 50_000 * 10**8}
        prices[asset] = prices[asset] * percent // 100
        for _ in range(seconds):
            self.exchange.wait(1)
            self.do(c.UpdatePrices(prices_e8=prices, states={asset: trust}))
            while (due := self.exchange.engine.due_ns) and due <= self.exchange.at_ns:
                self.do(c.AdvanceTime())
            invariants.nobody_in_danger_is_overlooked(self.exchange.engine.state)

    @rule(
        account=ACCOUNTS,
        market=st.sampled_from([PERP, "BTC_USDC_PERP"]),
        size=st.sampled_from([0, 500, 1_000_000]),
    )
    def set_backstop(self, account: AccountId, market: str, size: int) -> None:
        micros = size * 10**6
        self.do(
            c.SetBackstop(
                account=account, market=market, minute_micros=micros, hour_micros=2 * micros
            )
        )

    @rule(
        spend=st.sampled_from([None, 0, 500, 5_000, 50_000]),
        loss=st.sampled_from([None, None, 0, 20, 500]),
        member_acts=st.sampled_from([True, True, False]),
    )
    def set_allowance(self, spend: int | None, loss: int | None, member_acts: bool) -> None:
        self.member_acts = member_acts
        self.do(
            c.SetAllowance(
                account=ALICE,
                member=MEMBER,
                spend_micros=None if spend is None else spend * MICROS,
                loss_micros=None if loss is None else loss * MICROS,
            )
        )

    @rule(seconds=st.sampled_from([1, 60, 3_600, 86_400]), asset=ASSETS)
    def wait_and_accrue(self, seconds: int, asset: str) -> None:
        self.exchange.wait(seconds)
        self.do(c.AccrueInterest(asset=asset))

    @rule(asset=ASSETS)
    def auto_lend(self, asset: str) -> None:
        self.do(c.AutoLend(asset=asset))

    @rule(
        market=st.sampled_from([PERP, "BTC_USDC_PERP"]),
        most=st.sampled_from([1, 2, 3, 500]),
        seconds=st.sampled_from([0, 0, 10, 3_600]),
    )
    def auto_realize(self, market: str, most: int, seconds: int) -> None:
        self.exchange.wait(seconds)
        answer = self.do(c.AutoRealize(market=market, positions_max=most))
        if isinstance(answer, e.CommandRejected):
            assert answer.code is Reject.PRICE_STALE
            return
        assert isinstance(answer, se.MarketRealized)
        assert answer.paid_atoms <= answer.due_atoms
        assert answer.collected_atoms <= answer.owed_atoms

    @rule(
        asset=st.sampled_from(["SOL", "BTC"]),
        percent=st.integers(min_value=97, max_value=103),
        state=st.sampled_from([PriceState.OK] * 3 + list(PriceState)),
        hours=st.sampled_from([1, 1, 1, 2]),
        waits=st.booleans(),
    )
    def let_an_hour_end(
        self, asset: str, percent: int, state: PriceState, hours: int, waits: bool
    ) -> None:
        """Take a sample of the premium; then the clock notices the hour, or whatever comes next."""
        index_e8 = (100 if asset == "SOL" else 50_000) * percent * 10**6
        self.exchange.wait(1)
        self.do(c.UpdatePrices(prices_e8={asset: index_e8}, states={asset: state}))
        self.exchange.wait(3_600 * hours)
        if waits:
            self.do(c.AdvanceTime())

    @rule(market=st.sampled_from([PERP, "BTC_USDC_PERP"]), most=st.sampled_from([1, 2, 500]))
    def pay_funding(self, market: str, most: int) -> None:
        answer = self.do(c.PayFunding(market=market, positions_max=most))
        assert isinstance(answer, se.MarketFunded)
        funding = self.exchange.engine.state.markets[market].perp_funding()
        assert not answer.done or not funding.unpaid

    @rule(account=ACCOUNTS, seconds=st.sampled_from([0, 1, 3_600]))
    def ask_for_risk(self, account: AccountId, seconds: int) -> None:
        """Of some time later, and of now: asking changes nothing."""
        engine, at_ns = self.exchange.engine, self.exchange.at_ns
        foresight.ends_are_ends(engine, account, at_ns + seconds * 10**9)
        foresight.ends_are_ends(engine, account, at_ns)

    @rule(market=MARKETS, state=st.sampled_from([MarketState.OPEN] * 3 + list(MarketState)))
    def market_state(self, market: str, state: MarketState) -> None:
        self.do(c.SetMarketState(market=market, state=state))

    @rule(asset=ASSETS, changes=st.sampled_from(OF_ASSETS))
    def update_asset(self, asset: str, changes: dict[str, Any]) -> None:
        listed = next(one for one in listings.ASSETS if one.symbol == asset)
        self.do(c.UpdateAsset(asset=replace(listed, **changes)))

    @rule(market=MARKETS, changes=st.sampled_from(OF_ALL))
    def update_market(self, market: str, changes: dict[str, Any]) -> None:
        self.do(c.UpdateMarket(market=replace(LISTED[market], **changes)))

    @rule(
        account=ACCOUNTS,
        market=MARKETS,
        side=st.sampled_from(v.Side),
        changes=st.sampled_from(NARROW),
        time_in_force=st.sampled_from(v.TimeInForce),
    )
    def walk_the_book(
        self,
        account: AccountId,
        market: str,
        side: v.Side,
        changes: dict[str, Any],
        time_in_force: v.TimeInForce,
    ) -> None:
        self.do(c.UpdateMarket(market=replace(LISTED[market], **changes)))
        away = 30 if side is v.Side.BID else -30
        self.do(
            c.PlaceOrder(
                account=account,
                market=market,
                side=side,
                price_ticks=MID[market] + away,
                lots=10 * LOTS[market],
                time_in_force=time_in_force,
            )
        )

    @rule(market=st.sampled_from([PERP, "BTC_USDC_PERP"]), changes=st.sampled_from(OF_PERPETUALS))
    def update_perpetual(self, market: str, changes: dict[str, Any]) -> None:
        self.do(c.UpdateMarket(market=replace(LISTED[market], **changes)))

    @rule(asset=ASSETS, state=st.sampled_from([PriceState.OK] * 4 + list(PriceState)))
    def price_state(self, asset: str, state: PriceState) -> None:
        self.do(c.UpdatePrices(prices_e8={}, states={asset: state}))

    @rule(
        market=MARKETS,
        changes=st.sampled_from([AUCTION, OF_PERPETUALS[1]]),
        orders=st.lists(
            st.tuples(
                ACCOUNTS,
                st.sampled_from(v.Side),
                st.integers(min_value=-10, max_value=10),
                st.integers(min_value=1, max_value=30),
                st.sampled_from(v.SelfTradePrevention),
            ),
            min_size=2,
            max_size=6,
        ),
        then=st.sampled_from(["end", "end", "restart", "go on"]),
    )
    def open_by_auction(
        self,
        market: str,
        changes: dict[str, Any],
        orders: list[tuple[AccountId, v.Side, int, int, v.SelfTradePrevention]],
        then: str,
    ) -> None:
        self.do(c.UpdateMarket(market=replace(LISTED[market], **changes)))
        for state in (MarketState.CLOSED, MarketState.OPEN):
            self.do(c.SetMarketState(market=market, state=state))
        for account, side, offset, size, prevention in orders:
            self.do(
                c.PlaceOrder(
                    account=account,
                    market=market,
                    side=side,
                    price_ticks=MID[market] + offset,
                    lots=size * LOTS[market] // 10,
                    self_trade_prevention=prevention,
                    auto_borrow=size % 2 == 0,
                )
            )
        if then == "end":
            self._advance(1)
        elif then == "restart":
            self.restart()

    @rule()
    def restart(self) -> None:
        state = self.exchange.engine.state
        self.exchange.engine = Engine(load_state(dump_state(state)))
        assert digest(self.exchange.engine.state) == digest(state)

    @invariant()
    def everything_adds_up(self) -> None:
        invariants.check_all(self.exchange.engine.state, self.exchange.mirror)

    @invariant()
    def interest_only_grows(self) -> None:
        for asset, pool in self.exchange.mirror.pools.items():
            now = {lends.bucket: lends.lend_index_ray for lends in pool.lends}
            now[-1] = pool.debt_index_ray
            for bucket, index in self.indexes.get(asset, {}).items():
                assert now[bucket] >= index, f"{asset} bucket {bucket}"
            self.indexes[asset] = now

    def teardown(self) -> None:
        replayed = Engine()
        for sequence, at_ns, command_id, command in self.exchange.journal:
            replayed.apply(sequence=sequence, at_ns=at_ns, command_id=command_id, command=command)
        assert digest(replayed.state) == digest(self.exchange.engine.state)
