"""Withdrawals which a second person must approve before they leave.

What an owner's accounts withdraw in 24 hours, less what was approved, may come to a threshold. What
goes beyond waits, its money already out of the account, until somebody else who may withdraw there
says yes or no; after a week the answer is no. As of every guard, weakening it takes a day.
"""

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts import acts, outgoing
from accounts.access import Access, access_of
from accounts.address_book import waiting_time
from accounts.api.errors import EngineRefused, Refused, require, submit_accepted
from accounts.assets import decimals_of, prices_e8
from accounts.models import (
    Account,
    Grant,
    User,
    Withdrawal,
    WithdrawalGuard,
    WithdrawalInstruction,
)
from accounts.rights import WITHDRAW_WHITELISTED
from accounts.second_factor import require_code
from compliance.services import Refusal
from engine.commands import SettleWithdrawal
from engine.units import MAX_ATOMS, div_ceil
from gateway.errors import GatewayError

logger = logging.getLogger(__name__)

WAITS_AT_MOST = timedelta(days=7)
COUNTED = timedelta(hours=24)
# From USD × 1e8 for one whole unit to USD × 1e6.
_MICROS_OF_E8 = 100
_GONE = "This withdrawal waits for nobody any more: look at the list again"


class Threshold(NamedTuple):
    """What holds, in USD × 1e6 (None: nothing waits), and what will from `next_at` on."""

    micros: int | None
    next_micros: int | None = None
    next_at: datetime | None = None


def threshold_of(user: int, at: datetime | None = None) -> Threshold:
    """Return above which worth an owner's withdrawals wait for a second person."""
    guard = WithdrawalGuard.objects.filter(user_id=user).first()
    return Threshold(None) if guard is None else _read(guard, at or timezone.now())


@transaction.atomic
def set_threshold(user: User, micros: int | None, code: str | None) -> Threshold:
    """Change the threshold: a lower one holds at once, a higher one or none after a day.

    Args:
        code: of the authenticator app of the owner, who must have set one up.

    Raises Refused.
    """
    if micros is not None and not 0 <= micros <= MAX_ATOMS:
        raise Refused(400, "INVALID_QUANTITY", "The threshold is an amount in USD, from 0 up")
    require_code(user.pk, code)
    guard, _ = WithdrawalGuard.objects.select_for_update().get_or_create(user=user)
    now = timezone.now()
    current = _read(guard, now).micros
    if current is None or (micros is not None and micros <= current):
        new = Threshold(micros)
    else:
        new = Threshold(current, micros, now + waiting_time())
    guard.approval_micros, guard.next_approval_micros, guard.next_approval_at = new
    guard.save(update_fields=["approval_micros", "next_approval_micros", "next_approval_at"])
    main = Account.objects.get(user=user, number=0)
    acts.record(main, user, "SetApprovalThreshold", micros=micros)
    return new


def worth_micros(asset: str, atoms: int) -> int | None:
    """Return what an amount is worth in USD × 1e6, rounded up; None without a price."""
    price = prices_e8().get(asset)
    if price is None:
        return None
    return div_ceil(atoms * price, int(10 ** decimals_of(asset)) * _MICROS_OF_E8)


def must_be_approved(access: Access, worth: int | None) -> bool:
    """Tell whether a withdrawal of that worth must wait for a second person.

    Raises Refused if it must, and there is nobody who could approve it.
    """
    threshold = threshold_of(access.user).micros
    if threshold is None:
        return False
    accounts = Account.objects.filter(user_id=access.user).values("pk")
    since = timezone.now() - COUNTED
    counted = WithdrawalInstruction.objects.filter(
        account_id__in=accounts, created_at__gte=since, needs_approval=False
    ).exclude(number__in=Withdrawal.objects.filter(status=Withdrawal.Status.RETURNED).values("pk"))
    before = counted.aggregate(sum=Sum("worth_micros"))["sum"] or 0
    # What has no price might be worth anything.
    if worth is not None and before + worth <= threshold:
        return False
    if not _others(access):
        message = (
            "This withdrawal needs a second person's approval, and nobody else may withdraw here: "
            "invite somebody with that right, or raise the threshold under Withdrawals"
        )
        raise Refused(403, "FORBIDDEN", message)
    return True


def waiting(accounts: list[int]) -> list[WithdrawalInstruction]:
    """Return the withdrawals of these accounts which wait for a second person, oldest first."""
    rows = WithdrawalInstruction.objects.filter(
        account_id__in=accounts,
        needs_approval=True,
        approved_at=None,
        number__in=Withdrawal.objects.filter(status=Withdrawal.Status.PENDING).values("pk"),
    )
    return list(rows.order_by("number"))


