"""Which parameters of an asset make sense: asked when it is listed, and when it is changed."""

from engine.catalog import Asset, Fraction
from engine.units import MAX_ATOMS, PPB, PPM

MAX_DECIMALS = 9
MAX_RATES = 16
MAX_NAME = 100
# Steeper curves, 100 times what is borrowed in a year, are slips of the pen.
MAX_RATE_PPB = 100 * PPB
MAX_STALE_MS = 24 * 3_600_000


def wrong_asset_parameter(asset: Asset) -> str | None:
    """Return what is wrong with an asset's parameters, in words; None if nothing is."""
    if not 0 < len(asset.name) <= MAX_NAME or not asset.name.isprintable():
        return f"a name is 1 to {MAX_NAME} printable characters"
    if not 0 <= asset.decimals <= MAX_DECIMALS:
        return f"decimals must be 0 to {MAX_DECIMALS}"
    if not 0 <= asset.fee_ppm <= PPM or not 0 <= asset.insurance_ppm <= PPM:
        return "shares of interest must be between 0 and 1"
    if not 0 <= asset.min_lend_atoms <= MAX_ATOMS or not 0 <= asset.dust_micros <= MAX_ATOMS:
        return "the smallest lend and what counts as dust must not be negative"
    if asset.stale_ms is not None and not 0 < asset.stale_ms <= MAX_STALE_MS:
        return f"an index is stale after more than 0, up to {MAX_STALE_MS} milliseconds, or never"
    return _wrong_collateral(asset) or _wrong_rates(asset) or _wrong_limits(asset)


def _wrong_collateral(asset: Asset) -> str | None:
    haircut = asset.haircut
    if not 0 <= haircut.weight_ppb <= PPB:
        return "collateral weight must be between 0 and 1"
    if not 0 <= haircut.factor_ppb <= PPB or not 0 < haircut.numerator_ppb <= 10 * PPB:
        return "a haircut's factor must be between 0 and 1, its numerator above 0 and at most 10"
    fractions: tuple[Fraction, ...] = (asset.borrow_imf, asset.borrow_mmf)
    if not all(0 <= one.base_ppb <= PPB and 0 <= one.factor_ppb <= PPB for one in fractions):
        return "margin fractions of a loan must be between 0 and 1"
    initial, maintenance = fractions
    if initial.base_ppb < maintenance.base_ppb or initial.factor_ppb < maintenance.factor_ppb:
        return "initial margin must not be below maintenance margin"
    return None


def _wrong_rates(asset: Asset) -> str | None:
    curve, rates = asset.curve, asset.lend_rates_ppb
    if not 0 < curve.optimal_ppb < PPB:
        return "optimal utilization must be between 0 and 1"
    slopes = (curve.base_ppb, curve.slope1_ppb, curve.slope2_ppb)
    if not all(0 <= rate <= MAX_RATE_PPB for rate in slopes):
        return f"rates must be between 0 and {MAX_RATE_PPB // PPB} a year, and must not fall"
    if not rates or rates[0] != 0 or list(rates) != sorted(set(rates)) or len(rates) > MAX_RATES:
        return f"least lend rates must rise from 0, {MAX_RATES} at most"
    return None


def _wrong_limits(asset: Asset) -> str | None:
    limits = asset.limits
    steps = (limits.throttle_threshold_ppb, limits.throttle_bound_ppb, limits.max_utilization_ppb)
    if not 0 < steps[0] <= steps[1] <= steps[2] <= PPB:
        return "utilization must satisfy 0 < threshold ≤ bound ≤ most ≤ 1"
    if not 0 <= limits.throttle_fraction_ppb <= PPB:
        return "what a minute may take of the way to the bound must be between 0 and 1"
    if limits.size_limit_atoms is not None and not 0 <= limits.size_limit_atoms <= MAX_ATOMS:
        return "a pool's limit must not be negative"
    return None
