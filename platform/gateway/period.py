"""Commands that are due once a period: the id names job, subject and period.

A job which runs twice, late or on two hosts therefore changes nothing: the engine has seen the id.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import time
from typing import NamedTuple

from engine.commands import Command
from engine.events import CommandRejected, Event
from gateway.client import submit
from gateway.errors import GatewayError

log = logging.getLogger(__name__)

# A command that says "not done" is asked again at most so often in one round.
MOST_PARTS = 1_000


class Round(NamedTuple):
    """How a round of commands went, by subject; `left` were not asked: the engine was away."""

    period: str
    done: int = 0
    refused: int = 0
    left: int = 0
    message: str = ""


def submit_each(
    job: str,
    commands: Mapping[str, Command],
    *,
    every_seconds: int,
    unfinished: Callable[[Event], bool] | None = None,
) -> Round:
    """Submit one command for each subject, in the period which the clock is in.

    An engine that is away ends the round with one line in the log: the next period covers the gap.

    Args:
        unfinished: tells of an answer that the command must be given again to go on. The parts are
            numbered in their ids, so a round that runs again gets the same answers.
    """
    period = period_name(time(), every_seconds)
    done = refused = 0
    message = ""
    for subject, command in commands.items():
        name = f"{job}:{subject}:{period}"
        try:
            answer = _submit_parts(name, command, unfinished)
        except GatewayError as error:
            log.warning("%s of %s waits for the next period: %s", job, period, error)
            return Round(period, done, refused, len(commands) - done - refused, str(error))
        if isinstance(answer, CommandRejected):
            log.warning("%s of %s was refused: %s", job, subject, answer.message)
            refused += 1
            message = f"{subject}: {answer.message}"
        else:
            done += 1
    return Round(period, done, refused, 0, message)


def _submit_parts(name: str, command: Command, unfinished: Callable[[Event], bool] | None) -> Event:
    if unfinished is None:
        return submit(command, command_id=name).answer
    for part in range(1, MOST_PARTS + 1):
        answer = submit(command, command_id=f"{name}:{part}").answer
        if not unfinished(answer):
            return answer
    # The next period goes on where this one ends.
    log.warning("%s is not done after %s parts.", name, MOST_PARTS)
    return answer


def period_name(now: float, every_seconds: int) -> str:
    """Return the start of the period which `now` (Unix seconds) lies in, as ISO text in UTC.

    >>> period_name(1_795_352_709.9, 10), period_name(1_795_352_709.9, 60)
    ('2026-11-22T13:05:00', '2026-11-22T13:05')
    """
    start = datetime.fromtimestamp(int(now) // every_seconds * every_seconds, UTC)
    return start.strftime("%Y-%m-%dT%H:%M:%S" if every_seconds % 60 else "%Y-%m-%dT%H:%M")
