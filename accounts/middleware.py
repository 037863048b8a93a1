"""What every page and REST request goes through: who is let in, and what was denied."""

from collections.abc import Callable

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from accounts import acts
from accounts.allauth import unavailable
from accounts.models import User
from compliance import selectors
from compliance import services as compliance


class RecordDenials:
    """Write down what was denied, once nothing can roll it back any more."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        acts.write_denials()
        return response


class RefuseBlockedCustomers:
    """End the session of a customer whom compliance no longer lets in, at their next request.

    Answer 451 to whom the law, or a closed account, no longer lets look.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "_auth_user_id" not in request.session:
            return self.get_response(request)
        user = request.user
        if not isinstance(user, User) or user.is_staff:
            return self.get_response(request)
        customer = selectors.customer_of(user)
        refusal = compliance.permissions(customer).refusals.get("view") if customer else ""
        if refusal is None:
            return self.get_response(request)
        logout(request)
        return unavailable(request, refusal or "This sign-in belongs to no customer. Ask support.")
