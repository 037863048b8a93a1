"""Withdrawals as customers ask for them; staff end them in the console."""

import hashlib

import msgspec
from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from accounts.access import Access
from accounts.api.errors import EngineRefused, Refused, ask_answered, require, submit_accepted
from accounts.models import WithdrawalInstruction
from engine.commands import RequestWithdrawal
from engine.questions import MaxAmount, MaxWithdrawal
from engine.units import AccountId


class WithdrawalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer asks for.

    `client_id` and `signature` each make a repeated request the same withdrawal.
    """

    asset: str
    amount_atoms: int
    blockchain: str
    address: str
    client_id: str | None = None
    signature: str | None = None
    auto_lend_redeem: bool = True
    auto_borrow: bool = False

    @property
    def digest(self) -> bytes | None:
        return hashlib.sha256(self.signature.encode()).digest() if self.signature else None


def request_withdrawal(access: Access, request: WithdrawalRequest) -> int:
    """Put money in flight towards an address and return the withdrawal's number.

    Raises Refused if compliance says no or the client id names another withdrawal, EngineRefused
    if the account cannot spare the money.
    """
    require(access, "withdraw")
    if request.auto_borrow:
        require(access, "borrow")
    instruction = _instruction(access.account, request)
    command = RequestWithdrawal(
        account=AccountId(access.account),
        asset=request.asset,
        amount_atoms=request.amount_atoms,
        withdrawal=instruction.number,
        auto_lend_redeem=request.auto_lend_redeem,
        auto_borrow=request.auto_borrow,
    )
    try:
        submit_accepted(command, command_id=f"withdrawal:{instruction.number}")
    except EngineRefused:
        # Nothing is in flight: the client id is free for another attempt. The signed request is
        # not: whoever sends it again, when there is money, gets the same refusal.
        WithdrawalInstruction.objects.filter(pk=instruction.pk).update(client_id=None)
        raise
    return instruction.number


def max_withdrawal(
    access: Access, asset: str, *, auto_lend_redeem: bool = True, auto_borrow: bool = False
) -> int:
    """Return the largest withdrawal of an asset that would be accepted now, in atoms."""
    if access.refusal("withdraw") or (auto_borrow and access.refusal("borrow")):
        return 0
    answer = ask_answered(
        MaxWithdrawal(
            account=AccountId(access.account),
            asset=asset,
            auto_lend_redeem=auto_lend_redeem,
            auto_borrow=auto_borrow,
        )
    )
    assert isinstance(answer, MaxAmount)
    return answer.amount_atoms


def _instruction(account: int, request: WithdrawalRequest) -> WithdrawalInstruction:
    """Store where the money is to go, or find what the same request has stored before."""
    instruction = WithdrawalInstruction(
        number=_next_number(),
        account_id=account,
        asset=request.asset,
        amount=request.amount_atoms,
        blockchain=request.blockchain,
        address=request.address,
        client_id=request.client_id,
        request_digest=request.digest,
    )
    try:
        with transaction.atomic():
            instruction.save(force_insert=True)
    except IntegrityError:
        return _earlier(account, request)
    return instruction


def _earlier(account: int, request: WithdrawalRequest) -> WithdrawalInstruction:
    same_request = Q(request_digest=request.digest) if request.digest else Q()
    same_client_id = Q(client_id=request.client_id) if request.client_id else Q()
    found = WithdrawalInstruction.objects.filter(
        same_request | same_client_id, account_id=account
    ).first()
    terms = (request.asset, request.amount_atoms, request.blockchain, request.address)
    if found and (found.asset, int(found.amount), found.blockchain, found.address) == terms:
        return found
    message = "This clientId names another withdrawal: choose a new one"
    raise Refused(400, "INVALID_CLIENT_REQUEST", message)


def _next_number() -> int:
    """Draw the next number of the withdrawals' own sequence."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('accounts_withdrawal', 'id'))")
        row = cursor.fetchone()
    return int(row[0])
