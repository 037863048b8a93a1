"""The markets as this process sees them now: books, last trades, candles of the day, marks.

Kept by the edge from the engine's feed, after each commit. Pure memory: no clock, no database.
Other processes have none; what must be right everywhere is read from PostgreSQL.
"""

from collections import defaultdict, deque
from collections.abc import Iterable

from engine.catalog import PriceState, StateReason
from engine.events import PricesUpdated
from engine.order_events import BookChanged, TradeExecuted
from gateway.feed import MarketSnapshot
from trading.catalog import ListedMarket
from trading.klines import DAY, INTERVALS, MINUTE, Candle, bucket_start, first_of

RECENT_TRADES = 1_000
# How long the seconds of index and mark prices are kept.
PRICE_SECONDS = 3_600
_SECOND_NS = 1_000_000_000

Level = tuple[int, int]


class Book:
    """Both sides of one market as price → lots, with the best price of each at hand."""

    __slots__ = ("asks", "best_ask", "best_bid", "bids", "changed_at_ns", "update_id")

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.best_bid: int | None = None
        self.best_ask: int | None = None
        self.update_id = 0
        self.changed_at_ns = 0

    def replace(self, snapshot: MarketSnapshot, at_ns: int) -> None:
        """Take over the whole book of a snapshot."""
        self.bids, self.asks = dict(snapshot.bids), dict(snapshot.asks)
        self.best_bid = max(self.bids, default=None)
        self.best_ask = min(self.asks, default=None)
        self.update_id, self.changed_at_ns = snapshot.update_id, at_ns

    def apply(self, change: BookChanged, at_ns: int) -> bool:
        """Apply changed levels and return whether the top of the book changed."""
        before = self.top()
        _apply(self.bids, change.bids)
        _apply(self.asks, change.asks)
        if change.bids:
            best = max(price for price, _ in change.bids)
            if self.best_bid is None or best >= self.best_bid or self.best_bid not in self.bids:
                self.best_bid = best if best in self.bids else max(self.bids, default=None)
        if change.asks:
            best = min(price for price, _ in change.asks)
            if self.best_ask is None or best <= self.best_ask or self.best_ask not in self.asks:
                self.best_ask = best if best in self.asks else min(self.asks, default=None)
        self.update_id, self.changed_at_ns = change.update_id, at_ns
        return self.top() != before

    def top(self) -> tuple[Level | None, Level | None]:
        """Return the best bid and the best ask, each as (price_ticks, lots)."""
        bid, ask = self.best_bid, self.best_ask
        return (
            None if bid is None else (bid, self.bids[bid]),
            None if ask is None else (ask, self.asks[ask]),
        )

    def best(self, limit: int) -> tuple[list[Level], list[Level]]:
        """Return the best `limit` levels of each side, both in ascending order of price."""
        bids = sorted(self.bids.items())[-limit:]
        asks = sorted(self.asks.items())[:limit]
        return bids, asks


def _apply(side: dict[int, int], levels: Iterable[Level]) -> None:
    for price, lots in levels:
        if lots:
            side[price] = lots
        else:
            side.pop(price, None)


class LiveMarket:
    """One market: its terms, book, recent trades and candles."""

    def __init__(self, listed: ListedMarket) -> None:
        self.listed = listed
        self.book = Book()
        self.trades: deque[TradeExecuted] = deque(maxlen=RECENT_TRADES)
        # One candle for each minute with trades, oldest first, for 24 hours.
        self.minutes: deque[Candle] = deque()
        # The latest bucket with trades of each interval.
        self.latest: dict[str, Candle] = {}
        self.last_trade_id = 0
        # The second of the last trade counted here, whose buckets all exist.
        self._counted_second = -1
        # The day's ended minutes as one candle, and by which first and last minute it was made.
        self._ended: Candle | None = None
        self._ended_by = (0, 0)
        # For whom the book takes no more than `listed.state` says, and until when.
        self.reason = StateReason.STAFF
        self.until_ns: int | None = None
        self.mark_e8: int | None = None
        # What the running hour of funding comes to if it goes on so.
        self.funding_ppb = 0

    def load(
        self,
        *,
        trades: Iterable[TradeExecuted],
        minutes: Iterable[Candle],
        latest: dict[str, Candle],
    ) -> None:
        """Take over what is in the database; `trades` oldest first."""
        self.trades = deque(trades, maxlen=RECENT_TRADES)
        self.minutes = deque(minutes)
        self.latest = latest
        self._counted_second = -1
        self._ended_by = (0, 0)
        self.last_trade_id = self.trades[-1].trade_id if self.trades else 0

    def add_trade(self, trade: TradeExecuted) -> list[tuple[str, Candle]]:
        """Count a trade, and return the candles (interval, candle) which it ends.

        Trades which the database already gave are passed over.
        """
        if trade.trade_id <= self.last_trade_id:
            return []
        self.last_trade_id = trade.trade_id
        self.trades.append(trade)
        at = trade.at_ns // _SECOND_NS
        amounts = {
            "price_ticks": trade.price_ticks,
            "lots": trade.lots,
            "quote_atoms": trade.quote_atoms,
        }
        ended = []
        if at == self._counted_second:
            # Every bucket of this second is there already: none ends within it.
            for candle in self.latest.values():
                candle.add(**amounts)
        else:
            for interval in INTERVALS:
                before = self.latest.get(interval)
                if _count(self.latest, interval, at, trade) and before is not None:
                    ended.append((interval, before))
            self._counted_second = at
        minute = at - at % MINUTE
        if self.minutes and self.minutes[-1].start == minute:
            self.minutes[-1].add(**amounts)
        else:
            self.minutes.append(first_of(minute, **amounts))
        return ended

    def day(self, now: int) -> Candle | None:
        """Return the last 24 hours up to `now` (Unix seconds) as one candle.

        Without a trade in that time the last price stands for all four; None before any trade.
        """
        while self.minutes and self.minutes[0].start <= now - DAY:
            self.minutes.popleft()
        if self.minutes:
            return self._merged_minutes(now - DAY)
        if not self.trades:
            return None
        last = self.trades[-1].price_ticks
        return Candle(now - DAY, last, last, last, last, 0, 0, 0)

    def _merged_minutes(self, start: int) -> Candle:
        """Return all minutes as one candle; those that have ended are merged once a minute."""
        running = self.minutes[-1]
        by = (self.minutes[0].start, running.start)
        if self._ended_by != by:
            ended = [minute for minute in self.minutes if minute is not running]
            self._ended, self._ended_by = merge(start, ended) if ended else None, by
        return merge(start, [running] if self._ended is None else [self._ended, running])


