"""The console of stress tests: ask for one, see them all, read what one tells."""

from typing import Any

import msgspec
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from kombu.exceptions import OperationalError
from unfold.decorators import action

from accounts.models import User
from compliance.tables import LargeTableAdmin
from stress import services, shown, tasks
from stress.charts import price_plot
from stress.forms import StressForm
from stress.models import StressRun
from stress.report import from_data
from stress.scenario import Scenario
from stress.spoken import say

# A page is read; who needs all of a long table takes the JSON.
ROWS_SHOWN = 500
NOT_ENDED = (StressRun.Status.WAITING, StressRun.Status.RUNNING)


@admin.register(StressRun)
class StressRunAdmin(LargeTableAdmin):
    """Every stress test: who asked for which scenario, when, and how it ended."""

    list_display = (
        *("id", "asked_time", "asked_by", "scenario_words", "status", "liquidated"),
        *("sequence", "seconds"),
    )
    list_filter = ("status",)
    list_select_related = ("asked_by",)
    actions_list = ("ask",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StressRun]:
        """Leave the reports out of the list: they are long."""
        found: QuerySet[StressRun] = super().get_queryset(request)
        figures = {"found": F("report__liquidated"), "found_bankrupt": F("report__bankrupt")}
        return found.defer("report").annotate(**figures)

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Show the form's button and open the form."""
        return bool(request.user.has_perm("stress.run_stress"))

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="Run a stress test", url_path="ask", permissions=["run"]
    )
    def ask(self, request: HttpRequest) -> HttpResponse:
        """Ask for a scenario, and hand it to the jobs."""
        if not self.has_run_permission(request):
            raise PermissionDenied
        form = StressForm(request.POST or None)
        if form.is_bound and form.is_valid():
            assert isinstance(request.user, User)
            try:
                run = services.ask_run(request.user, form.made())
            except services.TooMany as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, _begin())
                return redirect("admin:stress_stressrun_change", run.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": "Run a stress test",
            "opts": self.model._meta,
            "form": form,
        }
        status = 422 if form.is_bound else 200
        return TemplateResponse(request, "compliance/ops_form.html", context, status=status)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show what a run tells, as a page or as JSON; until it has ended, the page reloads."""
        run = self.get_object(request, object_id)
        if run is None:
            raise Http404
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        if run.report and request.GET.get("as") == "json":
            return JsonResponse(run.report)
        report = from_data(run.report) if run.report else None
        context = {
            **self.admin_site.each_context(request),
            "title": f"Stress test {run.pk}",
            "opts": self.model._meta,
            "run": run,
            "words": say(msgspec.convert(run.scenario, Scenario)),
            "waits": run.status in NOT_ENDED,
            "began": shown.began(report) if report else "",
            "figures": shown.headline(report) if report else [],
            "tables": [one.cut(ROWS_SHOWN) for one in shown.tables(report)] if report else [],
            "plot": price_plot(report) if report else None,
            "is_settled": report.is_settled if report else True,
        }
        return TemplateResponse(request, "stress/run.html", context)

    @admin.display(description="asked at (UTC)", ordering="asked_at")
    def asked_time(self, row: StressRun) -> str:
        """Show when it was asked for."""
        return f"{row.asked_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="scenario")
    def scenario_words(self, row: StressRun) -> SafeString:
        """Show the scenario in a sentence; a phone makes lines of it."""
        words = say(msgspec.convert(row.scenario, Scenario))
        return format_html('<span class="stacked">{}</span>', words)

    @admin.display(description="liquidated")
    def liquidated(self, row: Any) -> str:
        """Show how many accounts were liquidated."""
        return "-" if row.found is None else f"{row.found} ({row.found_bankrupt} bankrupt)"

    @admin.display(description="took, s", ordering="took")
    def seconds(self, row: StressRun) -> str:
        """Show how long it was at work."""
        return "-" if row.took is None else f"{row.took:.1f}"


def _begin() -> str:
    """Tell the jobs of it; without a broker the beat finds it within a minute."""
    try:
        tasks.run_stress.apply_async(expires=60)
    except OperationalError:
        return "It waits: the jobs cannot be reached now, and look for it every minute."
    return "It is on its way; this page shows the report when it is there."
