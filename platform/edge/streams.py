"""From committed events to stream messages: encoded once, and only if somebody listens.

Prices and sizes are padded to their tick and step; times are microseconds.
"""

import time

import msgspec

from edge import private, rfq_streams
from edge.topics import (
    BALANCES,
    BORROW_LEND,
    DEPTH_WINDOWS_MS,
    LIQUIDATION,
    MARKET_STATE,
    NOTICE,
    ORDERS,
    POSITIONS,
    Listener,
    Topic,
    Topics,
    message,
    now_us,
)
from engine.events import BalanceChanged, BorrowLendMoved, Event, PositionChanged
from engine.order_events import BookChanged, OrderFilled, TradeExecuted
from gateway.decimals import format_padded
from gateway.feed import FeedItem, decode_events
from trading.api.market_data import next_funding_ms
from trading.klines import Candle, bucket_end
from trading.live import LiveMarket, LiveMarkets
from trading.market_states import state_fields
from trading.notice_board import fields_of as notice_fields
from trading.notices import NOTICED, notice_of


class Merged(msgspec.Struct):
    """Depth changes of one window, not yet sent."""

    first: int
    last: int
    at_ns: int
    bids: dict[int, int]
    asks: dict[int, int]


class Streams:
    """Publishes the public and private streams of this process."""

    def __init__(self, topics: Topics, live: LiveMarkets) -> None:
        self.topics = topics
        self.live = live
        self._merged: dict[str, Merged] = {}

    def publish(self, item: FeedItem, tops: set[str], ended: list[tuple[str, str, Candle]]) -> None:
        """Send what one command brought about.

        Args:
            tops: markets whose best bid or ask has changed.
            ended: (market, interval, candle) of buckets which a trade has closed.
        """
        if item.accounts and self.topics.concern(item.accounts):
            for event in decode_events(item.private):
                self._account(event, item.at_ns)
        for event in item.events:
            if isinstance(event, BookChanged):
                self._depth(event, item.at_ns)
            elif isinstance(event, TradeExecuted):
                self._trade(event)
            else:
                self._account(event, item.at_ns)
        for fill in item.liquidations:
            self._liquidation(fill)
        for symbol in tops:
            self._book_ticker(self.live.markets[symbol], item.at_ns)
        for symbol, interval, candle in ended:
            topic = self.topics.find(f"kline.{interval}.{symbol}")
            if topic is not None:
                self._kline(topic, self.live.markets[symbol], candle, closed=True)

    def flush_depth(self, window: str) -> None:
        """Send the merged depth of one window length."""
        for topic in self.topics.of_kind("depth"):
            if topic.parts.detail != window:
                continue
            merged = self._merged.pop(topic.name, None)
            market = self.live.markets.get(topic.parts.symbol)
            if merged is not None and market is not None:
                topic.send(_depth_fields(market, merged))

    def every_second(self) -> None:
        """Send tickers, marks and candles."""
        now = int(time.time())
        for topic in self.topics.of_kind("ticker"):
            market = self.live.markets.get(topic.parts.symbol)
            day = market.day(now) if market else None
            if market is not None and day is not None:
                topic.send_latest(_ticker_fields(market, day))
        for topic in self.topics.of_kind("markPrice"):
            self._mark(topic)
        for topic in self.topics.of_kind(MARKET_STATE):
            self._market_state(topic)
        for topic in self.topics.of_kind("kline"):
            market = self.live.markets.get(topic.parts.symbol)
            candle = market.latest.get(topic.parts.detail) if market else None
            if market is not None and candle is not None:
                closed = bucket_end(topic.parts.detail, candle.start) <= now
                self._kline(topic, market, candle, closed=closed)

    def forget_depth(self) -> None:
        """Drop merged changes: the books have been replaced, listeners see a gap and refetch."""
        self._merged.clear()

    def _depth(self, change: BookChanged, at_ns: int) -> None:
        symbol = change.market
        market = self.live.markets[symbol]
        topic = self.topics.find(f"depth.{symbol}")
        if topic is not None:
            one = Merged(
                change.update_id, change.update_id, at_ns, dict(change.bids), dict(change.asks)
            )
            topic.send(_depth_fields(market, one))
        for window in DEPTH_WINDOWS_MS:
            name = f"depth.{window}.{symbol}"
            if self.topics.find(name) is None:
                self._merged.pop(name, None)
                continue
            merged = self._merged.get(name)
            if merged is None:
                first = change.update_id
                merged = self._merged[name] = Merged(first, first, at_ns, {}, {})
            merged.last, merged.at_ns = change.update_id, at_ns
            merged.bids.update(change.bids)
            merged.asks.update(change.asks)

    def _book_ticker(self, market: LiveMarket, at_ns: int) -> None:
        topic = self.topics.find(f"bookTicker.{market.listed.symbol}")
        if topic is None:
            return
        listed = market.listed
        bid, ask = market.book.top()
        topic.send_latest(
            {
                "e": "bookTicker",
                "E": now_us(),
                "s": listed.symbol,
                "a": listed.padded_price(ask[0]) if ask else None,
                "A": listed.padded_quantity(ask[1]) if ask else None,
                "b": listed.padded_price(bid[0]) if bid else None,
                "B": listed.padded_quantity(bid[1]) if bid else None,
                "u": market.book.update_id,
                "T": at_ns // 1_000,
            }
        )

    def _trade(self, trade: TradeExecuted) -> None:
        topic = self.topics.find(f"trade.{trade.market}")
        if topic is None:
            return
        listed = self.live.markets[trade.market].listed
        topic.send(
            {
                "e": "trade",
                "E": now_us(),
                "s": trade.market,
                "p": listed.padded_price(trade.price_ticks),
                "q": listed.padded_quantity(trade.lots),
                "b": str(trade.buyer_order),
                "a": str(trade.seller_order),
                "t": trade.trade_id,
                "T": trade.at_ns // 1_000,
                "m": trade.buyer_is_maker,
            }
        )

    def _liquidation(self, fill: OrderFilled) -> None:
        symbol = fill.terms.market
        listed = self.live.markets[symbol].listed
        for name in (LIQUIDATION, f"{LIQUIDATION}.{symbol}"):
            topic = self.topics.find(name)
            if topic is not None:
                topic.send(
                    {
                        "e": "liquidation",
                        "E": now_us(),
                        "s": symbol,
                        "p": listed.padded_price(fill.price_ticks),
                        "q": listed.padded_quantity(fill.lots),
                        "S": fill.terms.side,
                        "T": fill.at_ns // 1_000,
                    }
                )

    def _mark(self, topic: Topic) -> None:
        market = self.live.markets.get(topic.parts.symbol)
        if market is None or market.mark_e8 is None:
            return
        listed = market.listed
        index = self.live.index_e8.get(listed.market.base)
        now = now_us()
        topic.send_latest(
            {
                "e": "markPrice",
                "E": now,
                "s": listed.symbol,
                "p": listed.mark_text(market.mark_e8),
                "f": listed.rate_text(market.funding_ppb),
                "i": None if index is None else listed.mark_text(index),
                "n": next_funding_ms(now // 1_000),
                "T": now,
            }
        )

    def _market_state(self, topic: Topic) -> None:
        market = self.live.markets.get(topic.parts.symbol)
        fields = None if market is None else state_fields(self.live, market)
        if fields is not None and topic.sent != fields:
            topic.sent, now = fields, now_us()
            topic.send_latest({"e": "marketState", "E": now, "T": now, **fields})

    def _kline(self, topic: Topic, market: LiveMarket, candle: Candle, *, closed: bool) -> None:
        said = (candle.start, candle.trades, closed)
        if topic.sent == said:
            return
        topic.sent = said
        # What a candle said before is worthless, what an earlier candle said is not.
        fields = _kline_fields(market, candle, interval=topic.parts.detail, closed=closed)
        topic.send_latest(fields, about=candle.start)

    def _account(self, event: Event, at_ns: int) -> None:
        """Send an event to the account it belongs to."""
        if isinstance(event, rfq_streams.Event):
            rfq_streams.publish(self.topics, event, at_ns)
            return
        if isinstance(event, NOTICED):
            self._notice(event, at_ns)
            return
        names: tuple[str, ...]
        if isinstance(event, private.OrderEvent):
            account, symbol = event.terms.account, event.terms.market
            names = (ORDERS, f"{ORDERS}.{symbol}")
        elif isinstance(event, PositionChanged):
            account, symbol = event.account, event.market
            names = (POSITIONS, f"{POSITIONS}.{symbol}")
        elif isinstance(event, BalanceChanged):
            account, symbol, names = event.account, "", (BALANCES,)
        elif isinstance(event, BorrowLendMoved):
            account, symbol, names = event.account, "", (BORROW_LEND,)
        else:
            return
        found = self.topics.found(names, account)
        if not found:
            return
        data = self._account_fields(event, symbol, at_ns)
        data |= {"E": now_us(), "T": at_ns // 1_000}
        for topic in found:
            topic.send(data)

    def _notice(self, event: Event, at_ns: int) -> None:
        notice = notice_of(event)
        topic = None if notice is None else self.topics.find(NOTICE, notice.account)
        if notice is not None and topic is not None:
            topic.send({"e": "notice", "E": now_us(), "T": at_ns // 1_000, **notice_fields(notice)})

    def _account_fields(self, event: Event, symbol: str, at_ns: int) -> dict[str, object]:
        if isinstance(event, BalanceChanged):
            return private.balance_fields(event)
        if isinstance(event, BorrowLendMoved):
            return private.movement_fields(event)
        market = self.live.markets[symbol]
        if isinstance(event, PositionChanged):
            return private.position_fields(event, market, at_ns)
        assert isinstance(event, private.OrderEvent)
        return private.order_fields(event, market.listed)


def welcome_position(
    listener: Listener, name: str, event: PositionChanged, market: LiveMarket
) -> None:
    """Tell one listener of a position it already has; such a message carries no event type."""
    data = private.position_fields(event, market, 0)
    del data["e"]
    now = now_us()
    listener.push(message(name, data | {"E": now, "T": now}))


def _depth_fields(market: LiveMarket, merged: Merged) -> dict[str, object]:
    listed = market.listed
    return {
        "e": "depth",
        "E": now_us(),
        "s": listed.symbol,
        "a": [
            [listed.padded_price(price), listed.padded_quantity(lots)]
            for price, lots in sorted(merged.asks.items())
        ],
        "b": [
            [listed.padded_price(price), listed.padded_quantity(lots)]
            for price, lots in sorted(merged.bids.items())
        ],
        "U": merged.first,
        "u": merged.last,
        "T": merged.at_ns // 1_000,
    }


def _ticker_fields(market: LiveMarket, day: Candle) -> dict[str, object]:
    listed = market.listed
    return {
        "e": "ticker",
        "E": now_us(),
        "s": listed.symbol,
        "o": listed.padded_price(day.open_ticks),
        "c": listed.padded_price(day.close_ticks),
        "h": listed.padded_price(day.high_ticks),
        "l": listed.padded_price(day.low_ticks),
        "v": listed.padded_quantity(day.lots),
        "V": format_padded(day.quote_atoms, listed.quote.decimals),
        "n": day.trades,
    }


def _kline_fields(
    market: LiveMarket, candle: Candle, *, interval: str, closed: bool
) -> dict[str, object]:
    listed = market.listed
    return {
        "e": "kline",
        "E": now_us(),
        "s": listed.symbol,
        "t": _moment(candle.start),
        "T": _moment(bucket_end(interval, candle.start)),
        "o": listed.padded_price(candle.open_ticks),
        "c": listed.padded_price(candle.close_ticks),
        "h": listed.padded_price(candle.high_ticks),
        "l": listed.padded_price(candle.low_ticks),
        "v": listed.padded_quantity(candle.lots),
        "n": candle.trades,
        "X": closed,
    }


def _moment(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
