"""Keeps what this process shows of the markets: first from PostgreSQL, then from the feed."""

import asyncio
import logging
import time
from datetime import datetime
from typing import Final

import msgspec
import psycopg

from edge.streams import Streams
from engine.catalog import Asset
from engine.events import (
    AssetListed,
    AssetUpdated,
    Event,
    MarketListed,
    MarketStateChanged,
    MarketUpdated,
    PricesUpdated,
)
from engine.order_events import BookChanged, TradeExecuted
from engine.units import OrderId
from gateway import feed
from gateway.feed import FeedBatch, FeedItem, FeedSnapshot
from trading import catalog as trading_catalog
from trading import klines
from trading.catalog import ListedMarket, catalog
from trading.klines import DAY, INTERVALS, Candle, bucket_start
from trading.live import RECENT_TRADES, LiveMarket, LiveMarkets, merge
from trading.reads import Row, reader

_TRADES: Final = (
    "SELECT trade_id, price_ticks, lots, quote_atoms, buyer_order_id, seller_order_id,"
    " buyer_is_maker, at FROM trading_trade WHERE market = %s ORDER BY trade_id DESC LIMIT %s"
)
# Buckets longer than the day of minutes that is kept.
_LONG: Final = ("3d", "1w", klines.MONTH)
RETRY_SECONDS: Final = 0.5
_log = logging.getLogger(__name__)


class MarketKeeper:
    """Follows the engine's feed for one process."""

    def __init__(self, live: LiveMarkets, streams: Streams) -> None:
        self.live = live
        self.streams = streams

    async def follow(self) -> None:
        """Keep the markets up to date until cancelled."""
        while True:
            try:
                async for message in feed.follow(lost=self.lost):
                    if isinstance(message, FeedSnapshot):
                        await self.adopt(message)
                    else:
                        self.apply(message)
            except psycopg.OperationalError as error:
                _log.warning("PostgreSQL is away (%s); reading the markets again", error)
                self.lost()
                await asyncio.sleep(RETRY_SECONDS)

    def lost(self) -> None:
        """Note that the feed has stopped: books are as old as that."""
        self.live.connected = False

    async def adopt(self, snapshot: FeedSnapshot) -> None:
        """Replace everything by a snapshot and by what the database holds."""
        listings = [
            (one.listed.market, one.listed.quote_atoms_per_tick) for one in snapshot.markets
        ]
        trading_catalog.install(
            assets=[listed.asset for listed in snapshot.assets],
            markets=[
                (market, per_tick, one.state)
                for (market, per_tick), one in zip(listings, snapshot.markets, strict=True)
            ],
        )
        markets = {symbol: LiveMarket(listed) for symbol, listed in catalog().markets.items()}
        for one in snapshot.markets:
            market = markets[one.listed.market.symbol]
            market.book.replace(one, snapshot.at_ns)
            market.mark_e8, market.funding_ppb = one.mark_e8, one.funding_ppb
            market.reason, market.until_ns = one.reason, one.until_ns
        await _load(list(markets.values()), int(time.time()))
        self.live.markets = markets
        self.live.index_e8 = dict(snapshot.index_e8)
        self.live.price_states = dict(snapshot.price_states)
        self.live.connected = True
        self.streams.forget_depth()
        _log.info("%s markets as of sequence %s", len(markets), snapshot.sequence)

    def apply(self, batch: FeedBatch) -> None:
        """Take over the commands of one commit and tell the listeners."""
        for item in batch.items:
            self._apply(item)

    def _apply(self, item: FeedItem) -> None:
        tops: set[str] = set()
        ended: list[tuple[str, str, Candle]] = []
        for event in item.events:
            if isinstance(event, BookChanged):
                if self.live.markets[event.market].book.apply(event, item.at_ns):
                    tops.add(event.market)
            elif isinstance(event, TradeExecuted):
                closed = self.live.markets[event.market].add_trade(event)
                ended += [(event.market, interval, candle) for interval, candle in closed]
            else:
                self._other(event, item.at_ns)
        self.streams.publish(item, tops, ended)

    def _other(self, event: Event, at_ns: int) -> None:
        if isinstance(event, PricesUpdated):
            self.live.take_prices(event, at_ns=at_ns)
        elif isinstance(event, AssetListed):
            self._list(assets=[*catalog().assets.values(), event.asset], extra=None)
        elif isinstance(event, AssetUpdated):
            self._take_asset(event.asset)
        elif isinstance(event, MarketListed):
            self._list(assets=[*catalog().assets.values()], extra=event)
        elif isinstance(event, MarketUpdated):
            listed = catalog().markets[event.market.symbol]
            self._replace(msgspec.structs.replace(listed, market=event.market))
        elif isinstance(event, MarketStateChanged):
            listed = catalog().markets[event.market]
            self._replace(msgspec.structs.replace(listed, state=event.state))
            market = self.live.markets[event.market]
            market.reason, market.until_ns = event.reason, event.until_ns

    def _take_asset(self, asset: Asset) -> None:
        known = {**catalog().assets, asset.symbol: asset}
        self._list(assets=list(known.values()), extra=None)
        for symbol, listed in catalog().markets.items():
            self.live.markets[symbol].listed = listed

    def _list(self, *, assets: list[Asset], extra: MarketListed | None) -> None:
        now = catalog().markets.values()
        markets = [(one.market, one.quote_atoms_per_tick, one.state) for one in now]
        if extra is not None:
            state = trading_catalog.FIRST_STATE
            markets.append((extra.market, extra.quote_atoms_per_tick, state))
        fresh = trading_catalog.install(assets=assets, markets=markets).markets
        for symbol, listed in fresh.items():
            if symbol not in self.live.markets:
                self.live.markets[symbol] = LiveMarket(listed)

    def _replace(self, listed: ListedMarket) -> None:
        trading_catalog.replace(listed)
        self.live.markets[listed.symbol].listed = listed


