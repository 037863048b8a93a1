"""The trading page and the requests its session makes: read the account, place and cancel orders.

A form without scripts gets back to the page with a message; the page's own script asks for JSON.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import msgspec
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Access, access_of
from accounts.choice import accounts_of, chosen_account, user_of
from accounts.models import Account, AccountSettings
from engine.kinds import OrderStatus
from engine.order_events import OrderPlaced, TriggerPlaced
from engine.vocabulary import Side, TriggerBy
from gateway.decimals import format_decimal
from trading import screens, strategies
from trading.catalog import ListedMarket, catalog, refresh
from trading.forms import EXECUTIONS, OrderForm, as_labelled
from trading.models import Position
from trading.refusals import Refusal, forbidden, invalid_request
from trading.services import (
    CancelRequest,
    Placed,
    cancel_all_orders,
    cancel_order,
    place_order,
)

DEFAULT_MARKET = "BTC_USDC"
INTERVALS = ("1m", "5m", "15m", "1h", "4h", "1d")
SHARES = (25, 50, 75, 100)
SCREENS = (("chart", "Chart"), ("book", "Book"), ("trade", "Trade"), ("positions", "Positions"))
# What an order can wait for. Mark and index of a spot market are one.
SPOT_WATCHED = ((TriggerBy.INDEX.value, "Index"), (TriggerBy.LAST.value, "Last"))
PERP_WATCHED = ((TriggerBy.MARK.value, "Mark"), *SPOT_WATCHED)
_SESSION_ENDED = Refusal(401, "UNAUTHORIZED", "Your session has ended. Sign in again to trade.")
_NO_ACCOUNT = forbidden("This sign-in has no such trading account.")
TABLES: tuple[dict[str, Any], ...] = (
    {
        "name": "balances",
        "label": "Balances",
        "headings": ("Asset", "Available", "In orders", "Lent", "Owed"),
        "empty": "No money in this account yet.",
    },
    {
        "name": "positions",
        "label": "Positions",
        "headings": (
            *("Market", "Size", "Entry", "Mark", "Liquidation"),
            *("Unrealized", "Realized", "Interest", "Funding"),
        ),
        "empty": "No open position.",
    },
    {
        "name": "orders",
        "label": "Open orders",
        "headings": (
            "Time (UTC)",
            "Market",
            "Side",
            "Price",
            "Quantity",
            "Filled",
            "Good for",
            "Conditions",
            "",
        ),
        "empty": "No open order.",
    },
    {
        "name": "strategies",
        "label": "Strategies",
        "headings": (
            *("Time (UTC)", "Market", "Side", "Price"),
            *("Quantity", "Filled", "Progress", "Every", ""),
        ),
        "empty": "No running strategy. They are created through the API.",
    },
    {
        "name": "history",
        "label": "Order history",
        "headings": (
            *("Time (UTC)", "Market", "Side", "Type"),
            *("Price", "Quantity", "Filled", "Status"),
        ),
        "empty": "No order yet.",
    },
    {
        "name": "fills",
        "label": "Fills",
        "headings": ("Time (UTC)", "Market", "Side", "Price", "Quantity", "Fee", "Role"),
        "empty": "No fill yet.",
    },
    {
        "name": "borrowLends",
        "label": "Borrows & lends",
        "headings": ("Time (UTC)", "Asset", "What", "Amount", "Why"),
        "empty": "Nothing lent or borrowed yet.",
    },
    {
        "name": "funding",
        "label": "Funding",
        "headings": ("Time (UTC)", "Market", "Size", "Rate", "Amount"),
        "empty": "No funding yet: it is exchanged at the end of each hour.",
    },
    {
        "name": "interest",
        "label": "Interest",
        "headings": ("Hour (UTC)", "Asset", "From", "Amount", "Rate a year"),
        "empty": "No interest yet: it is written down once an hour.",
    },
)

View = Callable[[HttpRequest, Account], HttpResponse]


@require_GET
@never_cache
@ensure_csrf_cookie
def trade(request: HttpRequest, symbol: str | None = None) -> HttpResponse:
    """Show the trading page of a market; without one, of the first that is known."""
    listed = _market(symbol)
    if listed is None:
        return render(request, "trading/no_markets.html")
    choices = accounts_of(request)
    account = chosen_account(request, choices)
    if account is None and choices:
        # Closed or taken back since the address was kept: never show another in its place unsaid.
        messages.error(request, "You cannot use that account, or not any more: choose another.")
        return redirect(request.path)
    access = None if account is None else access_of(account, user_of(request))
    page = {
        "symbol": listed.symbol,
        "markets": screens.market_rows(catalog()),
        "account": None if account is None else account.pk,
        "paths": {
            "account": reverse("trading:account"),
            "history": reverse("trading:history"),
            "fills": reverse("trading:fills"),
            "borrowLends": reverse("trading:borrow_lends"),
            "funding": reverse("trading:funding"),
            "interest": reverse("trading:interest"),
            "preview": reverse("trading:preview"),
            "whatIf": reverse("trading:what_if"),
            "cancel": reverse("trading:cancel"),
            "cancelAll": reverse("trading:cancel_all"),
            "cancelStrategy": reverse("trading:cancel_strategy"),
        },
    }
    context = {
        "page_data": page,
        "symbol": listed.symbol,
        "market": _market_words(listed),
        "account": account,
        "account_choices": choices,
        **_denials(access, listed),
        "settings": None
        if account is None
        else AccountSettings.objects.filter(account_id=account.pk).first(),
        "open_orders": [] if account is None else screens.order_rows(account),
        "strategies": [] if account is None else screens.strategy_rows(account),
        "tables": TABLES,
        "intervals": INTERVALS,
        "shares": SHARES,
        "screens": SCREENS,
        "executions": EXECUTIONS,
        "watched": PERP_WATCHED if listed.is_perp else SPOT_WATCHED,
    }
    return render(request, "trading/trade.html", context)


def with_account(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """Give `view` the account of the session's user which the request names."""

    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return _answer(request, _SESSION_ENDED)
        account = chosen_account(request, accounts_of(request))
        if account is None:
            return _answer(request, _NO_ACCOUNT)
        return view(request, account)

    return checked


