"""A listed market: its listing, what is derived from it, and what moves."""

from engine.book import Book
from engine.catalog import (
    OPEN,
    Asset,
    Market,
    MarketKind,
    MarketState,
    StateReason,
    impact_atoms,
)
from engine.clearing import Clearing
from engine.funding_rates import Funding
from engine.marks import Mark
from engine.positions import Position
from engine.record import Record
from engine.units import (
    PPB,
    PRICE_SCALE,
)
from engine.watch import Watch

# Above every profit that there can be.
_NO_LIMIT = 1 << 200


class Breaker:
    """What a market's breaker orders: `state` until `until_ns`; when it has tripped last, 0: never.

    See engine/breakers.py.
    """

    __slots__ = ("state", "tripped_ns", "until_ns")

    def __init__(self) -> None:
        self.state = OPEN
        self.tripped_ns = 0
        self.until_ns = 0


class ListedMarket:
    """A market with what is derived from its listing, and what moves: book, clearing, mark ..."""

    __slots__ = (
        "auction_ns",
        "band",
        "band_key",
        "base",
        "book",
        "breaker",
        "clearing",
        "flat_imf_micros",
        "funding",
        "halted",
        "impact_atoms",
        "is_limited",
        "is_perp",
        "mark",
        "market",
        "notional_divisor",
        "number",
        "ordered",
        "profit_limit",
        "quote",
        "quote_atoms_per_tick",
        "reason",
        "state",
        "taker_band",
        "taker_fee_per_tick",
        "taker_version",
        "watch",
        "worst_fee_ppm",
    )

    def __init__(
        self,
        market: Market,
        base: Asset,
        quote: Asset,
        *,
        per_tick: int,
        record: Record,
        number: int = 0,
    ) -> None:
        # It counts the markets in the order of listing.
        self.number = number
        self.base = base
        self.quote = quote
        self.quote_atoms_per_tick = per_tick
        # What the book accepts and for whom it accepts no more; what staff and its breaker order;
        # see engine/market_states.py.
        self.state = OPEN
        self.reason = StateReason.STAFF
        self.ordered: MarketState = OPEN
        self.breaker = Breaker()
        # Whether it has been halted, so that it opens by auction; when the auction ends, 0: none.
        self.halted = False
        self.auction_ns = 0
        self.is_perp = market.kind is MarketKind.PERP
        self.book = Book(market.symbol, record)
        self.clearing = Clearing(market.symbol, market.quote, record) if self.is_perp else None
        self.mark = Mark() if self.is_perp else None
        self.funding = Funding() if self.is_perp else None
        self.watch = Watch()
        # lots × lot_atoms × price_e8 // this = quote atoms
        self.notional_divisor = int(10**base.decimals * PRICE_SCALE // 10**quote.decimals)
        self.set_parameters(market)

    def set_parameters(self, market: Market) -> None:
        """Take the parameters of `market`, and what is derived from them."""
        self.market = market
        self.worst_fee_ppm = max(market.taker_fee_ppm, market.maker_fee_ppm)
        # lots × price_ticks × this // PPM = taker fee in quote atoms
        self.taker_fee_per_tick = self.quote_atoms_per_tick * market.taker_fee_ppm
        # Up to this notional, size does not raise the initial margin fraction above its base.
        self.flat_imf_micros = market.imf.flat_up_to_micros if market.imf else 0
        limit = market.profit_limit_micros
        self.profit_limit = _NO_LIMIT if limit is None else limit
        # Whether more may not be opened in it: by a limit of its own, or for its prices.
        self.is_limited = self.has_limits
        # What is bought and sold, so to say, to see where the book stands.
        self.impact_atoms = impact_atoms(market)
        self.forget_bands()

    @property
    def has_limits(self) -> bool:
        """Whether open interest or positions have a limit here."""
        market = self.market
        limits = (market.open_interest_limit_lots, market.position_limit_micros)
        return any(limit is not None for limit in limits)

    def forget_bands(self) -> None:
        """Have the bands found anew; see engine/bands.py."""
        # The lowest and highest limit price in ticks, and for which active price they were found.
        self.band: tuple[int, int] | None = None
        self.band_key = 0
        # The lowest and highest price at which takers trade, and for which update of prices.
        self.taker_band = (1, 1)
        self.taker_version = -1

    def quote_atoms(self, price_ticks: int, lots: int) -> int:
        """Return what `lots` cost at `price_ticks`: exact, by the listing rule."""
        return price_ticks * lots * self.quote_atoms_per_tick

    def base_atoms(self, lots: int) -> int:
        return lots * self.market.lot_atoms

    def notional(self, lots: int, price_e8: int) -> int:
        """Return lots × price in quote atoms, rounded down (towards minus infinity)."""
        return lots * self.market.lot_atoms * price_e8 // self.notional_divisor

    def funding_atoms(self, lots: int, *, rate_ppb: int, mark_e8: int) -> int:
        """Return what `lots` pay for an hour in quote atoms, rounded up; negative is got."""
        paid = lots * self.market.lot_atoms * mark_e8 * rate_ppb
        return -(-paid // (self.notional_divisor * PPB))

    def owed_funding(self, position: Position) -> int:
        """Return what a position has yet to pay (negative: to get) for hours that are over."""
        funding = self.perp_funding()
        if not position.lots or position.funded_hour >= funding.last_hour:
            return 0
        return sum(
            self.funding_atoms(position.lots, rate_ppb=one.rate_ppb, mark_e8=one.mark_e8)
            for one in funding.since(position.funded_hour)
        )

    def perp_funding(self) -> Funding:
        assert self.funding is not None, f"{self.market.symbol} is not a perpetual"
        return self.funding

    def perp_mark(self) -> Mark:
        assert self.mark is not None, f"{self.market.symbol} is not a perpetual"
        return self.mark

    def perp_clearing(self) -> Clearing:
        assert self.clearing is not None, f"{self.market.symbol} is not a perpetual"
        return self.clearing
