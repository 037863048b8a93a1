"""What a desk asks of a venue, whatever is behind it: ccxt, the paper venue, a test's."""

from datetime import datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from hedging.decision import Attempt, Rules, Sighting


class VenueError(Exception):
    """A venue did not do what it was asked for."""


class VenueAway(VenueError):
    """No usable answer. What was asked for may or may not have been done."""


class VenueRefused(VenueError):
    """The venue says no: nothing was done."""


class VenueFill(msgspec.Struct, frozen=True, kw_only=True):
    """One trade of ours as the venue has it. A negative fee is a rebate."""

    trade_id: str
    order_id: str
    is_buy: bool
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    at: datetime


class Venue(Protocol):
    """One market at a venue, and the account there that is only for this. All raise VenueAway."""

    def rules(self) -> Rules: ...

    def position(self) -> Decimal:
        """Return what is held, as the venue itself says it; above zero when long."""

    def open_orders(self) -> list[Sighting]:
        """Return what rests in the book for us."""

    def find(self, attempt: Attempt) -> Sighting | None:
        """Return the order under the attempt's id; None if there is certainly none."""

    def fills(self, since: datetime) -> list[VenueFill]:
        """Return our trades since a moment, the oldest first."""

    def place(self, attempt: Attempt) -> None:
        """Send the order: IOC, under the attempt's id. Raises VenueRefused for a certain no."""

    def cancel(self, order_id: str) -> None:
        """Take back what is left of an order; one that has ended is fine."""
