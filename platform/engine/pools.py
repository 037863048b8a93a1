"""The lending pool of one asset: exact integer accounting of what is lent, borrowed and in reserve.

    cash × ray + S_b × I_b == Σ S_k × I_k + R        after every operation
    R ≥ 0, cash ≥ 0

S_b, I_b: scaled debts (atoms at index 1) and their index in ray. S_k, I_k: the same of lends,
by the least rate which lenders ask for (a bucket each). R: reserve in atoms × ray, which takes
every rounding remainder and the fee. Rounding favours the pool.

Lends work from the lowest rate asked up. A bucket is at work as far as lenders then earn at least
its rate: its part at work is such that utilization stays where they earn exactly that
(docs/risk.md, Lenders' terms). What is at work is what utilization and the curve look at.

Interest is counted from an anchor, which moves only when money moves and at whole hours (where it
compounds). So how often a pool is accrued in between changes no amount.
"""

from engine.buckets import Bucket, activate, buckets_of, burned
from engine.catalog import POOL_CLOSED, POOL_OPEN, Asset
from engine.events import PoolHourClosed
from engine.interest import RAY_PER_PPB, Base, Share, borrow_rate, growth, lend_rate
from engine.kinds import BucketLends
from engine.ledger import LedgerAccount
from engine.record import Record
from engine.units import HOUR_NS, MAX_ATOMS, PPB, RAY, SECOND_NS, div_ceil

THROTTLE_STEP_NS = 60 * SECOND_NS


