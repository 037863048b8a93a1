"""The order ticket as a form: what a browser sends, turned into an OrderRequest."""

from typing import Any

from django import forms

from engine.commands import OrderType, Side, TimeInForce
from trading.services import OrderRequest

POST_ONLY = "POST_ONLY"
EXECUTIONS = [
    (TimeInForce.GTC.value, "Until cancelled"),
    (POST_ONLY, "Post only: never takes"),
    (TimeInForce.IOC.value, "Immediate or cancel"),
    (TimeInForce.FOK.value, "Fill or kill"),
]
BASE, QUOTE = "base", "quote"
# Longer than any number which a market lists; the catalog refuses those that are too long for it.
NUMBER_LENGTH = 60


class OrderForm(forms.Form):
    """The fields are named as in the REST API, so that one reads like the other.

    `unit` says in which asset the quantity of a market order is; `execution` joins time in force
    and post-only, of which a person chooses one.
    """

    symbol = forms.CharField(max_length=60)
    side = forms.ChoiceField(choices=[(side.value, side.value) for side in Side])
    orderType = forms.ChoiceField(choices=[(kind.value, kind.value) for kind in OrderType])  # noqa: N815
    price = forms.CharField(max_length=NUMBER_LENGTH, required=False)
    quantity = forms.CharField(
        max_length=NUMBER_LENGTH, error_messages={"required": "Enter a quantity."}
    )
    unit = forms.ChoiceField(choices=[(BASE, BASE), (QUOTE, QUOTE)], required=False)
    execution = forms.ChoiceField(choices=EXECUTIONS, required=False)
    reduceOnly = forms.BooleanField(required=False)  # noqa: N815
    autoBorrow = forms.BooleanField(required=False)  # noqa: N815
    autoBorrowRepay = forms.BooleanField(required=False)  # noqa: N815
    autoLend = forms.BooleanField(required=False)  # noqa: N815
    autoLendRedeem = forms.BooleanField(required=False)  # noqa: N815
    # A switch that is off is not sent: this says that the switches were there to be seen.
    switches = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        """Require the price of a limit order."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("orderType") == OrderType.LIMIT and not given.get("price"):
            self.add_error("price", "Enter a price.")
        return given

    def first_error(self) -> str:
        """Return the first thing to put right, with the name of an unexpected field."""
        field, errors = next(iter(self.errors.items()))
        text = str(errors[0])
        return text if field in ("price", "quantity") else f"{field}: {text}"

    def order_request(self) -> OrderRequest:
        """Return the valid form as an order in the user's words."""
        given = self.cleaned_data
        order_type = OrderType(given["orderType"])
        limit = order_type is OrderType.LIMIT
        in_quote = not limit and given["unit"] == QUOTE
        execution = given["execution"] if limit else ""
        return OrderRequest(
            symbol=given["symbol"],
            side=Side(given["side"]),
            order_type=order_type,
            price=_plain(given["price"]) if limit else None,
            quantity=None if in_quote else _plain(given["quantity"]),
            quote_quantity=_plain(given["quantity"]) if in_quote else None,
            time_in_force=TimeInForce(execution)
            if execution in TimeInForce.__members__
            else TimeInForce.GTC,
            post_only=execution == POST_ONLY,
            reduce_only=given["reduceOnly"],
            auto_borrow=given["autoBorrow"],
            auto_borrow_repay=self._switch("autoBorrowRepay"),
            auto_lend=self._switch("autoLend"),
            auto_lend_redeem=self._switch("autoLendRedeem"),
        )

    def _switch(self, name: str) -> bool | None:
        """Return what a switch says; None, the account's own setting, if it was not shown."""
        return bool(self.cleaned_data[name]) if self.cleaned_data["switches"] else None


def _plain(text: str) -> str:
    """Return a number without the separators with which the page shows it: 1,000.5 and .5 too."""
    plain = text.replace(",", "").strip()
    return f"0{plain}" if plain.startswith(".") else plain
