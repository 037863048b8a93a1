"""What people type about their accounts. Forms check spelling; services decide."""

import uuid
from typing import Any

from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from accounts import services
from accounts.assets import assets
from accounts.models import Account, User
from accounts.settings import LEVERAGE_MAX
from compliance import services as compliance
from compliance.countries import residence_choices
from gateway.decimals import DecimalError, TooPrecise, parse_decimal


class SignupForm(AllauthSignupForm):  # type: ignore[misc]  # allauth has no types
    """allauth's form and the country of residence: compliance decides before anything is stored."""

    country = forms.ChoiceField(
        label="Country of residence",
        choices=residence_choices,
        help_text="Where you live. It decides what we may offer, and is verified later.",
    )
    field_order = ["country", "email", "password1"]

    def clean_country(self) -> str:
        """Ask compliance; of a refusal only the decision is kept."""
        country = str(self.cleaned_data["country"])
        decision = compliance.evaluate_sign_up(country)
        if not decision.allowed:
            raise forms.ValidationError(decision.message, code=decision.code)
        return country

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Store the user, or behave as for a known e-mail if another request was faster."""
        try:
            saved: tuple[User | None, HttpResponse | None] = super().try_save(request)
        except IntegrityError:
            self.account_already_exists = True
            saved = super().try_save(request)
        return saved

    def save(self, request: HttpRequest) -> User:
        """Store user, customer and main account together, then open it in the engine."""
        with transaction.atomic():
            user: User = super().save(request)
            services.open_user(user, self.cleaned_data["country"])
        services.ensure_accounts_open()
        return user


class NameForm(forms.Form):
    """A name for an account or a key."""

    name = forms.CharField(max_length=40, strip=True)


class SettingsForm(forms.Form):
    """The switches of one account, all of them at once, as a page shows them."""

    auto_lend = forms.BooleanField(required=False, label="Auto Lend")
    auto_repay_borrows = forms.BooleanField(required=False, label="Auto Repay")
    auto_borrow_settlements = forms.BooleanField(required=False, label="Auto Borrow")
    auto_realize_pnl = forms.BooleanField(required=False, label="Auto-Realize")
    leverage_limit = forms.IntegerField(min_value=1, max_value=LEVERAGE_MAX)


class KeyForm(forms.Form):
    """A new key for one of the user's accounts; with a public key, the user keeps the secret."""

    name = forms.CharField(max_length=40, help_text="Which program will use it.")
    account = forms.ModelChoiceField(Account.objects.none(), empty_label=None)
    public_key = forms.CharField(
        required=False,
        max_length=200,
        label="Public key",
        help_text="Leave empty to have a key pair made. Or paste the base64 of your own ED25519 "
        "public key (32 bytes); its secret then never leaves your machine.",
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["account"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Account.objects.filter(user=user)


class TransferForm(forms.Form):
    """Money from one of the user's accounts to another."""

    source = forms.ModelChoiceField(Account.objects.none(), label="From", empty_label=None)
    destination = forms.ModelChoiceField(Account.objects.none(), label="To", empty_label=None)
    asset = forms.ChoiceField()
    amount = forms.CharField(
        max_length=50, widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    )
    # One filled form is one transfer, however often it is sent.
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.assets = assets()
        for name in ("source", "destination"):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = Account.objects.filter(user=user)
        chosen = self.fields["asset"]
        assert isinstance(chosen, forms.ChoiceField)
        chosen.choices = [(symbol, symbol) for symbol in self.assets]

    def clean(self) -> dict[str, Any]:
        """Turn the amount into atoms, exactly."""
        data = super().clean() or {}
        asset, amount = self.assets.get(data.get("asset", "")), data.get("amount")
        if asset is None or amount is None:
            return data
        if data.get("source") == data.get("destination"):
            self.add_error("destination", "Choose two different accounts.")
        try:
            data["amount_atoms"] = parse_decimal(amount, asset.decimals)
        except TooPrecise:
            self.add_error("amount", f"{asset.symbol} has {asset.decimals} decimals.")
        except DecimalError:
            self.add_error("amount", "Write a number, such as 12.5.")
        else:
            if not data["amount_atoms"]:
                self.add_error("amount", "Write an amount above zero.")
        return data
