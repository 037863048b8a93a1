"""The order ticket as a form: what a browser sends, turned into an OrderRequest."""

from typing import Any

from django import forms

from engine.vocabulary import OrderType, Side, TimeInForce, TriggerBy
from trading.conditions import PERCENT
from trading.services import OrderRequest

POST_ONLY = "POST_ONLY"
EXECUTIONS = [
    (TimeInForce.GTC.value, "Until cancelled"),
    (POST_ONLY, "Post only: never takes"),
    (TimeInForce.IOC.value, "Immediate or cancel"),
    (TimeInForce.FOK.value, "Fill or kill"),
]
BASE, QUOTE, POSITION = "base", "quote", "position"
# The prices which an order waits for or is closed at, and what the ticket calls them.
PRICE_LABELS = {
    "triggerPrice": "Trigger price",
    "takeProfitTriggerPrice": "Take-profit",
    "takeProfitLimitPrice": "Take-profit limit",
    "stopLossTriggerPrice": "Stop-loss",
    "stopLossLimitPrice": "Stop-loss limit",
}
_LABELS = PRICE_LABELS | {
    "triggerQuantity": "Quantity",
    "slippageTolerance": "Slippage tolerance",
}
UNITS = (BASE, QUOTE, POSITION)
# Longer than any number which a market lists; the catalog refuses those that are too long for it.
NUMBER_LENGTH = 60


class OrderForm(forms.Form):
    """The fields are named as in the REST API, so that one reads like the other.

    `unit` says in which asset the quantity of a market order is, or that it is a percentage of the
    position; `execution` joins time in force and post-only, of which a person chooses one.
    `slippageTolerance` is in percent.
    """

    symbol = forms.CharField(max_length=60)
    side = forms.ChoiceField(choices=[(side.value, side.value) for side in Side])
    orderType = forms.ChoiceField(choices=[(kind.value, kind.value) for kind in OrderType])  # noqa: N815
    price = forms.CharField(max_length=NUMBER_LENGTH, required=False)
    quantity = forms.CharField(
        max_length=NUMBER_LENGTH, error_messages={"required": "Enter a quantity."}
    )
    unit = forms.ChoiceField(choices=[(unit, unit) for unit in UNITS], required=False)
    execution = forms.ChoiceField(choices=EXECUTIONS, required=False)
    reduceOnly = forms.BooleanField(required=False)  # noqa: N815
    autoBorrow = forms.BooleanField(required=False)  # noqa: N815
    autoBorrowRepay = forms.BooleanField(required=False)  # noqa: N815
    autoLend = forms.BooleanField(required=False)  # noqa: N815
    autoLendRedeem = forms.BooleanField(required=False)  # noqa: N815
    # A switch that is off is not sent: this says that the switches were there to be seen.
    switches = forms.BooleanField(required=False)
    triggerPrice = forms.CharField(max_length=NUMBER_LENGTH, required=False)  # noqa: N815
    triggerBy = forms.ChoiceField(  # noqa: N815
        choices=[(by.value, by.value) for by in TriggerBy], required=False
    )
    takeProfitTriggerPrice = forms.CharField(max_length=NUMBER_LENGTH, required=False)  # noqa: N815
    takeProfitLimitPrice = forms.CharField(max_length=NUMBER_LENGTH, required=False)  # noqa: N815
    stopLossTriggerPrice = forms.CharField(max_length=NUMBER_LENGTH, required=False)  # noqa: N815
    stopLossLimitPrice = forms.CharField(max_length=NUMBER_LENGTH, required=False)  # noqa: N815
    slippageTolerance = forms.CharField(max_length=NUMBER_LENGTH, required=False)  # noqa: N815

    def clean(self) -> dict[str, Any]:
        """Require the price of a limit order, and a unit in which its quantity can be meant."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("orderType") == OrderType.LIMIT and not given.get("price"):
            self.add_error("price", "Enter a price.")
        waits, unit = bool(given.get("triggerPrice")), given.get("unit")
        if unit == POSITION and not waits:
            self.add_error(
                "quantity",
                "A part of the position is for an order which waits: enter a trigger price.",
            )
        if unit == QUOTE and waits and given.get("orderType") == OrderType.MARKET:
            self.add_error(
                "quantity",
                "The quantity of an order which waits is of what it trades, "
                "not of what it costs: choose the other unit.",
            )
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
        waits = bool(given["triggerPrice"])
        in_quote = not limit and given["unit"] == QUOTE
        quantity = _plain(given["quantity"])
        execution = given["execution"] if limit else ""
        return OrderRequest(
            symbol=given["symbol"],
            side=Side(given["side"]),
            order_type=order_type,
            price=_plain(given["price"]) if limit else None,
            quantity=None if in_quote or waits else quantity,
            quote_quantity=quantity if in_quote else None,
            time_in_force=TimeInForce(execution)
            if execution in TimeInForce.__members__
            else TimeInForce.GTC,
            post_only=execution == POST_ONLY,
            reduce_only=given["reduceOnly"],
            auto_borrow=given["autoBorrow"],
            auto_borrow_repay=self._switch("autoBorrowRepay"),
            auto_lend=self._switch("autoLend"),
            auto_lend_redeem=self._switch("autoLendRedeem"),
            conditions=self._conditions(quantity),
        )

    def _conditions(self, quantity: str) -> dict[str, str]:
        """Return what is filled in of triggers, exits and tolerance, in the words of the API."""
        given = self.cleaned_data
        words = {name: _plain(given[name]) for name in PRICE_LABELS if given[name]}
        if given["triggerPrice"]:
            words["triggerQuantity"] = f"{quantity}%" if given["unit"] == POSITION else quantity
            if given["triggerBy"]:
                words["triggerBy"] = given["triggerBy"]
        if given["slippageTolerance"]:
            words["slippageTolerance"] = _plain(given["slippageTolerance"])
            words["slippageToleranceType"] = PERCENT
        return words

    def _switch(self, name: str) -> bool | None:
        """Return what a switch says; None, the account's own setting, if it was not shown."""
        return bool(self.cleaned_data[name]) if self.cleaned_data["switches"] else None


def as_labelled(message: str) -> str:
    """Return a refusal with the names of the API replaced by what the ticket calls its fields."""
    for name, label in _LABELS.items():
        message = message.replace(f"`{name}`", label)
    return message


def _plain(text: str) -> str:
    """Return a number without the separators with which the page shows it: 1,000.5 and .5 too."""
    plain = text.replace(",", "").strip()
    return f"0{plain}" if plain.startswith(".") else plain
