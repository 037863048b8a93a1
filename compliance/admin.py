"""The console of compliance: the KYC queue, customers, rules, licences, decisions, the trail."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextareaWidget

from compliance import services
from compliance.models import (
    AuditRecord,
    BookingEntity,
    Customer,
    Decision,
    KycRequest,
    Licence,
    Rule,
    Status,
    Tier,
)
from compliance.staff import ReadOnlyAdmin, audited_action


def _approve(request: HttpRequest, row: KycRequest, reason: str, tier: Tier) -> str:
    if row.state != KycRequest.State.SUBMITTED:
        raise services.Refusal("KYC_DECIDED", "This request has been decided already.")
    services.approve_kyc(row.customer, _staff(request), reason, tier)
    return f"{row.customer} is now at {tier.label}."


@audited_action(permission="compliance.decide_kyc", description="Approve at T1: identity")
def approve_t1(request: HttpRequest, row: KycRequest, reason: str, record: AuditRecord) -> str:
    """Approve a request at tier 1."""
    return _approve(request, row, reason, Tier.IDENTITY)


@audited_action(permission="compliance.decide_kyc", description="Approve at T2: full")
def approve_t2(request: HttpRequest, row: KycRequest, reason: str, record: AuditRecord) -> str:
    """Approve a request at tier 2."""
    return _approve(request, row, reason, Tier.FULL)


@audited_action(permission="compliance.decide_kyc", description="Approve at T3: source of funds")
def approve_t3(request: HttpRequest, row: KycRequest, reason: str, record: AuditRecord) -> str:
    """Approve a request at tier 3."""
    return _approve(request, row, reason, Tier.SOURCE_OF_FUNDS)


@audited_action(permission="compliance.decide_kyc", description="Refuse (the customer reads why)")
def refuse(request: HttpRequest, row: KycRequest, reason: str, record: AuditRecord) -> str:
    """Refuse a request."""
    services.refuse_kyc(row.customer, _staff(request), reason)
    return f"The request of {row.customer} is refused."


def _status_action(status: Status, description: str) -> Any:
    def change_status(request: HttpRequest, row: Customer, reason: str, record: AuditRecord) -> str:
        services.change_status(row, _staff(request), status=status, reason=reason)
        return f"{row}: {status.label}."

    change_status.__name__ = f"set_{status.value}"
    permission = "compliance.change_customer_status"
    return audited_action(permission=permission, description=description)(change_status)


@audited_action(permission="compliance.end_rule", description="End the selected rules now")
def end_rules(request: HttpRequest, row: Rule, reason: str, record: AuditRecord) -> str:
    """End a rule."""
    services.end(row, _staff(request), reason=reason)
    return f"{row} has ended."


@audited_action(permission="compliance.end_licence", description="End the selected licences now")
def end_licences(request: HttpRequest, row: Licence, reason: str, record: AuditRecord) -> str:
    """End a licence."""
    services.end(row, _staff(request), reason=reason)
    return f"{row} has ended."


@admin.register(KycRequest)
class KycRequestAdmin(ReadOnlyAdmin):
    """The queue, oldest first."""

    console_permission = "compliance.view_kycrequest"
    list_display = ("id", "customer", "legal_name", "residence", "nationality", "state")
    list_filter = ("state",)
    list_select_related = ("customer",)
    search_fields = ("=id", "=customer__user__email", "legal_name")
    ordering = ("submitted_at",)
    actions = (approve_t1, approve_t2, approve_t3, refuse)


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    """Who they are to the law; status changes are audited acts."""

    console_permission = "compliance.view_customer"
    list_display = ("id", "user", "country", "nationality", "entity", "tier", "status")
    list_filter = ("status", "tier", "entity")
    list_select_related = ("user", "entity")
    search_fields = ("=id", "=user__email", "=country")
    actions = (
        _status_action(Status.RESTRICTED, "Restrict: may only look"),
        _status_action(Status.WITHDRAW_ONLY, "Set to withdraw only"),
        _status_action(Status.CLOSED, "Close"),
        _status_action(Status.ACTIVE, "Reactivate"),
    )


class ReasonForm(forms.ModelForm):  # type: ignore[type-arg]  # two models share it
    """A row that is added for good: it needs a reason."""

    reason = forms.CharField(
        min_length=services.MINIMUM_REASON_CHARACTERS,
        max_length=500,
        widget=UnfoldAdminTextareaWidget,
        help_text="Kept in the audit trail under your name.",
    )

    def clean(self) -> dict[str, Any]:
        """Refuse a row which could never speak."""
        data = super().clean() or {}
        if not self.errors:
            row = self.instance.__class__(
                **{name: value for name, value in data.items() if name != "reason"}
            )
            fault = services.row_fault(row)
            if fault is not None:
                raise forms.ValidationError(fault)
        return data


class DatedAdmin(ReadOnlyAdmin):
    """Rows that can be added and ended, and never edited."""

    form = ReasonForm
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    codename = ""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow whoever holds the permission to add."""
        return bool(request.user.has_perm(f"compliance.add_{self.codename}"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Ask for a reason when a row is added."""
        names = [field.name for field in self.model._meta.fields if field.name != "id"]
        return names if obj else [*names, "reason"]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Leave the declared reason out of what is looked for on the model."""
        kwargs["fields"] = [name for name in self.get_fields(request, obj) if name != "reason"]
        return super().get_form(request, obj, **kwargs)


@admin.register(Rule)
class RuleAdmin(DatedAdmin):
    """The permission matrix."""

    codename = "rule"
    console_permission = "compliance.view_rule"
    list_display = (
        "jurisdiction", "basis", "product", "action", "effect", "required_tier",
        "effective_from", "effective_to",
    )  # fmt: skip
    list_filter = ("effect", "product", "action", "jurisdiction")
    search_fields = ("=id", "=jurisdiction", "note")
    ordering = ("jurisdiction", "product", "action")
    actions = (end_rules,)

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        """Add the rule through the service."""
        services.add_rule(obj, _staff(request), reason=form.cleaned_data["reason"])


@admin.register(Licence)
class LicenceAdmin(DatedAdmin):
    """What our companies may offer."""

    codename = "licence"
    console_permission = "compliance.view_licence"
    list_display = (
        "entity", "jurisdiction", "product", "regulator", "number", "effective_from",
        "effective_to",
    )  # fmt: skip
    list_filter = ("entity", "product")
    list_select_related = ("entity",)
    actions = (end_licences,)

    def save_model(self, request: HttpRequest, obj: Licence, form: Any, change: bool) -> None:
        """Add the licence through the service."""
        services.add_licence(obj, _staff(request), reason=form.cleaned_data["reason"])


@admin.register(BookingEntity)
class BookingEntityAdmin(ReadOnlyAdmin):
    """Our companies."""

    console_permission = "compliance.view_bookingentity"
    list_display = ("code", "name", "country")


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    """What was answered, and from which rules and inputs."""

    console_permission = "compliance.view_decision"
    list_display = ("id", "at", "customer", "action", "product", "allowed", "code")
    list_filter = ("allowed", "action", "product", "code")
    list_select_related = ("customer",)
    search_fields = ("=id", "=customer__id", "=customer__user__email")


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    """Who did what, and why."""

    console_permission = "compliance.view_auditrecord"
    list_display = ("id", "at", "actor", "action", "target", "reason")
    list_filter = ("action",)
    list_select_related = ("actor",)
    search_fields = ("=id", "=target", "=actor__email")


def _staff(request: HttpRequest) -> Any:
    assert request.user.is_staff  # the console is for nobody else
    return request.user
