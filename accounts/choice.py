"""Who is signed in, and at which account they look; the session remembers it.

A person looks at their own accounts, and at those which an owner shares with them.
"""

from collections.abc import Sequence

from django.db.models import OuterRef, Q, Subquery, TextField, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone

from accounts.access import accesses_of
from accounts.models import Account, AccountSettings, User
from engine.kinds import AccountState

_SESSION_KEY = "trading_account"


def user_of(request: HttpRequest) -> User:
    """Return the signed-in user; for views behind `login_required`."""
    assert isinstance(request.user, User), "login_required stands before every caller"
    return request.user


def accounts_of(request: HttpRequest) -> list[Account]:
    """Return the accounts which the signed-in user may choose: own ones first, main before subs.

    Then those which others share with them; none that is closed, and none for a visitor.
    """
    return [] if not request.user.is_authenticated else visible_accounts(user_of(request))


def visible_accounts(user: User) -> list[Account]:
    """Return the accounts, less closed ones, of which a user is the owner or a member.

    Each has its `state` for pages: an AccountState.
    """
    known = AccountSettings.objects.filter(account_id=OuterRef("pk")).values("state")
    # Signed up a moment ago, it is not known yet.
    state = Coalesce(Subquery(known), Value(AccountState.OPEN.value, TextField()))
    rows = Account.objects.filter(Q(user=user) | Q(pk__in=_shared_with(user))).annotate(state=state)
    shown = list(rows.exclude(state=AccountState.CLOSED).select_related("user"))
    # Sorting is stable: each owner's accounts stay in the owner's order.
    return sorted(shown, key=lambda account: account.user_id != user.pk)


def accounts_with_keys(user: User) -> list[Account]:
    """Return the accounts for which the user may make keys."""
    return permitted(visible_accounts(user), user, "manage_keys")


def permitted(
    accounts: Sequence[Account], user: User, permission: str, *, reduces: bool = False
) -> list[Account]:
    """Return those of the accounts with which the user may do something.

    Args:
        reduces: whether it only takes risk away.
    """
    accesses = accesses_of(accounts, user)
    return [
        account
        for account, access in zip(accounts, accesses, strict=True)
        if access.denial(permission, reduces=reduces) is None
    ]


def _shared_with(user: User) -> list[int]:
    live = user.memberships.filter(accepted_at__isnull=False, ended_at=None)
    live = live.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    return list(live.values_list("grants__account_id", flat=True).exclude(grants=None))


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
