"""The journal and what recovery needs beside it. Written by the sequencer only."""

from typing import ClassVar

from django.db import models


class JournalEntry(models.Model):
    """A numbered command and the answer it got, accepted or refused; never changed again.

    `command` and `answer` are msgpack. `chain` is the SHA-256 over the entry and the chain before
    it, so that no entry can be altered or removed unseen.
    """

    sequence = models.BigIntegerField(primary_key=True)
    at_ns = models.BigIntegerField()
    epoch = models.BigIntegerField()
    command_id = models.TextField()
    command = models.BinaryField()
    answer = models.BinaryField()
    chain = models.BinaryField()

    class Meta:
        verbose_name_plural = "journal entries"
        indexes: ClassVar = [
            # Serves the console's search for what became of one command. Not unique: the engine
            # forgets old ids by its own rule, and an id used again after that is a new command.
            models.Index(fields=["command_id"], name="journal_by_command"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.command_id}"


class Snapshot(models.Model):
    """The engine's state after `sequence`: recovery loads the latest and replays what follows."""

    sequence = models.BigIntegerField(primary_key=True)
    at_ns = models.BigIntegerField()
    digest = models.TextField()
    chain = models.BinaryField()
    state = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"snapshot {self.sequence}"


class Checkpoint(models.Model):
    """The digest of the state after `sequence`; kept when its snapshot is dropped."""

    sequence = models.BigIntegerField(primary_key=True)
    digest = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"checkpoint {self.sequence}"


class Leader(models.Model):
    """Who may write: one row. Each take-over counts `epoch` up; a commit checks it."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.BigIntegerField()
    address = models.TextField()
    since = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="leader_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"epoch {self.epoch}"
