"""What one command leaves behind: its events, and which rows it touched.

Balances, positions, pools and levels are noted when touched and written out once, at the end of
the command, with their final values.
"""

from engine.events import Event


class Record:
    """The events of the command being applied."""

    __slots__ = ("balances", "events", "levels", "pools", "positions")

    def __init__(self) -> None:
        self.events: list[Event] = []
        # Dicts keep the order in which things were first touched; the values are unused.
        self.balances: dict[object, None] = {}
        self.positions: dict[object, None] = {}
        self.pools: dict[object, None] = {}
        self.levels: dict[tuple[str, bool, int], None] = {}

    def clear(self) -> None:
        """Forget everything, before the next command."""
        self.events = []
        self.balances.clear()
        self.positions.clear()
        self.pools.clear()
        self.levels.clear()
