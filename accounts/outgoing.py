"""What becomes of a withdrawal: cancelled by its owner, released, delivered inside the house, sent.

A withdrawal which must wait has a `trigger_at`. Until it is released its owner may cancel it, and
staff cannot send it. What goes to another account of the exchange needs no chain: the money leaves
the one and arrives at the other as two commands, each under an id of its own. No transaction holds
them together: every step is stored or committed before the next, so that a delivery which breaks
off is taken up again where it stood, by whoever comes first.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import acts
from accounts.addresses import transaction_key
from accounts.api.errors import EngineRefused, Refused, submit_accepted
from accounts.arrivals import credit, may_deposit
from accounts.models import (
    Account,
    AccountSettings,
    DepositArrival,
    User,
    Withdrawal,
    WithdrawalInstruction,
)
from compliance.services import Refusal
from engine.commands import SettleWithdrawal
from engine.kinds import AccountState
from engine.rejects import Reject

logger = logging.getLogger(__name__)


@transaction.atomic
def cancel_withdrawal(accounts: list[int], number: int, *, person: User) -> None:
    """Give a waiting withdrawal back to the account which asked for it.

    Args:
        accounts: those from which the person who cancels may withdraw.

    Raises Refused once it may have been sent, EngineRefused if it has ended, and the gateway's
    errors.
    """
    rows = WithdrawalInstruction.objects.select_for_update()
    instruction = rows.filter(number=number, account_id__in=accounts).first()
    if instruction is None:
        raise Refused(404, "RESOURCE_NOT_FOUND", "Withdrawal not found")
    approvable = instruction.needs_approval and instruction.approved_at is None
    if instruction.released_at is not None or (instruction.trigger_at is None and not approvable):
        message = "This withdrawal has left its waiting time: it may have been sent"
        raise Refused(409, "PRECONDITION_FAILED", message)
    # The lock keeps it from being released meanwhile.
    command = SettleWithdrawal(withdrawal=number, returned=True)
    submit_accepted(command, command_id=f"cancel-withdrawal:{number}")
    account = Account.objects.get(pk=instruction.account_id)
    acts.record(account, person, "TakeBackWithdrawal", withdrawal=number)


def release_withdrawals(at: datetime | None = None) -> int:
    """Let go what has waited long enough, and return how many there were.

    Nothing leaves a frozen account: its owner has stopped it, or takes it back.
    """
    now = at or timezone.now()
    waiting = WithdrawalInstruction.objects.filter(released_at=None, trigger_at__lte=now)
    waiting = waiting.exclude(needs_approval=True, approved_at=None)
    frozen = AccountSettings.objects.filter(state=AccountState.FROZEN)
    waiting = waiting.exclude(account_id__in=frozen.values("account_id"))
    return waiting.update(released_at=now)


def deliver_all() -> int:
    """Deliver what waits for delivery inside the house, and return how many were."""
    delivered = 0
    for number in _deliverable().order_by("number").values_list("number", flat=True):
        try:
            delivered += deliver(number)
        except (EngineRefused, Refusal) as refusal:
            # It must not keep the others waiting.
            logger.error("withdrawal %s cannot be delivered: %s", number, refusal)
    return delivered


def count_undelivered() -> int:
    """Return how many wait for delivery: their recipient may not deposit, or it was refused."""
    return _deliverable().count()


def deliver(number: int) -> bool:
    """Move a withdrawal to the account of this exchange it goes to; return whether it has ended.

    Nothing happens to those which go elsewhere, must wait, or whose recipient may not deposit.
    """
    instruction = _deliverable().filter(number=number).first()
    if instruction is None:
        return False
    assert instruction.to_account_id is not None  # The query asked for it.
    recipient = Account.objects.select_related("user").get(pk=instruction.to_account_id)
    if not may_deposit(recipient):
        # Staff give it back, or see to what keeps the recipient from depositing.
        return False
    if _leave(number):
        credit(_arrival(instruction, recipient))
    WithdrawalInstruction.objects.filter(pk=number).update(delivered_at=timezone.now())
    return True


def require_sendable(number: int) -> None:
    """Refuse to send what still waits, or needs no chain. Raises compliance's Refusal."""
    instruction = WithdrawalInstruction.objects.filter(number=number).first()
    if instruction is None:
        return
    if instruction.needs_approval and instruction.approved_at is None:
        message = "It waits until a second person of its owner's team approves it; do not send it."
        raise Refusal("WITHDRAWAL_WAITS", message)
    if instruction.released_at is None:
        message = f"It waits until {instruction.trigger_at:%Y-%m-%d %H:%M} UTC; do not send it."
        raise Refusal("WITHDRAWAL_WAITS", message)
    if instruction.to_account_id is not None:
        message = (
            f"It goes to account {instruction.to_account_id} of this exchange by itself, once that "
            "account may deposit: send nothing over the chain."
        )
        raise Refusal("WITHDRAWAL_IS_INTERNAL", message)


def note_transaction(number: int, text: str) -> None:
    """Keep by which transaction a withdrawal has left, for its owner to see."""
    rows = WithdrawalInstruction.objects.filter(number=number)
    for instruction in rows:
        known = transaction_key(instruction.blockchain, text) or text
        rows.update(transaction_hash=known)


def _deliverable() -> QuerySet[WithdrawalInstruction]:
    """Return what has been released to an account of this exchange and has not got there.

    Only what the engine has taken: what it refused never left, and to settle what it has not seen
    yet would spend the command's id.
    """
    return WithdrawalInstruction.objects.filter(
        to_account_id__isnull=False,
        released_at__isnull=False,
        delivered_at=None,
        number__in=Withdrawal.objects.values("pk"),
    )


def _leave(number: int) -> bool:
    """End the withdrawal as sent and return whether it is: staff may have given it back."""
    try:
        submit_accepted(SettleWithdrawal(withdrawal=number), command_id=f"deliver:{number}")
    except EngineRefused as refused:
        if refused.rejected.code is not Reject.UNKNOWN_WITHDRAWAL:
            raise
        # It has ended before: by a delivery that broke off, or by staff.
        return Withdrawal.objects.get(pk=number).status == Withdrawal.Status.SETTLED
    return True


def _arrival(instruction: WithdrawalInstruction, recipient: Account) -> DepositArrival:
    arrival, _ = DepositArrival.objects.get_or_create(
        withdrawal=instruction.number,
        defaults={
            "account_id": recipient.pk,
            "asset": instruction.asset,
            "amount": instruction.amount,
            "blockchain": instruction.blockchain,
            "address": instruction.address,
        },
    )
    return arrival
