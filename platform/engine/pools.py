"""The lending pool of one asset: exact integer accounting of what is lent, borrowed and in reserve.

    cash × ray + S_b × I_b == S_l × I_l + R        after every operation
    R ≥ 0, cash ≥ 0

S_l, S_b: scaled lends and debts (atoms at index 1). I_l, I_b: indexes in ray. R: reserve in
atoms × ray, which takes every rounding remainder and the fee. Rounding favours the pool.

Interest is counted from an anchor, which moves only when money moves and at whole hours (where it
compounds). So how often a pool is accrued in between changes no amount.
"""

from engine.catalog import Asset
from engine.interest import RAY_PER_PPB, Base, borrow_rate, growth, lend_rate
from engine.ledger import LedgerAccount
from engine.record import Record
from engine.units import PPB, RAY, SECOND_NS, div_ceil

HOUR_NS = 3600 * SECOND_NS
THROTTLE_STEP_NS = 60 * SECOND_NS


class Pool:
    """One asset's pool. Its methods change the pool only; the caller moves the money."""

    __slots__ = (
        "accrued_at_ns",
        "anchor_debt_index",
        "anchor_lend_index",
        "anchor_ns",
        "anchor_reserve",
        "asset",
        "cash",
        "debt_index",
        "debt_scaled",
        "lend_index",
        "lend_scaled",
        "rate_ray",
        "record",
        "reserve",
        "throttle_cap_ppb",
        "throttle_started_ns",
    )

    def __init__(self, asset: Asset, record: Record, now_ns: int) -> None:
        self.asset = asset
        self.record = record
        self.cash = LedgerAccount(f"pool:{asset.symbol}", asset.symbol)
        self.lend_scaled = 0
        self.debt_scaled = 0
        self.lend_index = RAY
        self.debt_index = RAY
        self.reserve = 0
        self.accrued_at_ns = now_ns
        self.rate_ray = borrow_rate(asset.curve, 0)
        self.throttle_started_ns = 0
        self.throttle_cap_ppb = asset.limits.throttle_bound_ppb
        self._anchor()

    # -- what it holds ------------------------------------------------------------------------

    @property
    def lent_ray(self) -> int:
        return self.lend_scaled * self.lend_index

    @property
    def borrowed_ray(self) -> int:
        return self.debt_scaled * self.debt_index

    def lend_atoms(self, scaled: int) -> int:
        """Return what a scaled lend is worth now, rounded down: what the lender gets."""
        return scaled * self.lend_index // RAY

    def debt_atoms(self, scaled: int) -> int:
        """Return what a scaled debt owes now, rounded up."""
        return -(-scaled * self.debt_index // RAY)

    @property
    def utilization_ppb(self) -> int:
        """The borrowed part of what is lent, rounded up; 0 for an empty pool."""
        return self._utilization(PPB)

    def _utilization(self, one: int) -> int:
        borrowed = self.borrowed_ray
        if borrowed == 0:
            return 0
        lent = self.lent_ray
        return div_ceil(borrowed * one, lent) if lent else one

    @property
    def rate_ppb(self) -> int:
        """What borrowers pay per year, rounded up."""
        return div_ceil(self.rate_ray, RAY_PER_PPB)

    @property
    def lend_rate_ppb(self) -> int:
        return lend_rate(self.rate_ppb, self.utilization_ppb, self.asset.fee_ppm)

    # -- time ---------------------------------------------------------------------------------

    def accrue(self, now_ns: int) -> None:
        """Bring the indexes to `now_ns`, compounding at each whole hour on the way."""
        if now_ns <= self.accrued_at_ns:
            return
        if self.debt_scaled == 0:
            # Nothing grows, and the last move of money has set the rate and the other anchors.
            self.accrued_at_ns = self.anchor_ns = now_ns
            return
        while (hour_end := (self.anchor_ns // HOUR_NS + 1) * HOUR_NS) <= now_ns:
            self._advance(hour_end)
            self._anchor()
        self._advance(now_ns)
        self.record.pools[self] = None

    def _advance(self, to_ns: int) -> None:
        base = Base(
            self.debt_scaled,
            self.anchor_debt_index,
            self.lend_scaled,
            self.rate_ray,
            self.asset.fee_ppm,
        )
        grown = growth(base, to_ns - self.anchor_ns)
        self.debt_index = self.anchor_debt_index + grown.debt_index
        self.lend_index = self.anchor_lend_index + grown.lend_index
        self.reserve = self.anchor_reserve + grown.reserve
        self.accrued_at_ns = to_ns

    def _anchor(self) -> None:
        self.anchor_ns = self.accrued_at_ns
        self.anchor_debt_index = self.debt_index
        self.anchor_lend_index = self.lend_index
        self.anchor_reserve = self.reserve
        self.rate_ray = borrow_rate(self.asset.curve, self._utilization(RAY))

    # -- the valves ---------------------------------------------------------------------------

    def utilization_cap(self, now_ns: int) -> int:
        """Return the utilization that borrows and redemptions may reach now, in ppb.

        Each step of 60 s opens with the bound, or, above the throttle's threshold, with a part of
        the way from where utilization stands to the bound.
        """
        limits = self.asset.limits
        if now_ns - self.throttle_started_ns >= THROTTLE_STEP_NS:
            self.throttle_started_ns = now_ns - now_ns % THROTTLE_STEP_NS
            used = self.utilization_ppb
            cap = limits.throttle_bound_ppb
            if used >= limits.throttle_threshold_ppb:
                cap = min(cap, used + limits.throttle_fraction_ppb * (cap - used) // PPB)
            self.throttle_cap_ppb = cap
        return min(limits.max_utilization_ppb, self.throttle_cap_ppb)

    def redeemable(self, now_ns: int) -> int:
        """Return the most that may be redeemed now, by cash and utilization."""
        cash = self.cash.atoms
        if self.debt_scaled == 0:
            return cash
        needed_ray = div_ceil(self.borrowed_ray * PPB, max(self.utilization_cap(now_ns), 1))
        return max(0, min(cash, (self.lent_ray - needed_ray) // RAY))

    def borrowable(self, now_ns: int, *, redeemed_atoms: int = 0) -> int:
        """Return the most that may be borrowed now, by cash, utilization and the pool's limit.

        `redeemed_atoms` is what the borrower takes back of its own lend before it borrows.
        """
        lent_ray = self.lent_ray - redeemed_atoms * RAY
        room_ray = lent_ray * self.utilization_cap(now_ns) // PPB - self.borrowed_ray
        room = min(self.cash.atoms - redeemed_atoms, room_ray // RAY)
        limit = self.asset.limits.size_limit_atoms
        if limit is not None:
            room = min(room, limit - div_ceil(self.borrowed_ray, RAY))
        return max(0, room)

    def lendable(self) -> int | None:
        """Return the most that may still be lent under the pool's limit; None is no limit."""
        limit = self.asset.limits.size_limit_atoms
        return None if limit is None else max(0, limit - self.lent_ray // RAY)

    # -- operations: accrue first; each returns the scaled amount minted or burned -------------

    def lend(self, amount_atoms: int) -> int:
        scaled = amount_atoms * RAY // self.lend_index
        self.reserve += amount_atoms * RAY - scaled * self.lend_index
        self.lend_scaled += scaled
        return self._moved(scaled)

    def redeem(self, amount_atoms: int, *, of_scaled: int) -> int:
        """Burn the worth of `amount_atoms`, rounded up; all of `of_scaled` if it takes all."""
        if amount_atoms >= self.lend_atoms(of_scaled):
            scaled = of_scaled
        else:
            scaled = div_ceil(amount_atoms * RAY, self.lend_index)
        self.reserve += scaled * self.lend_index - amount_atoms * RAY
        self.lend_scaled -= scaled
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

    def _moved(self, scaled: int) -> int:
        assert self.reserve >= 0, f"{self.asset.symbol} reserve {self.reserve}"
        self._anchor()
        self.record.pools[self] = None
        return scaled