def _read(rows: Callable[[Account], Any]) -> Callable[[HttpRequest], HttpResponse]:
    """Return a view which answers with what `rows` says of the account."""

    @require_GET
    @never_cache
    @with_account
    def view(request: HttpRequest, account: Account) -> HttpResponse:
        refused = access_of(account, user_of(request)).refusal("view")
        if refused is not None:
            return _answer(request, forbidden(refused))
        return JsonResponse(rows(account), safe=False)

    return view


account = _read(screens.account_rows)
history = _read(screens.history_rows)
fills = _read(screens.fill_rows)
borrow_lends = _read(screens.borrow_lend_rows)
funding = _read(screens.funding_rows)
interest = _read(screens.interest_rows)


@require_POST
@with_account
def order(request: HttpRequest, account: Account) -> HttpResponse:
    """Place the order of the ticket."""
    form = OrderForm(request.POST)
    if not form.is_valid():
        return _answer(request, invalid_request(form.first_error()))
    asked = form.order_request()
    placed = place_order(access_of(account, user_of(request)), asked)
    if isinstance(placed, Refusal):
        labelled = msgspec.structs.replace(placed, message=as_labelled(placed.message))
        return _answer(request, labelled)
    return _answer(request, _placed_words(placed, catalog().markets[asked.symbol]))


@require_POST
@with_account
def cancel(request: HttpRequest, account: Account) -> HttpResponse:
    """Cancel one open order."""
    asked = CancelRequest(
        symbol=request.POST.get("symbol", ""), order_id=request.POST.get("orderId", "")
    )
    cancelled = cancel_order(access_of(account, user_of(request)), asked)
    if isinstance(cancelled, Refusal):
        return _answer(request, cancelled)
    return _answer(request, f"Order {cancelled.terms.order_id} is cancelled.")


@require_POST
@with_account
def cancel_all(request: HttpRequest, account: Account) -> HttpResponse:
    """Cancel all open orders of the account, in every market."""
    cancelled = cancel_all_orders(access_of(account, user_of(request)), None)
    if isinstance(cancelled, Refusal):
        return _answer(request, cancelled)
    return _answer(request, f"{len(cancelled.orders)} orders are cancelled.")


@require_POST
@with_account
def cancel_strategy(request: HttpRequest, account: Account) -> HttpResponse:
    """Cancel one running strategy, with its order in the book."""
    asked = strategies.StrategyName(
        symbol=request.POST.get("symbol", ""), strategy_id=request.POST.get("strategyId", "")
    )
    cancelled = strategies.cancel_strategy(access_of(account, user_of(request)), asked)
    if isinstance(cancelled, Refusal):
        return _answer(request, cancelled)
    return _answer(
        request,
        f"Strategy {cancelled.id} is cancelled: {cancelled.executed_quantity} "
        f"of {cancelled.quantity} had been filled.",
    )


def _market(symbol: str | None) -> ListedMarket | None:
    markets = catalog().markets or refresh().markets
    if symbol is None:
        return markets.get(DEFAULT_MARKET) or next(iter(markets.values()), None)
    if symbol not in markets:
        raise Http404(f"no market {symbol}")
    return markets[symbol]


