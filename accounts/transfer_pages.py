"""The page of transfers: now, of one asset or several; and by the clock."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import history, selectors, sweeps, transfers
from accounts.access import access_of
from accounts.account_forms import SweepForm, TransferForm, usual_ends
from accounts.api.errors import EngineRefused, Refused
from accounts.assets import assets
from accounts.choice import accounts_of, permitted, user_of
from accounts.models import Account, SweepRule
from accounts.sweeps import SweepTerms
from accounts.words import sentence
from compliance.services import Refusal
from gateway.decimals import format_decimal
from gateway.errors import EngineUnavailable, GatewayError, OutcomeUnknown

_LATER = (
    "The exchange has not answered in time. Press Transfer again: "
    "the money moves once, even if the first answer was lost."
)
_RESTARTING = "The exchange is restarting. Nothing was moved: try again."


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def transfer(request: HttpRequest) -> HttpResponse:
    """Move money between accounts of one owner, and show what was moved."""
    form = TransferForm(_choices(request), request.POST or None)
    if not form.is_valid():
        return _page(request, form, status=422 if form.is_bound else 200)
    data, user = form.cleaned_data, user_of(request)
    source, destination = access_of(data["source"], user), access_of(data["destination"], user)
    command_id = f"transfer:{user.pk}:{data['request_id']}"
    amounts = data["amounts"]
    try:
        if len(amounts) == 1:
            ((asset, atoms),) = amounts.items()
            transfers.transfer_funds(
                source, destination, asset=asset, amount_atoms=atoms, command_id=command_id
            )
        else:
            transfers.transfer_basket(source, destination, amounts=amounts, command_id=command_id)
    except OutcomeUnknown:
        form.add_error(None, _LATER)
        return _page(request, form, status=503)
    except EngineUnavailable:
        form.add_error(None, _RESTARTING)
        return _page(request, form, status=503)
    except EngineRefused as refused:
        # A refused request is answered for good under its id: another try needs another one.
        form.data = {**request.POST.dict(), "request_id": str(uuid.uuid4())}
        form.add_error(None, sentence(str(refused)))
        return _page(request, form, status=422)
    except Refused as refused:
        form.add_error(None, refused.message)
        return _page(request, form, status=422)
    said = ", ".join(_amount(asset, atoms) for asset, atoms in amounts.items())
    messages.success(
        request, f"Transferred {said} from {data['source'].name} to {data['destination'].name}."
    )
    return redirect("accounts:transfers")


@never_cache
@require_GET
@login_required
def most(request: HttpRequest) -> HttpResponse:
    """Answer with the most of an asset that can be transferred between two accounts now."""
    by_number = {str(account.pk): account for account in accounts_of(request)}
    source = by_number.get(request.GET.get("source", ""))
    destination = by_number.get(request.GET.get("destination", ""))
    asset = assets().get(request.GET.get("asset", ""))
    if source is None or destination is None or asset is None:
        return JsonResponse({"message": "Choose two accounts and an asset."}, status=400)
    user = user_of(request)
    try:
        atoms = transfers.max_transfer(
            access_of(source, user), access_of(destination, user), asset.symbol
        )
    except Refused as refused:
        return JsonResponse({"message": refused.message}, status=refused.status_code)
    except EngineRefused as refused:
        return JsonResponse({"message": sentence(str(refused))}, status=400)
    except GatewayError:
        return JsonResponse({"message": _RESTARTING}, status=503)
    return JsonResponse({"quantity": format_decimal(atoms, asset.decimals)})


@require_POST
@login_required
def create_sweep(request: HttpRequest) -> HttpResponse:
    """Have the clock make transfers."""
    form = SweepForm(_choices(request), request.POST, auto_id="sweep-%s")
    if form.is_valid():
        data = form.cleaned_data
        terms = SweepTerms(
            asset=data["asset"],
            amount_atoms=data["amount_atoms"],
            every=data["every"],
            keeps=data["kind"] != "move",
            tops_up=data["kind"] == "level",
            starts_at=data["starts_at"],
        )
        try:
            sweeps.create_sweep(user_of(request), data["source"], data["destination"], terms)
        except (Refusal, Refused) as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, "The rule holds. What each run has moved stands beside it.")
            return redirect("accounts:transfers")
    return _page(request, TransferForm(_choices(request)), sweep_form=form, status=422)


@require_POST
@login_required
def end_sweep(request: HttpRequest, rule: int) -> HttpResponse:
    """End a rule."""
    own = [account.pk for account in accounts_of(request)]
    row = get_object_or_404(
        SweepRule.objects.select_related("source__user", "destination"), pk=rule, source_id__in=own
    )
    try:
        sweeps.end_sweep(user_of(request), row)
    except (Refusal, Refused) as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The rule has ended.")
    return redirect("accounts:transfers")


def _choices(request: HttpRequest) -> list[Account]:
    """Return the accounts between which the user may move money."""
    return permitted(accounts_of(request), user_of(request), "transfer", reduces=True)


def _page(
    request: HttpRequest,
    form: TransferForm,
    *,
    sweep_form: SweepForm | None = None,
    status: int = 200,
) -> HttpResponse:
    choices, shown = _choices(request), accounts_of(request)
    numbers = [account.pk for account in shown]
    balances = selectors.balances_of(numbers)
    rules = SweepRule.objects.filter(source_id__in=numbers, ended_at=None)
    context = {
        "form": form,
        "sweep_form": sweep_form or SweepForm(choices, auto_id="sweep-%s"),
        "choices": choices,
        "may_transfer": usual_ends(choices) is not None,
        "accounts": [(account, balances[account.pk]) for account in shown],
        "transfers": history.recent_transfers(shown),
        "rules": [
            (rule, sweeps.words_of(rule))
            for rule in rules.select_related("source", "destination", "made_by")
        ],
    }
    return render(request, "accounts/transfers.html", context, status=status)


def _amount(asset: str, atoms: int) -> str:
    return f"{format_decimal(atoms, assets()[asset].decimals)} {asset}"
