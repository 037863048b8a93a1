"""What people type about deposits, withdrawals and their address book. Services decide."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms

from accounts.addresses import ADDRESS_MAX
from accounts.assets import assets
from accounts.custody import token_rows
from accounts.forms import amount_atoms
from accounts.withdrawal_delay import MAX_HOURS

_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_CODE_HELP = "Six digits of your authenticator app."


def withdrawal_chains() -> list[tuple[str, str]]:
    """Return the chains over which anything may leave now, as the choices of a field."""
    chains = {
        token.blockchain
        for tokens in token_rows().values()
        for token in tokens
        if token.withdraw_enabled
    }
    return [(chain, chain) for chain in sorted(chains)]


def _code_field() -> forms.CharField:
    attrs = {"autocomplete": "one-time-code", "inputmode": "numeric"}
    return forms.CharField(
        label="Code",
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs=attrs),
        help_text=_CODE_HELP,
    )


class DepositForm(forms.Form):
    """The chain over which money is to come."""

    blockchain = forms.ChoiceField(label="Chain")

    def __init__(self, chains: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["blockchain"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(chain, chain) for chain in chains]


class WithdrawalForm(forms.Form):
    """Money to an address."""

    asset = forms.ChoiceField()
    blockchain = forms.ChoiceField(label="Chain")
    address = forms.CharField(max_length=ADDRESS_MAX, widget=forms.TextInput(attrs=_PLAIN))
    amount = forms.CharField(
        max_length=50,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="The fee is taken out of it.",
    )
    code = _code_field()
    # One filled form is one withdrawal, however often it is sent.
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, tokens: Sequence[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        """Offer the assets and chains of `tokens` (asset, chain); those of the first come first."""
        super().__init__(*args, **kwargs)
        self.assets = assets()
        for place, name in enumerate(("asset", "blockchain")):
            values = dict.fromkeys(token[place] for token in tokens)
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [(value, value) for value in values]

    def clean(self) -> dict[str, Any]:
        """Turn the amount into atoms, exactly."""
        data = super().clean() or {}
        asset = self.assets.get(data.get("asset", ""))
        if asset is not None and data.get("amount"):
            try:
                data["amount_atoms"] = amount_atoms(data["amount"], asset)
            except forms.ValidationError as error:
                self.add_error("amount", error)
        return data

    def draw_anew(self) -> None:
        """Let the form stand for another withdrawal: what it stood for has had its answer."""
        self.data = {**dict(self.data.items()), "request_id": str(uuid.uuid4())}


class EntryForm(forms.Form):
    """An address for the book, of a chain over which something may leave."""

    label = forms.CharField(max_length=40, strip=True, help_text="Whose it is.")
    blockchain = forms.ChoiceField(label="Chain", choices=withdrawal_chains)
    address = forms.CharField(max_length=ADDRESS_MAX, widget=forms.TextInput(attrs=_PLAIN))
    exempt = forms.BooleanField(
        required=False,
        label="Withdraw to it without a code",
        help_text="Programs can then withdraw to it. Needs a code now.",
    )
    code = _code_field()


class DelayForm(forms.Form):
    """For how long withdrawals wait."""

    hours = forms.IntegerField(
        min_value=0,
        max_value=MAX_HOURS,
        help_text=f"0 to {MAX_HOURS}; 0 is no delay.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    code = _code_field()