def _denials(access: Access | None, listed: ListedMarket) -> dict[str, Any]:
    """Return why the ticket may not trade, lend or borrow, and whether it may still reduce."""
    if access is None:
        return {}
    denial = access.denial("trade_perp" if listed.is_perp else "trade_spot")
    held = Position.objects.filter(account_id=access.account, market=listed.symbol).exclude(lots=0)
    may_reduce = access.denial("trade_perp", reduces=True) is None
    return {
        "denial": denial,
        # Who holds nothing here has nothing to reduce.
        "reduces_only": denial is not None and may_reduce and held.exists(),
        "borrow_denial": access.denial("borrow"),
        "lend_denial": access.denial("lend"),
    }


def _market_words(listed: ListedMarket) -> dict[str, Any]:
    return {
        "base": listed.market.base,
        "quote": listed.market.quote,
        "is_perp": listed.is_perp,
        "kind_label": "Perp" if listed.is_perp else "Spot",
        "tick": listed.price_text(1),
        "minimum": listed.quantity_text(listed.market.min_lots),
    }


def _placed_words(placed: Placed, listed: ListedMarket) -> str:
    """Return what has become of an order, in one sentence."""
    if isinstance(placed, TriggerPlaced):
        return _waiting_words(placed, listed)
    bid = placed.terms.side.value == "Bid"
    base, quote = listed.market.base, listed.market.quote
    traded = "Nothing traded"
    if placed.executed_lots:
        quantity = listed.quantity_text(placed.executed_lots)
        amount = listed.quote_text(placed.executed_quote_atoms)
        traded = f"{'Bought' if bid else 'Sold'} {quantity} {base} for {amount} {quote}"
    if placed.status is OrderStatus.FILLED:
        return f"{traded}.{_exit_words(placed, listed)}"
    if placed.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED):
        price = listed.price_text(placed.terms.price_ticks or 0)
        rests = f"Order {placed.terms.order_id} rests in the book at {price}"
        done = f"{traded}; {rests}." if placed.executed_lots else f"{rests}."
        return f"{done}{_exit_words(placed, listed)}"
    reason = screens.reason_words(placed.reason) if placed.reason else "it was cancelled"
    if not placed.executed_lots:
        return f"{traded}: {reason}."
    return f"{traded}; the rest has ended: {reason}.{_exit_words(placed, listed)}"


def _waiting_words(placed: TriggerPlaced, listed: ListedMarket) -> str:
    """Return what a conditional order will do, and when."""
    terms, conditions = placed.terms, placed.terms.conditions
    assert conditions is not None, "it waits for a price"
    trigger = conditions.trigger
    assert trigger is not None, "it waits for a price"
    does = "buys" if terms.side is Side.BID else "sells"
    what = f"{listed.quantity_text(placed.lots_open)} {listed.market.base}"
    if trigger.share_ppb is not None:
        what = f"{format_decimal(trigger.share_ppb, 7)}% of the position (now {what})"
    where = "at the market"
    if terms.price_ticks is not None:
        where = f"at {listed.price_text(terms.price_ticks)} or better"
    watched = trigger.by.value.removesuffix("Price").lower()
    side = "above" if placed.fires_above else "below"
    return (
        f"Order {terms.order_id} waits: it {does} {what} {where} once the {watched} price "
        f"is at or {side} {listed.price_text(trigger.price_ticks)}."
    )


def _exit_words(placed: OrderPlaced, listed: ListedMarket) -> str:
    """Return at which prices what an order opens is closed; nothing if at none."""
    conditions = placed.terms.conditions
    if conditions is None:
        return ""
    told = [
        f"{name} at {listed.price_text(one.price_ticks)}"
        for name, one in (
            ("take-profit", conditions.take_profit),
            ("stop-loss", conditions.stop_loss),
        )
        if one is not None
    ]
    return f" What it opens has a {' and a '.join(told)}." if told else ""


def _answer(request: HttpRequest, outcome: Refusal | str) -> HttpResponse:
    """Answer a script with JSON, and a plain form by going back to the page with a message."""
    if not isinstance(outcome, Refusal):
        if not request.accepts("text/html"):
            return JsonResponse({"message": outcome})
        messages.success(request, outcome)
        return redirect(_page_of(request))
    if not request.accepts("text/html"):
        body = {"code": outcome.code, "message": outcome.message}
        return JsonResponse(body, status=outcome.status)
    if outcome is _SESSION_ENDED:
        return redirect_to_login(_page_of(request))
    messages.error(request, outcome.message)
    return redirect(_page_of(request))


def _page_of(request: HttpRequest) -> str:
    symbol = request.POST.get("symbol", "")
    if symbol in catalog().markets:
        return reverse("trading:market", args=[symbol])
    return reverse("trading:home")
