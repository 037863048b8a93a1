"""Commands that are due once a period: the id names job, subject and period.

A job which runs twice, late or on two hosts therefore changes nothing: the engine has seen the id.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from time import time

from engine.commands import Command
from engine.events import CommandRejected
from gateway.client import submit
from gateway.errors import GatewayError

log = logging.getLogger(__name__)


def submit_each(job: str, commands: Mapping[str, Command], *, every_seconds: int) -> int:
    """Submit one command for each subject, in the period which the clock is in.

    An engine that is away ends the round with one line in the log: the next period covers the gap.

    Returns:
        How many were answered and not refused.
    """
    period = period_name(time(), every_seconds)
    done = 0
    for subject, command in commands.items():
        try:
            answer = submit(command, command_id=f"{job}:{subject}:{period}").answer
        except GatewayError as error:
            log.warning("%s of %s waits for the next period: %s", job, period, error)
            return done
        if isinstance(answer, CommandRejected):
            log.warning("%s of %s was refused: %s", job, subject, answer.message)
        else:
            done += 1
    return done


def period_name(now: float, every_seconds: int) -> str:
    """Return the start of the period which `now` (Unix seconds) lies in, as ISO text in UTC.

    >>> period_name(1_795_352_709.9, 10), period_name(1_795_352_709.9, 60)
    ('2026-11-22T13:05:00', '2026-11-22T13:05')
    """
    start = datetime.fromtimestamp(int(now) // every_seconds * every_seconds, UTC)
    return start.strftime("%Y-%m-%dT%H:%M:%S" if every_seconds % 60 else "%Y-%m-%dT%H:%M")
