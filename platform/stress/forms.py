"""The form of a stress test: texts in per cent, as on the command line."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.assets import prices_e8
from stress.named import TITLES
from stress.scenario import Books, Scenario, ScenarioError, check
from stress.spoken import Spoken, scenario_of

OWN = ""


def _text(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        max_length=2_000,
        widget=UnfoldAdminTextInputWidget,
    )


class StressForm(forms.Form):
    """Say what happens to prices, and to the books."""

    scenario = forms.ChoiceField(
        required=False,
        choices=[(OWN, "My own, as below"), *TITLES.items()],
        widget=UnfoldAdminSelectWidget,
    )
    shocks = _text("Shocks in %", "By asset, such as SOL=-30 BTC=-15.")
    all = _text("All but dollars in %", "Such as -20. Assets with a shock of their own keep that.")
    betas = _text("Betas", "What multiplies it for some assets, such as ETH=1.2 SOL=1.5.")
    seconds = _text("Seconds", "How long prices take: 1 to 86,400; 600 if nothing is said.")
    path = _text(
        "Path",
        "Where the shocks are on the way, such as 60:50 600:100: half of them after a minute. "
        "Straight, if nothing is said.",
    )
    books = forms.ChoiceField(
        label="Order books",
        choices=[
            (Books.KEPT.value, "Kept: orders stay as they are, out of date or not"),
            (Books.EMPTIED.value, "Emptied: nobody trades; backstops, insurance and ADL bear all"),
            (Books.FOLLOWED.value, "Followed: one market maker quotes around each mark"),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    follow_usd = _text("Followed with, in USD", "What the market maker quotes within 1 % a side.")

    def clean(self) -> dict[str, Any]:
        """Refuse what cannot be run, in the words of the scenario."""
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        try:
            data["made"] = self._made(data)
        except ScenarioError as error:
            raise forms.ValidationError(str(error)[:1].upper() + str(error)[1:]) from error
        return data

    def _made(self, data: dict[str, Any]) -> Scenario:
        books = data["books"]
        if books == Books.FOLLOWED or data["follow_usd"]:
            books = f"{books}:{data['follow_usd']}"
        names = ("scenario", "shocks", "all", "betas", "seconds", "path")
        spoken = Spoken(books=books, **{name: data[name].strip() for name in names})
        scenario = scenario_of(spoken)
        check(scenario, priced=[asset for asset, price in prices_e8().items() if price])
        return scenario

    def made(self) -> Scenario:
        """Return the scenario of a valid form."""
        scenario = self.cleaned_data["made"]
        assert isinstance(scenario, Scenario)
        return scenario