@transaction.atomic
def approve(person: User, number: int, code: str | None) -> None:
    """Let a withdrawal leave that somebody else asked for. Raises Refused."""
    row, account = _waiting_for(person, number, reduces=False)
    if row.asked_by == person.pk:
        message = "You asked for this withdrawal yourself: somebody else must approve it"
        raise Refused(403, "FORBIDDEN", message)
    require_code(person.pk, code)
    now = timezone.now()
    row.approved_by, row.approved_at = person.pk, now
    if row.trigger_at is None or row.trigger_at <= now:
        row.released_at = now
    row.save(update_fields=["approved_by", "approved_at", "released_at"])
    acts.record(account, person, "ApproveWithdrawal", withdrawal=number)
    transaction.on_commit(lambda: _deliver(number))


@transaction.atomic
def turn_down(person: User, number: int) -> None:
    """Give a withdrawal that waits back to its account. Whoever asked for it may, too.

    Raises Refused, EngineRefused, and the gateway's errors.
    """
    _, account = _waiting_for(person, number, reduces=True)
    _return(number)
    acts.record(account, person, "TurnDownWithdrawal", withdrawal=number)


def return_unapproved(at: datetime | None = None) -> int:
    """Give back what nobody has approved for a week, and return how many there were."""
    limit = (at or timezone.now()) - WAITS_AT_MOST
    rows = WithdrawalInstruction.objects.filter(
        needs_approval=True,
        approved_at=None,
        created_at__lt=limit,
        number__in=Withdrawal.objects.filter(status=Withdrawal.Status.PENDING).values("pk"),
    )
    returned = 0
    for number in rows.values_list("number", flat=True):
        try:
            with transaction.atomic():
                WithdrawalInstruction.objects.select_for_update().get(
                    number=number, approved_at=None
                )
                _return(number)
            returned += 1
        except (EngineRefused, WithdrawalInstruction.DoesNotExist) as error:
            # Somebody has been faster; it must not keep the others waiting.
            logger.warning("withdrawal %s is not returned: %s", number, error)
    return returned


def _waiting_for(
    person: User, number: int, *, reduces: bool
) -> tuple[WithdrawalInstruction, Account]:
    """Return a waiting withdrawal, locked, which `person` may decide on. Raises Refused.

    Args:
        reduces: whether the money comes back: a freeze does not stop that.
    """
    row = WithdrawalInstruction.objects.select_for_update().filter(number=number).first()
    if row is None:
        raise Refused(404, "RESOURCE_NOT_FOUND", "Withdrawal not found")
    account = Account.objects.select_related("user").get(pk=row.account_id)
    if access_of(account, person).denial("view") is not None:
        raise Refused(404, "RESOURCE_NOT_FOUND", "Withdrawal not found")
    if row.asked_by != person.pk:
        require(access_of(account, person), "withdraw", reduces=reduces)
    ended = Withdrawal.objects.filter(pk=number).exclude(status=Withdrawal.Status.PENDING)
    if not row.needs_approval or row.approved_at is not None or ended.exists():
        raise Refused(409, "PRECONDITION_FAILED", _GONE)
    return row, account


def _others(access: Access) -> bool:
    """Return whether somebody but who asks may withdraw from the account."""
    if not access.is_owner:
        return True
    account = Account.objects.get(pk=access.account)
    grants = Grant.objects.filter(
        account=account,
        rights__contains=[WITHDRAW_WHITELISTED],
        member__ended_at=None,
        member__accepted_at__isnull=False,
    ).select_related("member__user")
    return any(
        grant.member.user is not None
        and access_of(account, grant.member.user).denial("withdraw") is None
        for grant in grants
    )


def _return(number: int) -> None:
    command = SettleWithdrawal(withdrawal=number, returned=True)
    submit_accepted(command, command_id=f"cancel-withdrawal:{number}")


def _deliver(number: int) -> None:
    try:
        outgoing.deliver(number)
    except (GatewayError, EngineRefused, Refusal) as error:
        logger.warning("withdrawal %s is delivered later: %s", number, error)


def _read(guard: WithdrawalGuard, at: datetime) -> Threshold:
    if guard.next_approval_at is None:
        return Threshold(guard.approval_micros)
    if guard.next_approval_at <= at:
        return Threshold(guard.next_approval_micros)
    return Threshold(guard.approval_micros, guard.next_approval_micros, guard.next_approval_at)
