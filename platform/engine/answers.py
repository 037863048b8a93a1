"""How a handler refuses: a value, with a stable code and words that say what to do."""

from engine.events import CommandRejected, Event
from engine.questions import Unanswerable
from engine.rejects import Reject

Events = tuple[Event, ...]


def rejected(code: Reject, message: str, **details: int | str) -> Events:
    """Return the only event of a refused command. Nothing has changed."""
    return (CommandRejected(code=code, message=message, details=details),)


def unanswerable(refusal: Events) -> Unanswerable:
    """Return the answer to a question about what a handler refuses."""
    (why,) = refusal
    assert isinstance(why, CommandRejected), f"{why} refuses nothing"
    return Unanswerable(why=why)
