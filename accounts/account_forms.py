"""What owners type about their accounts, transfers and sweeps. Forms check spelling."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms

from accounts.assets import assets
from accounts.forms import AccountChoice, amount_atoms
from accounts.models import Account, SweepRule
from accounts.models.users import COLOURS

# Rows of a transfer: a form that is not filled in has several empty ones.
BASKET_ROWS = 5
_AMOUNT = {"inputmode": "decimal", "autocomplete": "off"}


def usual_ends(accounts: Sequence[Account]) -> tuple[Account, Account] | None:
    """Return the first and the last account of the first owner of two; None: nothing can move."""
    for first in accounts:
        same = [account for account in accounts if account.user_id == first.user_id]
        if len(same) > 1:
            return first, same[-1]
    return None


class NameForm(forms.Form):
    """A name for an account, and the colour by which its owner finds it."""

    name = forms.CharField(max_length=40, strip=True)
    colour = forms.ChoiceField(
        required=False, choices=[("", "Next")] + [(one, one.capitalize()) for one in COLOURS]
    )


class _BetweenAccounts(forms.Form):
    source = AccountChoice(label="From")
    destination = AccountChoice(label="To")

    def __init__(self, accounts: Sequence[Account], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.assets = assets()
        for name in ("source", "destination"):
            field = self.fields[name]
            assert isinstance(field, AccountChoice)
            field.offer(accounts)
        ends = usual_ends(accounts)
        if ends is not None:
            self.initial = {"source": ends[0], "destination": ends[1], **self.initial}

    def clean(self) -> dict[str, Any]:
        """Refuse one account as both ends."""
        data = super().clean() or {}
        if data.get("source") is not None and data.get("source") == data.get("destination"):
            self.add_error("destination", "Choose two different accounts.")
        return data


class TransferForm(_BetweenAccounts):
    """Money from one account to another: of one asset, or of several at once."""

    # One filled form is one transfer, however often it is sent.
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, accounts: Sequence[Account], *args: Any, **kwargs: Any) -> None:
        super().__init__(accounts, *args, **kwargs)
        symbols = [(symbol, symbol) for symbol in self.assets]
        for row in range(BASKET_ROWS):
            first = row == 0
            self.fields[_name("asset", row)] = forms.ChoiceField(
                label="Asset", required=first, choices=symbols if first else [("", "–"), *symbols]
            )
            self.fields[_name("amount", row)] = forms.CharField(
                label="Amount",
                required=first,
                max_length=50,
                widget=forms.TextInput(attrs=_AMOUNT),
            )

    @property
    def rows(self) -> list[tuple[Any, Any]]:
        """Return the fields of asset and amount, row by row."""
        return [(self[_name("asset", at)], self[_name("amount", at)]) for at in range(BASKET_ROWS)]

    def clean(self) -> dict[str, Any]:
        """Turn the amounts into atoms, exactly: `amounts` by asset."""
        data = super().clean()
        amounts: dict[str, int] = {}
        for row in range(BASKET_ROWS):
            symbol, text = data.get(_name("asset", row)), data.get(_name("amount", row))
            if not symbol or not text:
                if bool(symbol) != bool(text) and row:
                    self.add_error(_name("amount", row), "Choose an asset and write an amount.")
                continue
            if symbol in amounts:
                self.add_error(_name("asset", row), f"{symbol} stands above already.")
                continue
            try:
                amounts[symbol] = amount_atoms(text, self.assets[symbol])
            except forms.ValidationError as error:
                self.add_error(_name("amount", row), error)
        data["amounts"] = amounts
        return data


class SweepForm(_BetweenAccounts):
    """A transfer which the clock makes."""

    asset = forms.ChoiceField()
    kind = forms.ChoiceField(
        label="What",
        choices=[
            ("move", "Move an amount each time"),
            ("keep", "Keep an amount in the first account, move what is above"),
            ("level", "Keep an amount there exactly: move what is above, take what is missing"),
        ],
    )
    amount = forms.CharField(max_length=50, widget=forms.TextInput(attrs=_AMOUNT))
    every = forms.ChoiceField(label="When", choices=SweepRule.Every.choices)
    starts_at = forms.DateTimeField(
        required=False,
        label="For the first time (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty: at the next minute.",
    )

    def __init__(self, accounts: Sequence[Account], *args: Any, **kwargs: Any) -> None:
        super().__init__(accounts, *args, **kwargs)
        field = self.fields["asset"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(symbol, symbol) for symbol in self.assets]

    def clean(self) -> dict[str, Any]:
        """Turn the amount into atoms, exactly."""
        data = super().clean()
        asset, amount = self.assets.get(data.get("asset", "")), data.get("amount")
        if asset is not None and amount:
            try:
                zero = data.get("kind") != "move"
                data["amount_atoms"] = amount_atoms(amount, asset, zero=zero)
            except forms.ValidationError as error:
                self.add_error("amount", error)
        return data


def _name(what: str, row: int) -> str:
    return what if row == 0 else f"{what}_{row}"
