"""Who is signed in, and which of their accounts they look at; the session remembers it."""

from django.http import HttpRequest

from accounts.models import Account, User

_SESSION_KEY = "trading_account"


def user_of(request: HttpRequest) -> User:
    """Return the signed-in user; for views behind `login_required`."""
    assert isinstance(request.user, User), "login_required stands before every caller"
    return request.user


def accounts_of(request: HttpRequest) -> list[Account]:
    """Return the accounts of the signed-in user, the main one first; none for a visitor."""
    if not request.user.is_authenticated:
        return []
    rows = Account.objects.filter(user_id=request.user.pk)
    return list(rows.select_related("user"))


def chosen_account(request: HttpRequest, choices: list[Account]) -> Account | None:
    """Return the account which the request names or the session remembers, else the main one.

    None if the request names an account which is not among `choices`, or there is none.
    """
    named = request.POST.get("account") or request.GET.get("account")
    wanted = named or request.session.get(_SESSION_KEY)
    for account in choices:
        if str(account.pk) == str(wanted):
            if request.session.get(_SESSION_KEY) != account.pk:
                request.session[_SESSION_KEY] = account.pk
            return account
    # Never act for another account than the one that was named.
    return None if named or not choices else choices[0]
