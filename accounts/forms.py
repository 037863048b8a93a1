"""What people type about their accounts. Forms check spelling; services decide."""

from collections.abc import Sequence
from typing import Any

from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.db import IntegrityError, transaction
from django.db.models import Case, When
from django.http import HttpRequest, HttpResponse

from accounts import services
from accounts.choice import accounts_with_keys
from accounts.models import Account, AccountSettings, ApiKey, User
from accounts.scopes import MANAGE, READ, TRADE, TRANSFER, WITHDRAW
from compliance import services as compliance
from compliance.countries import residence_choices
from engine.catalog import Asset
from engine.listing import MAX_LEVERAGE
from engine.units import MAX_ATOMS
from gateway.decimals import DecimalError, TooPrecise, format_decimal, parse_decimal


class AccountChoice(forms.ModelChoiceField["Account"]):
    """One of some accounts, by name."""

    def __init__(self, *, empty_label: str | None = None, **arguments: Any) -> None:
        super().__init__(Account.objects.none(), empty_label=empty_label, **arguments)
        self._says_owner = False

    def label_from_instance(self, obj: Account) -> str:
        """Return the account's name; whose it is too, if several owners' accounts are offered."""
        return f"{obj.name} of {obj.user.email}" if self._says_owner else obj.name

    def offer(self, accounts: Sequence[Account]) -> None:
        """Offer these accounts, in this order."""
        numbers = [account.pk for account in accounts]
        place = Case(*(When(pk=number, then=at) for at, number in enumerate(numbers)))
        rows = Account.objects.filter(pk__in=numbers).select_related("user")
        self.queryset = rows.order_by(place)
        self._says_owner = len({account.user_id for account in accounts}) > 1


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


class KeyLimitsForm(forms.Form):
    """A key's name, what it may be used for, from where and until when."""

    name = forms.CharField(max_length=40, help_text="Which program uses it.")
    scopes = forms.MultipleChoiceField(
        label="It may",
        choices=[
            (READ, "Read: balances, orders, history, private streams"),
            (TRADE, "Trade: orders, lending and borrowing, settings of the account"),
            (TRANSFER, "Transfer between your own accounts"),
            (WITHDRAW, "Withdraw"),
            (MANAGE, "Manage: sub-accounts, keys and members of a team"),
        ],
        initial=[READ, TRADE],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    addresses = forms.CharField(
        required=False,
        max_length=1000,
        label="Only from these addresses",
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        help_text="IPv4 or IPv6 addresses, or networks such as 192.0.2.0/24, one a line. "
        "Empty: from anywhere.",
    )
    expires_at = forms.DateTimeField(
        required=False,
        label="Expires (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="From then on it is refused, until you extend it. Empty: never.",
    )

    def limits(self) -> services.KeyLimits:
        """Return the limits which the valid form says."""
        data = self.cleaned_data
        words = data["addresses"].replace(",", " ").split()
        return services.KeyLimits(data["scopes"], words, data["expires_at"])


def key_initial(key: ApiKey) -> dict[str, Any]:
    """Return the fields of a KeyLimitsForm which shows a stored key."""
    return {
        "name": key.name,
        "scopes": key.scopes,
        "addresses": "\n".join(key.addresses),
        "expires_at": key.expires_at,
    }


class KeyForm(KeyLimitsForm):
    """A new key for one of the user's accounts; with a public key, the user keeps the secret."""

    account = AccountChoice()
    public_key = forms.CharField(
        required=False,
        max_length=200,
        label="Public key",
        help_text="Leave empty to have a key pair made. Or paste the base64 of your own ED25519 "
        "public key (32 bytes); its secret then never leaves your machine.",
    )
    field_order = ("name", "account", "scopes", "addresses", "expires_at", "public_key")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["account"]
        assert isinstance(field, AccountChoice)
        field.offer(accounts_with_keys(user))


class SettingsForm(forms.Form):
    """The switches of one account; the engine keeps them."""

    auto_lend = forms.BooleanField(
        label="Auto Lend",
        required=False,
        help_text="On: whatever comes in repays what you owe of it, then is lent at once, within "
        "your terms; orders, transfers and withdrawals take it back as they need it. "
        "Off: it stays available and earns nothing.",
    )
    auto_repay_borrows = forms.BooleanField(
        label="Auto-Repay",
        required=False,
        help_text="On: money that comes in first repays what you owe of the same asset. "
        "Off: the debt stays, and costs interest, until you repay it yourself.",
    )
    auto_borrow_settlements = forms.BooleanField(
        label="Auto-Borrow for settlements",
        required=False,
        help_text="On: if you have too few dollars to settle a loss, they are borrowed against "
        "your other assets, which you keep. Off: the loss is not borrowed for; your other assets "
        "may be sold to settle it.",
    )
    auto_realize_pnl = forms.BooleanField(
        label="Auto-Realize",
        required=False,
        help_text="On: every ten seconds a profit becomes dollars that you can spend or lend, and "
        "a loss is settled; the entry price that you see stays your own. Off: the position bears "
        "interest instead: an open profit earns the USDC lend rate, an open loss pays the borrow "
        "rate, and both become dollars when you reduce the position. A profit or loss that grows "
        "too large for your equity or the market is realized all the same.",
    )
    leverage_limit = forms.CharField(
        label="Leverage limit",
        max_length=10,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text="The most that your positions may be worth, as a multiple of your equity: a "
        f"whole number from 1 to {MAX_LEVERAGE}. A lower one asks for more margin for each "
        "position. Each market has a limit of its own as well.",
    )
    # What is shown before borrowing is turned on has been read.
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)

    SWITCHES = ("auto_lend", "auto_repay_borrows", "auto_borrow_settlements", "auto_realize_pnl")

    def clean_leverage_limit(self) -> int:
        """Return a whole number; the engine says how high it may be."""
        try:
            limit = parse_decimal(self.cleaned_data["leverage_limit"], 0)
        except DecimalError as error:
            raise forms.ValidationError("Write a whole number, such as 10.") from error
        return min(limit, MAX_ATOMS)

    def changes(self, current: AccountSettings) -> dict[str, Any]:
        """Return what the valid form changes of the settings that hold."""
        given = {name: self.cleaned_data[name] for name in (*self.SWITCHES, "leverage_limit")}
        return {name: value for name, value in given.items() if value != getattr(current, name)}


def settings_initial(current: AccountSettings) -> dict[str, Any]:
    """Return the fields of a SettingsForm which shows the settings that hold."""
    names = (*SettingsForm.SWITCHES, "leverage_limit")
    return {name: getattr(current, name) for name in names}


def amount_atoms(text: str, asset: Asset, *, zero: bool = False) -> int:
    """Return what was typed in atoms, exactly. Raises ValidationError in the user's words.

    Args:
        zero: whether nothing at all may be meant.
    """
    try:
        atoms = parse_decimal(text, asset.decimals)
    except TooPrecise as error:
        words = f"{asset.symbol} has {asset.decimals} decimals."
        raise forms.ValidationError(words) from error
    except DecimalError as error:
        raise forms.ValidationError("Write a number, such as 12.5.") from error
    if not atoms and not zero:
        raise forms.ValidationError("Write an amount above zero.")
    if atoms > MAX_ATOMS:
        most = format_decimal(MAX_ATOMS, asset.decimals)
        raise forms.ValidationError(f"Write at most {most}: no account holds more.")
    return atoms
