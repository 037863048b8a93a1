"""The trail of acts: who did what to what, and why. Append-only; the database refuses changes."""

from typing import Any

from django.db import models

from compliance.models import AuditRecord


def record(
    actor: models.Model | None,
    action: str,
    *,
    target: models.Model,
    reason: str,
    details: dict[str, Any] | None = None,
) -> AuditRecord:
    """Append one act, before it is tried. Outside the act's transaction it outlives a failure.

    Args:
        actor: the member of staff; None when the house itself acts (the demo, a scheduled job).
    """
    return AuditRecord.objects.create(
        actor_id=actor.pk if actor else None,
        action=action,
        target=target_of(target),
        reason=reason,
        details=details or {},
    )


def target_of(row: models.Model) -> str:
    """Return how the trail names a row: its model and its id."""
    return f"{row._meta.label_lower}:{row.pk}"
