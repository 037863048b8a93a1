"""What an account is worth by asset, and why that changed: exact, in micros of a dollar.

    worth of an asset = net balance × index + Σ (lots × mark + quote) of the perpetuals on it
    equity = Σ worth,  without haircuts: what would be left if all were sold at these prices
    profit of an asset = Δ worth − inflow − moved

`inflow` came from outside the account: deposits, withdrawals (with their fees), transfers.
`moved` came from the account's other assets: a purchase moves its price from the dollar to what is
bought, a settlement moves a position's profit to the dollar. Σ `moved` of an account is 0, so Σ of
the assets' profits is the account's: Δ equity − inflow. Of the profit, `fees`, `funding` and
`interest` are told apart; the rest is trading: holding × change of price, and prices paid against
the index.

What stands is rounded down, each balance and each position. What moves is valued at the index of
its minute and rounded towards zero: what one account gives, another gets. Interest of balances is
what they grew by and nothing else explains, at the index of the later moment. A position's profit
is money of its quote asset: settling it is no profit. Its funding counts when it is paid, minutes
after the hour.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from accounts.assets import assets
from engine.catalog import Asset
from engine.listed_market import ListedMarket
from engine.margin import value_floor
from engine.state import State
from trading.account_states import market_state
from trading.candle_models import PriceCandle
from trading.flows import Kind
from trading.holdings import Found, Moved, Open, Within
from trading.listings import listed_markets

EXTERNAL = frozenset(
    (Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.RETURNED, Kind.TRANSFER_IN, Kind.TRANSFER_OUT)
)
FEES = frozenset((Kind.FEE, Kind.LIQUIDATION_FEE, Within.FEE))
# No flows of balances.
_NO_FLOW = frozenset(Within)


class Figures(NamedTuple):
    """One asset of an account, or sums of such. All but the first three count up over time."""

    net_atoms: int = 0
    worth: int = 0
    unrealized: int = 0
    inflow: int = 0
    moved: int = 0
    fees: int = 0
    funding: int = 0
    interest: int = 0

    @property
    def result(self) -> int:
        """Profit since the beginning; the profit of a span is the difference of two."""
        return self.worth - self.inflow - self.moved

    @property
    def trading(self) -> int:
        """Profit but for fees, funding and interest: realized and unrealized."""
        return self.result - self.fees - self.funding - self.interest

    def plus(self, other: "Figures") -> "Figures":
        return Figures(*(one + two for one, two in zip(self, other, strict=True)))

    def less(self, other: "Figures") -> "Figures":
        return Figures(*(one - two for one, two in zip(self, other, strict=True)))


NOTHING = Figures()


def total(figures: Iterable[Figures]) -> Figures:
    """Return the sum; of different assets its `net_atoms` means nothing."""
    return Figures(*map(sum, zip(NOTHING, *figures, strict=True)))


class Prices(NamedTuple):
    """Assets and perpetuals, with an index or mark of each in USD × 1e8; 0 is none."""

    assets: Mapping[str, Asset]
    markets: Mapping[str, ListedMarket]
    e8: Mapping[str, int]

    def base_of(self, market: str) -> str:
        """Return the asset whose profit a market makes."""
        listed = self.markets.get(market)
        return listed.market.base if listed else market

    def balance_micros(self, symbol: str, atoms: int) -> int:
        """Return what a net balance is worth, rounded down; what is owed is below zero."""
        return value_floor(atoms, self.e8.get(symbol, 0), self.assets[symbol])

    def position_micros(self, position: Open) -> int:
        """Return what is unrealized of a position, rounded down."""
        listed = self.markets[position.market]
        mark_e8 = self.e8.get(position.market, 0)
        atoms = listed.notional(position.lots, mark_e8) + position.quote
        return self.balance_micros(listed.market.quote, atoms)

    def notional_micros(self, position: Open) -> int:
        """Return lots × mark, rounded down; a short position is below zero."""
        listed = self.markets[position.market]
        atoms = listed.notional(position.lots, self.e8.get(position.market, 0))
        return self.balance_micros(listed.market.quote, atoms)


def prices_now() -> Prices:
    """Return what is listed, and the latest prices."""
    return prices_of(market_state())


def prices_of(state: State) -> Prices:
    """Return the prices of a state that is loaded already."""
    e8 = {symbol: price.now_e8 for symbol, price in state.prices.items()}
    perps = [one for one in state.markets.values() if one.is_perp]
    e8 |= {one.market.symbol: state.mark_e8(one) for one in perps}
    return Prices(state.assets, state.markets, e8)


def prices_at(at: datetime) -> Prices:
    """Return what is listed, and the last prices before a moment."""
    known = _catalog({})
    symbols = [*known.assets, *known.markets]
    kinds = ["index"] * len(known.assets) + ["mark"] * len(known.markets)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT named.symbol, price.close_e8
            FROM unnest(%s::text[], %s::text[]) AS named (symbol, kind)
            CROSS JOIN LATERAL (
                SELECT close_e8 FROM {PriceCandle._meta.db_table} AS c
                WHERE c.symbol = named.symbol AND c.kind = named.kind AND c.start < %s
                ORDER BY c.start DESC LIMIT 1
            ) AS price""",  # noqa: S608 -- the name comes from the model
            [symbols, kinds, at],
        )
        return known._replace(e8={symbol: int(price) for symbol, price in cursor.fetchall()})


