"""A small exchange with a desk: alice's account is the house's, bob trades with it."""

from decimal import Decimal

import pytest

from engine.vocabulary import Side
from hedging.models import Desk
from tests.api.house import Trader
from tests.house_fixture import alice, bob, house

__all__ = ["alice", "bob", "desk", "house"]

MARKET = "SOL_USDC_PERP"
SYMBOL = "SOL/USDC:USDC"


@pytest.fixture
def desk(alice: Trader) -> Desk:
    """Return a running desk on paper: 1,000 USD, half a per cent, 50 SOL at once."""
    return Desk.objects.create(
        market=MARKET,
        account=alice.account,
        venue="elsewhere",
        venue_symbol=SYMBOL,
        limit_usd=Decimal(1_000),
        slippage_ppm=5_000,
        max_order=Decimal(50),
    )


def inherit(house: Trader, other: Trader, lots: int, *, ticks: int = 10_000) -> None:
    """Let the house buy lots of SOL at a price from somebody; sell, if below zero."""
    ours, theirs = (Side.BID, Side.ASK) if lots > 0 else (Side.ASK, Side.BID)
    other.limit(MARKET, theirs, ticks=ticks, lots=abs(lots))
    house.limit(MARKET, ours, ticks=ticks, lots=abs(lots))
