"""What people type about lending and borrowing. Forms check spelling; the engine decides."""

import uuid
from typing import Any

from django import forms

from accounts.assets import percent_text
from accounts.forms import amount_atoms
from engine.catalog import Asset
from engine.ledger import LendTerms
from gateway.decimals import format_decimal
from lending.services import Terms

_DECIMAL = {"inputmode": "decimal", "autocomplete": "off"}


class OnceForm(forms.Form):
    """One filled form is one act, however often it is sent."""

    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class AmountForm(OnceForm):
    """An amount of one asset to lend, redeem, borrow or repay."""

    amount = forms.CharField(
        max_length=50,
        widget=forms.TextInput(attrs=_DECIMAL),
        error_messages={"required": "Write an amount."},
    )

    def __init__(self, asset: Asset, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asset = asset

    def clean_amount(self) -> int:
        """Return the amount in atoms, exactly."""
        return amount_atoms(self.cleaned_data["amount"], self.asset)


class TermsForm(OnceForm):
    """On which terms an account lends one asset."""

    min_rate = forms.TypedChoiceField(
        label="Lend at",
        coerce=int,
        help_text="Your money is never lent for less. While borrowers pay less than that it earns "
        "nothing, and it is lent as soon as they pay it.",
    )
    cap = forms.CharField(
        label="Lend at most",
        required=False,
        max_length=50,
        widget=forms.TextInput(attrs={**_DECIMAL, "placeholder": "No limit"}),
        help_text="What is lent beyond it is taken back. Leave empty for no limit.",
    )
    keep = forms.CharField(
        label="Always keep available",
        required=False,
        max_length=50,
        widget=forms.TextInput(attrs={**_DECIMAL, "placeholder": "0"}),
        help_text="This much is never lent: it can be spent even when the whole pool is borrowed.",
    )
    as_collateral = forms.BooleanField(
        label="Counts as collateral",
        required=False,
        help_text="On: the lend backs your positions and loans, and may be taken to settle your "
        "losses. Off: it backs nothing and is never taken.",
    )

    def __init__(self, asset: Asset, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asset = asset
        field = self.fields["min_rate"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(rate, _rate_words(rate)) for rate in asset.lend_rates_ppb]

    def clean_cap(self) -> int | None:
        """Return the cap in atoms; None is no cap, zero is to lend nothing."""
        text = self.cleaned_data["cap"]
        return amount_atoms(text, self.asset, zero=True) if text else None

    def clean_keep(self) -> int:
        """Return what stays available, in atoms."""
        return amount_atoms(self.cleaned_data["keep"] or "0", self.asset, zero=True)

    def terms(self) -> Terms:
        """Return the valid form as terms."""
        given = self.cleaned_data
        return Terms(
            min_rate_ppb=given["min_rate"],
            cap_atoms=given["cap"],
            keep_atoms=given["keep"],
            as_collateral=given["as_collateral"],
        )


def terms_initial(asset: Asset, terms: LendTerms) -> dict[str, Any]:
    """Return the fields of a TermsForm which shows the terms that hold."""
    cap = terms.cap_atoms
    return {
        "min_rate": asset.lend_rates_ppb[terms.bucket],
        "cap": "" if cap is None else format_decimal(cap, asset.decimals),
        "keep": format_decimal(terms.keep_atoms, asset.decimals) if terms.keep_atoms else "",
        "as_collateral": terms.as_collateral,
    }


def _rate_words(rate_ppb: int) -> str:
    return f"{percent_text(rate_ppb)} a year or more" if rate_ppb else "any rate"
