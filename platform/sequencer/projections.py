"""Every app's projections, joined: which rows an event leaves anywhere."""

from collections.abc import Iterable

import accounts.projections
import lending.projections
import trading.projections
from engine.events import Event
from gateway.tables import Handler, Rows

_APPS = (accounts.projections, trading.projections, lending.projections)
_HANDLERS: dict[type[Event], tuple[Handler, ...]] = {}
for _app in _APPS:
    for _event, _handler in _app.HANDLERS.items():
        _HANDLERS[_event] = (*_HANDLERS.get(_event, ()), _handler)


def project(rows: Rows, events: Iterable[Event], *, sequence: int, at_ns: int) -> None:
    """Add the rows of one command's events."""
    for event in events:
        for handler in _HANDLERS.get(type(event), ()):
            handler(rows, event, sequence, at_ns)
