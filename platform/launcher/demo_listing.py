"""What the demo lists: assets, markets and their risk parameters, explained in docs/risk.md."""

from typing import Final

from engine.catalog import (
    Asset,
    Band,
    BreakerRules,
    Fraction,
    FundingRules,
    Haircut,
    Market,
    MarketKind,
    RateCurve,
)
from engine.units import MICROS, PPB, PRICE_SCALE

PERCENT = PPB // 100
MILLIONTH = PPB // 1_000_000
# An index that is not told for so long is stale; a market that was halted collects orders so long.
STALE_MS = 30_000
AUCTION_MS = 10_000
# BTC and ETH are held up by a move of 5 % in a minute or 10 % in five, others by twice that.
MAJORS = BreakerRules()
OTHERS = BreakerRules(short_move_ppb=10 * PERCENT, long_move_ppb=20 * PERCENT)


def _coin(
    symbol: str, name: str, *, weight: int, shrink_ppb: int, factor_ppb: int, curve: RateCurve
) -> Asset:
    """A coin of nine decimals, except Bitcoin's eight. Weight in percent."""
    return Asset(
        symbol=symbol,
        name=name,
        decimals=8 if symbol == "BTC" else 9,
        haircut=Haircut(weight_ppb=weight * PERCENT, factor_ppb=shrink_ppb),
        borrow_imf=Fraction(20 * PERCENT, factor_ppb),
        borrow_mmf=Fraction(10 * PERCENT, factor_ppb * 6 // 10),
        curve=curve,
        min_lend_atoms=100,
        stale_ms=STALE_MS,
    )


def _dollar(symbol: str, name: str, *, weight: int, borrow: int) -> Asset:
    """A dollar coin of six decimals. Weight and initial fraction of a loan in percent."""
    return Asset(
        symbol=symbol,
        name=name,
        decimals=6,
        haircut=Haircut(weight_ppb=weight * PERCENT),
        borrow_imf=Fraction(borrow * PERCENT),
        borrow_mmf=Fraction(borrow * PERCENT // 2),
        curve=RateCurve(optimal_ppb=85 * PERCENT, slope1_ppb=6 * PERCENT, slope2_ppb=75 * PERCENT),
        min_lend_atoms=10_000,
        stale_ms=STALE_MS,
    )


_BTC_ETH_CURVE = RateCurve(
    optimal_ppb=75 * PERCENT, slope1_ppb=3 * PERCENT, slope2_ppb=60 * PERCENT
)
_SOL_CURVE = RateCurve(optimal_ppb=75 * PERCENT, slope1_ppb=5 * PERCENT, slope2_ppb=80 * PERCENT)

ASSETS: Final = (
    _dollar("USDC", "USD Coin", weight=100, borrow=10),
    _dollar("USDT", "Tether", weight=98, borrow=20),
    _coin(
        "BTC",
        "Bitcoin",
        weight=95,
        shrink_ppb=50 * MILLIONTH,
        factor_ppb=50 * MILLIONTH,
        curve=_BTC_ETH_CURVE,
    ),
    _coin(
        "ETH",
        "Ether",
        weight=95,
        shrink_ppb=60 * MILLIONTH,
        factor_ppb=93_500,
        curve=_BTC_ETH_CURVE,
    ),
    _coin(
        "SOL",
        "Solana",
        weight=90,
        shrink_ppb=100 * MILLIONTH,
        factor_ppb=60 * MILLIONTH,
        curve=_SOL_CURVE,
    ),
)


_Term = int | Fraction | FundingRules
# Of markets whose books are deep; others have the 1.5 % that stand in the rules.
_FUNDING_OF_MAJORS = FundingRules(cap_ppb=PERCENT)


def _market(symbol: str, *, tick_e8: int, lot_atoms: int, **more: _Term) -> Market:
    base, quote, *perp = symbol.split("_")
    terms: dict[str, _Term | None] = (
        {
            "maker_fee_ppm": 200,
            "taker_fee_ppm": 500,
            "premium_tolerance_ppb": 5 * PERCENT,
            "profit_limit_micros": 10_000_000 * MICROS,
        }
        if perp
        else {"maker_fee_ppm": 800, "taker_fee_ppm": 1_000}
    )
    return Market(
        symbol=symbol,
        kind=MarketKind.PERP if perp else MarketKind.SPOT,
        base=base,
        quote=quote,
        tick_e8=tick_e8,
        lot_atoms=lot_atoms,
        mean_mark_band=Band(90 * PERCENT, 110 * PERCENT),
        breaker=MAJORS if base in ("BTC", "ETH") else OTHERS,
        auction_ms=AUCTION_MS,
        **{**terms, **more},  # type: ignore[arg-type]
    )


_BTC = {"tick_e8": PRICE_SCALE // 10, "lot_atoms": 1_000}
_ETH = {"tick_e8": PRICE_SCALE // 100, "lot_atoms": 100_000}
_SOL = {"tick_e8": PRICE_SCALE // 100, "lot_atoms": 10_000_000}

MARKETS: Final = (
    _market("BTC_USDC", **_BTC),
    _market("ETH_USDC", **_ETH),
    _market("SOL_USDC", **_SOL),
    _market(
        "USDT_USDC",
        tick_e8=PRICE_SCALE // 10_000,
        lot_atoms=100_000,
        maker_fee_ppm=0,
        taker_fee_ppm=0,
        max_multiplier_ppb=PPB + PPB // 4,
        min_multiplier_ppb=PPB - PPB // 4,
    ),
    _market(
        "BTC_USDC_PERP",
        **_BTC,
        imf=Fraction(2 * PERCENT, 50 * MILLIONTH),
        mmf=Fraction(PERCENT * 5 // 4, 30 * MILLIONTH),
        open_interest_limit_lots=8_000 * 100_000,
        funding=_FUNDING_OF_MAJORS,
    ),
    _market(
        "ETH_USDC_PERP",
        **_ETH,
        imf=Fraction(2 * PERCENT, 93_500),
        mmf=Fraction(PERCENT * 5 // 4, 56_100),
        open_interest_limit_lots=64_000 * 10_000,
        funding=_FUNDING_OF_MAJORS,
    ),
    _market(
        "SOL_USDC_PERP",
        **_SOL,
        imf=Fraction(2 * PERCENT, 60 * MILLIONTH),
        mmf=Fraction(PERCENT * 27 // 20, 36 * MILLIONTH),
        open_interest_limit_lots=4_000_000 * 100,
        funding=_FUNDING_OF_MAJORS,
    ),
)
