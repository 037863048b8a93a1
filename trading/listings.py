"""Reads of what is listed: assets, collateral terms, markets. Numbers come out as decimal text."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from accounts.assets import SqrtText, assets, ppb_text, sqrt_text
from accounts.custody import TokenRow, token_rows
from engine.catalog import Asset, Haircut, MarketKind, MarketState
from engine.catalog import Market as Listing
from engine.units import PPB
from gateway.decimals import format_decimal
from trading.catalog import ListedMarket, listed_market
from trading.models import Market

RFQ = "RFQ"
FUNDING_INTERVAL_MS = 3_600_000
# A whole ppb is so many decimals of a basis point.
BASIS_POINT_DECIMALS = 5


class HaircutText(NamedTuple):
    weight: str
    kind: dict[str, str]


class AssetRow(NamedTuple):
    symbol: str
    name: str
    # Where the asset can come from and go to, as staff keep it.
    chains: list[TokenRow]


class CollateralRow(NamedTuple):
    symbol: str
    imf: SqrtText
    mmf: SqrtText
    haircut: HaircutText


class MarketRow(NamedTuple):
    symbol: str
    kind: str
    base: str
    quote: str
    state: str
    tick_size: str
    max_price: str
    max_multiplier: str
    min_multiplier: str
    max_impact: str
    min_impact: str
    mean_mark_band: dict[str, str] | None
    mean_premium_band: dict[str, str] | None
    max_update: str | None
    min_update: str | None
    step_size: str
    min_quantity: str
    max_quantity: str
    imf: SqrtText | None
    mmf: SqrtText | None
    open_interest_limit: str | None
    # How much of the account's position limit one position here may take; None: it has none.
    position_limit_weight: str | None
    # In milliseconds, and the bounds of an hour's rate in basis points; None for spot.
    funding_interval: int | None
    funding_lowest: str | None
    funding_highest: str | None
    created_at: datetime
    visible: bool = True


def asset_rows() -> list[AssetRow]:
    """Return the listed assets in the order of listing."""
    chains = token_rows()
    return [
        AssetRow(asset.symbol, asset.name, chains.get(asset.symbol, []))
        for asset in assets().values()
    ]


def collateral_terms() -> list[CollateralRow]:
    """Return how much of each asset counts as collateral, and what borrowing it requires."""
    return [
        CollateralRow(
            symbol=asset.symbol,
            imf=sqrt_text(asset.borrow_imf),
            mmf=sqrt_text(asset.borrow_mmf),
            haircut=_haircut(asset.haircut),
        )
        for asset in assets().values()
    ]


def market_rows(kinds: Sequence[str] = ()) -> list[MarketRow]:
    """Return the listed markets in the order of listing; of the given kinds only, if any are.

    Where quotes may be asked for in a spot market, that is of a kind of its own (RFQ), which is
    returned only if it is among `kinds`.
    """
    rows = list(Market.objects.order_by("listed_at", "symbol"))
    known = assets()
    found = [
        _market_row(_listed(row, known), row.listed_at)
        for row in rows
        if not kinds or row.kind in kinds
    ]
    if RFQ in kinds:
        for row in rows:
            listed = _listed(row, known)
            if not listed.is_perp:
                market = _market_row(listed, row.listed_at)
                found.append(market._replace(symbol=listed.rfq_symbol, kind=RFQ))
    return found


def listed_markets() -> dict[str, ListedMarket]:
    """Return the listed markets by symbol, as the rows stand now."""
    known = assets()
    rows = Market.objects.order_by("listed_at", "symbol")
    return {row.symbol: _listed(row, known) for row in rows}


def _listed(row: Market, known: dict[str, Asset]) -> ListedMarket:
    return listed_market(
        msgspec.convert(row.spec, Listing),
        assets=known,
        quote_atoms_per_tick=int(row.quote_atoms_per_tick),
        state=MarketState(row.state),
    )


def _market_row(listed: ListedMarket, created_at: datetime) -> MarketRow:
    market = listed.market
    limit = market.open_interest_limit_lots
    interval = lowest = highest = None
    if not listed.is_perp:
        limit = 0
    else:
        interval, cap = FUNDING_INTERVAL_MS, market.funding.cap_ppb
        lowest, highest = (format_decimal(bound, BASIS_POINT_DECIMALS) for bound in (-cap, cap))
    return MarketRow(
        symbol=market.symbol,
        kind=market.kind.value,
        base=market.base,
        quote=market.quote,
        state=listed.state.value,
        tick_size=listed.price_text(1),
        max_price=listed.price_text(market.max_price_ticks),
        max_multiplier=ppb_text(market.max_multiplier_ppb),
        min_multiplier=ppb_text(market.min_multiplier_ppb),
        max_impact=ppb_text(market.max_impact_ppb),
        min_impact=ppb_text(market.min_impact_ppb),
        mean_mark_band=_mean_mark_band(market),
        mean_premium_band=_mean_premium_band(market),
        max_update=_update(market, 1),
        min_update=_update(market, -1),
        step_size=listed.quantity_text(1),
        min_quantity=listed.quantity_text(market.min_lots),
        max_quantity=listed.quantity_text(market.max_lots),
        imf=sqrt_text(market.imf) if market.imf else None,
        mmf=sqrt_text(market.mmf) if market.mmf else None,
        open_interest_limit=None if limit is None else listed.quantity_text(limit),
        position_limit_weight="1" if listed.is_perp else None,
        funding_interval=interval,
        funding_lowest=lowest,
        funding_highest=highest,
        created_at=created_at,
    )


def _mean_mark_band(market: Listing) -> dict[str, str] | None:
    band = market.mean_mark_band
    if band is None:
        return None
    return {"maxMultiplier": ppb_text(band.max_ppb), "minMultiplier": ppb_text(band.min_ppb)}


def _mean_premium_band(market: Listing) -> dict[str, str] | None:
    tolerance = market.premium_tolerance_ppb
    return None if tolerance is None else {"tolerancePct": ppb_text(tolerance)}


def _update(market: Listing, sign: int) -> str | None:
    """Return how far one update may move a perpetual's mark, as a multiple of the one before."""
    step = market.mark.step_ppb
    if step is None or market.kind is not MarketKind.PERP:
        return None
    return ppb_text(PPB + sign * step)


def _haircut(haircut: Haircut) -> HaircutText:
    weight = ppb_text(haircut.weight_ppb)
    if not haircut.factor_ppb:
        return HaircutText(weight, {"type": "identity"})
    curve = {
        "type": "inverseSqrt",
        "base": ppb_text(haircut.numerator_ppb),
        "positiveCurvePenalty": ppb_text(haircut.factor_ppb),
    }
    return HaircutText(weight, curve)
