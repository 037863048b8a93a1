"""The workload of every engine figure: seeded operations, and what must come out of them.

60 % limit orders which do not cross, at a geometric distance (10 ticks typical) from a slowly
walking mid; 30 % cancels of a live order chosen evenly; 10 % limit orders which cross. Each has 1
to 100 lots.
A small reference book of its own computes the fills while the operations are drawn.
"""

import random
import zlib
from collections import deque
from dataclasses import dataclass, field

from engine import commands as c
from engine import vocabulary as v
from engine.catalog import Asset, Fraction, Haircut, Market, MarketKind, RateCurve
from engine.state import FIRST_ORDER_ID
from engine.units import PPB, AccountId, OrderId

SEED = 20261123
FIRST_ACCOUNT = 1001
MID_TICKS = 10_000
DEPOSIT_UNITS = 10**9
Fill = tuple[int, int, int, int]


@dataclass
class Workload:
    """Set-up commands, the operations to measure, and the fills they must produce."""

    setup: list[c.AnyCommand]
    operations: list[c.AnyCommand]
    fills: list[Fill] = field(default_factory=list)

    @property
    def checksum(self) -> int:
        return checksum(self.fills)


def checksum(fills: list[Fill]) -> int:
    """Return a checksum over (taker, maker, price, quantity) of all fills, in order."""
    total = 0
    for fill in fills:
        total = zlib.crc32(b"%d,%d,%d,%d;" % fill, total)
    return total


@dataclass(slots=True)
class _Order:
    order_id: int
    account: int
    is_bid: bool
    price: int
    lots: int


class ReferenceBook:
    """Price levels as queues; an order that meets its own account's order gives up its rest."""

    def __init__(self) -> None:
        self.sides: dict[bool, dict[int, deque[_Order]]] = {True: {}, False: {}}
        self.mid = MID_TICKS

    def best(self, is_bid: bool) -> int | None:
        side = self.sides[is_bid]
        return (max(side) if is_bid else min(side)) if side else None

    def place(self, order: _Order, fills: list[Fill]) -> list[_Order]:
        """Match and rest; return the makers which are gone."""
        gone = []
        opposite = self.sides[not order.is_bid]
        while order.lots:
            best = self.best(not order.is_bid)
            if best is None or (best > order.price if order.is_bid else best < order.price):
                break
            queue = opposite[best]
            maker = queue[0]
            if maker.account == order.account:
                order.lots = 0
                break
            lots = min(order.lots, maker.lots)
            fills.append((order.order_id, maker.order_id, best, lots))
            order.lots -= lots
            maker.lots -= lots
            if not maker.lots:
                queue.popleft()
                gone.append(maker)
                if not queue:
                    del opposite[best]
        if order.lots:
            self.sides[order.is_bid].setdefault(order.price, deque()).append(order)
        return gone

    def cancel(self, order: _Order) -> None:
        """Take a resting order out."""
        side = self.sides[order.is_bid]
        side[order.price].remove(order)
        if not side[order.price]:
            del side[order.price]


