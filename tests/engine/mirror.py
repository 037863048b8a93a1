"""What someone who hears nothing but the events knows: the tests' second set of books.

It is written without looking at the engine's state, so that comparing the two proves both.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from engine import events as e
from engine import order_events as oe
from engine import settlement_events as se
from engine.catalog import Asset, Market, MarketState, PriceState
from engine.kinds import AccountState, OrderStatus, OrderTerms, QuoteTerms, StrategyStatus
from engine.units import AccountId, OrderId
from engine.vocabulary import Side

LIVE = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


@dataclass
class OpenOrder:
    terms: OrderTerms
    lots_open: int


class Mirror:
    """Balances, ledger, pools, positions, open orders and books, rebuilt from events alone."""

    def __init__(self) -> None:
        self.assets: dict[str, Asset] = {}
        self.markets: dict[str, Market] = {}
        self.quote_atoms_per_tick: dict[str, int] = {}
        # What each market accepts, and how far each asset's index can be trusted.
        self.states: dict[str, e.MarketStateChanged] = {}
        self.price_states: defaultdict[str, PriceState] = defaultdict(lambda: PriceState.OK)
        self.index_e8: dict[str, int] = {}
        self.mark_e8: dict[str, int] = {}
        self.owners: dict[int, int] = {}
        self.settings: dict[int, e.AccountUpdated] = {}
        # What each account may do at all.
        self.account_states: dict[int, AccountState] = {}
        self.ledger: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.balances: dict[tuple[AccountId, str], e.BalanceChanged] = {}
        self.pools: dict[str, e.PoolChanged] = {}
        self.positions: dict[tuple[int, str], e.PositionChanged] = {}
        self.orders: dict[OrderId, OpenOrder] = {}
        self.waiting: dict[OrderId, OpenOrder] = {}
        self.trades: list[oe.TradeExecuted] = []
        self.books: defaultdict[str, dict[Side, dict[int, int]]] = defaultdict(
            lambda: {Side.BID: {}, Side.ASK: {}}
        )
        self.update_ids: defaultdict[str, int] = defaultdict(int)
        self.deposited: defaultdict[str, int] = defaultdict(int)
        self.withdrawn: defaultdict[str, int] = defaultdict(int)
        self.insured: defaultdict[str, int] = defaultdict(int)
        self.clearings: dict[str, se.ClearingChanged] = {}
        self.rates: dict[tuple[str, int], se.FundingRateSet] = {}
        # By market and end of the hour: what each position has got, by account and its number.
        self.funded: defaultdict[tuple[str, int], dict[tuple[int, int], int]] = defaultdict(dict)
        self.strategies: dict[OrderId, oe.StrategyChanged | oe.StrategyCreated] = {}
        # Executed (lots, quote atoms) of each strategy: the sum of its orders' fills.
        self.filled_for: defaultdict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
        # Open requests for quote by their number, with until when; live quotes by theirs.
        self.rfqs: dict[int, int] = {}
        self.quotes: dict[int, QuoteTerms] = {}

    def read(self, events: tuple[e.Event, ...]) -> None:
        """Take in the events of one command, in their order."""
        for event in events:
            handler = _READERS.get(type(event))
            if handler is not None:
                handler(self, event)

    def balance(self, account: AccountId, asset: str) -> e.BalanceChanged:
        """Return the last known holding, zero if never touched."""
        return self.balances.get((account, asset)) or e.BalanceChanged(
            account=account,
            asset=asset,
            available_atoms=0,
            locked_atoms=0,
            lend_scaled=0,
            debt_scaled=0,
        )

    def orders_of(self, account: AccountId, market: str | None = None) -> list[OpenOrder]:
        """Return the account's open orders, oldest first."""
        return [
            order
            for order in self.orders.values()
            if order.terms.account == account and market in (None, order.terms.market)
        ]

    def _listed_asset(self, event: e.AssetListed) -> None:
        self.assets[event.asset.symbol] = event.asset

    def _listed_market(self, event: e.MarketListed) -> None:
        self.markets[event.market.symbol] = event.market
        self.quote_atoms_per_tick[event.market.symbol] = event.quote_atoms_per_tick
        self.states[event.market.symbol] = e.MarketStateChanged(
            market=event.market.symbol, state=MarketState.OPEN
        )

    def _updated_market(self, event: e.MarketUpdated) -> None:
        self.markets[event.market.symbol] = event.market

    def _accepts(self, event: e.MarketStateChanged) -> None:
        self.states[event.market] = event

    def _priced(self, event: e.PricesUpdated) -> None:
        self.index_e8.update(event.index_e8)
        self.mark_e8.update(event.mark_e8)
        self.price_states.update(event.states)

    def _opened(self, event: e.AccountOpened) -> None:
        self.owners[event.account] = event.owner
        self.account_states[event.account] = AccountState.OPEN

    def _updated(self, event: e.AccountUpdated) -> None:
        self.settings[event.account] = event
        assert event.state is self.account_states[event.account], event

    def _may_do(self, event: e.AccountStateChanged) -> None:
        self.account_states[event.account] = event.state

    def _posted(self, event: e.LedgerPosted) -> None:
        assert event.amount_atoms > 0, event
        assert event.debit != event.credit, event
        self.ledger[event.asset, event.debit] -= event.amount_atoms
        self.ledger[event.asset, event.credit] += event.amount_atoms

    def _balance(self, event: e.BalanceChanged) -> None:
        self.balances[event.account, event.asset] = event

    def _pool(self, event: e.PoolChanged) -> None:
        self.pools[event.asset] = event

    def _position(self, event: e.PositionChanged) -> None:
        self.positions[event.account, event.market] = event

    def _deposited(self, event: e.DepositCredited) -> None:
        self.deposited[event.asset] += event.amount_atoms

    def _insured(self, event: e.InsuranceFunded) -> None:
        self.insured[event.asset] += event.amount_atoms

    def _cleared(self, event: se.ClearingChanged) -> None:
        self.clearings[event.market] = event

    def _rate_set(self, event: se.FundingRateSet) -> None:
        assert (event.market, event.ends_ns) not in self.rates, event
        self.rates[event.market, event.ends_ns] = event

    def _funded(self, event: se.FundingPaid) -> None:
        """An hour is paid once, at its rate, by what was held: rounded up for who pays."""
        payments, who = self.funded[event.market, event.ends_ns], (event.account, event.position_id)
        assert who not in payments, f"paid twice: {event}"
        rate, market = self.rates[event.market, event.ends_ns], self.markets[event.market]
        assert event.rate_ppb == rate.rate_ppb != 0, event
        assert event.lots == self.positions[event.account, event.market].lots, event
        base = Fraction(event.lots * market.lot_atoms, 10 ** self.assets[market.base].decimals)
        paid = base * Fraction(rate.rate_ppb, 10**9) * Fraction(rate.mark_e8, 100)
        assert event.amount_atoms == math.floor(-paid), event
        payments[who] = event.amount_atoms

    def _withdrawal_settled(self, event: e.WithdrawalSettled) -> None:
        if not event.returned:
            self.withdrawn[event.asset] += event.amount_atoms - event.fee_atoms

    def _placed(self, event: oe.OrderPlaced) -> None:
        if event.status in LIVE:
            assert event.terms.lots is not None
            # Fills stand in the same batch and say what is open after them.
            self.orders[event.terms.order_id] = OpenOrder(
                event.terms, event.terms.lots - event.executed_lots
            )

    def _waits(self, event: oe.TriggerPlaced) -> None:
        assert event.terms.order_id not in self.waiting, event
        self.waiting[event.terms.order_id] = OpenOrder(event.terms, event.lots_open)

    def _triggered(self, event: oe.OrderTriggered) -> None:
        del self.waiting[event.terms.order_id]
        if event.status in LIVE:
            assert event.terms.lots is not None
            self.orders[event.terms.order_id] = OpenOrder(
                event.terms, event.terms.lots - event.executed_lots
            )

    def _failed(self, event: oe.TriggerFailed) -> None:
        del self.waiting[event.terms.order_id]

    def _filled(self, event: oe.OrderFilled) -> None:
        if event.terms.strategy is not None:
            lots, quote = self.filled_for[event.terms.strategy]
            self.filled_for[event.terms.strategy] = (lots + event.lots, quote + event.quote_atoms)
        if event.status not in LIVE:
            self.orders.pop(event.terms.order_id, None)
        elif event.terms.order_id in self.orders:
            self.orders[event.terms.order_id].lots_open = event.lots_open

    def _ended(self, event: oe.OrderCancelled | oe.OrderExpired) -> None:
        self.orders.pop(event.terms.order_id, None)
        self.waiting.pop(event.terms.order_id, None)

    def _modified(self, event: oe.OrderModified) -> None:
        of = self.waiting if event.status is OrderStatus.TRIGGER_PENDING else self.orders
        of[event.terms.order_id].lots_open = event.lots_open

    def _created_strategy(self, event: oe.StrategyCreated) -> None:
        self.strategies[event.terms.strategy_id] = event

    def _changed_strategy(self, event: oe.StrategyChanged) -> None:
        told = (event.executed_lots, event.executed_quote_atoms)
        assert told == self.filled_for[event.terms.strategy_id], event
        self.strategies[event.terms.strategy_id] = event
        if event.status is not StrategyStatus.RUNNING:
            del self.strategies[event.terms.strategy_id]

    def _traded(self, event: oe.TradeExecuted) -> None:
        self.trades.append(event)

    def _asked(self, event: oe.RfqSubmitted | oe.RfqRefreshed) -> None:
        self.rfqs[event.terms.rfq] = event.expires_ns

    def _asks_no_more(self, event: oe.RfqCancelled | oe.RfqExpired | oe.RfqFilled) -> None:
        del self.rfqs[event.terms.rfq]

    def _quoted(self, event: oe.QuoteSubmitted) -> None:
        if event.status is OrderStatus.NEW:
            self.quotes[event.terms.quote] = event.terms

    def _quotes_no_more(self, event: oe.QuoteCancelled | oe.QuoteFilled) -> None:
        self.quotes.pop(event.terms.quote, None)

    def _book(self, event: oe.BookChanged) -> None:
        assert event.update_id == self.update_ids[event.market] + 1, "a gap in the update ids"
        self.update_ids[event.market] = event.update_id
        for side, levels in ((Side.BID, event.bids), (Side.ASK, event.asks)):
            book = self.books[event.market][side]
            for price_ticks, lots in levels:
                if lots:
                    book[price_ticks] = lots
                else:
                    # A level may have come and gone within one command.
                    book.pop(price_ticks, None)


