"""The assets and markets which the engine's tests trade, with numbers easy to check by hand.

SOL: tick 0.01, step 0.01, so one lot costs 100 USDC atoms per tick; a price of 100.00 is 10,000
ticks and 1 SOL is 100 lots. BTC: tick 0.1, step 0.00001, so one lot costs one USDC atom a tick.
"""

from engine.catalog import Asset, Fraction, Haircut, Market, MarketKind, RateCurve
from engine.units import PPB

USDC = Asset(
    symbol="USDC",
    name="USD Coin",
    decimals=6,
    haircut=Haircut(weight_ppb=PPB),
    borrow_imf=Fraction(base_ppb=100_000_000),
    borrow_mmf=Fraction(base_ppb=50_000_000),
    curve=RateCurve(optimal_ppb=850_000_000, slope1_ppb=60_000_000, slope2_ppb=750_000_000),
    min_lend_atoms=1_000_000,
)
BTC = Asset(
    symbol="BTC",
    name="Bitcoin",
    decimals=8,
    haircut=Haircut(weight_ppb=950_000_000, factor_ppb=20_000),
    borrow_imf=Fraction(base_ppb=200_000_000),
    borrow_mmf=Fraction(base_ppb=100_000_000),
    curve=RateCurve(optimal_ppb=750_000_000, slope1_ppb=30_000_000, slope2_ppb=600_000_000),
    min_lend_atoms=1_000,
)
SOL = Asset(
    symbol="SOL",
    name="Solana",
    decimals=9,
    haircut=Haircut(weight_ppb=900_000_000, factor_ppb=50_000),
    borrow_imf=Fraction(base_ppb=200_000_000),
    borrow_mmf=Fraction(base_ppb=100_000_000),
    curve=RateCurve(optimal_ppb=750_000_000, slope1_ppb=50_000_000, slope2_ppb=800_000_000),
    min_lend_atoms=1_000_000,
)

BTC_USDC = Market(
    symbol="BTC_USDC",
    kind=MarketKind.SPOT,
    base="BTC",
    quote="USDC",
    tick_e8=10_000_000,
    lot_atoms=1_000,
    maker_fee_ppm=800,
    taker_fee_ppm=1_000,
)
SOL_USDC = Market(
    symbol="SOL_USDC",
    kind=MarketKind.SPOT,
    base="SOL",
    quote="USDC",
    tick_e8=1_000_000,
    lot_atoms=10_000_000,
    maker_fee_ppm=800,
    taker_fee_ppm=1_000,
)
BTC_PERP = Market(
    symbol="BTC_USDC_PERP",
    kind=MarketKind.PERP,
    base="BTC",
    quote="USDC",
    tick_e8=10_000_000,
    lot_atoms=1_000,
    maker_fee_ppm=200,
    taker_fee_ppm=500,
    imf=Fraction(base_ppb=20_000_000, factor_ppb=50_000),
    mmf=Fraction(base_ppb=12_500_000, factor_ppb=30_000),
)
SOL_PERP = Market(
    symbol="SOL_USDC_PERP",
    kind=MarketKind.PERP,
    base="SOL",
    quote="USDC",
    tick_e8=1_000_000,
    lot_atoms=10_000_000,
    maker_fee_ppm=200,
    taker_fee_ppm=500,
    imf=Fraction(base_ppb=20_000_000, factor_ppb=60_000),
    mmf=Fraction(base_ppb=13_500_000, factor_ppb=36_000),
)

ASSETS = (USDC, BTC, SOL)
MARKETS = (BTC_USDC, SOL_USDC, BTC_PERP, SOL_PERP)
INDEX_E8 = {"USDC": 100_000_000, "BTC": 50_000 * 100_000_000, "SOL": 100 * 100_000_000}
