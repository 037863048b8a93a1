"""What one command leaves behind: its events, and which rows it touched.

Balances, positions, pools and levels are noted when touched and written out once, at the end of
the command, with their final values.
"""

from engine.events import Event, PoolHourClosed


class Record:
    """The events of the command being applied."""

    __slots__ = (
        "allowances",
        "balances",
        "events",
        "hours",
        "is_neutral",
        "levels",
        "pools",
        "positions",
        "strategies",
    )

    def __init__(self) -> None:
        self.events: list[Event] = []
        # Whether what was touched leaves every account as far from liquidation as it was.
        self.is_neutral = False
        # Whole hours that pools passed; interest that was due is told of refused commands too.
        self.hours: list[PoolHourClosed] = []
        # Dicts keep the order in which things were first touched; the value None says nothing.
        self.balances: dict[object, None] = {}
        self.positions: dict[object, None] = {}
        self.pools: dict[object, None] = {}
        # Told last: their orders' fills stand before them.
        self.strategies: dict[object, None] = {}
        # Members' limits of which something is used.
        self.allowances: dict[object, None] = {}
        # (market, is_bid, price) → the level which is or was last there.
        self.levels: dict[tuple[str, bool, int], object] = {}

    def clear(self) -> None:
        """Forget everything, before the next command."""
        self.events.clear()
        self.is_neutral = False
        self.hours.clear()
        self.balances.clear()
        self.positions.clear()
        self.pools.clear()
        self.strategies.clear()
        self.allowances.clear()
        self.levels.clear()