class _Live:
    """The live orders, so that one can be drawn evenly in constant time."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, _Order]] = []
        self.places: dict[int, int] = {}

    def add(self, market: str, order: _Order) -> None:
        self.places[order.order_id] = len(self.orders)
        self.orders.append((market, order))

    def remove(self, order: _Order) -> None:
        place = self.places.pop(order.order_id)
        last = self.orders.pop()
        if last[1] is not order:
            self.orders[place] = last
            self.places[last[1].order_id] = place


def build(
    *, operations: int = 200_000, accounts: int = 2_000, markets: int = 6, seed: int = SEED
) -> Workload:
    """Draw the workload. Half of the markets are perpetual, half spot."""
    rng = random.Random(seed)
    symbols = [market.symbol for market in listings(markets)]
    books = {symbol: ReferenceBook() for symbol in symbols}
    live = _Live()
    work = Workload(setup=setup(accounts=accounts, markets=markets), operations=[])
    next_id = FIRST_ORDER_ID
    while len(work.operations) < operations:
        draw = rng.random()
        if draw < 0.3 and live.orders:
            symbol, order = rng.choice(live.orders)
            live.remove(order)
            books[symbol].cancel(order)
            work.operations.append(
                c.CancelOrder(
                    account=AccountId(order.account),
                    market=symbol,
                    order_id=OrderId(order.order_id),
                )
            )
            continue
        symbol = rng.choice(symbols)
        order = _draw(rng, books[symbol], crossing=draw >= 0.9, order_id=next_id, accounts=accounts)
        next_id += 1
        work.operations.append(
            c.PlaceOrder(
                account=AccountId(order.account),
                market=symbol,
                side=v.Side.BID if order.is_bid else v.Side.ASK,
                price_ticks=order.price,
                lots=order.lots,
            )
        )
        for maker in books[symbol].place(order, work.fills):
            live.remove(maker)
        if order.lots:
            live.add(symbol, order)
    return work


def _draw(
    rng: random.Random, book: ReferenceBook, *, crossing: bool, order_id: int, accounts: int
) -> _Order:
    is_bid = rng.random() < 0.5
    if rng.random() < 0.05:
        book.mid += rng.choice((-1, 1))
    opposite = book.best(not is_bid)
    sign = 1 if is_bid else -1
    if crossing and opposite is not None:
        price = opposite + sign * rng.randrange(3)
    else:
        price = book.mid - sign * (1 + int(rng.expovariate(0.1)))
        if opposite is not None:
            price = min(price, opposite - 1) if is_bid else max(price, opposite + 1)
    account = FIRST_ACCOUNT + rng.randrange(accounts)
    return _Order(order_id, account, is_bid, price, rng.randint(1, 100))


def listings(markets: int) -> list[Market]:
    """Return `markets` markets, perpetual and spot in turn, all quoted in USDC."""
    fraction = Fraction(base_ppb=20_000_000, factor_ppb=50_000)
    lower = Fraction(base_ppb=12_500_000, factor_ppb=30_000)
    listed = []
    for number in range(markets):
        perpetual = number % 2 == 0
        base = f"A{number // 2}"
        listed.append(
            Market(
                symbol=f"{base}_USDC_PERP" if perpetual else f"{base}_USDC",
                kind=MarketKind.PERP if perpetual else MarketKind.SPOT,
                base=base,
                quote="USDC",
                tick_e8=1_000_000,
                lot_atoms=10_000_000,
                maker_fee_ppm=200 if perpetual else 800,
                taker_fee_ppm=500 if perpetual else 1_000,
                imf=fraction if perpetual else None,
                mmf=lower if perpetual else None,
            )
        )
    return listed


def setup(*, accounts: int, markets: int) -> list[c.AnyCommand]:
    """Return the commands which list everything and fund every account."""
    curve = RateCurve(optimal_ppb=850_000_000, slope1_ppb=60_000_000, slope2_ppb=750_000_000)
    haircut = Haircut(weight_ppb=950_000_000, factor_ppb=20_000)
    listed = listings(markets)
    assets = [
        Asset(
            symbol=symbol,
            name=symbol,
            decimals=6 if symbol == "USDC" else 9,
            haircut=Haircut(weight_ppb=PPB) if symbol == "USDC" else haircut,
            borrow_imf=Fraction(base_ppb=100_000_000),
            borrow_mmf=Fraction(base_ppb=50_000_000),
            curve=curve,
        )
        for symbol in ["USDC", *dict.fromkeys(market.base for market in listed)]
    ]
    commands: list[c.AnyCommand] = [c.ListAsset(asset=asset) for asset in assets]
    prices = {asset.symbol: 100 * 10**8 for asset in assets} | {"USDC": 10**8}
    commands.append(c.UpdatePrices(prices_e8=prices))
    commands += [c.ListMarket(market=market) for market in listed]
    for number in range(accounts):
        account = AccountId(FIRST_ACCOUNT + number)
        commands.append(c.OpenAccount(account=account, owner=account))
        for asset in assets:
            commands.append(
                c.CreditDeposit(
                    account=account,
                    asset=asset.symbol,
                    amount_atoms=DEPOSIT_UNITS * 10**asset.decimals,
                )
            )
    return commands
