"""The pages which explain index prices: of all assets now, and of one, now or at a moment.

Anybody may see them. They read what the feed has told the tables, nothing else.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from engine.catalog import PriceState
from gateway.explained import Explained, Explanation
from trading.price_records import at_second, latest, recent_troubles
from trading.price_words import EXCLUDED, STATES, WHY, basis_points, shown_price

# Older than this, what is shown is not now.
FRESH_SECONDS = 10
TROUBLES_SHOWN = 12
# In the order in which a browser's own field writes it, with and without seconds.
_MOMENTS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M")


class AssetRow(NamedTuple):
    symbol: str
    price: str
    state: str
    is_well: bool
    since: datetime
    why: str
    counted: int
    asked: int


class SourceRow(NamedTuple):
    venue: str
    price: str
    beside: str
    weight: int
    excluded: str


class TroubleRow(NamedTuple):
    """The same trouble for some seconds on end; `url` leads to the last of them."""

    first: datetime
    last: datetime
    words: str
    url: str


@never_cache
@require_GET
def every(request: HttpRequest) -> HttpResponse:
    """Show the index of every asset, and how far each can be trusted."""
    told = latest()
    context: dict[str, Any] = {"rows": []}
    if told is not None:
        context = {
            "rows": [_asset_row(symbol, one) for symbol, one in told.assets.items()],
            "at": _moment(told.second),
            "is_old": _is_old(told),
        }
    return render(request, "trading/prices.html", context)


@never_cache
@require_GET
def one(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show how one asset's index came about: now, or at the UTC moment which `at` names."""
    asked = request.GET.get("at", "").strip()
    second = _second(asked)
    if asked and second is None:
        return redirect("trading:price", symbol=symbol)
    told = latest() if second is None else at_second(second)
    if second is None and (told is None or symbol not in told.assets):
        raise Http404(f"no index of {symbol}")
    context: dict[str, Any] = {
        "symbol": symbol,
        "asked": asked,
        "is_now": second is None,
        "field": asked or _moment(int(time.time())).strftime(_MOMENTS[0]),
    }
    if told is None or symbol not in told.assets:
        return render(request, "trading/price.html", context, status=404)
    context |= _explained(symbol, told.assets[symbol])
    context |= {
        "at": _moment(told.second),
        "is_old": second is None and _is_old(told),
        "is_published": told.sequence is not None,
        "troubles": _trouble_rows(symbol, until=told.second),
    }
    return render(request, "trading/price.html", context)


def _explained(symbol: str, told: Explained) -> dict[str, Any]:
    counted = [source for source in told.sources if source.excluded is None]
    return {
        "row": _asset_row(symbol, told),
        "raw": shown_price(told.raw_e8),
        "is_capped": told.is_capped,
        "perp": None if told.perp_e8 is None else shown_price(told.perp_e8),
        "perp_beside": basis_points(told.perp_e8, told.index_e8),
        "weight": sum(source.weight for source in counted),
        "sources": [
            SourceRow(
                venue=source.venue,
                price=shown_price(source.price_e8),
                beside=basis_points(source.price_e8, told.index_e8),
                weight=source.weight,
                excluded="" if source.excluded is None else EXCLUDED[source.excluded],
            )
            for source in told.sources
        ],
    }


def _asset_row(symbol: str, told: Explained) -> AssetRow:
    return AssetRow(
        symbol=symbol,
        price=shown_price(told.index_e8),
        state=STATES[told.state],
        is_well=told.state is PriceState.OK,
        since=_moment(told.since),
        why=WHY[told.why],
        counted=sum(source.excluded is None for source in told.sources),
        asked=len(told.sources),
    )


def _trouble_rows(symbol: str, *, until: int) -> list[TroubleRow]:
    rows: list[TroubleRow] = []
    for second, told in recent_troubles(symbol, until=until):
        at, words = _moment(second), _trouble_words(told)
        if rows and rows[-1].words == words and rows[-1].first - at == timedelta(seconds=1):
            rows[-1] = rows[-1]._replace(first=at)
        elif len(rows) == TROUBLES_SHOWN:
            break
        else:
            url = reverse("trading:price", args=[symbol]) + f"?at={at.strftime(_MOMENTS[0])}"
            rows.append(TroubleRow(first=at, last=at, words=words, url=url))
    return rows


def _trouble_words(told: Explained) -> str:
    states = [] if told.state is PriceState.OK else [STATES[told.state]]
    out = [
        f"{source.venue}: {EXCLUDED[source.excluded].lower()}"
        for source in told.sources
        if source.excluded is not None
    ]
    return "; ".join([*states, *out])


def _second(text: str) -> int | None:
    for form in _MOMENTS:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp())
        except (ValueError, OverflowError):
            continue
    return None


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _is_old(told: Explanation) -> bool:
    return time.time() - told.second > FRESH_SECONDS
