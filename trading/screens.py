"""What the trading page shows of markets and of one account, as plain values for JSON.

Reads only. Numbers are decimal text; the page computes with them exactly.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Q

from accounts.api.paging import Page
from accounts.assets import assets, decimals_of, percent_text
from accounts.models import Account, AccountSettings, Balance
from engine.catalog import Asset
from engine.pools import Pool
from engine.rejects import ExpiryReason
from gateway.decimals import format_decimal
from lending.models import BorrowLendMovement, InterestPayment
from lending.selectors import pools
from trading import account_states, outlooks, portfolio
from trading.api.outlooks import RiskOutput
from trading.catalog import Catalog, ListedMarket, market_named
from trading.funding_models import FundingPayment
from trading.selectors import (
    OrderRow,
    Wanted,
    fill_history,
    is_liquidating,
    open_orders,
    order_history,
)
from trading.strategies import running_strategies

HISTORY_ROWS = 50
# Each completes "the rest has ended: ..." and "not placed: ...".
REASONS: Final[Mapping[ExpiryReason, str]] = {
    ExpiryReason.IMMEDIATE_OR_CANCEL: "nothing more was offered at its price",
    ExpiryReason.FILL_OR_KILL: "it could not be filled whole",
    ExpiryReason.POST_ONLY_TAKER: "it would have taken, and was to post only",
    ExpiryReason.PRICE_IMPACT: "the next price was too far from the index",
    ExpiryReason.REDUCE_ONLY_NOT_REDUCED: "there was nothing to reduce",
    ExpiryReason.SELF_TRADE_PREVENTION: "it would have traded with your own order",
    ExpiryReason.INSUFFICIENT_FUNDS: "not enough funds",
    ExpiryReason.INSUFFICIENT_LIQUIDITY: "the book offered no more",
    ExpiryReason.INSUFFICIENT_BORROWABLE_QUANTITY: "what was missing could not be borrowed",
    ExpiryReason.SLIPPAGE_TOLERANCE_EXCEEDED: "the next price was beyond the slippage tolerance",
    ExpiryReason.STOP_WITHOUT_POSITION: "there was no position left to close",
    ExpiryReason.INSUFFICIENT_MARGIN: "not enough margin",
    ExpiryReason.BORROW_REQUIRES_LEND_REDEEM: "it may borrow only if it uses what you lend",
    ExpiryReason.PRICE_OUT_OF_BOUNDS: "its price was too far from the index",
    ExpiryReason.INVALID_PRICE: "the market did not take its price",
    ExpiryReason.INVALID_QUANTITY: "the market did not take its quantity",
    ExpiryReason.POST_ONLY_MODE: "the market took only orders which post",
    ExpiryReason.POSITION_LIMIT: "a limit of the market's open positions was reached",
    ExpiryReason.TRADING_SUSPENDED: "the market was not open",
    ExpiryReason.UNKNOWN: "the exchange could not place it",
}

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


def account_rows(account: Account) -> dict[str, Any]:
    """Return what an account holds and has open, at this moment."""
    if not AccountSettings.objects.filter(account_id=account.pk).exists():
        # Signed up a moment ago: the engine has not opened the account yet.
        empty: dict[str, Any] = {"balances": [], "positions": [], "orders": [], "strategies": []}
        return empty | {"margin": None, "risk": None, "borrowRates": {}}
    state, held = account_states.load(account.pk)
    risk = outlooks.risk_of(state, held, is_liquidated=is_liquidating(account.pk))
    return {
        "balances": balance_rows(account),
        "positions": [_position_row(one) for one in portfolio.positions_of(state, held)],
        "orders": order_rows(account),
        "strategies": strategy_rows(account),
        "margin": _margin_row(portfolio.margin_of(state, held)),
        "risk": RiskOutput(risk).data,
        "borrowRates": {
            symbol: percent_text(pool.rate_ppb) for symbol, pool in state.pools.items()
        },
    }


def balance_rows(account: Account) -> list[Row]:
    """Return the account's assets; `usable` adds to what is available what lending gives back."""
    known, by_asset = assets(), pools()
    return [
        _balance_row(row, asset=known[row.asset], pool=by_asset[row.asset])
        for row in Balance.objects.filter(account_id=account.pk).order_by("asset")
    ]


def _balance_row(row: Balance, *, asset: Asset, pool: Pool) -> Row:
    available, lent = int(row.available), pool.lend_atoms(int(row.lend_scaled), row.lend_bucket)
    return {
        "asset": asset.symbol,
        "available": format_decimal(available, asset.decimals),
        "locked": format_decimal(int(row.locked), asset.decimals),
        "lent": format_decimal(lent, asset.decimals),
        "borrowed": format_decimal(pool.debt_atoms(int(row.debt_scaled)), asset.decimals),
        "usable": format_decimal(available + lent, asset.decimals),
    }


