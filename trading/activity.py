"""Who did what with accounts that a team shares, newest first; what was refused and denied too."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.apps import apps

from accounts.models import Act, User
from gateway.codec import decode_command
from trading.act_words import command_words, spoken, tried

SHOWN = 50
MOST = 10_000


class ActRow(NamedTuple):
    """An act in words; `reason` says why it was refused or not allowed."""

    id: int
    at: datetime
    account: int
    person: str
    what: str
    outcome: str
    reason: str
    times: int


def acts(
    accounts: Sequence[int],
    *,
    person: int | None = None,
    outcome: str | None = None,
    before: int | None = None,
    limit: int = SHOWN,
) -> list[ActRow]:
    """Return acts in these accounts, newest first.

    Args:
        person: the user who did it; None for everybody.
        outcome: one of Act.Outcome; None for all.
        before: an id from which on nothing is shown.
    """
    rows = Act.objects.filter(account_id__in=accounts)
    if person is not None:
        rows = rows.filter(actor_id=person)
    if outcome is not None:
        rows = rows.filter(outcome=outcome)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    chosen = list(rows.order_by("-id")[: min(limit, MOST)])
    commands = _commands(row.sequence for row in chosen if row.sequence is not None)
    people = User.objects.in_bulk({row.actor_id for row in chosen})
    return [
        ActRow(
            id=row.pk,
            at=row.at,
            account=row.account_id,
            person=str(people.get(row.actor_id, f"user {row.actor_id}")),
            what=_what(row, commands),
            outcome=row.outcome,
            reason=row.reason,
            times=row.count,
        )
        for row in chosen
    ]


def people_in(accounts: Sequence[int]) -> list[User]:
    """Return who has done something in these accounts."""
    numbers = Act.objects.filter(account_id__in=accounts).values("actor_id").distinct()
    return list(User.objects.filter(pk__in=numbers).order_by("email"))


def _what(row: Act, commands: dict[int, Any]) -> str:
    if row.outcome == Act.Outcome.DENIED:
        return tried(row.action)
    if row.sequence is None:
        return spoken(row.action, row.details)
    command = commands.get(row.sequence)
    return row.action if command is None else command_words(command)


def _commands(sequences: Iterable[int]) -> dict[int, Any]:
    """Return the commands of these numbers, from the journal."""
    entries = apps.get_model("sequencer", "JournalEntry").objects
    found = entries.filter(sequence__in=list(sequences)).values_list("sequence", "command")
    return {sequence: decode_command(bytes(command)) for sequence, command in found}