def merge(start: int, candles: Iterable[Candle]) -> Candle:
    """Return candles in order of time, at least one, as one candle."""
    parts = list(candles)
    return Candle(
        start,
        parts[0].open_ticks,
        max(part.high_ticks for part in parts),
        min(part.low_ticks for part in parts),
        parts[-1].close_ticks,
        sum(part.lots for part in parts),
        sum(part.quote_atoms for part in parts),
        sum(part.trades for part in parts),
    )


def _count(latest: dict[str, Candle], interval: str, at: int, trade: TradeExecuted) -> bool:
    """Count a trade into its bucket; True if the bucket is new."""
    start = bucket_start(interval, at)
    candle = latest.get(interval)
    if candle is not None and candle.start == start:
        candle.add(price_ticks=trade.price_ticks, lots=trade.lots, quote_atoms=trade.quote_atoms)
        return False
    latest[interval] = first_of(
        start, price_ticks=trade.price_ticks, lots=trade.lots, quote_atoms=trade.quote_atoms
    )
    return True


class PriceSeconds:
    """The last hour of one index or mark price: a candle for each second with an update."""

    __slots__ = ("_candles",)

    def __init__(self) -> None:
        self._candles: deque[Candle] = deque()

    def add(self, price_e8: int, at: int) -> None:
        """Take an update at `at` (Unix seconds)."""
        candles = self._candles
        if candles and candles[-1].start == at:
            last = candles[-1]
            last.high_ticks = max(last.high_ticks, price_e8)
            last.low_ticks = min(last.low_ticks, price_e8)
            last.close_ticks = price_e8
            return
        candles.append(Candle(at, price_e8, price_e8, price_e8, price_e8, 0, 0, 0))
        while candles[0].start <= at - PRICE_SECONDS:
            candles.popleft()

    def between(self, start: int, end: int) -> dict[int, Candle]:
        """Return the candles which begin in [start, end), by their beginning."""
        return {one.start: one for one in self._candles if start <= one.start < end}


class LiveMarkets:
    """All markets of this process. `connected` says whether the engine's feed is flowing."""

    def __init__(self) -> None:
        self.markets: dict[str, LiveMarket] = {}
        self.index_e8: dict[str, int] = {}
        # How far each asset's index can be trusted.
        self.price_states: dict[str, PriceState] = {}
        # By the symbol of an asset (its index) or of a perpetual market (its mark).
        self.price_seconds: defaultdict[str, PriceSeconds] = defaultdict(PriceSeconds)
        self.connected = False

    def take_prices(self, prices: PricesUpdated, *, at_ns: int) -> None:
        """Take new index prices by asset, and marks and funding rates by perpetual market."""
        self.index_e8.update(prices.index_e8)
        self.price_states.update(prices.states)
        for symbol, price_e8 in prices.mark_e8.items():
            self.markets[symbol].mark_e8 = price_e8
        for symbol, rate_ppb in prices.funding_ppb.items():
            self.markets[symbol].funding_ppb = rate_ppb
        at = at_ns // _SECOND_NS
        for symbol, price_e8 in (*prices.index_e8.items(), *prices.mark_e8.items()):
            self.price_seconds[symbol].add(price_e8, at)


LIVE = LiveMarkets()
