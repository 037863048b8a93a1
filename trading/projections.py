"""Trades, candles, positions and listings, as rows from the engine's events; orders join them."""

import msgspec

from engine import events, order_events
from engine.settlement_events import ClearingChanged, PositionInterestPosted, ProfitRealized
from engine.units import HOUR_NS, SECOND_NS
from gateway.tables import Handlers, Rows, Table
from trading import (
    funding_projections,
    history_projections,
    rfq_projections,
    risk_projections,
)
from trading.candle_models import Candle, PricePoint
from trading.models import Asset, Market, MarketStateChange, Position, Trade
from trading.order_projections import HANDLERS as ORDER_HANDLERS
from trading.settlement_models import Clearing, PositionInterest, Settlement
from trading.strategy_projections import HANDLERS as STRATEGY_HANDLERS

MINUTE_NS = 60 * SECOND_NS
# What a market accepts when it is listed, for whom no more, and until when.
_OPEN = ("Open", "Staff", None)

ASSETS = Table(Asset, ("symbol", "spec", "listed_at"), key=("symbol",), keep=("listed_at",))
MARKETS = Table(
    Market,
    (
        "symbol",
        "kind",
        "base",
        "quote",
        "state",
        "state_reason",
        "state_until",
        "spec",
        "quote_atoms_per_tick",
        "listed_at",
    ),
    key=("symbol",),
    keep=("listed_at",),
)
MARKET_STATES = Table(
    Market, ("symbol", "state", "state_reason", "state_until"), key=("symbol",), existing=True
)
MARKET_SPECS = Table(Market, ("symbol", "spec"), key=("symbol",), existing=True)
STATE_CHANGES = Table(MarketStateChange, ("sequence", "at", "market", "state", "reason", "until"))
# Where the spec stands among the columns of a market.
_SPEC = MARKETS.columns.index("spec")
TRADES = Table(
    Trade,
    (
        *("market", "trade_id", "sequence", "at"),
        *("price_ticks", "lots", "quote_atoms"),
        *("buyer_order_id", "seller_order_id", "buyer_is_maker"),
    ),
)
CANDLES = Table(
    Candle,
    (
        *("market", "start"),
        *("open_ticks", "high_ticks", "low_ticks", "close_ticks"),
        *("lots", "quote_atoms", "trades"),
    ),
    key=("market", "start"),
    keep=("open_ticks",),
    change={
        "high_ticks": "greatest(t.high_ticks, excluded.high_ticks)",
        "low_ticks": "least(t.low_ticks, excluded.low_ticks)",
        "lots": "t.lots + excluded.lots",
        "quote_atoms": "t.quote_atoms + excluded.quote_atoms",
        "trades": "t.trades + excluded.trades",
    },
)
POSITIONS = Table(
    Position,
    (
        *("account_id", "market", "position_id"),
        *(
            "lots",
            "quote_atoms",
            "entry_quote_atoms",
            "realized_atoms",
            "fees_atoms",
            "interest_atoms",
            "funding_atoms",
        ),
        *("funded_until", "opened_at", "updated_at", "closed_lots", "closed_quote_atoms"),
    ),
    key=("account_id", "market"),
)
PRICES = Table(PricePoint, ("symbol", "kind", "price_e8", "at"), key=("symbol",), keep=("kind",))
SETTLEMENTS = Table(
    Settlement,
    (
        *("sequence", "at", "account_id", "market", "asset", "position_id"),
        *("amount_atoms", "source"),
    ),
)
POSITION_INTEREST = Table(
    PositionInterest,
    (
        *("sequence", "at", "account_id", "market", "asset", "position_id"),
        *("hour", "amount_atoms"),
    ),
)
CLEARINGS = Table(
    Clearing,
    ("market", "cash", "lend_scaled", "debt_scaled", "settled", "dust", "interest", "funding"),
    key=("market",),
)


def asset_listed(rows: Rows, event: events.AssetListed, sequence: int, at_ns: int) -> None:
    """Add the asset."""
    asset = event.asset
    rows.put(ASSETS, asset.symbol, (asset.symbol, msgspec.json.encode(asset).decode(), at_ns))


def asset_updated(rows: Rows, event: events.AssetUpdated, sequence: int, at_ns: int) -> None:
    """Set the asset's parameters; when it was listed stays."""
    symbol, spec = event.asset.symbol, msgspec.json.encode(event.asset).decode()
    listed = rows.found(ASSETS, symbol)
    rows.put(ASSETS, symbol, (symbol, spec, at_ns if listed is None else listed[-1]))


def market_listed(rows: Rows, event: events.MarketListed, sequence: int, at_ns: int) -> None:
    """Add the market, open."""
    market = event.market
    spec = msgspec.json.encode(market).decode()
    names = (market.symbol, market.kind, market.base, market.quote, *_OPEN)
    rows.put(MARKETS, market.symbol, (*names, spec, event.quote_atoms_per_tick, at_ns))


