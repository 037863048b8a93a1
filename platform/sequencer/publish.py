"""The feed: what everybody may see, to every follower, one frame a commit.

A follower that does not read is cut off: it comes back and begins with a snapshot. Nobody waits
for it.
"""

from typing import Any, Final, Protocol

from engine.engine import Engine
from engine.events import (
    AssetListed,
    AssetUpdated,
    BalanceChanged,
    BorrowLendMoved,
    MarketListed,
    MarketStateChanged,
    MarketUpdated,
    PositionChanged,
    PricesUpdated,
)
from engine.listed_market import ListedMarket
from engine.market_states import until_ns
from engine.order_events import (
    BookChanged,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderModified,
    OrderPlaced,
    OrderTriggered,
    QuoteCancelled,
    QuoteFilled,
    QuoteSubmitted,
    RfqAnnounced,
    RfqCancelled,
    RfqExpired,
    RfqFilled,
    RfqRefreshed,
    RfqSubmitted,
    TradeExecuted,
    TriggerFailed,
    TriggerPlaced,
)
from engine.risk_events import (
    LiquidationEnded,
    LiquidationStarted,
    LossShared,
    MarginStatusChanged,
    PositionTakenOver,
)
from engine.units import AccountId
from gateway import codec
from sequencer.batch import Batch, Entry

# What followers show; the rest, such as the ledger, is nobody's but the house's.
_PUBLIC: Final = frozenset(
    {
        AssetListed,
        AssetUpdated,
        BookChanged,
        MarketListed,
        MarketStateChanged,
        MarketUpdated,
        PricesUpdated,
        RfqAnnounced,
        TradeExecuted,
    }
)
# What concerns the account of their terms.
_OF_ORDERS: Final = frozenset(
    {
        *(OrderCancelled, OrderExpired, OrderFilled, OrderModified, OrderPlaced),
        *(OrderTriggered, TriggerFailed, TriggerPlaced),
        *(RfqCancelled, RfqExpired, RfqFilled, RfqRefreshed, RfqSubmitted),
        *(QuoteCancelled, QuoteFilled, QuoteSubmitted),
    }
)
_OF_ACCOUNTS: Final = frozenset(
    {
        *(BalanceChanged, BorrowLendMoved, PositionChanged),
        *(LiquidationEnded, LiquidationStarted, LossShared, MarginStatusChanged),
    }
)
# The kinds of the house's orders by which positions are taken from who cannot keep them.
_LIQUIDATION: Final = "LiquidatePosition"


class Follower(Protocol):
    """Somebody who reads the feed."""

    def send(self, frame: bytes) -> None:
        """Send a frame, or end the connection if too much is unread already."""


class Feed:
    """All followers, each with the number of the last command it has seen."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._followers: list[Follower] = []
        # Snapshots may show only what is committed: they wait for their own last command.
        self._joining: list[tuple[Follower, int, bytes]] = []

    def join(self, follower: Follower, *, committed: bool) -> None:
        """Begin with a snapshot of now, as soon as it is committed."""
        snapshot = codec.frame(codec.encode(feed_snapshot(self._engine)))
        if committed:
            follower.send(snapshot)
            self._followers.append(follower)
        else:
            self._joining.append((follower, self._engine.state.sequence, snapshot))

    def leave(self, follower: Follower) -> None:
        """Forget a follower whose connection has ended."""
        self._followers = [kept for kept in self._followers if kept is not follower]
        self._joining = [joining for joining in self._joining if joining[0] is not follower]

    def publish(self, batch: Batch) -> None:
        """Send a committed batch to everybody who follows."""
        if self._followers:
            frame = batch_frame(batch, after=0)
            for follower in list(self._followers):
                follower.send(frame)
        if self._joining:
            self._admit(batch)

    def _admit(self, batch: Batch) -> None:
        last = batch.entries[-1].sequence
        admitted = [joining for joining in self._joining if joining[1] <= last]
        self._joining = [joining for joining in self._joining if joining[1] > last]
        for follower, sequence, snapshot in admitted:
            follower.send(snapshot)
            if sequence < last:
                follower.send(batch_frame(batch, after=sequence))
            self._followers.append(follower)


def batch_frame(batch: Batch, *, after: int) -> bytes:
    """Return the frame of what a batch's commands after number `after` brought about."""
    items = tuple([feed_item(entry) for entry in batch.entries if entry.sequence > after])
    return codec.frame(codec.encode(codec.FeedBatch(items)))


def feed_item(entry: Entry) -> codec.FeedItem:
    """Return what a follower is told of one command."""
    public: list[Any] = []
    private: list[Any] = []
    accounts: dict[AccountId, None] = {}
    liquidations: dict[tuple[str, int], OrderFilled] = {}
    event: Any
    for event in entry.events:
        kind = type(event)
        if kind in _PUBLIC:
            public.append(event)
        elif kind in _OF_ORDERS:
            private.append(event)
            accounts[event.terms.account] = None
            if kind is OrderFilled and event.terms.system is not None:
                _note_liquidation(liquidations, event)
            if kind is QuoteSubmitted:
                accounts[event.rfq.account] = None
        elif kind in _OF_ACCOUNTS:
            private.append(event)
            accounts[event.account] = None
        elif kind is PositionTakenOver:
            private.append(event)
            accounts[event.taker] = None
    return codec.FeedItem(
        entry.sequence,
        entry.at_ns,
        tuple(public),
        tuple(accounts),
        codec.encode(private) if private else b"",
        tuple(liquidations.values()),
    )


def _note_liquidation(found: dict[tuple[str, int], OrderFilled], fill: OrderFilled) -> None:
    """Keep one side of each liquidating trade: both may be the house's orders."""
    assert fill.terms.system is not None
    if fill.terms.system.startswith(_LIQUIDATION):
        found.setdefault((fill.terms.market, fill.trade_id), fill)


def feed_snapshot(engine: Engine) -> codec.FeedSnapshot:
    """Return everything public as the engine has it now."""
    state = engine.state
    return codec.FeedSnapshot(
        sequence=state.sequence,
        at_ns=state.at_ns,
        assets=tuple(AssetListed(asset=asset) for asset in state.assets.values()),
        markets=tuple(_market_snapshot(engine, listed) for listed in state.markets.values()),
        index_e8={symbol: price.now_e8 for symbol, price in state.prices.items() if price.now_e8},
        price_states={symbol: price.state for symbol, price in state.prices.items()},
    )


def _market_snapshot(engine: Engine, listed: ListedMarket) -> codec.MarketSnapshot:
    depth = engine.depth(listed.market.symbol)
    mark_e8 = engine.state.mark_e8(listed) if listed.is_perp else 0
    return codec.MarketSnapshot(
        listed=MarketListed(market=listed.market, quote_atoms_per_tick=listed.quote_atoms_per_tick),
        state=listed.state,
        update_id=depth.update_id,
        bids=depth.bids,
        asks=depth.asks,
        last_trade_id=listed.book.trade_id,
        last_price_ticks=listed.book.last_price,
        mark_e8=mark_e8 or None,
        funding_ppb=0 if listed.funding is None else listed.funding.told_ppb or 0,
        reason=listed.reason,
        until_ns=until_ns(listed),
    )
