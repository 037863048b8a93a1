"""What every page of the console stands on: read-only tables, and acts which ask for a reason.

Money, orders and rows of the engine cannot be edited by anybody. An act runs the same service as
the page or the API would, after the trail has recorded who did it and why.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from compliance import audit
from compliance.models import AuditRecord
from compliance.services import MINIMUM_REASON_CHARACTERS, Refusal
from engine.any_event import AnyEvent
from engine.commands import AnyCommand
from engine.events import CommandRejected
from gateway.client import submit
from gateway.errors import GatewayError

# One page of a reason covers what one person can have looked at.
ROWS_AT_ONCE = 100
# Of each thing typed into a form, the trail keeps so much.
DETAIL_CHARACTERS = 20_000

# (request, row, reason, the record of the act) -> what to tell the member of staff.
Act = Callable[[HttpRequest, Any, str, AuditRecord], str]
AdminAction = Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]


class StaffAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """The one base of all tables in the console."""

    show_full_result_count = False
    list_per_page = 50

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Show only the acts which this member of staff may do."""
        actions: dict[str, Any] = super().get_actions(request)
        return {
            name: action
            for name, action in actions.items()
            if request.user.has_perm(getattr(action[0], "staff_permission", ""))
        }


class ReadOnlyAdmin(StaffAdmin):
    """A table that nobody can edit. Who may read the console may read it.

    Tables with what customers say of themselves set `console_permission` to one of their own.
    """

    console_permission = "compliance.read_console"

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the app to whom its tables are shown."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Allow reading with the console permission."""
        return bool(request.user.has_perm(self.console_permission))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


def audited_action(
    *, permission: str, description: str, asks: str = ""
) -> Callable[[Act], AdminAction]:
    """Make an act of staff on selected rows: a page asks for the reason, then the trail records it.

    The record is written before the act is tried and stays if it fails. An act which becomes a
    command goes through `submit_act`, so that the journal names the record.

    Args:
        asks: what else the page asks for, in words; it stands in the record's `details["answer"]`.
    """

    def decorate(act: Act) -> AdminAction:
        @admin.action(description=description)
        @wraps(act)
        def run(
            modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
        ) -> HttpResponse | None:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            rows = list(queryset[: ROWS_AT_ONCE + 1])
            if len(rows) > ROWS_AT_ONCE:
                messages.error(request, f"Select at most {ROWS_AT_ONCE} rows at once.")
                return None
            reason = request.POST.get("reason", "").strip()
            answer = request.POST.get("answer", "").strip()
            complete = len(reason) >= MINIMUM_REASON_CHARACTERS and bool(answer or not asks)
            if "confirmed" not in request.POST or not complete:
                return _ask_reason(modeladmin, request, rows, description=description, asks=asks)
            details = {"answer": answer} if asks else {}
            for row in rows:
                _carry_out(act, request, row, reason=reason, details=details)
            return None

        run.staff_permission = permission  # type: ignore[attr-defined]
        return run

    return decorate


def submit_act(command: AnyCommand, record: AuditRecord) -> AnyEvent:
    """Have the engine do what an audited act asks for, once, and return its answer.

    Raises Refusal if the engine says no or does not answer.
    """
    try:
        answer = submit(command, command_id=f"audit:{record.pk}").answer
    except GatewayError as error:
        message = "The engine did not answer: look at the table before trying again."
        raise Refusal("ENGINE_AWAY", message) from error
    if isinstance(answer, CommandRejected):
        raise Refusal(answer.code.value, answer.message)
    return answer


class ReasonedForm(forms.Form):
    """A form of the console: whatever it asks for, it asks for the reason last."""

    reason = forms.CharField(
        min_length=MINIMUM_REASON_CHARACTERS,
        max_length=500,
        widget=UnfoldAdminTextareaWidget,
        label="Reason, kept in the audit trail under your name",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields([name for name in self.fields if name != "reason"])

    def told(self) -> dict[str, str]:
        """Return what was typed, as the trail keeps it."""
        names = (name for name in self.fields if name != "reason")
        return {name: str(self.data.get(name, ""))[:DETAIL_CHARACTERS] for name in names}


def audited_form(
    modeladmin: Any,
    request: HttpRequest,
    form: ReasonedForm,
    *,
    title: str,
    act: Callable[[ReasonedForm], str],
) -> HttpResponse:
    """Show a form of the console and, once it is valid, record the act in the trail and try it.

    Args:
        act: does what the form asks for and returns what to tell; a Refusal is shown in the form.
    """
    if form.is_bound and form.is_valid():
        assert isinstance(request.user, Model)
        table = modeladmin.model()
        reason, details = form.cleaned_data["reason"], form.told()
        name = f"console.{act.__name__}"
        audit.record(request.user, name, target=table, reason=reason, details=details)
        try:
            messages.success(request, act(form))
            options = modeladmin.model._meta
            return redirect(f"admin:{options.app_label}_{options.model_name}_changelist")
        except Refusal as refusal:
            form.add_error(None, refusal.message)
    context = {
        **modeladmin.admin_site.each_context(request),
        "title": title,
        "opts": modeladmin.model._meta,
        "form": form,
    }
    status = 422 if form.is_bound else 200
    return TemplateResponse(request, "compliance/ops_form.html", context, status=status)


def _carry_out(
    act: Act, request: HttpRequest, row: Model, *, reason: str, details: dict[str, str]
) -> None:
    assert isinstance(request.user, Model)
    name = f"console.{getattr(act, '__name__', 'act')}"
    record = audit.record(request.user, name, target=row, reason=reason, details=details)
    try:
        messages.success(request, act(request, row, reason, record))
    except Refusal as refusal:
        messages.error(request, f"{row}: {refusal.message}")


def _ask_reason(
    modeladmin: Any, request: HttpRequest, rows: list[Any], *, description: str, asks: str
) -> HttpResponse:
    context = {
        **modeladmin.admin_site.each_context(request),
        "title": description,
        "opts": modeladmin.model._meta,
        "rows": rows,
        "action": request.POST["action"],
        "selected": [row.pk for row in rows],
        "minimum": MINIMUM_REASON_CHARACTERS,
        "too_short": "confirmed" in request.POST,
        "asks": asks,
        "reason": request.POST.get("reason", ""),
        "answer": request.POST.get("answer", ""),
    }
    return TemplateResponse(request, "compliance/ops_reason.html", context)
