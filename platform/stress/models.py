"""Stress tests that staff have asked for, and what came of them. Nothing here is of the engine."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class StressRun(models.Model):
    """One scenario over a copy of the exchange as it was after the command `sequence`.

    `scenario` and `report` are those of `stress.scenario` and `stress.report` as JSON; `took` is
    how many seconds it was at work.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    scenario = models.JSONField()
    status = models.TextField(choices=Status.choices, default=Status.WAITING)
    # Why it has failed; empty otherwise.
    message = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    took = models.FloatField(null=True)
    sequence = models.BigIntegerField(null=True)
    report = models.JSONField(null=True)

    class Meta:
        permissions: ClassVar = [("run_stress", "Run stress tests over a copy of the exchange")]
        indexes: ClassVar = [
            # Serves the job, which looks for what waits; holds only what has not ended.
            models.Index(
                fields=["id"],
                name="stress_not_ended",
                condition=models.Q(status__in=("waiting", "running")),
            ),
        ]

    def __str__(self) -> str:
        return f"stress test {self.pk}"
