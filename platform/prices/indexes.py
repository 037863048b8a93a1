"""All assets' indexes in one second: coins in which others are quoted first, then the others.

USDC is not looked at: it is the unit of account, and one. A venue's USD counts as USDC.
"""

from collections.abc import Collection, Mapping, Sequence

from engine.catalog import PriceState
from engine.commands import UpdatePrices
from engine.units import PRICE_SCALE
from gateway.explained import Explained, Why
from prices.asset_index import AssetIndex
from prices.quotes import Quote, in_dollars
from prices.sources import Quotes
from prices.terms import USDC, Plan

DOLLARS = ("USD", USDC)
TRUSTED = (PriceState.OK, PriceState.DEGRADED)


class Indexes:
    """The memory of every asset's index."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._assets: dict[str, AssetIndex] = {}
        self._began: int | None = None

    def take(
        self,
        quotes: Quotes,
        *,
        now_ms: int,
        listed: Sequence[str],
        last_e8: Mapping[str, int],
        halted: Collection[str] = (),
    ) -> dict[str, Explained]:
        """Return what holds of each listed asset after this second, and why.

        Args:
            last_e8: what was published last; an asset without has none.
            halted: those which staff have taken out of use.
        """
        self._began = self._began or now_ms // 1_000
        told: dict[str, Explained] = {}
        if USDC in listed:
            told[USDC] = _unit_of_account(self._began)
        coins = _quoted_in(quotes)
        for symbol in sorted(listed, key=lambda one: one not in coins):
            if symbol == USDC:
                continue
            index = self._assets.get(symbol)
            if index is None:
                index = self._assets[symbol] = AssetIndex(self._plan.terms_of(symbol))
            told[symbol] = index.take(
                _converted(quotes.spot.get(symbol, ()), told),
                now_ms=now_ms,
                last_e8=last_e8.get(symbol),
                is_halted=symbol in halted,
                perps=_converted(quotes.perps.get(symbol, ()), told),
            )
        return {symbol: told[symbol] for symbol in listed}


def command_for(
    told: Mapping[str, Explained], *, perps: Mapping[str, str], priced: Collection[str]
) -> UpdatePrices:
    """Return the command which publishes a second: an index that is held is not said again.

    Args:
        perps: the base asset of each of our perpetual markets.
        priced: assets which have a price; of another, no state is told before its first one.
    """
    moved = {
        symbol: now.index_e8
        for symbol, now in told.items()
        if now.index_e8 is not None and now.raw_e8 is not None and now.why is not Why.STAFF
    }
    return UpdatePrices(
        prices_e8=moved,
        states={
            symbol: now.state
            for symbol, now in told.items()
            if now.state is not PriceState.OK and (symbol in moved or symbol in priced)
        },
        perps_e8={
            market: price
            for market, base in perps.items()
            if base in told and (price := told[base].perp_e8) is not None
        },
    )


def _quoted_in(quotes: Quotes) -> set[str]:
    groups = (*quotes.spot.values(), *quotes.perps.values())
    return {quote.currency for group in groups for quote in group}


def _converted(quotes: Sequence[Quote], told: Mapping[str, Explained]) -> list[Quote]:
    return [
        quote if quote.currency in DOLLARS else in_dollars(quote, _rate(told.get(quote.currency)))
        for quote in quotes
    ]


def _rate(coin: Explained | None) -> int | None:
    return coin.index_e8 if coin is not None and coin.state in TRUSTED else None


def _unit_of_account(began: int) -> Explained:
    return Explained(
        index_e8=PRICE_SCALE,
        raw_e8=PRICE_SCALE,
        is_capped=False,
        state=PriceState.OK,
        why=Why.UNIT_OF_ACCOUNT,
        since=began,
    )