def _catalog(e8: Mapping[str, int]) -> Prices:
    state = State()
    known = assets()
    for asset in known.values():
        state.list_asset(asset)
    for listed in listed_markets().values():
        state.list_market(listed.market, listed.quote_atoms_per_tick)
    return Prices(known, state.markets, e8)


def figures_of(
    found: Found, prices: Prices, before: Mapping[str, Figures]
) -> tuple[dict[str, Figures], int]:
    """Return an account's figures by asset, and what it traded since, in micros.

    Args:
        found: what it holds, and what moved since `before`.
        before: its figures then; empty for the beginning.
    """
    sums = dict.fromkeys(before, NOTHING)
    outside: dict[str, int] = {}
    volume = 0

    def add(symbol: str, **more: int) -> None:
        sums[symbol] = sums.get(symbol, NOTHING).plus(Figures(**more))

    for one in found.moved:
        if one.kind == Within.VOLUME:
            volume += one.value
            continue
        if one.kind not in _NO_FLOW:
            outside[one.asset] = outside.get(one.asset, 0) + one.amount
        _count(one, prices, add)
    for symbol, atoms in found.net.items():
        grown = atoms - before.get(symbol, NOTHING).net_atoms - outside.get(symbol, 0)
        add(
            symbol,
            net_atoms=atoms,
            worth=prices.balance_micros(symbol, atoms),
            interest=prices.balance_micros(symbol, abs(grown)) * (1 if grown > 0 else -1),
        )
    for position in found.positions:
        worth = prices.position_micros(position)
        add(prices.base_of(position.market), worth=worth, unrealized=worth)
    # What stands is as it is now; what counts up goes on from before.
    now = {
        symbol: before.get(symbol, NOTHING)._replace(net_atoms=0, worth=0, unrealized=0).plus(more)
        for symbol, more in sums.items()
    }
    return {symbol: one for symbol, one in now.items() if one != NOTHING}, volume


def _count(one: Moved, prices: Prices, add: Callable[..., None]) -> None:
    """Count what moved: from outside, between assets of the account, or as a cost of one."""
    if one.kind in EXTERNAL:
        add(one.asset, inflow=one.value)
        return
    base = prices.base_of(one.market) if one.market else one.asset
    if one.kind in FEES:
        add(base, fees=one.value)
    elif one.kind == Within.FUNDING:
        add(base, funding=one.value)
    elif one.kind == Within.INTEREST:
        add(base, interest=one.value)
    if base != one.asset and (one.kind == Within.DUST or one.kind not in _NO_FLOW):
        add(one.asset, moved=one.value)
        add(base, moved=-one.value)
