"""What a bot reads about itself and about the markets."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from bots.client import Client
from bots.quotes import Rules
from bots.roster import MarketPlan

SWING = Decimal("0.75")


class Account(msgspec.Struct, frozen=True):
    """Quantities of each asset and of each perpetual position (below zero when short)."""

    assets: dict[str, Decimal]
    positions: dict[str, Decimal]

    def lean(self, plan: MarketPlan, home: Mapping[str, Decimal]) -> Decimal:
        """Return how far the inventory of a market is from neutral, as a part of what is allowed.

        Of an asset three quarters of `home` may come or go; of a perpetual, the plan's limit.
        """
        if plan.symbol.endswith("_PERP"):
            return self.positions.get(plan.symbol, Decimal(0)) / plan.position_limit
        asset = plan.symbol.split("_")[0]
        neutral = home.get(asset, Decimal(0))
        if not neutral:
            return Decimal(0)
        return (self.assets.get(asset, Decimal(0)) - neutral) / (neutral * SWING)


async def read_account(client: Client) -> Account:
    """Read balances and positions."""
    capital = await client.read("/api/v1/capital", "balanceQuery")
    positions = await client.read("/api/v1/position", "positionQuery")
    return Account(
        {asset: Decimal(b["available"]) + Decimal(b["locked"]) for asset, b in capital.items()},
        {row["symbol"]: Decimal(row["netQuantity"]) for row in positions},
    )


async def read_rules(client: Client) -> dict[str, Rules]:
    """Read tick, step and smallest quantity of every market that is open."""
    markets: list[dict[str, Any]] = await client.read("/api/v1/markets")
    return {
        market["symbol"]: Rules(
            symbol=market["symbol"],
            tick=Decimal(market["filters"]["price"]["tickSize"]),
            step=Decimal(market["filters"]["quantity"]["stepSize"]),
            minimum=Decimal(market["filters"]["quantity"]["minQuantity"]),
        )
        for market in markets
        if market["orderBookState"] == "Open"
    }


async def read_indexes(client: Client) -> dict[str, Any]:
    """Return the index of each perpetual market, as the wire says it."""
    return {row["symbol"]: row["indexPrice"] for row in await client.read("/api/v1/markPrices")}


def index_of(plan: MarketPlan, indexes: dict[str, Any]) -> Decimal | None:
    """Return the price to quote around, or None while there is no index."""
    if plan.index is None:
        return plan.par
    try:
        index = Decimal(str(indexes.get(plan.index)))
    except InvalidOperation:
        return None
    return index if index.is_finite() and index > 0 else None