def _position_row(position: portfolio.PositionRow) -> Row:
    """Return an open position, valued at the last mark price."""
    return {
        "symbol": position.symbol,
        "netQuantity": position.net_quantity,
        "entryPrice": position.entry_price,
        "markPrice": position.mark_price,
        "liquidationPrice": position.liquidation_price,
        "pnlUnrealized": position.pnl_unrealized,
        "pnlRealized": position.pnl_realized,
        "interest": position.interest,
        "funding": position.funding,
    }


def _margin_row(summary: portfolio.MarginSummary) -> Row:
    """Return equity in USD, what of it is free, and the fractions which end in a liquidation."""
    return {
        "equity": summary.net_equity,
        "free": summary.net_equity_available,
        "marginFraction": summary.margin_fraction,
        "mmf": summary.mmf,
    }


def order_rows(account: Account) -> list[Row]:
    """Return the account's orders that rest or wait, newest first."""
    return [
        {
            "id": order.id,
            "symbol": order.symbol,
            "side": order.side,
            "orderType": order.order_type,
            "status": order.status,
            "price": order.price,
            "quantity": order.quantity or order.trigger_quantity,
            "reduceOnly": order.reduce_only,
            **_condition_row(order),
            "executedQuantity": order.executed_quantity,
            "timeInForce": order.time_in_force,
            "postOnly": order.post_only,
            "createdAt": order.created_at.isoformat(),
        }
        for order in open_orders(account.pk)
    ]


def history_rows(account: Account) -> list[Row]:
    """Return the account's last orders, open and finished."""
    return [
        {
            "id": order.id,
            "symbol": order.symbol,
            "side": order.side,
            "orderType": order.order_type,
            "price": order.price,
            "quantity": order.quantity or order.trigger_quantity,
            "quoteQuantity": order.quote_quantity,
            "executedQuantity": order.executed_quantity,
            "status": order.status,
            "reason": None if order.expiry_reason is None else reason_words(order.expiry_reason),
            **_condition_row(order),
            "createdAt": order.created_at.isoformat(),
        }
        for order in order_history(account.pk, page=Page(limit=HISTORY_ROWS), wanted=Wanted()).rows
    ]


def strategy_rows(account: Account) -> list[Row]:
    """Return the account's running strategies, oldest first."""
    return [
        {
            "id": row.id,
            "symbol": row.symbol,
            "side": row.side,
            "price": row.price,
            "quantity": row.quantity,
            "executedQuantity": row.executed_quantity,
            "percent": row.percent,
            "intervalMs": row.interval,
            "createdAt": row.created_at.isoformat(),
        }
        for row in running_strategies(account.pk)
    ]


def reason_words(reason: str) -> str:
    """Return why the engine ended an order, in words."""
    return REASONS[ExpiryReason(reason)]


def _condition_row(order: OrderRow) -> Row:
    """Return what an order waits for or brings along; an exit names the order it belongs to."""
    return {
        "conditions": {name: text for name, text in order.conditions.items() if text},
        "firesAbove": order.fires_above,
        "relatedId": order.related_id,
    }


def fill_rows(account: Account) -> list[Row]:
    """Return the account's last fills."""
    page = Page(limit=HISTORY_ROWS)
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
        for fill in fill_history(account.pk, page=page, wanted=Wanted(), span=Q()).rows
    ]


def borrow_lend_rows(account: Account) -> list[Row]:
    """Return what the account last lent, redeemed, borrowed and repaid, and why."""
    rows = BorrowLendMovement.objects.filter(account_id=account.pk).order_by("-id")
    return [
        {
            "symbol": row.asset,
            "kind": row.kind,
            "quantity": format_decimal(int(row.amount), decimals_of(row.asset)),
            "source": row.source,
            "timestamp": row.at.isoformat(),
        }
        for row in rows[:HISTORY_ROWS]
    ]


def funding_rows(account: Account) -> list[Row]:
    """Return the account's last funding: what each position got (positive) or paid for an hour."""
    rows = FundingPayment.objects.filter(account_id=account.pk).order_by("-id")
    return [_funding_row(row, market_named(row.market)) for row in rows[:HISTORY_ROWS]]


def _funding_row(row: FundingPayment, listed: ListedMarket) -> Row:
    return {
        "symbol": row.market,
        "position": str(row.position_id),
        "size": listed.quantity_text(row.lots),
        "rate": listed.rate_text(row.rate_ppb),
        "quantity": listed.quote_text(int(row.amount_atoms)),
        "timestamp": row.ends_at.isoformat(),
    }


def interest_rows(account: Account) -> list[Row]:
    """Return the account's last interest: what it earned (positive) or paid in each hour."""
    return [
        {
            "symbol": row.asset,
            "kind": row.kind,
            "market": row.market,
            "quantity": format_decimal(int(row.amount), decimals_of(row.asset)),
            "rate": percent_text(row.rate_ppb),
            "timestamp": row.hour.isoformat(),
        }
        for row in InterestPayment.objects.filter(account_id=account.pk).order_by("-id")[
            :HISTORY_ROWS
        ]
    ]
