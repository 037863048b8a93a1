"""The listed assets and markets as this process knows them, and their numbers as text.

Reads the rows which the engine's projections write; holds them in memory. The edge replaces them
from the feed, other processes by `refresh`.
"""

from collections.abc import Iterable

import msgspec

from engine.catalog import Asset, Market, MarketKind, MarketState
from engine.rejects import Reject
from gateway.decimals import (
    DecimalError,
    TooPrecise,
    format_decimal,
    format_padded,
    format_ratio,
    parse_decimal,
)
from trading.models import Asset as AssetRow
from trading.models import Market as MarketRow
from trading.refusals import Refused, refusal

PRICE_DECIMALS = 8
RATE_DECIMALS = 9
# What the wire to the engine can carry; every listed limit lies far below.
MAX_INTEGER = 2**63 - 1
RFQ_SUFFIX = "_RFQ"
# What a market accepts when it is listed.
FIRST_STATE = MarketState.OPEN


class ListedMarket(msgspec.Struct, frozen=True, kw_only=True):
    """A market with all that is needed to write and read its numbers.

    `price_decimals` and `quantity_decimals` are those of the tick and the step; `price_unit` is
    the tick in units of its last decimal, `quantity_unit` the step in units of its last decimal.
    """

    market: Market
    base: Asset
    quote: Asset
    quote_atoms_per_tick: int
    state: MarketState
    price_decimals: int
    price_unit: int
    quantity_decimals: int
    quantity_unit: int

    @property
    def symbol(self) -> str:
        return self.market.symbol

    @property
    def is_perp(self) -> bool:
        return self.market.kind is MarketKind.PERP

    @property
    def rfq_symbol(self) -> str:
        """The market's name where quotes are asked for: that of a spot market ends in `_RFQ`."""
        return self.symbol if self.is_perp else self.symbol + RFQ_SUFFIX

    def price_text(self, ticks: int) -> str:
        """Return a price without trailing zeros, as REST writes it."""
        return format_decimal(ticks * self.price_unit, self.price_decimals)

    def quantity_text(self, lots: int) -> str:
        """Return a quantity of the base asset without trailing zeros."""
        return format_decimal(lots * self.quantity_unit, self.quantity_decimals)

    def quote_text(self, atoms: int) -> str:
        """Return an amount of the quote asset without trailing zeros."""
        return format_decimal(atoms, self.quote.decimals)

    def padded_price(self, ticks: int) -> str:
        """Return a price with all decimals of its tick, as the streams write it."""
        return format_padded(ticks * self.price_unit, self.price_decimals)

    def padded_quantity(self, lots: int) -> str:
        """Return a quantity with all decimals of its step."""
        return format_padded(lots * self.quantity_unit, self.quantity_decimals)

    def padded_quote(self, atoms: int) -> str:
        """Return an amount of the quote asset with all its decimals."""
        return format_padded(atoms, self.quote.decimals)

    def mean_price(self, quote_atoms: int, lots: int) -> str:
        """Return the price, quote over base in whole units, at which `lots` come to an amount."""
        base_atoms = lots * self.market.lot_atoms
        return format_ratio(
            quote_atoms * 10**self.base.decimals, base_atoms * 10**self.quote.decimals
        )

    def mark_text(self, price_e8: int) -> str:
        """Return an index or mark price (× 1e8) without trailing zeros."""
        return format_decimal(price_e8, PRICE_DECIMALS)

    def rate_text(self, rate_ppb: int) -> str:
        """Return a funding rate as a fraction of the position, for one hour."""
        return format_decimal(rate_ppb, RATE_DECIMALS)

    def parse_price(self, text: str) -> int:
        """Return a price in ticks. Raises Refused unless it is a positive multiple of the tick."""
        units = _parse(
            text, decimals=self.price_decimals, name="Price", reject=Reject.INVALID_PRICE
        )
        ticks, rest = divmod(units, self.price_unit)
        if rest:
            tick = self.price_text(1)
            raise _refused(Reject.INVALID_PRICE, f"Price is not a multiple of the tick size {tick}")
        if not 0 < ticks <= self.market.max_price_ticks:
            highest = self.price_text(self.market.max_price_ticks)
            raise _refused(Reject.INVALID_PRICE, f"Price must be above 0 and at most {highest}")
        return ticks

    def parse_quantity(self, text: str, *, orders: int = 1) -> int:
        """Return the quantity of one order, or of several together, in lots.

        Raises Refused unless it is a positive multiple of the step, within the market's bounds.
        """
        units = _parse(
            text, decimals=self.quantity_decimals, name="Quantity", reject=Reject.INVALID_QUANTITY
        )
        lots, rest = divmod(units, self.quantity_unit)
        if rest:
            step = self.quantity_text(1)
            raise _refused(
                Reject.INVALID_QUANTITY, f"Quantity is not a multiple of the step size {step}"
            )
        least, most = self.market.min_lots, min(self.market.max_lots * orders, MAX_INTEGER)
        if lots < least:
            lowest = self.quantity_text(least)
            raise _refused(Reject.QUANTITY_TOO_SMALL, f"Quantity is below the minimum {lowest}")
        if lots > most:
            highest = self.quantity_text(most)
            raise _refused(Reject.QUANTITY_TOO_LARGE, f"Quantity is above the maximum {highest}")
        return lots

    def parse_quote(self, text: str) -> int:
        """Return an amount of the quote asset in atoms. Raises Refused unless it is positive."""
        atoms = _parse(
            text,
            decimals=self.quote.decimals,
            name="Quote quantity",
            reject=Reject.INVALID_QUANTITY,
        )
        if not 0 < atoms <= MAX_INTEGER:
            raise _refused(
                Reject.INVALID_QUANTITY, "Quote quantity must be above 0 and of usual size"
            )
        return atoms


