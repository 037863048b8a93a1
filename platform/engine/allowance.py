"""What an owner lets one member of a team do in an account per UTC day, and what of it is used."""

from engine.risk_events import AllowanceChanged
from engine.units import AccountId


class Allowance:
    """One member's limits in one account; None is no limit."""

    __slots__ = (
        "account_id",
        "base_micros",
        "day",
        "is_stopped",
        "loss_micros",
        "member",
        "open_atoms",
        "spend_micros",
        "spent_micros",
    )

    def __init__(self, account_id: AccountId, member: int, *, day: int) -> None:
        self.account_id = account_id
        self.member = member
        self.spend_micros: int | None = None
        self.loss_micros: int | None = None
        # The UTC day, counted from 1970, which the rest is about.
        self.day = day
        self.spent_micros = 0
        # What the account would be worth had it lost nothing since the day began; None: not taken.
        self.base_micros: int | None = None
        # Whether the loss limit was reached.
        self.is_stopped = False
        # Σ over the member's orders in the book, at their own prices, by quote asset. Those of
        # strategies are a part of their rest, and those which only reduce are free.
        self.open_atoms: dict[str, int] = {}

    def roll(self, day: int) -> None:
        """Begin a new day, if it is one; its base is taken elsewhere."""
        if day != self.day:
            self.day = day
            self.spent_micros = 0
            self.base_micros = None
            self.is_stopped = False

    def spent_on(self, day: int) -> int:
        """Return what was spent on a day, which is the last that was counted or a later one."""
        return self.spent_micros if day == self.day else 0

    def changed(self) -> AllowanceChanged:
        """Return the event which tells all of it."""
        return AllowanceChanged(
            account=self.account_id,
            member=self.member,
            spend_micros=self.spend_micros,
            loss_micros=self.loss_micros,
            day=self.day,
            spent_micros=self.spent_micros,
            base_micros=self.base_micros,
            is_stopped=self.is_stopped,
        )
