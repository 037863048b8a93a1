"""The books of the copy: emptied, or followed by one market maker with a very large deposit.

The maker is an ordinary account of the copy. After each update of prices it takes its orders back
and quotes anew around each mark, post-only; what the engine refuses, it refuses here as well.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from engine.commands import (
    CancelAllOrders,
    CancelAllStrategies,
    Command,
    CreditDeposit,
    OpenAccount,
    PlaceOrder,
    UpdateAccount,
)
from engine.events import CommandRejected, Event
from engine.listed_market import ListedMarket
from engine.state import State
from engine.units import MAX_ATOMS, PPM, PRICE_SCALE, AccountId, div_ceil
from engine.vocabulary import ASK, BID, CancelKind, Side
from stress.scenario import Books, Scenario

# How far from the mark each level is; all of them hold the same.
LEVELS_PPM: Final = (2_500, 5_000, 7_500, 10_000)
# What the maker has of each asset that is traded, in USD: enough never to be liquidated.
DEPOSIT_USD: Final = 1_000_000_000

Apply = Callable[[Command], Event]


def empty_books(state: State, books: Books) -> Iterator[Command]:
    """Yield what takes the orders out of all books, and what would come back to them.

    Followed books keep what waits for a price: stop-losses of traders meet the maker.
    """
    kind = None if books is Books.EMPTIED else CancelKind.RESTING
    for number, account in sorted(state.accounts.items()):
        if books is Books.EMPTIED and account.strategies:
            yield CancelAllStrategies(account=number)
        if account.orders or (account.triggers and kind is None):
            yield CancelAllOrders(account=number, kind=kind)


class Maker:
    """The market maker of followed books; `refused` counts its orders by the engine's code."""

    def __init__(self, state: State, scenario: Scenario, apply: Apply) -> None:
        self._state = state
        self._apply = apply
        self._usd = scenario.follow_usd
        self.account = AccountId(max(state.accounts, default=0) + 1)
        self.refused: Counter[str] = Counter()

    def open(self) -> None:
        """Open the account and put money on it."""
        state, number = self._state, self.account
        self._apply(OpenAccount(account=number, owner=number))
        # No limit of a market's own: the one at hand is what makes it trade.
        self._apply(UpdateAccount(account=number, position_limit_micros=MAX_ATOMS - 1))
        traded = {listed.market.base for listed in state.markets.values() if not listed.is_perp}
        traded |= {listed.market.quote for listed in state.markets.values()}
        for asset in sorted(traded):
            price_e8, decimals = state.prices[asset].now_e8, state.assets[asset].decimals
            if price_e8:
                atoms = DEPOSIT_USD * PRICE_SCALE * 10**decimals // price_e8
                amount = min(MAX_ATOMS, atoms)
                self._apply(CreditDeposit(account=number, asset=asset, amount_atoms=amount))

    def quote(self) -> None:
        """Quote every market anew."""
        self._apply(CancelAllOrders(account=self.account))
        for listed in self._state.markets.values():
            middle_e8 = self._middle_e8(listed)
            if middle_e8:
                for away_ppm in LEVELS_PPM:
                    self._place(listed, BID, middle_e8 * (PPM - away_ppm) // PPM)
                    self._place(listed, ASK, div_ceil(middle_e8 * (PPM + away_ppm), PPM))

    def _middle_e8(self, listed: ListedMarket) -> int:
        if listed.is_perp:
            return self._state.mark_e8(listed)
        return self._state.index_e8(listed)

    def _place(self, listed: ListedMarket, side: Side, price_e8: int) -> None:
        market = listed.market
        tick = market.tick_e8
        ticks = div_ceil(price_e8, tick) if side is BID else price_e8 // tick
        per_lot = ticks * listed.quote_atoms_per_tick
        unit_e8 = self._state.prices[market.quote].now_e8
        if not per_lot or not unit_e8:
            return
        level = self._usd * PRICE_SCALE * 10**listed.quote.decimals // (unit_e8 * len(LEVELS_PPM))
        lots = min(level // per_lot, market.max_lots)
        if lots < market.min_lots:
            return
        order = PlaceOrder(
            account=self.account,
            market=market.symbol,
            side=side,
            price_ticks=ticks,
            lots=lots,
            post_only=True,
        )
        answer = self._apply(order)
        if isinstance(answer, CommandRejected):
            self.refused[answer.code.value] += 1
