"""What an owner changes of their accounts: names, colours, order; frozen, closed, opened again."""

from django.db import transaction

from accounts import acts
from accounts.access import Access
from accounts.api.errors import require, submit_accepted
from accounts.models import Account, User
from accounts.models.users import COLOURS, SUB_ACCOUNT_LIMIT_MAX
from accounts.services import locked_main, require_free_name
from compliance import services as compliance
from compliance.services import Refusal
from engine.commands import CloseAccount, FreezeAccount, ReopenAccount
from engine.units import AccountId

NAME_CHARACTERS = 40


@transaction.atomic
def rename_account(account: Account, name: str) -> Account:
    """Give an account another name. Raises Refusal if the owner has one of that name."""
    locked_main(account.user)
    if account.name != name:
        require_free_name(account.user, name)
        acts.record(account, account.user, "RenameAccount", before=account.name, after=name)
    account.name = name
    account.save(update_fields=["name"])
    return account


def choose_colour(account: Account, colour: str) -> None:
    """Give an account another of COLOURS. Raises Refusal."""
    if colour not in COLOURS:
        raise Refusal("COLOUR_UNKNOWN", f"Choose one of {', '.join(COLOURS)}.")
    Account.objects.filter(pk=account.pk).update(colour=colour)


@transaction.atomic
def move_account(account: Account, *, up: bool) -> None:
    """Change places with the neighbour in the owner's list; the main account stays first."""
    main = locked_main(account.user)
    subs = list(Account.objects.filter(main=main))
    numbers = [row.pk for row in subs]
    if account.pk not in numbers:
        return
    at = numbers.index(account.pk)
    other = at - 1 if up else at + 1
    if 0 <= other < len(subs):
        subs[at], subs[other] = subs[other], subs[at]
    for place, row in enumerate(subs, start=1):
        row.place = place
    Account.objects.bulk_update(subs, ["place"])


def set_sub_limit(user: User, limit: int) -> None:
    """Let a customer have up to `limit` sub-accounts; for staff. Raises Refusal."""
    if not 0 <= limit <= SUB_ACCOUNT_LIMIT_MAX:
        message = f"Write a number from 0 to {SUB_ACCOUNT_LIMIT_MAX}."
        raise Refusal("SUB_ACCOUNT_LIMIT", message)
    Account.objects.filter(user=user, number=0).update(sub_limit=limit)


def freeze_account(access: Access, *, frozen: bool) -> None:
    """Stop an account: its orders are cancelled and nothing new is taken; or let it go on.

    Raises Refused to whom it does not belong, EngineRefused, and the gateway's errors.
    """
    require(access, "manage_accounts")
    submit_accepted(
        FreezeAccount(account=AccountId(access.account), actor=access.actor, frozen=frozen)
    )
    compliance.announce(access.user)


def close_account(access: Access) -> None:
    """Close a sub-account which is flat and empty.

    Raises Refused to whom it does not belong, EngineRefused with what is left in it, and the
    gateway's errors.
    """
    require(access, "manage_accounts")
    submit_accepted(CloseAccount(account=AccountId(access.account), actor=access.actor))
    compliance.announce(access.user)


def reopen_account(access: Access) -> None:
    """Open a closed sub-account again. Raises as `close_account`."""
    require(access, "manage_accounts")
    submit_accepted(ReopenAccount(account=AccountId(access.account), actor=access.actor))
    compliance.announce(access.user)
