"""A small exchange to trade on: two assets, a spot and a perpetual market, funded accounts."""

from collections.abc import Callable

from engine.catalog import Asset, Fraction, Haircut, Market, MarketKind, RateCurve
from engine.commands import (
    Command,
    CreditDeposit,
    ListAsset,
    ListMarket,
    OpenAccount,
    PlaceOrder,
    UpdatePrices,
)
from engine.units import AccountId
from engine.vocabulary import Side

ACCOUNTS = (5001, 5002, 5003)
SPOT = "BTC_USDC"
PERP = "BTC_USDC_PERP"
PRICE_TICKS = 860_000


def set_up(submit: Callable[[Command], object]) -> None:
    """List everything, give prices and money."""
    for symbol, decimals in (("USDC", 6), ("BTC", 8)):
        submit(ListAsset(asset=asset(symbol, decimals)))
    submit(ListMarket(market=market(SPOT, MarketKind.SPOT)))
    submit(ListMarket(market=market(PERP, MarketKind.PERP)))
    submit(UpdatePrices(prices_e8={"USDC": 10**8, "BTC": 86_000 * 10**8}))
    for account in map(AccountId, ACCOUNTS):
        submit(OpenAccount(account=account, owner=account))
        submit(CreditDeposit(account=account, asset="USDC", amount_atoms=10**12))
        submit(CreditDeposit(account=account, asset="BTC", amount_atoms=10**10))


def asset(symbol: str, decimals: int, name: str = "") -> Asset:
    """Return an asset with ordinary parameters."""
    fraction = Fraction(base_ppb=20_000_000)
    return Asset(
        symbol=symbol,
        name=name or symbol,
        decimals=decimals,
        haircut=Haircut(weight_ppb=900_000_000),
        borrow_imf=fraction,
        borrow_mmf=fraction,
        curve=RateCurve(optimal_ppb=850_000_000, slope1_ppb=60_000_000, slope2_ppb=750_000_000),
    )


def market(symbol: str, kind: MarketKind) -> Market:
    """Return a market of BTC in USDC."""
    perp = kind is MarketKind.PERP
    return Market(
        symbol=symbol,
        kind=kind,
        base="BTC",
        quote="USDC",
        tick_e8=10**7,
        lot_atoms=1000,
        maker_fee_ppm=200,
        taker_fee_ppm=500,
        imf=Fraction(base_ppb=20_000_000) if perp else None,
        mmf=Fraction(base_ppb=10_000_000) if perp else None,
    )


def order(account: int, side: Side, ticks: int, lots: int, symbol: str = SPOT) -> PlaceOrder:
    """Return a limit order `ticks` away from the middle."""
    return PlaceOrder(
        account=AccountId(account),
        market=symbol,
        side=side,
        price_ticks=PRICE_TICKS + ticks,
        lots=lots,
    )
