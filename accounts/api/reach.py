"""Which accounts a key reaches: its own; an owner's key of the main account, all of the owner's."""

from accounts.access import Access, access_of
from accounts.api.errors import Refused
from accounts.models import Account, User
from accounts.selectors import subaccount_number


def person_of(access: Access) -> User:
    """Return the user who acts."""
    return User.objects.get(pk=access.person)


def reaches_all(access: Access) -> bool:
    """Return whether the key acts for all accounts of its owner."""
    return access.is_owner and access.account == access.owner


def accounts_within(access: Access) -> list[Account]:
    """Return the accounts which the key reaches, in the owner's order."""
    rows = Account.objects.filter(user_id=access.user).select_related("user", "main__user")
    return list(rows if reaches_all(access) else rows.filter(pk=access.account))


def account_within(access: Access, number: int | None) -> Account:
    """Return the account with a sub-account number; None is the key's own, 0 the main account.

    Raises Refused for one which the key does not reach.
    """
    own = subaccount_number(access.account) or 0
    wanted = own if number is None else number
    rows = Account.objects.select_related("user", "main__user")
    account = rows.filter(user_id=access.user, number=wanted).first()
    if wanted != own and not reaches_all(access):
        message = f"This key acts for sub-account {own} only: use a key of sub-account {wanted}"
        raise Refused(403, "FORBIDDEN", f"{message}, or the owner's of the main account")
    if account is None:
        raise Refused(404, "RESOURCE_NOT_FOUND", f"There is no sub-account {wanted}")
    return account


def access_within(access: Access, account: Account) -> Access:
    """Return what whoever acts may do with one of the owner's accounts, by the same key."""
    if account.pk == access.account:
        return access
    return access_of(account, person_of(access), scopes=access.scopes)


def access_named(access: Access, number: int | None) -> Access:
    """Return the access to the account with a sub-account number; None is the key's own.

    Raises Refused for one which the key does not reach.
    """
    if number is None:
        return access
    try:
        return access_within(access, account_within(access, number))
    except Refused as refused:
        # The contract has one answer for what is not there and what is not one's own.
        raise Refused(403, "FORBIDDEN", refused.message) from refused


def sibling(access: Access, number: int) -> Account:
    """Return another account of the same owner, for money to go to. Raises Refused."""
    rows = Account.objects.select_related("user").filter(user_id=access.user)
    account = rows.filter(number=number).first()
    if account is None:
        raise Refused(404, "RESOURCE_NOT_FOUND", f"There is no sub-account {number}")
    return account
