"""The console of the hedging desk: how each desk stands, and what staff do about it.

Nothing is edited here. Acts are audited; what moves money goes through `submit_act`.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from kombu.exceptions import OperationalError
from unfold.decorators import action

from compliance.models import AuditRecord
from compliance.services import Refusal
from compliance.staff import ReadOnlyAdmin, audited_action, audited_form, submit_act
from engine.commands import FundInsurance
from hedging import (
    acts,
    admin_tables,  # noqa: F401 -- registers its tables
    tasks,
)
from hedging.admin_columns import lines, side
from hedging.figures import Figures, figures_of
from hedging.forms import DeskForm
from hedging.models import Desk
from hedging.words import dollars, plain

# A look which was asked for longer ago is not wanted any more.
LOOK_SECONDS = 30


def figure(name: str, title: str, read: Callable[[Figures], tuple[str, ...]]) -> Any:
    """Return a column of a desk with lines which are counted from its tables, once a row."""

    @admin.display(description=title)
    def show(row: Any) -> SafeString:
        return lines(read(_figures(row)))

    show.__name__ = name
    return show


def _slipped(figures: Figures) -> str:
    return f"{dollars(figures.slippage)} slippage"


def _open(figures: Figures) -> str:
    return f"{dollars(figures.unrealized)} open"


def _figures(row: Any) -> Figures:
    if not hasattr(row, "figures"):
        row.figures = figures_of(row)
    found: Figures = row.figures
    return found


@audited_action(permission="hedging.run_desk", description="Pause: send no orders")
def pause(request: HttpRequest, row: Desk, reason: str, record: AuditRecord) -> str:
    """Have a desk send nothing."""
    acts.pause(row)
    return f"The {row} is paused; what it has sent is still followed up."


@audited_action(permission="hedging.run_desk", description="Resume")
def resume(request: HttpRequest, row: Desk, reason: str, record: AuditRecord) -> str:
    """Let a desk go on, once the venue's position is explained."""
    acts.resume(row)
    return f"The {row} is running."


@audited_action(permission="hedging.run_desk", description="Reconcile now: look, send nothing")
def reconcile(request: HttpRequest, row: Desk, reason: str, record: AuditRecord) -> str:
    """Compare a desk with its venue."""
    return _ask_look(row, may_order=False)


@audited_action(permission="hedging.run_desk", description="Hedge now")
def hedge_now(request: HttpRequest, row: Desk, reason: str, record: AuditRecord) -> str:
    """Have a desk look, and send what is missing."""
    return _ask_look(row, may_order=True)


def _ask_look(row: Desk, *, may_order: bool) -> str:
    # By a job: the web has no keys of venues.
    arguments = {"market": row.market, "may_order": may_order}
    try:
        tasks.hedge_desk.apply_async(kwargs=arguments, expires=LOOK_SECONDS)
    except OperationalError as error:
        raise Refusal("BROKER_AWAY", "The jobs cannot be reached: try again.") from error
    return f"The {row} is looked at now: reload this page in a few seconds."


@audited_action(
    permission="hedging.run_desk", description="Give up the order which the venue never settles"
)
def give_up_order(request: HttpRequest, row: Desk, reason: str, record: AuditRecord) -> str:
    """End an attempt by hand."""
    return f"The {acts.give_up_order(row)} is given up."


@audited_action(
    permission="hedging.set_desk",
    description="Take the venue's position over as ours",
    asks="What the venue holds, as you see it there (below zero when short)",
)
def take_over(request: HttpRequest, row: Desk, reason: str, record: AuditRecord) -> str:
    """Book what our fills do not explain, at the mark."""
    difference = acts.take_over(row, record.details["answer"], record.pk)
    return f"{row}: {plain(difference)} is booked at the mark. Resume it when all is right."


@audited_action(
    permission="hedging.insure_profit",
    description="Put realized profit into the insurance",
    asks="Amount of the quote asset, which the house has brought in",
)
def insure_profit(request: HttpRequest, row: Desk, reason: str, record: AuditRecord) -> str:
    """Fund the insurance with realized profit of a desk that was not put there before."""
    profit = acts.reserve_profit(row, record.details["answer"], record.pk)
    try:
        submit_act(FundInsurance(asset=profit.asset, amount_atoms=profit.atoms), record)
    except Refusal as refusal:
        # Without an answer it may have happened: then the note stays.
        if refusal.code != "ENGINE_AWAY":
            acts.release_profit(record.pk)
        raise
    return f"{plain(profit.amount)} {profit.asset} of the {row} is in the insurance."