class Catalog(msgspec.Struct, frozen=True):
    """All assets and markets, in the order in which they were listed."""

    assets: dict[str, Asset]
    markets: dict[str, ListedMarket]

    @property
    def decimals(self) -> dict[str, int]:
        """The decimals of each asset."""
        return {symbol: asset.decimals for symbol, asset in self.assets.items()}


_state: dict[str, Catalog] = {}


def catalog() -> Catalog:
    """Return what is listed, read from the database on the first call."""
    return _state.get("now") or refresh()


def market_named(symbol: str) -> ListedMarket:
    """Return a listed market, from a catalog read anew if it was listed since."""
    return catalog().markets.get(symbol) or refresh().markets[symbol]


def market_of_rfq(symbol: str) -> ListedMarket | None:
    """Return the market in which quotes are asked for by `symbol`: with `_RFQ` it is a spot one."""
    markets = catalog().markets
    spot = markets.get(symbol.removesuffix(RFQ_SUFFIX))
    if spot is None or (spot.is_perp and symbol != spot.symbol):
        return None
    return spot


def refresh() -> Catalog:
    """Read the catalog anew from the database."""
    assets = [
        msgspec.convert(spec, Asset) for spec in AssetRow.objects.values_list("spec", flat=True)
    ]
    rows = MarketRow.objects.order_by("listed_at", "symbol")
    markets = [
        (msgspec.convert(row.spec, Market), int(row.quote_atoms_per_tick), MarketState(row.state))
        for row in rows
    ]
    return install(assets=assets, markets=markets)


def install(
    *, assets: Iterable[Asset], markets: Iterable[tuple[Market, int, MarketState]]
) -> Catalog:
    """Replace the catalog of this process by assets and (market, quote atoms per tick, state)."""
    by_symbol = {asset.symbol: asset for asset in assets}
    listed = {
        market.symbol: listed_market(
            market, assets=by_symbol, quote_atoms_per_tick=per_tick, state=state
        )
        for market, per_tick, state in markets
    }
    _state["now"] = Catalog(by_symbol, listed)
    return _state["now"]


def replace(listed: ListedMarket) -> None:
    """Replace one market of this process's catalog."""
    now = catalog()
    _state["now"] = Catalog(now.assets, {**now.markets, listed.symbol: listed})


def listed_market(
    market: Market, *, assets: dict[str, Asset], quote_atoms_per_tick: int, state: MarketState
) -> ListedMarket:
    """Return `market` with its assets and the scales of its numbers."""
    base, quote = assets[market.base], assets[market.quote]
    price_decimals, price_unit = _scale(market.tick_e8, PRICE_DECIMALS)
    quantity_decimals, quantity_unit = _scale(market.lot_atoms, base.decimals)
    return ListedMarket(
        market=market,
        base=base,
        quote=quote,
        quote_atoms_per_tick=quote_atoms_per_tick,
        state=state,
        price_decimals=price_decimals,
        price_unit=price_unit,
        quantity_decimals=quantity_decimals,
        quantity_unit=quantity_unit,
    )


def _scale(step: int, places: int) -> tuple[int, int]:
    """Strip trailing zeros: (decimals, step in units of the last decimal)."""
    while places and step % 10 == 0:
        step //= 10
        places -= 1
    return places, step


def _parse(text: str, *, decimals: int, name: str, reject: Reject) -> int:
    try:
        return parse_decimal(text, decimals)
    except TooPrecise:
        raise _refused(reject, f"{name} decimal too long: at most {decimals} decimals") from None
    except DecimalError:
        raise _refused(reject, f"{name} must be a plain positive decimal number") from None


def _refused(reject: Reject, message: str) -> Refused:
    return Refused(refusal(reject, message))
