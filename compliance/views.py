"""The customer's page of compliance: who we think they are, what they may do, and verification."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from compliance import selectors, services
from compliance.countries import country_name
from compliance.forms import KycForm
from compliance.models import KycRequest

_PERMISSION_NAMES = {
    "view": "Look at the account",
    "trade_spot": "Trade spot",
    "trade_perp": "Trade perpetual futures",
    "lend": "Lend",
    "borrow": "Borrow",
    "deposit": "Deposit",
    "withdraw": "Withdraw",
    "transfer": "Transfer between own accounts",
}


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Show what the customer may do and why not the rest, and take a request for verification."""
    assert request.user.pk is not None
    customer = selectors.customer_of(request.user)
    if customer is None:
        return render(request, "compliance/not_a_customer.html")
    form = KycForm(request.POST or None, initial={"residence": customer.country})
    if form.is_valid():
        try:
            services.submit_kyc(customer, form.details())
        except services.Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, "Thank you. Staff will look at your answers.")
            return redirect("compliance:verify")
    permissions = services.permissions(customer)
    latest = selectors.latest_kyc_request(customer)
    context = {
        "customer": customer,
        "country": country_name(customer.country),
        "permissions": [
            (name, permissions.refusals.get(permission, ""))
            for permission, name in _PERMISSION_NAMES.items()
        ],
        "latest": latest,
        "waiting": latest is not None and latest.state == KycRequest.State.SUBMITTED,
        "refused": latest is not None and latest.state == KycRequest.State.REFUSED,
        "form": form,
    }
    status = 422 if form.is_bound else 200
    return render(request, "compliance/verify.html", context, status=status)
