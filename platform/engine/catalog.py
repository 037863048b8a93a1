"""What is listed: assets, markets and their risk parameters. Values only; nothing here moves.

Every parameter is state, changed by commands, never a constant in code.
"""

from enum import StrEnum

import msgspec

from engine.units import MAX_ATOMS, MICROS, PPB, PRICE_SCALE, ROOT_SCALE


class MarketKind(StrEnum):
    SPOT = "SPOT"
    PERP = "PERP"


class MarketState(StrEnum):
    """What an order book accepts. Cancels are always accepted."""

    OPEN = "Open"
    CLOSED = "Closed"
    CANCEL_ONLY = "CancelOnly"
    LIMIT_ONLY = "LimitOnly"
    POST_ONLY = "PostOnly"


class StateReason(StrEnum):
    """Who has a book accept less than every order: the strictest, of equals the first."""

    STAFF = "Staff"
    # The mark has moved too far in too short a time.
    BREAKER = "Breaker"
    # The index of the base or quote asset cannot be trusted.
    PRICES = "Prices"
    # It opens again: orders are collected, and trade at one price.
    AUCTION = "Auction"


class PoolState(StrEnum):
    """What a lending pool accepts. Redemptions and repayments are always accepted."""

    OPEN = "Open"
    # Nothing new is borrowed.
    REPAY_ONLY = "RepayOnly"
    # Nothing new is lent either.
    CLOSED = "Closed"


class PriceState(StrEnum):
    """How far an index can be trusted; docs/risk.md says what each state stops."""

    OK = "Ok"
    # Few sources, or far from its own average: no new risk.
    DEGRADED = "Degraded"
    # No source: the last index holds.
    STALE = "Stale"
    # Taken out of use, by staff or because sources contradict each other.
    HALT = "Halt"


# To read a member through its enum costs more than a dictionary look-up; see commands.BID.
OPEN = MarketState.OPEN
POOL_OPEN, POOL_CLOSED = PoolState.OPEN, PoolState.CLOSED


class Fraction(msgspec.Struct, frozen=True):
    """A margin fraction which grows with size: max(base, factor × √notional in USD)."""

    base_ppb: int
    factor_ppb: int = 0

    @property
    def flat_up_to_micros(self) -> int:
        """The notional up to which size does not raise the fraction above its base.

        factor × √notional ≤ base, told by squares: exact for every whole number of micros.
        """
        if not self.factor_ppb:
            return MAX_ATOMS
        root = self.base_ppb * ROOT_SCALE // self.factor_ppb
        return root * root // MICROS


class Haircut(msgspec.Struct, frozen=True):
    """How much of an asset's value counts: min(weight, numerator / (1 + factor × √value in USD)).

    A factor of 0 means that the weight is the same at every size.
    """

    weight_ppb: int
    factor_ppb: int = 0
    numerator_ppb: int = 1_100_000_000


class RateCurve(msgspec.Struct, frozen=True):
    """Borrow rate per year by utilization U, with a kink at `optimal`.

    Below the kink base + slope1 × U / optimal; above it
    base + slope1 + slope2 × (U − optimal) / (1 − optimal).
    """

    optimal_ppb: int
    slope1_ppb: int
    slope2_ppb: int
    base_ppb: int = 0


class PoolLimits(msgspec.Struct, frozen=True):
    """The valves of a lending pool (docs/risk.md, utilization)."""

    max_utilization_ppb: int = 980_000_000
    throttle_threshold_ppb: int = 920_000_000
    throttle_bound_ppb: int = 950_000_000
    throttle_fraction_ppb: int = 100_000_000
    size_limit_atoms: int | None = None