async def _load(markets: list[LiveMarket], now: int) -> None:
    """Load trades and candles of all markets as of one moment."""
    queries: list[tuple[str, tuple[object, ...]]] = []
    for market in markets:
        symbol = market.listed.symbol
        queries.append((_TRADES, (symbol, RECENT_TRADES)))
        queries.append(
            klines.history_query(market=symbol, interval="1m", start=now - 2 * DAY, end=now + DAY)
        )
        queries += [
            klines.history_query(
                market=symbol, interval=interval, start=bucket_start(interval, now), end=now + DAY
            )
            for interval in _LONG
        ]
    found = iter(await reader().snapshot(queries))
    for market in markets:
        trades = [_trade(market.listed.symbol, row) for row in reversed(next(found))]
        minutes = [klines.candle_of(row) for row in next(found)]
        latest = _latest(trades, minutes, now)
        for interval in _LONG:
            candles = [klines.candle_of(row) for row in next(found)]
            if candles:
                latest[interval] = candles[-1]
        market.load(trades=trades, minutes=minutes, latest=latest)


def _latest(trades: list[TradeExecuted], minutes: list[Candle], now: int) -> dict[str, Candle]:
    """Return the newest bucket with trades of each interval up to a day."""
    latest: dict[str, Candle] = {}
    for interval in INTERVALS:
        if interval in _LONG or interval == "1s" or not minutes:
            continue
        start = bucket_start(interval, minutes[-1].start)
        latest[interval] = merge(start, [one for one in minutes if one.start >= start])
    if trades:
        at = trades[-1].at_ns // 10**9
        second = [trade for trade in trades if trade.at_ns // 10**9 == at]
        prices = [trade.price_ticks for trade in second]
        latest["1s"] = Candle(
            at,
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
            sum(trade.lots for trade in second),
            sum(trade.quote_atoms for trade in second),
            len(second),
        )
    return latest


def _trade(market: str, row: Row) -> TradeExecuted:
    at: datetime = row[7]
    seconds = int(at.timestamp())
    return TradeExecuted(
        market=market,
        trade_id=row[0],
        price_ticks=row[1],
        lots=row[2],
        quote_atoms=int(row[3]),
        buyer_order=OrderId(row[4]),
        seller_order=OrderId(row[5]),
        buyer_is_maker=row[6],
        at_ns=seconds * 10**9 + at.microsecond * 1_000,
    )
