"""What people type about members and approvals. Forms check spelling; services decide."""

from collections.abc import Sequence
from typing import Any

from django import forms

from accounts.forms import AccountChoice
from accounts.models import Account, Grant
from accounts.rights import RIGHTS, ROLES, VIEW, role_of
from accounts.teams import Terms
from accounts.words import MICROS_DECIMALS, usd_text
from engine.units import MAX_ATOMS
from gateway.decimals import DecimalError, format_decimal, parse_decimal

_USD = {"inputmode": "decimal", "autocomplete": "off", "placeholder": "No limit"}
CUSTOM = "Custom"


def usd_micros(text: str) -> int | None:
    """Return what was typed in USD × 1e6; None for nothing. Raises ValidationError."""
    if not text.strip():
        return None
    try:
        micros = parse_decimal(text.strip(), MICROS_DECIMALS)
    except DecimalError as error:
        raise forms.ValidationError("Write an amount in USD, such as 5000.") from error
    if micros > MAX_ATOMS:
        most = format_decimal(MAX_ATOMS, MICROS_DECIMALS)
        raise forms.ValidationError(f"Write at most {most}.")
    return micros


class GrantForm(forms.Form):
    """What a member may do with one account."""

    account = AccountChoice()
    role = forms.ChoiceField(
        choices=[(name, name) for name in ROLES] + [(CUSTOM, "Custom: the rights chosen below")],
        initial="Trader",
    )
    rights = forms.MultipleChoiceField(
        required=False,
        label="Rights of a custom role",
        choices=list(RIGHTS.items()),
        initial=[VIEW],
        widget=forms.CheckboxSelectMultiple,
    )
    spend = forms.CharField(
        required=False,
        max_length=30,
        label="Spending limit a day, USD",
        widget=forms.TextInput(attrs=_USD),
        help_text="What their trades, loans, transfers and withdrawals may come to in a UTC day. "
        "What only reduces is free.",
    )
    loss = forms.CharField(
        required=False,
        max_length=30,
        label="Loss limit a day, USD",
        widget=forms.TextInput(attrs=_USD),
        help_text="Once the account has lost more in a UTC day, they may only reduce.",
    )

    def __init__(self, accounts: Sequence[Account], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["account"]
        assert isinstance(field, AccountChoice)
        field.offer(accounts)

    def clean_spend(self) -> int | None:
        """Return the limit in USD × 1e6."""
        return usd_micros(self.cleaned_data["spend"])

    def clean_loss(self) -> int | None:
        """Return the limit in USD × 1e6."""
        return usd_micros(self.cleaned_data["loss"])

    def terms(self) -> Terms:
        """Return what the valid form grants."""
        data = self.cleaned_data
        rights = data["rights"] if data["role"] == CUSTOM else ROLES[data["role"]]
        return Terms(
            account=data["account"],
            rights=rights,
            spend_micros=data["spend"],
            loss_micros=data["loss"],
        )


class InviteForm(GrantForm):
    """Who is invited, to which account at first, and for how long."""

    email = forms.EmailField(label="E-mail")
    # Nobody shares their main account by leaving a field alone.
    account = AccountChoice(empty_label="Choose one")
    expires_at = forms.DateTimeField(
        required=False,
        label="Membership ends (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty: when you end it.",
    )
    field_order = ("email", "account", "role", "rights", "spend", "loss", "expires_at")


class ExpiryForm(forms.Form):
    """When a membership ends by itself."""

    expires_at = InviteForm.base_fields["expires_at"]


class ThresholdForm(forms.Form):
    """Above which worth a withdrawal waits for a second person."""

    threshold = forms.CharField(
        required=False,
        max_length=30,
        label="In 24 hours, USD",
        widget=forms.TextInput(attrs=_USD),
        help_text="Empty: nothing waits.",
    )
    code = forms.CharField(
        max_length=10,
        label="Code of your authenticator app",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )

    def clean_threshold(self) -> int | None:
        """Return it in USD × 1e6."""
        return usd_micros(self.cleaned_data["threshold"])


def grant_initial(grant: Grant) -> dict[str, Any]:
    """Return the fields of a GrantForm which shows a grant."""
    return {
        "account": grant.account_id,
        "role": role_of(grant.rights),
        "rights": grant.rights,
        "spend": usd_text(grant.spend_micros),
        "loss": usd_text(grant.loss_micros),
    }
