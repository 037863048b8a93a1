"""What staff type about a desk. Forms check spelling and that things exist."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import Account
from compliance.staff import ReasonedForm
from engine.catalog import MarketKind
from hedging.models import Desk
from trading.models import Market

MOST_SLIPPAGE_PERCENT = 5


def _number(label: str, help_text: str = "", **more: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        help_text=help_text,
        max_digits=28,
        decimal_places=12,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        **more,
    )


class DeskForm(ReasonedForm):
    """Set up the desk of a market, or change its terms."""

    market = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    account = forms.IntegerField(
        min_value=1,
        max_value=2**63 - 1,
        widget=UnfoldAdminTextInputWidget,
        help_text="An ordinary account of the house, which this desk alone uses; put margin on it.",
    )
    venue = forms.CharField(
        max_length=50,
        widget=UnfoldAdminTextInputWidget,
        help_text="Its name in the venues' file (HEDGE_VENUES_FILE).",
    )
    venue_symbol = forms.CharField(
        max_length=50,
        widget=UnfoldAdminTextInputWidget,
        help_text="As ccxt spells it, such as BTC/USDC:USDC.",
    )
    limit_usd = _number("Limit in USD", "Beyond this, what is not hedged is.", min_value=0)
    slippage_percent = _number(
        "Slippage limit in %",
        "How far from our mark an order may trade.",
        min_value=Decimal("0.0001"),
        max_value=MOST_SLIPPAGE_PERCENT,
    )
    max_order = _number("Largest order", "In the base asset.", min_value=Decimal("1e-12"))
    paper = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanWidget,
        label="On paper only: orders are filled at our own mark",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        perps = Market.objects.filter(kind=MarketKind.PERP).order_by("symbol")
        field = self.fields["market"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(symbol, symbol) for symbol in perps.values_list("symbol", flat=True)]

    def clean_account(self) -> int:
        """Refuse an account which is not there."""
        number: int = self.cleaned_data["account"]
        if not Account.objects.filter(pk=number).exists():
            raise forms.ValidationError(f"There is no account {number}.")
        return number

    def desk(self) -> Desk:
        """Return the desk of a valid form, not stored."""
        data = self.cleaned_data
        return Desk(
            market=data["market"],
            account_id=data["account"],
            venue=data["venue"],
            venue_symbol=data["venue_symbol"],
            limit_usd=data["limit_usd"],
            slippage_ppm=int(data["slippage_percent"] * 10_000),
            max_order=data["max_order"],
            paper=data["paper"],
        )
