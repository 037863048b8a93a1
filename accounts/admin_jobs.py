"""The console of the beat's jobs: how each run went. Nothing is edited here."""

from django.contrib import admin

from accounts.models import JobRun
from compliance.tables import LargeTableAdmin


@admin.register(JobRun)
class JobRunAdmin(LargeTableAdmin):
    """Every run of the last week."""

    list_display = (
        *("id", "name", "period", "started_at", "finished_at"),
        *("outcome", "counts", "message"),
    )
    list_filter = ("outcome", "name")
    search_fields = ("=name",)
