"""What the trading page shows of markets and of one account, as plain values for JSON.

Reads only. Numbers are decimal text; the page computes with them exactly.
"""

from collections.abc import Mapping
from typing import Any

from django.apps import apps

from accounts.api.paging import Page
from accounts.assets import assets, prices_e8
from accounts.models import Balance
from engine.units import PRICE_SCALE, RAY, div_ceil, div_floor
from gateway.decimals import format_decimal, format_padded
from trading.catalog import Catalog, ListedMarket
from trading.models import Position
from trading.selectors import fill_history, listed_markets, open_orders, order_history

HISTORY_ROWS = 50
# An average entry price lies between ticks: this many decimals more than the tick's are shown.
ENTRY_DECIMALS = 2

Row = dict[str, Any]


def market_row(listed: ListedMarket) -> Row:
    """Return what the page needs to know about a market."""
    market = listed.market
    return {
        "symbol": market.symbol,
        "kind": market.kind.value,
        "base": market.base,
        "quote": market.quote,
        "tickSize": listed.price_text(1),
        "stepSize": listed.quantity_text(1),
        "minQuantity": listed.quantity_text(market.min_lots),
        "priceDecimals": listed.price_decimals,
        "quantityDecimals": listed.quantity_decimals,
        "baseDecimals": listed.base.decimals,
        "quoteDecimals": listed.quote.decimals,
        "takerFeePpm": market.taker_fee_ppm,
        "state": listed.state.value,
    }


def market_rows(catalog: Catalog) -> list[Row]:
    """Return all markets in the order of listing."""
    return [market_row(listed) for listed in catalog.markets.values()]


def account_rows(account: int) -> dict[str, list[Row]]:
    """Return what an account holds and has open, at this moment."""
    return {
        "balances": balance_rows(account),
        "positions": position_rows(account),
        "orders": order_rows(account),
    }


def balance_rows(account: int) -> list[Row]:
    """Return the account's assets; `usable` adds to what is available what lending gives back."""
    decimals = {symbol: asset.decimals for symbol, asset in assets().items()}
    pools = {pool.asset: pool for pool in apps.get_model("lending", "Pool").objects.all()}
    return [
        _balance_row(row, decimals=decimals[row.asset], pool=pools.get(row.asset))
        for row in Balance.objects.filter(account_id=account).order_by("asset")
    ]


def _balance_row(row: Balance, *, decimals: int, pool: Any) -> Row:
    lent = owed = 0
    if pool is not None:
        lent = div_floor(int(row.lend_scaled) * int(pool.lend_index_ray), RAY)
        owed = div_ceil(int(row.debt_scaled) * int(pool.debt_index_ray), RAY)
    return {
        "asset": row.asset,
        "available": format_decimal(int(row.available), decimals),
        "locked": format_decimal(int(row.locked), decimals),
        "lent": format_decimal(lent, decimals),
        "borrowed": format_decimal(owed, decimals),
        "usable": format_decimal(int(row.available) + lent, decimals),
    }


def position_rows(account: int) -> list[Row]:
    """Return the account's open positions, valued at the last mark price."""
    markets, prices = listed_markets(), prices_e8()
    rows = Position.objects.filter(account_id=account).exclude(lots=0).order_by("market")
    return [_position_row(row, listed=markets[row.market], prices=prices) for row in rows]


def _position_row(row: Position, *, listed: ListedMarket, prices: Mapping[str, int]) -> Row:
    mark_e8 = prices.get(row.market)
    unrealized = None
    if mark_e8 is not None:
        base_atoms = row.lots * listed.market.lot_atoms
        scale = 10**listed.base.decimals * PRICE_SCALE
        value = div_floor(base_atoms * mark_e8 * 10**listed.quote.decimals, scale)
        unrealized = format_padded(value + int(row.quote_atoms), listed.quote.decimals)
    return {
        "symbol": row.market,
        "netQuantity": listed.quantity_text(row.lots),
        "entryPrice": _entry_price(row, listed),
        "markPrice": None if mark_e8 is None else listed.mark_text(mark_e8),
        "pnlUnrealized": unrealized,
        "pnlRealized": format_padded(int(row.realized_atoms), listed.quote.decimals),
    }


def _entry_price(row: Position, listed: ListedMarket) -> str:
    cost = abs(int(row.entry_quote_atoms)) * listed.price_unit * 10**ENTRY_DECIMALS
    units = div_floor(cost, abs(row.lots) * listed.quote_atoms_per_tick)
    return format_decimal(units, listed.price_decimals + ENTRY_DECIMALS)


def order_rows(account: int) -> list[Row]:
    """Return the account's resting orders, newest first."""
    return [
        {
            "id": order.id,
            "symbol": order.symbol,
            "side": order.side,
            "price": order.price,
            "quantity": order.quantity,
            "executedQuantity": order.executed_quantity,
            "timeInForce": order.time_in_force,
            "postOnly": order.post_only,
            "createdAt": order.created_at.isoformat(),
        }
        for order in open_orders(account)
    ]


def history_rows(account: int) -> list[Row]:
    """Return the account's last orders, open and finished."""
    return [
        {
            "id": order.id,
            "symbol": order.symbol,
            "side": order.side,
            "orderType": order.order_type,
            "price": order.price,
            "quantity": order.quantity,
            "quoteQuantity": order.quote_quantity,
            "executedQuantity": order.executed_quantity,
            "status": order.status,
            "expiryReason": order.expiry_reason,
            "createdAt": order.created_at.isoformat(),
        }
        for order in order_history(account, page=Page(limit=HISTORY_ROWS)).rows
    ]


def fill_rows(account: int) -> list[Row]:
    """Return the account's last fills."""
    return [
        {
            "tradeId": fill.trade_id,
            "orderId": fill.order_id,
            "symbol": fill.symbol,
            "side": fill.side,
            "price": fill.price,
            "quantity": fill.quantity,
            "fee": fill.fee,
            "feeSymbol": fill.fee_symbol,
            "isMaker": fill.is_maker,
            "timestamp": fill.at.isoformat(),
        }
        for fill in fill_history(account, page=Page(limit=HISTORY_ROWS)).rows
    ]