def market_updated(rows: Rows, event: events.MarketUpdated, sequence: int, at_ns: int) -> None:
    """Set the market's parameters."""
    symbol, spec = event.market.symbol, msgspec.json.encode(event.market).decode()
    listed = rows.found(MARKETS, symbol)
    if listed is None:
        rows.put(MARKET_SPECS, symbol, (symbol, spec))
    else:
        # Listed by the same batch: the row is not yet there to be changed.
        rows.put(MARKETS, symbol, (*listed[:_SPEC], spec, *listed[_SPEC + 1 :]))


def market_state_changed(
    rows: Rows, event: events.MarketStateChanged, sequence: int, at_ns: int
) -> None:
    """Set what the market's book accepts, and append that it has changed."""
    now = (event.state, event.reason, event.until_ns)
    rows.add(STATE_CHANGES, (sequence, at_ns, event.market, *now))
    listed = rows.found(MARKETS, event.market)
    if listed is None:
        rows.put(MARKET_STATES, event.market, (event.market, *now))
    else:
        rows.put(MARKETS, event.market, (*listed[:4], *now, *listed[_SPEC:]))


def trade_executed(
    rows: Rows, event: order_events.TradeExecuted, sequence: int, at_ns: int
) -> None:
    """Append the trade, and take it into its minute's candle."""
    price, lots, quote = event.price_ticks, event.lots, event.quote_atoms
    rows.add(
        TRADES,
        (
            event.market,
            event.trade_id,
            sequence,
            event.at_ns,
            price,
            lots,
            quote,
            event.buyer_order,
            event.seller_order,
            event.buyer_is_maker,
        ),
    )
    start = event.at_ns - event.at_ns % MINUTE_NS
    key = (event.market, start)
    candle = rows.found(CANDLES, key)
    if candle is None:
        rows.put(CANDLES, key, (event.market, start, price, price, price, price, lots, quote, 1))
        return
    _, _, first, high, low, _, all_lots, all_quote, trades = candle
    prices = (first, max(high, price), min(low, price), price)
    rows.put(CANDLES, key, (*key, *prices, all_lots + lots, all_quote + quote, trades + 1))


def position_changed(rows: Rows, event: events.PositionChanged, sequence: int, at_ns: int) -> None:
    """Set the position to what the event says; one that was never opened has no number."""
    if not event.position_id:
        return
    rows.put(
        POSITIONS,
        (event.account, event.market),
        (
            event.account,
            event.market,
            event.position_id,
            event.lots,
            event.quote_atoms,
            event.entry_quote_atoms,
            event.realized_atoms,
            event.fees_atoms,
            event.interest_atoms,
            event.funding_atoms,
            event.funded_hour * HOUR_NS,
            event.opened_at_ns,
            at_ns,
            event.closed_lots,
            event.closed_quote_atoms,
        ),
    )
    if not event.lots:
        history_projections.take_up_interest(rows, event)


def prices_updated(rows: Rows, event: events.PricesUpdated, sequence: int, at_ns: int) -> None:
    """Set the latest prices and predicted rates, and take prices into their minutes' candles."""
    history_projections.count_prices(rows, event, at_ns)
    funding_projections.take_predicted(rows, event, at_ns)
    for symbol, price in event.index_e8.items():
        rows.put(PRICES, symbol, (symbol, PricePoint.Kind.INDEX, price, at_ns))
    for symbol, price in event.mark_e8.items():
        rows.put(PRICES, symbol, (symbol, PricePoint.Kind.MARK, price, at_ns))


def profit_realized(rows: Rows, event: ProfitRealized, sequence: int, at_ns: int) -> None:
    """Append the settlement."""
    names = (event.account, event.market, event.asset, event.position_id)
    rows.add(SETTLEMENTS, (sequence, at_ns, *names, event.amount_atoms, event.kind))


def position_interest_posted(
    rows: Rows, event: PositionInterestPosted, sequence: int, at_ns: int
) -> None:
    """Append the interest; what the position has had in all is told with the position."""
    names = (event.account, event.market, event.asset, event.position_id)
    rows.add(POSITION_INTEREST, (sequence, at_ns, *names, event.hour_ns, event.amount_atoms))


def clearing_changed(rows: Rows, event: ClearingChanged, sequence: int, at_ns: int) -> None:
    """Set what stands behind the market's positions."""
    rows.put(
        CLEARINGS,
        event.market,
        (
            event.market,
            event.cash_atoms,
            event.lend_scaled,
            event.debt_scaled,
            event.settled_atoms,
            event.dust_atoms,
            event.interest_atoms,
            event.funding_atoms,
        ),
    )


HANDLERS: Handlers = {
    **ORDER_HANDLERS,
    **STRATEGY_HANDLERS,
    events.AssetListed: asset_listed,
    events.AssetUpdated: asset_updated,
    events.MarketListed: market_listed,
    events.MarketUpdated: market_updated,
    events.MarketStateChanged: market_state_changed,
    order_events.TradeExecuted: trade_executed,
    events.PositionChanged: position_changed,
    events.PositionClosed: history_projections.position_closed,
    events.PricesUpdated: prices_updated,
    ProfitRealized: profit_realized,
    PositionInterestPosted: position_interest_posted,
    ClearingChanged: clearing_changed,
    **rfq_projections.HANDLERS,
    **risk_projections.HANDLERS,
    **funding_projections.HANDLERS,
}
