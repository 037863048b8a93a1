"""What staff type about custody. Forms check spelling; services decide."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.addresses import ADDRESS_MAX, BLOCKCHAINS
from accounts.arrivals import Arrived
from accounts.assets import assets
from accounts.forms import amount_atoms
from accounts.models import TokenTerms
from compliance.staff import ReasonedForm

_CHAINS = [(name, name) for name in BLOCKCHAINS]


def _text(**more: Any) -> forms.CharField:
    return forms.CharField(
        **{"max_length": ADDRESS_MAX, "widget": UnfoldAdminTextInputWidget} | more
    )


def _chain(**more: Any) -> forms.ChoiceField:
    return forms.ChoiceField(**{"choices": _CHAINS, "widget": UnfoldAdminSelectWidget} | more)


def _switch() -> forms.BooleanField:
    return forms.BooleanField(required=False, widget=UnfoldBooleanWidget)


class ImportForm(ReasonedForm):
    """Addresses which the custodian or the signer has derived."""

    addresses = forms.CharField(
        max_length=1_000_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12}),
        label="Addresses, one a line: chain, comma, address",
        help_text="Each is given to one account, once. All lines are taken, or none.",
    )


class WalletForm(ReasonedForm):
    """An address of the exchange itself."""

    blockchain = _chain()
    address = _text()


class _AssetForm(ReasonedForm):
    asset = forms.ChoiceField(widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.assets = assets()
        field = self.fields["asset"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(symbol, symbol) for symbol in self.assets]

    def atoms(self, name: str, *, zero: bool) -> int | None:
        """Return an amount of the chosen asset; None where nothing is written or it is wrong."""
        text, asset = self.cleaned_data.get(name), self.assets.get(self.cleaned_data["asset"])
        if not text or asset is None:
            return None
        try:
            return amount_atoms(text, asset, zero=zero)
        except forms.ValidationError as error:
            self.add_error(name, error)
            return None


class CreditForm(_AssetForm):
    """A deposit, over a chain or not."""

    amount = _text(max_length=50)
    blockchain = _chain(
        choices=[("", "None: credited by us"), *_CHAINS],
        required=False,
        help_text="Over a chain, the deposit address says which account it is for.",
    )
    address = _text(required=False, label="Deposit address")
    transaction_hash = _text(required=False)
    output_index = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        widget=UnfoldAdminTextInputWidget,
        label="Index of the output or log in the transaction",
    )
    from_address = _text(required=False, label="Sender")
    account = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        widget=UnfoldAdminTextInputWidget,
        label="Account, where there is no chain",
    )

    def clean(self) -> dict[str, Any]:
        """Turn the amount into atoms."""
        data = super().clean() or {}
        if "asset" in data:
            data["amount_atoms"] = self.atoms("amount", zero=False)
        return data

    def arrived(self) -> Arrived:
        """Return the deposit of a valid form."""
        data = self.cleaned_data
        return Arrived(
            asset=data["asset"],
            amount_atoms=data["amount_atoms"],
            account=data["account"],
            blockchain=data["blockchain"],
            address=data["address"],
            transaction_hash=data["transaction_hash"],
            output_index=data["output_index"] or 0,
            from_address=data["from_address"],
        )


class TermsForm(_AssetForm):
    """The terms of an asset on a chain; they take the place of earlier ones."""

    blockchain = _chain()
    contract_address = _text(required=False, help_text="Empty for the chain's own coin.")
    native_decimals = forms.IntegerField(
        min_value=0, max_value=36, widget=UnfoldAdminTextInputWidget, label="Decimals on the chain"
    )
    deposit_enabled = _switch()
    minimum_deposit = _text(max_length=50)
    withdraw_enabled = _switch()
    minimum_withdrawal = _text(max_length=50, help_text="Above the fee, which is taken out of it.")
    maximum_withdrawal = _text(max_length=50, required=False, help_text="Empty for none.")
    withdrawal_fee = _text(max_length=50)

    _AMOUNTS = ("minimum_deposit", "minimum_withdrawal", "maximum_withdrawal", "withdrawal_fee")

    def clean(self) -> dict[str, Any]:
        """Turn the amounts into atoms."""
        data = super().clean() or {}
        if "asset" in data:
            for name in self._AMOUNTS:
                data[name] = self.atoms(name, zero=True)
        return data

    def terms(self) -> TokenTerms:
        """Return the terms of a valid form."""
        names = [field.name for field in TokenTerms._meta.fields if field.name != "id"]
        return TokenTerms(**{name: self.cleaned_data[name] for name in names})
