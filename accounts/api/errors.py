"""Refusals of the REST API as exceptions; `config.rest` writes each as {"code", "message"}."""

import time

from django.conf import settings
from rest_framework.exceptions import APIException

from accounts import acts
from accounts.access import Access
from accounts.pace import MinuteLimit
from engine.any_event import AnyEvent
from engine.commands import AnyCommand
from engine.events import CommandRejected
from engine.questions import AccountQuestion, AnyAnswer, Unanswerable
from gateway.client import ask, submit

_questions = MinuteLimit(settings.QUESTIONS_PER_MINUTE)


class Refused(APIException):
    """The request cannot be granted; the message tells the caller what to do.

    Args:
        code: one of the contract's ApiErrorCode values.
    """

    def __init__(self, status_code: int, code: str, message: str) -> None:
        super().__init__(message, code)
        self.status_code = status_code
        self.code = code
        self.message = message


class EngineRefused(Exception):
    """The engine refused the command or question; nothing has changed."""

    def __init__(self, rejected: CommandRejected) -> None:
        super().__init__(rejected.message)
        self.rejected = rejected


def submit_accepted(command: AnyCommand, *, command_id: str | None = None) -> AnyEvent:
    """Submit a command and return the event which answers it.

    Raises EngineRefused if the engine refused it, and the gateway's own errors.
    """
    answer = submit(command, command_id=command_id).answer
    if isinstance(answer, CommandRejected):
        raise EngineRefused(answer)
    return answer


def ask_answered(question: AccountQuestion) -> AnyAnswer:
    """Ask the engine and return its answer.

    Raises EngineRefused if what is asked about is not there or not open, EngineUnavailable, and
    Refused beyond QUESTIONS_PER_MINUTE of one account: a question takes the engine's time from
    everybody's orders.
    """
    if not _questions.allows(question.account, time.time_ns()):
        raise Refused(
            429, "TOO_MANY_REQUESTS", "Too many questions: slow down and try again in a minute"
        )
    answer = ask(question)
    if isinstance(answer, Unanswerable):
        raise EngineRefused(answer.why)
    return answer


def invalid_request(message: str) -> Refused:
    """Return the refusal of a request which is malformed or names what does not exist."""
    return Refused(400, "INVALID_CLIENT_REQUEST", message)


def require(access: Access, permission: str, *, reduces: bool = False) -> None:
    """Refuse with FORBIDDEN and the reason unless `access` includes the permission.

    Args:
        reduces: whether the act only takes risk away.
    """
    denial = access.denial(permission, reduces=reduces)
    if denial is not None:
        acts.note_denial(access, denial)
        raise Refused(403, "FORBIDDEN", denial.message)
