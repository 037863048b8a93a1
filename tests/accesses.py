"""What somebody may do, said directly: for tests which need no customers, members or rules."""

from typing import Any

from accounts.access import Access, Holder, effective
from compliance.matrix import Permissions


def access_to(
    account: int, allowed: frozenset[str], refusals: dict[str, str] | None = None, **holder: Any
) -> Access:
    """Return the access of an owner to a main account whose customer may do what is allowed."""
    user = holder.pop("user", 1)
    who = Holder(account=account, owner=account, user=user, person=user, facts=None, **holder)
    return effective(who, Permissions(allowed, refusals or {}, None), None, now=0.0)
