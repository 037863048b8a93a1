"""What a perpetual keeps of its funding, and the formulas of premium and rate; funding.py acts.

    premium = (max(0, impact bid − index) − max(0, index − impact ask)) / index
    in eight hours = mean premium + clamp(interest − mean premium, ±clamp)
    rate of an hour = clamp(that / 8, ±cap)

Both are whole ppb, rounded towards zero: nobody pays more than the formula says.

Source: docs/risk.md, Funding; the bracket is that of venues which quote by eight hours.
"""

from typing import NamedTuple

from engine.catalog import FundingRules
from engine.units import HOUR_NS, PPB, SECOND_NS, AccountId, div_to_zero

_EIGHT_HOURS = 8


class FundedHour(NamedTuple):
    """What holders of a perpetual exchange for one hour, which is named by its end."""

    hour: int
    rate_ppb: int
    mark_e8: int


class Funding:
    """One perpetual's samples of the running hour, and the hours which somebody may still owe.

    Hours are counted from the Unix epoch; one is named by the number that begins with its end.
    """

    __slots__ = (
        "closed_hour",
        "cursor",
        "ends_ns",
        "last_hour",
        "passed_hour",
        "premiums_ppb",
        "sampled_s",
        "samples",
        "told_ppb",
        "unpaid",
    )

    def __init__(self) -> None:
        # Σ premium of the running hour, of how many samples, and the second of the last one.
        self.premiums_ppb = 0
        self.samples = 0
        self.sampled_s = 0
        # The rate which was told of the running hour, if it goes on so; None: nothing was told yet.
        self.told_ppb: int | None = 0
        self.closed_hour = 0
        self.ends_ns = HOUR_NS
        # Hours with a rate which not everybody has paid, oldest first, and the last of them.
        self.unpaid: list[FundedHour] = []
        self.last_hour = 0
        # How far PayFunding has come: accounts up to `cursor` have paid up to `passed_hour`.
        self.cursor = AccountId(0)
        self.passed_hour = 0

    def begin(self, hour: int) -> None:
        """Have `hour` be the last one that is over."""
        self.closed_hour = hour
        self.ends_ns = (hour + 1) * HOUR_NS

    def mean_ppb(self) -> int:
        """Return the mean premium of the running hour so far; 0 without a sample."""
        return div_to_zero(self.premiums_ppb, self.samples) if self.samples else 0

    def predicted_ppb(self, rules: FundingRules) -> int:
        """Return the rate that the hour comes to if it goes on so; 0 without a sample."""
        return hourly_ppb(self.mean_ppb(), rules) if self.samples else 0

    def sample(self, premium_ppb: int, now_ns: int) -> None:
        """Take one sample, the first of each second."""
        second = now_ns // SECOND_NS
        if second == self.sampled_s:
            return
        self.sampled_s = second
        self.premiums_ppb += premium_ppb
        self.samples += 1

    def close_hour(self, *, rate_ppb: int, mark_e8: int) -> None:
        """End the running hour with a rate, and begin the next one."""
        self.begin(self.closed_hour + 1)
        self.premiums_ppb = self.samples = 0
        self.told_ppb = None
        if rate_ppb:
            self.unpaid.append(FundedHour(self.closed_hour, rate_ppb, mark_e8))
            self.last_hour = self.closed_hour

    def since(self, hour: int) -> list[FundedHour]:
        """Return the hours with a rate after `hour`, oldest first."""
        return [one for one in self.unpaid if one.hour > hour]

    def owe(self, hours: list[FundedHour]) -> None:
        """Have these be the hours which somebody may still owe, oldest first."""
        self.unpaid = hours
        self.last_hour = hours[-1].hour if hours else 0


def premium_ppb(*, bid_e8: int, ask_e8: int, index_e8: int) -> int:
    """Return how far impact prices are from the index: above it positive, around it 0.

    >>> premium_ppb(bid_e8=98_90000000, ask_e8=99_20000000, index_e8=100_00000000)
    -8000000
    """
    above, below = max(0, bid_e8 - index_e8), max(0, index_e8 - ask_e8)
    return div_to_zero((above - below) * PPB, index_e8)


def hourly_ppb(mean_ppb: int, rules: FundingRules) -> int:
    """Return the rate of an hour from its mean premium; positive: longs pay shorts.

    >>> hourly_ppb(0, FundingRules())
    12500
    """
    pull = max(-rules.clamp_ppb, min(rules.clamp_ppb, rules.interest_ppb - mean_ppb))
    rate = div_to_zero(mean_ppb + pull, _EIGHT_HOURS)
    return max(-rules.cap_ppb, min(rules.cap_ppb, rate))
