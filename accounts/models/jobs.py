"""How the beat's jobs went: one row a run, written by the shell (accounts.jobs)."""

from typing import ClassVar

from django.db import models


class JobRun(models.Model):
    """One run of a job. `period` is what its commands were stamped with; empty for other jobs."""

    class Outcome(models.TextChoices):
        DONE = "done", "Done"
        PARTLY = "partly", "Partly"
        ENGINE_AWAY = "engine_away", "Engine away"
        REFUSED = "refused", "Refused by the engine"
        FAILED = "failed", "Failed"

    name = models.TextField()
    period = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    outcome = models.TextField(choices=Outcome.choices)
    message = models.TextField(blank=True)
    counts = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [
            # Serves the last run of each job, on the console's first page.
            models.Index(fields=["name", "-id"], name="job_run_by_name"),
            # Serves forgetting the runs of long ago.
            models.Index(fields=["started_at"], name="job_run_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.period}".strip()