_READERS: dict[type[e.Event], Callable[[Mirror, Any], None]] = {
    e.AssetListed: Mirror._listed_asset,
    e.AssetUpdated: Mirror._listed_asset,
    e.MarketListed: Mirror._listed_market,
    e.MarketUpdated: Mirror._updated_market,
    e.MarketStateChanged: Mirror._accepts,
    e.PricesUpdated: Mirror._priced,
    e.AccountOpened: Mirror._opened,
    e.AccountUpdated: Mirror._updated,
    e.AccountStateChanged: Mirror._may_do,
    e.LedgerPosted: Mirror._posted,
    e.BalanceChanged: Mirror._balance,
    e.PoolChanged: Mirror._pool,
    e.PositionChanged: Mirror._position,
    e.DepositCredited: Mirror._deposited,
    e.WithdrawalSettled: Mirror._withdrawal_settled,
    e.InsuranceFunded: Mirror._insured,
    se.ClearingChanged: Mirror._cleared,
    se.FundingRateSet: Mirror._rate_set,
    se.FundingPaid: Mirror._funded,
    oe.OrderPlaced: Mirror._placed,
    oe.TriggerPlaced: Mirror._waits,
    oe.OrderTriggered: Mirror._triggered,
    oe.TriggerFailed: Mirror._failed,
    oe.OrderFilled: Mirror._filled,
    oe.OrderCancelled: Mirror._ended,
    oe.OrderExpired: Mirror._ended,
    oe.OrderModified: Mirror._modified,
    oe.StrategyCreated: Mirror._created_strategy,
    oe.StrategyChanged: Mirror._changed_strategy,
    oe.TradeExecuted: Mirror._traded,
    oe.BookChanged: Mirror._book,
    oe.RfqSubmitted: Mirror._asked,
    oe.RfqRefreshed: Mirror._asked,
    oe.RfqCancelled: Mirror._asks_no_more,
    oe.RfqExpired: Mirror._asks_no_more,
    oe.RfqFilled: Mirror._asks_no_more,
    oe.QuoteSubmitted: Mirror._quoted,
    oe.QuoteCancelled: Mirror._quotes_no_more,
    oe.QuoteFilled: Mirror._quotes_no_more,
}