# 0, 1, 2, 4, 6, 10, 15 and 25 % a year.
LEND_RATES_PPB = tuple(percent * PPB // 100 for percent in (0, 1, 2, 4, 6, 10, 15, 25))


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    symbol: str
    name: str
    decimals: int
    haircut: Haircut
    borrow_imf: Fraction
    borrow_mmf: Fraction
    curve: RateCurve
    limits: PoolLimits = PoolLimits()
    fee_ppm: int = 100_000
    # The part of the fee which goes into the insurance fund.
    insurance_ppm: int = 500_000
    lendable: bool = True
    min_lend_atoms: int = 1
    # The least rates per year that lenders may ask for, from 0 up.
    lend_rates_ppb: tuple[int, ...] = LEND_RATES_PPB
    # A balance worth less than this may be converted as dust; 0: the asset is never dust.
    dust_micros: int = MICROS
    # An index which is not updated for so long is stale, whatever its source has said; None: never.
    stale_ms: int | None = None


class RealizeLimits(msgspec.Struct, frozen=True):
    """When unrealized profit and loss is realized although its account has turned that off.

    An account: its profit or loss in the market is above this part of its equity. All losers: the
    market's clearing account owes the pool more than `advance_limit_atoms` for profits that it has
    paid, or the pool's utilization is above `utilization_ppb`.
    """

    account_ppb: int = 250_000_000
    advance_limit_atoms: int = 1_000_000_000_000
    utilization_ppb: int = 900_000_000


class MarkRules(msgspec.Struct, frozen=True, kw_only=True):
    """How the mark of a perpetual follows its index and its book; see engine/pricing.py.

    `step_ppb` is how far one update may move it; None: as far as it must.
    """

    basis_limit_ppb: int = PPB // 50
    tau_ms: int = 60_000
    warm_ms: int = 30_000
    depth_micros: int = 1_000 * MICROS
    band_ppb: int = PPB // 20
    step_ppb: int | None = None


class Band(msgspec.Struct, frozen=True):
    """The lowest and the highest multiple of a price."""

    min_ppb: int
    max_ppb: int


class BreakerRules(msgspec.Struct, frozen=True, kw_only=True):
    """When a market is held up because its mark moves too far, how strictly and for how long.

    A move of more than `short_move_ppb` within `short_ms`, or `long_move_ppb` within `long_ms`, has
    the book take limit orders only, for `limit_only_ms`, and takers trade within `taker_band_ppb`
    of the mark. Another within `repeat_ms` has it take post-only orders only, for `post_only_ms`.
    """

    short_move_ppb: int = PPB // 20
    short_ms: int = 60_000
    long_move_ppb: int = PPB // 10
    long_ms: int = 300_000
    limit_only_ms: int = 60_000
    taker_band_ppb: int = PPB // 100
    repeat_ms: int = 600_000
    post_only_ms: int = 300_000


class FundingRules(msgspec.Struct, frozen=True, kw_only=True):
    """What holders of a perpetual pay each other by the hour; see engine/funding.py.

    `interest_ppb` and `clamp_ppb` are for eight hours, `cap_ppb` is for one. With less than
    `samples_min` samples the rate of an hour is 0. `impact_micros` is the size at which prices of
    the book are looked at; None: what 500 dollars carry at the base of the initial margin fraction.
    """

    interest_ppb: int = PPB // 10_000
    clamp_ppb: int = PPB // 2_000
    cap_ppb: int = PPB * 15 // 1_000
    samples_min: int = 1_800
    impact_micros: int | None = None


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """A book. `tick_e8`: the price step in quote × 1e8; `lot_atoms`: the step in base atoms."""

    symbol: str
    kind: MarketKind
    base: str
    quote: str
    tick_e8: int
    lot_atoms: int
    min_lots: int = 1
    max_lots: int = 10**15
    max_price_ticks: int = 10**15
    maker_fee_ppm: int = 0
    taker_fee_ppm: int = 0
    imf: Fraction | None = None
    mmf: Fraction | None = None
    # Nobody may open more once so much is open; and the most that one account may hold, at the
    # mark, in USD, unless it has a limit of its own.
    open_interest_limit_lots: int | None = None
    position_limit_micros: int | None = None
    # So much of an open profit carries new risk, loans and withdrawals, in USD; None: all of it.
    profit_limit_micros: int | None = None
    realize: RealizeLimits = RealizeLimits()
    mark: MarkRules = MarkRules()
    funding: FundingRules = FundingRules()
    # A limit price must lie within these multiples of the active price; see engine/bands.py.
    max_multiplier_ppb: int = 2 * PPB
    min_multiplier_ppb: int = PPB // 4
    # Who takes walks no further than these multiples of the best opposite price,
    max_impact_ppb: int = PPB + PPB // 20
    min_impact_ppb: int = PPB - PPB // 20
    # these multiples of the five-minute mean of the mark (for spot, of the index),
    mean_mark_band: Band | None = None
    # and this far from the five-minute mean premium of the mark over the index.
    premium_tolerance_ppb: int | None = None
    breaker: BreakerRules | None = None
    # How long orders are collected before it opens after a halt; 0: it opens at once.
    auction_ms: int = 0
    # How far from the index the last price may be and still fire what waits for it.
    trigger_band_ppb: int = PPB // 20
    # How long orders that may take wait before they are numbered; post-only orders and cancels do
    # not. The sequencer holds them back.
    taker_delay_ms: int = 0


def quote_atoms_per_tick(market: Market, base: Asset, quote: Asset) -> int | None:
    """Return the quote atoms which one lot costs per tick of price, or None if not whole.

    The listing rule: tick × step × 10^quote_decimals must be a positive integer, so that every
    trade's quote amount is exact.
    """
    numerator = market.tick_e8 * market.lot_atoms * 10**quote.decimals
    whole, rest = divmod(numerator, PRICE_SCALE * 10**base.decimals)
    return whole if whole > 0 and rest == 0 else None


# By default impact prices are those of a position which so much margin carries.
_IMPACT_MICROS = 500 * MICROS


def impact_atoms(market: Market) -> int:
    """Return the size at which funding looks at a perpetual's book, in quote atoms."""
    if market.funding.impact_micros is not None:
        return market.funding.impact_micros
    if market.imf is None or not market.imf.base_ppb:
        return 0
    return _IMPACT_MICROS * PPB // market.imf.base_ppb