class Pool:
    """One asset's pool. Its methods change the pool only; the caller moves the money."""

    __slots__ = (
        "accrued_at_ns",
        "active_ray",
        "anchor_debt_index",
        "anchor_ns",
        "anchor_reserve",
        "asset",
        "buckets",
        "cash",
        "debt_index",
        "debt_scaled",
        "live",
        "rate_ray",
        "record",
        "reserve",
        "state",
        "swept_hour",
        "throttle_cap_ppb",
        "throttle_started_ns",
    )

    def __init__(self, asset: Asset, record: Record, now_ns: int) -> None:
        self.asset = asset
        self.record = record
        self.state = POOL_OPEN
        self.cash = LedgerAccount(f"pool:{asset.symbol}", asset.symbol)
        self.buckets = buckets_of(asset)
        # Those in which something is lent, from the lowest rate up.
        self.live: list[Bucket] = []
        self.active_ray = 0
        self.debt_scaled = 0
        self.debt_index = RAY
        self.reserve = 0
        # The last whole hour whose fees have been handed to the house.
        self.swept_hour = now_ns // HOUR_NS
        self.accrued_at_ns = now_ns
        self.throttle_started_ns = 0
        self.throttle_cap_ppb = asset.limits.throttle_bound_ppb
        self.anchor()

    # -- what it holds ------------------------------------------------------------------------

    @property
    def lent_ray(self) -> int:
        """All that is lent, whatever rate its lenders ask for."""
        lent = 0
        for bucket in self.live:
            lent += bucket.scaled * bucket.index
        return lent

    @property
    def supply_ray(self) -> int:
        """What could be lent on before the hard cap: lends that ask for more than that are out."""
        supply, most = 0, self.asset.limits.max_utilization_ppb
        for bucket in self.live:
            if bucket.opens_ppb is not None and bucket.opens_ppb <= most:
                supply += bucket.scaled * bucket.index
        return supply

    @property
    def borrowed_ray(self) -> int:
        return self.debt_scaled * self.debt_index

    def lend_atoms(self, scaled: int, bucket: int = 0) -> int:
        """Return what a scaled lend is worth now, rounded down: what the lender gets."""
        return scaled * self.buckets[bucket].index // RAY

    def debt_atoms(self, scaled: int) -> int:
        """Return what a scaled debt owes now, rounded up."""
        return -(-scaled * self.debt_index // RAY)

    @property
    def utilization_ppb(self) -> int:
        """The borrowed part of what is at work, rounded up, as of the last move of money."""
        return _utilization(self.debt_scaled * self.anchor_debt_index, self.active_ray, PPB)

    @property
    def rate_ppb(self) -> int:
        """What borrowers pay per year, rounded up."""
        return div_ceil(self.rate_ray, RAY_PER_PPB)

    @property
    def lend_rate_ppb(self) -> int:
        """What lends at work earn per year, rounded down."""
        return lend_rate(self.rate_ppb, self.utilization_ppb, self.asset.fee_ppm)

    def bucket_rate_ppb(self, bucket: int) -> int:
        """Return what all of a bucket's lends earn per year, at work or not, rounded down."""
        lends = self.buckets[bucket]
        if not lends.scaled:
            # A first lend of a rate that is asked for already would be at work.
            return self.lend_rate_ppb if lends.opened(self.utilization_ppb) else 0
        return self.lend_rate_ppb * lends.active_ray // max(lends.lent_ray, 1)

    def tell_lends(self) -> tuple[BucketLends, ...]:
        """Return the buckets that hold or have held lends; the first always."""
        return tuple(
            BucketLends(
                number,
                bucket.scaled,
                bucket.index,
                PPB * bucket.active_ray // bucket.lent_ray if bucket.lent_ray else 0,
            )
            for number, bucket in enumerate(self.buckets)
            if number == 0 or bucket.used
        )

    # -- time ---------------------------------------------------------------------------------

    def accrue(self, now_ns: int) -> None:
        """Bring the indexes to `now_ns`, compounding at each whole hour on the way."""
        if now_ns <= self.accrued_at_ns:
            return
        if self.debt_scaled == 0:
            # Nothing grows, and the last move of money has set the rate and the other anchors.
            last_hour = now_ns - now_ns % HOUR_NS
            if last_hour > self.accrued_at_ns:
                self._close_hour(last_hour)
            self.accrued_at_ns = self.anchor_ns = now_ns
            return
        while (hour_end := (self.anchor_ns // HOUR_NS + 1) * HOUR_NS) <= now_ns:
            self._advance(hour_end)
            self.anchor()
            self._close_hour(hour_end)
        self._advance(now_ns)
        self.record.pools[self] = None

    def _advance(self, to_ns: int) -> None:
        base = Base(
            self.debt_scaled,
            self.anchor_debt_index,
            tuple(Share(bucket.scaled, bucket.active_ray) for bucket in self.live),
            self.active_ray,
            self.rate_ray,
            self.asset.fee_ppm,
        )
        grown = growth(base, to_ns - self.anchor_ns)
        self.debt_index = self.anchor_debt_index + grown.debt_index
        for bucket, lend_growth in zip(self.live, grown.lend_indexes, strict=True):
            bucket.index = bucket.anchor_index + lend_growth
        self.reserve = self.anchor_reserve + grown.reserve
        self.accrued_at_ns = to_ns

    def _close_hour(self, hour_ns: int) -> None:
        """Tell the indexes at a whole hour: interest is accounted for by the hour."""
        self.record.hours.append(
            PoolHourClosed(
                asset=self.asset.symbol,
                hour_ns=hour_ns,
                debt_index_ray=self.debt_index,
                lend_indexes_ray=tuple(bucket.index for bucket in self.buckets),
            )
        )

    def set_parameters(self, asset: Asset) -> None:
        """Take the parameters of `asset`, whose rates stay; accrue first."""
        self.asset = asset
        for bucket, anew in zip(self.buckets, buckets_of(asset), strict=True):
            bucket.opens_ppb = anew.opens_ppb
        self.throttle_cap_ppb = min(self.throttle_cap_ppb, asset.limits.throttle_bound_ppb)
        self.anchor()

    def anchor(self) -> None:
        """Count interest from here on: at the rate which what is borrowed now gives."""
        self.anchor_ns = self.accrued_at_ns
        self.anchor_debt_index = self.debt_index
        self.anchor_reserve = self.reserve
        borrowed = self.debt_scaled * self.debt_index
        self.active_ray = activate(self.live, borrowed)
        for bucket in self.live:
            bucket.anchor_index = bucket.index
        self.rate_ray = borrow_rate(self.asset.curve, _utilization(borrowed, self.active_ray, RAY))

    # -- the valves ---------------------------------------------------------------------------

    def utilization_cap(self, now_ns: int) -> int:
        """Return the utilization that borrows and redemptions may reach now, in ppb.

        Each step of 60 s opens with the bound, or, above the throttle's threshold, with a part of
        the way from where utilization stands to the bound.
        """
        limits = self.asset.limits
        if now_ns - self.throttle_started_ns >= THROTTLE_STEP_NS:
            self.throttle_started_ns = now_ns - now_ns % THROTTLE_STEP_NS
            used = _utilization(self.borrowed_ray, self.supply_ray, PPB)
            cap = limits.throttle_bound_ppb
            if used >= limits.throttle_threshold_ppb:
                cap = min(cap, used + limits.throttle_fraction_ppb * (cap - used) // PPB)
            self.throttle_cap_ppb = cap
        return min(limits.max_utilization_ppb, self.throttle_cap_ppb)

    def redeemable(self, now_ns: int, bucket: int = 0) -> int:
        """Return the most that may be redeemed now, by cash and utilization."""
        cash = self.cash.atoms
        opens = self.buckets[bucket].opens_ppb
        if self.debt_scaled == 0 or opens is None or opens > self.asset.limits.max_utilization_ppb:
            return cash
        needed_ray = div_ceil(self.borrowed_ray * PPB, max(self.utilization_cap(now_ns), 1))
        return max(0, min(cash, (self.supply_ray - needed_ray) // RAY))

    def borrowable(self, now_ns: int, *, redeemed_atoms: int = 0) -> int:
        """Return the most that may be borrowed now: by state, cash, utilization and size limit.

        `redeemed_atoms` is what the borrower takes back of its own lend before it borrows.
        """
        if self.state is not POOL_OPEN:
            return 0
        supply_ray = self.supply_ray - redeemed_atoms * RAY
        room_ray = supply_ray * self.utilization_cap(now_ns) // PPB - self.borrowed_ray
        room = min(self.cash.atoms - redeemed_atoms, room_ray // RAY, self.size_room())
        return max(0, room)

    @property
    def lends_on(self) -> bool:
        """Whether a loan may be lent on at once."""
        return self.state is POOL_OPEN and self.asset.lendable

    def size_room(self) -> int:
        """Return how much more may be owed under the pool's size limit."""
        limit = self.asset.limits.size_limit_atoms
        return MAX_ATOMS if limit is None else max(0, limit - div_ceil(self.borrowed_ray, RAY))

    def lendable(self) -> int | None:
        """Return the most that may still be lent under the pool's limit; None is no limit."""
        if self.state is POOL_CLOSED:
            return 0
        limit = self.asset.limits.size_limit_atoms
        return None if limit is None else max(0, limit - self.lent_ray // RAY)

    # -- operations: accrue first; each returns the scaled amount minted or burned -------------

    def lend(self, amount_atoms: int, bucket: int = 0) -> int:
        lends = self.buckets[bucket]
        scaled = amount_atoms * RAY // lends.index
        self.reserve += amount_atoms * RAY - scaled * lends.index
        self._change_lends(lends, scaled)
        return self._moved(scaled)

    def redeem(self, amount_atoms: int, *, of_scaled: int, bucket: int = 0) -> int:
        """Burn the worth of `amount_atoms`, rounded up; all of `of_scaled` if it takes all."""
        lends = self.buckets[bucket]
        scaled = burned(amount_atoms, lends.index, of_scaled)
        self.reserve += scaled * lends.index - amount_atoms * RAY
        self._change_lends(lends, -scaled)
        return self._moved(scaled)

    def borrow(self, amount_atoms: int) -> int:
        scaled = div_ceil(amount_atoms * RAY, self.debt_index)
        self.reserve += scaled * self.debt_index - amount_atoms * RAY
        self.debt_scaled += scaled
        return self._moved(scaled)

    def repay(self, amount_atoms: int, *, of_scaled: int) -> int:
        """Burn what `amount_atoms` repays, rounded down; all of `of_scaled` if it covers it."""
        if amount_atoms >= self.debt_atoms(of_scaled):
            scaled = of_scaled
        else:
            scaled = amount_atoms * RAY // self.debt_index
        self.reserve += amount_atoms * RAY - scaled * self.debt_index
        self.debt_scaled -= scaled
        return self._moved(scaled)

    # -- without cash: lends and debts that change hands, or offset each other ------------------

    def move_lend(self, scaled: int, source: int, target: int) -> int:
        """Move a lend to another bucket; return what it is there, scaled, rounded down."""
        if source == target:
            return scaled
        giving, taking = self.buckets[source], self.buckets[target]
        value_ray = scaled * giving.index
        minted = value_ray // taking.index
        self.reserve += value_ray - minted * taking.index
        self._change_lends(giving, -scaled)
        self._change_lends(taking, minted)
        return self._moved(minted)

    def lend_loan(self, amount_atoms: int) -> tuple[int, int]:
        """Borrow and lend the same amount, both rounded up; return (debt, lend)."""
        lends = self.buckets[0]
        lend = div_ceil(amount_atoms * RAY, lends.index)
        debt = div_ceil(lend * lends.index, self.debt_index)
        self.reserve += debt * self.debt_index - lend * lends.index
        self.debt_scaled += debt
        self._change_lends(lends, lend)
        self._moved(lend)
        return debt, lend

    def repay_with_lend(self, amount_atoms: int, *, of_lend: int, of_debt: int) -> tuple[int, int]:
        """Burn a lend, rounded up, against a debt, rounded down; return (lend, debt) burned.

        `amount_atoms` is at most what `of_lend` is worth.
        """
        lends = self.buckets[0]
        lend = burned(amount_atoms, lends.index, of_lend)
        if amount_atoms >= self.debt_atoms(of_debt):
            debt = of_debt
        else:
            debt = amount_atoms * RAY // self.debt_index
        self.reserve += lend * lends.index - debt * self.debt_index
        self._change_lends(lends, -lend)
        self.debt_scaled -= debt
        self._moved(lend)
        return lend, debt

    def relieve(self, amount_ray: int, *, as_debt: bool) -> int:
        """Give up to `amount_ray` of the reserve away, in whole units, rounded up.

        Returns the units: of debt that is forgiven, or of a lend. The caller's own falls or grows.
        """
        index = self.debt_index if as_debt else self.buckets[0].index
        units = min(div_ceil(amount_ray, index), self.reserve // index)
        if as_debt:
            units = min(units, self.debt_scaled)
            self.debt_scaled -= units
        else:
            self._change_lends(self.buckets[0], units)
        self.reserve -= units * index
        return self._moved(units)

    def take_reserve(self, amount_atoms: int) -> None:
        """Take whole atoms out of the reserve; the caller has moved them out of the cash."""
        # The anchor stays: interest does not compound because the house took its share.
        self.reserve -= amount_atoms * RAY
        self.anchor_reserve -= amount_atoms * RAY
        assert self.reserve >= 0, f"{self.asset.symbol} reserve {self.reserve}"
        self.record.pools[self] = None

    def write_off(self, scaled: int, *, insured_atoms: int) -> int:
        """Forget a debt nobody will pay; return what lenders lose of it, in atoms × ray.

        The reserve pays first, then `insured_atoms`, which the caller moves into the pool's cash.
        The rest lowers the index of every lend in proportion to its worth, rounded up.
        """
        rest = scaled * self.debt_index
        self.debt_scaled -= scaled
        covered = min(self.reserve + insured_atoms * RAY, rest)
        self.reserve += insured_atoms * RAY - covered
        rest -= covered
        lent = self.lent_ray
        for bucket in self.live if rest else ():
            part = div_ceil(rest * bucket.scaled * bucket.index, lent)
            lowered = min(bucket.index, div_ceil(part, bucket.scaled))
            bucket.index -= lowered
            self.reserve += bucket.scaled * lowered
        self.reserve -= rest
        self._moved(scaled)
        return rest

    def _change_lends(self, lends: Bucket, scaled: int) -> None:
        was = lends.scaled
        lends.scaled += scaled
        if not was or not lends.scaled:
            lends.used = True
            self.live = [bucket for bucket in self.buckets if bucket.scaled]

    def _moved(self, scaled: int) -> int:
        assert self.reserve >= 0, f"{self.asset.symbol} reserve {self.reserve}"
        self.anchor()
        self.record.pools[self] = None
        return scaled


def _utilization(borrowed: int, supply: int, one: int) -> int:
    if borrowed == 0:
        return 0
    return div_ceil(borrowed * one, supply) if supply else one
