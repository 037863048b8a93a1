"""Which parameters of a market make sense: asked when it is listed, and when it is changed.

A band that is much wider to one side than to the other is taken for a slip of the pen: a minimum of
0.09 beside a maximum of 1.1 was meant to be 0.9.
"""

from engine.catalog import Band, BreakerRules, Market, MarketKind, impact_atoms
from engine.units import HOUR_NS, MAX_ATOMS, PPB, SECOND_NS

MAX_TAKER_DELAY_MS = 1_000
MAX_AUCTION_MS = 3_600_000
# Marks are kept for five minutes, so no move is measured over more.
MAX_MOVE_MS = 300_000
MAX_HOLD_MS = 24 * 3_600_000
# Perpetuals settle in a dollar with six decimals: quote atoms are micros.
SETTLEMENT_DECIMALS = 6
# Bands reach from a tenth to ten times the price, those of takers from half to twice.
WIDEST = Band(PPB // 10, 10 * PPB)
WIDEST_FOR_TAKERS = Band(PPB // 2, 2 * PPB)
# How much further a band may reach to one side than to the other.
MAX_RATIO = 4


def wrong_parameter(market: Market, quote_decimals: int) -> str | None:
    """Return what is wrong with a market's parameters, in words; None if nothing is."""
    if not 0 < market.min_lots <= market.max_lots:
        return "quantities must satisfy 0 < minimum ≤ maximum"
    if not 0 < market.max_price_ticks <= MAX_ATOMS:
        return "the highest price must be above zero"
    if not 0 <= market.maker_fee_ppm <= PPB or not 0 <= market.taker_fee_ppm <= PPB:
        return "fees must not be negative"
    if not 0 <= market.trigger_band_ppb <= PPB:
        return "the trigger band must be between 0 and 1"
    if not 0 <= market.taker_delay_ms <= MAX_TAKER_DELAY_MS:
        return f"takers wait for 0 to {MAX_TAKER_DELAY_MS} milliseconds"
    if not 0 <= market.auction_ms <= MAX_AUCTION_MS:
        return f"an auction lasts for 0 to {MAX_AUCTION_MS} milliseconds"
    return (
        _wrong_bands(market)
        or _wrong_limits(market)
        or (None if market.breaker is None else _wrong_breaker(market.breaker))
        or (_wrong_perpetual(market, quote_decimals) if market.kind is MarketKind.PERP else None)
    )


def _wrong_bands(market: Market) -> str | None:
    limit = Band(market.min_multiplier_ppb, market.max_multiplier_ppb)
    impact = Band(market.min_impact_ppb, market.max_impact_ppb)
    if not limit.min_ppb < PPB < limit.max_ppb:
        return "the price band must contain the reference price"
    if not impact.min_ppb <= PPB <= impact.max_ppb:
        return "the impact band must contain the best price"
    wrong = _wrong_band("price", limit, WIDEST) or _wrong_band("impact", impact, WIDEST_FOR_TAKERS)
    if wrong is not None:
        return wrong
    mean, tolerance = market.mean_mark_band, market.premium_tolerance_ppb
    if mean is not None:
        if not mean.min_ppb < PPB < mean.max_ppb:
            return "the mean mark band must contain the mean mark"
        wrong = _wrong_band("mean mark", mean, WIDEST_FOR_TAKERS)
        if wrong is not None:
            return wrong
    if tolerance is None:
        return None
    if market.kind is not MarketKind.PERP:
        return "a premium is of a perpetual over its index: a spot market has none"
    return None if 0 < tolerance <= PPB // 2 else "the premium tolerance must be above 0, up to 0.5"


def _wrong_band(name: str, band: Band, widest: Band) -> str | None:
    if band.min_ppb < widest.min_ppb or band.max_ppb > widest.max_ppb:
        return (
            f"the {name} band must lie within 1/{widest.max_ppb // PPB} and {widest.max_ppb // PPB}"
        )
    # As factors: to a half is as far as to twice.
    down, up = (PPB - band.min_ppb) * PPB, (band.max_ppb - PPB) * band.min_ppb
    if down and up and not up <= down * MAX_RATIO <= up * MAX_RATIO * MAX_RATIO:
        return f"the {name} band reaches much further to one side: is a digit wrong?"
    return None


def _wrong_limits(market: Market) -> str | None:
    limits = (
        market.open_interest_limit_lots,
        market.position_limit_micros,
        market.profit_limit_micros,
    )
    if any(limit is not None and not 0 <= limit <= MAX_ATOMS for limit in limits):
        return "limits of open interest, positions and profit must not be negative"
    if market.kind is not MarketKind.PERP and any(limit is not None for limit in limits):
        return "a spot market has neither open interest nor positions to limit"
    return None


def _wrong_breaker(rules: BreakerRules) -> str | None:
    if not 0 < rules.short_move_ppb <= rules.long_move_ppb <= PPB:
        return "a breaker's moves must satisfy 0 < short ≤ long ≤ 1"
    if not 0 < rules.short_ms <= rules.long_ms <= MAX_MOVE_MS:
        return f"a breaker's times must satisfy 0 < short ≤ long ≤ {MAX_MOVE_MS} milliseconds"
    if not 0 < rules.taker_band_ppb <= PPB // 2:
        return "a breaker's band for takers must be above 0, up to 0.5"
    if not all(0 < ms <= MAX_HOLD_MS for ms in (rules.limit_only_ms, rules.post_only_ms)):
        return f"a breaker holds for more than 0, up to {MAX_HOLD_MS} milliseconds"
    if not 0 <= rules.repeat_ms <= MAX_HOLD_MS:
        return f"a breaker trips again within 0 to {MAX_HOLD_MS} milliseconds"
    return None


def _wrong_perpetual(market: Market, quote_decimals: int) -> str | None:
    if market.imf is None or market.mmf is None:
        return "a perpetual needs initial and maintenance margin fractions"
    if market.imf.base_ppb < market.mmf.base_ppb or (market.imf.factor_ppb < market.mmf.factor_ppb):
        return "initial margin must not be below maintenance margin"
    if quote_decimals != SETTLEMENT_DECIMALS:
        return f"a perpetual settles in an asset with {SETTLEMENT_DECIMALS} decimals"
    return _wrong_funding(market)


def _wrong_funding(market: Market) -> str | None:
    rules = market.funding
    if not 0 < rules.cap_ppb <= PPB or rules.clamp_ppb < 0 or abs(rules.interest_ppb) > PPB:
        return "the cap of the funding rate must be above 0 and at most 1, its clamp not below 0"
    if not 0 <= rules.samples_min <= HOUR_NS // SECOND_NS:
        return "an hour has at most one sample of the premium for each of its seconds"
    if impact_atoms(market) <= 0:
        return "the size at which funding looks at the book must be above zero"
    return None