def set_desk(form: Any) -> str:
    """Set up a desk or change its terms."""
    desk = acts.set_desk(form.desk())
    return f"The {desk} has these terms now; it is {desk.get_state_display().lower()}."


@admin.register(Desk)
class DeskAdmin(ReadOnlyAdmin):
    """Every desk as it stands: inventory, hedge, what is open, costs, profit."""

    list_display = (
        *("market", "state_words", "where"),
        figure("inventory", "inventory", lambda f: (plain(f.inventory),)),
        figure("hedge", "hedge", lambda f: (plain(f.hedge),)),
        "not_hedged",
        figure("cost", "cost, USD", lambda f: (f"{dollars(f.fees)} fees", _slipped(f))),
        figure("gain", "profit, USD", lambda f: (f"{dollars(f.realized)} realized", _open(f))),
        "last_order",
    )
    fields = (
        *("market", "account", "venue", "venue_symbol", "paper", "state", "reason"),
        *("limit_usd", "slippage_ppm", "max_order", "position", "looked_at"),
        *("disagrees_since", "over_since", "profit"),
    )
    readonly_fields = ("profit",)
    search_fields = ("=market",)
    list_select_related = ("account",)
    actions = (pause, resume, reconcile, hedge_now, give_up_order, take_over, insure_profit)
    actions_list = ("desk_page",)

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Show the form's button and open the form."""
        return bool(request.user.has_perm("hedging.set_desk"))

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="Set up a desk", url_path="set", permissions=["act"]
    )
    def desk_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for the terms of a desk; those of a market that has one are replaced."""
        form = DeskForm(request.POST or None)
        return audited_form(self, request, form, title="Set up a desk", act=set_desk)

    @admin.display(description="state", ordering="state")
    def state_words(self, row: Desk) -> SafeString:
        """Show the state, why it is stopped, the alarms that go on, and when it was looked at."""
        kinds = row.alarms.filter(ended_at=None).values_list("kind", flat=True)
        words = [row.get_state_display(), *([row.reason] if row.reason else []), *kinds]
        looked = f"at {row.looked_at:%H:%M:%S} UTC" if row.looked_at else "never looked at"
        return lines((*dict.fromkeys(word.replace("_", " ") for word in words), looked))

    @admin.display(description="venue", ordering="venue")
    def where(self, row: Desk) -> SafeString:
        """Show where the orders go."""
        return lines((row.venue_name, row.venue_symbol))

    @admin.display(description="not hedged")
    def not_hedged(self, row: Desk) -> SafeString:
        """Show what is open, what that is worth, and the limit."""
        found = _figures(row)
        usd = f"{dollars(found.delta_usd)} USD"
        return lines((plain(found.delta), usd, f"of {dollars(row.limit_usd)}"))

    @admin.display(description="last order")
    def last_order(self, row: Any) -> SafeString:
        """Show the last order and what became of it."""
        order = _figures(row).last_order
        if order is None:
            return lines(("-",))
        at = f"{order.planned_at:%m-%d %H:%M:%S} UTC"
        return lines(
            (f"{side(order)} {plain(order.quantity)}", f"at {plain(order.price)}", order.status, at)
        )

    @admin.display(description="profit, USD")
    def profit(self, row: Desk) -> str:
        """Show where the profit comes from, and what of it may be insured."""
        found = _figures(row)
        parts = {
            "hedge realized": found.hedge_realized,
            "hedge unrealized": found.hedge_unrealized,
            "hedge fees": -found.fees,
            "inventory realized": found.earned.realized,
            "inventory unrealized": found.earned.unrealized,
            "inventory fees": -found.earned.fees,
            "inventory interest": found.earned.interest,
            "insured before": found.insured,
            "may be insured": found.insurable,
        }
        return ", ".join(f"{name} {dollars(value)}" for name, value in parts.items())
