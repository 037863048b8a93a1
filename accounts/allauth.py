"""How allauth opens the door: whom the law refuses gets no session."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import User
from compliance import selectors
from compliance import services as compliance
from compliance.models import Action, Product


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Asks compliance before each sign-in, by whatever method."""

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Answer 451 without a session when compliance refuses; otherwise go on."""
        refused: HttpResponse | None = super().pre_login(request, user, **kwargs)
        if refused is not None or user.is_staff:
            return refused
        customer = selectors.customer_of(user)
        if customer is None:
            return unavailable(request, "This sign-in belongs to no customer. Ask support.")
        decision = compliance.evaluate(customer, Action.SIGN_IN, Product.ACCOUNT)
        return None if decision.allowed else unavailable(request, decision.message)

    def is_email_verified(self, request: HttpRequest, email: str) -> bool:
        """Take addresses as they are where no verification is asked, as in the demo.

        allauth gives a second factor only to verified addresses.
        """
        unasked = settings.ACCOUNT_EMAIL_VERIFICATION == "none"
        return unasked or bool(super().is_email_verified(request, email))


def unavailable(request: HttpRequest, message: str) -> HttpResponse:
    """Return the page which says why there is no service, with HTTP 451."""
    request.session.flush()
    return render(request, "compliance/unavailable.html", {"message": message}, status=451)
