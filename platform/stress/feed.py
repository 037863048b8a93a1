"""The feed of a stress test: made-up venues quote the scenario, and the real index code does the
rest.

Three venues agree on each price, so that nothing but the caps, the averages and the states of
`prices` stands between the scenario and the engine. What is not shocked stays where it is.
"""

from typing import Final

from engine.commands import UpdatePrices
from engine.state import State
from engine.units import PPM, SECOND_NS
from gateway.explained import Explained
from prices.indexes import Indexes, command_for
from prices.quotes import Quote
from prices.sources import Quotes
from prices.terms import USDC, Plan
from stress.scenario import Scenario, moved_ppm

VENUES: Final = ("first", "second", "third")
_MILLISECOND_NS = SECOND_NS // 1_000


class Feed:
    """Say the prices of each second of the scenario, as the live feed would.

    Its memory begins with as many quiet seconds as an average covers.
    """

    def __init__(self, state: State, scenario: Scenario, plan: Plan) -> None:
        self._scenario = scenario
        self._began_ms = state.at_ns // _MILLISECOND_NS
        self._indexes = Indexes(plan)
        self.began_e8 = {asset: price.now_e8 for asset, price in state.prices.items()}
        self.began_e8 = {asset: price_e8 for asset, price_e8 in self.began_e8.items() if price_e8}
        self.index_e8 = dict(self.began_e8)
        # Whether every index is where its sources are: the cap on a step has been caught up with.
        self.has_arrived = True
        self._perps = {
            symbol: listed.market.base for symbol, listed in state.markets.items() if listed.is_perp
        }
        quiet = max((plan.terms_of(asset).average_seconds for asset in self.began_e8), default=0)
        for second in range(-quiet, 0):
            self._told(second)

    def prices(self, second: int) -> UpdatePrices:
        """Return the command of a second of the scenario."""
        told = self._told(second)
        command = command_for(told, perps=self._perps, priced=self.index_e8.keys())
        self.index_e8.update(command.prices_e8)
        self.has_arrived = not any(one.is_capped for one in told.values())
        return command

    def _told(self, second: int) -> dict[str, Explained]:
        now_ms = self._began_ms + second * 1_000
        spot = {
            asset: [_quote(venue, self._price_e8(asset, second), now_ms) for venue in VENUES]
            for asset in self.began_e8
            if asset != USDC
        }
        return self._indexes.take(
            Quotes(spot=spot, perps=spot),
            now_ms=now_ms,
            listed=tuple(self.began_e8),
            last_e8=self.index_e8,
        )

    def _price_e8(self, asset: str, second: int) -> int:
        moved = moved_ppm(self._scenario.path_of(asset), max(0, second))
        return max(1, self.began_e8[asset] * (PPM + moved) // PPM)


def _quote(venue: str, price_e8: int, now_ms: int) -> Quote:
    return Quote(
        venue=venue,
        weight=1,
        bid_e8=price_e8,
        ask_e8=price_e8 + 1,
        last_e8=price_e8,
        at_ms=now_ms,
        heard_ms=now_ms,
    )
