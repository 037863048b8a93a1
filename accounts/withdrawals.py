"""Withdrawals as customers ask for them. `accounts.outgoing` says what becomes of them."""

import hashlib
import logging
from datetime import datetime, timedelta

import msgspec
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import acts, approvals, outgoing
from accounts.access import Access, Denial
from accounts.address_book import known_entry, require_destination
from accounts.addresses import address_key, is_address
from accounts.api.errors import (
    EngineRefused,
    Refused,
    ask_answered,
    invalid_request,
    require,
    submit_accepted,
)
from accounts.assets import decimals_of
from accounts.custody import owner_of
from accounts.models import (
    Account,
    AddressBookEntry,
    ExchangeWallet,
    TokenTerms,
    Withdrawal,
    WithdrawalInstruction,
)
from accounts.second_factor import has_authenticator, require_code
from accounts.withdrawal_delay import delay_of
from compliance.services import Refusal
from engine.commands import RequestWithdrawal
from engine.questions import MaxAmount, MaxWithdrawal
from engine.units import AccountId
from gateway.decimals import format_decimal
from gateway.errors import GatewayError

logger = logging.getLogger(__name__)
_NOT_IN_BOOK = (
    "Members withdraw to addresses of the owner's address book only: "
    "have the owner add this one, and wait until it counts"
)


class WithdrawalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer asks for.

    The fee is a part of `amount_atoms`. `client_id` and `signature` each make a repeated request
    the same withdrawal.

    Args:
        code: of the authenticator app.
    """

    asset: str
    amount_atoms: int
    blockchain: str
    address: str
    client_id: str | None = None
    signature: str | None = None
    auto_lend_redeem: bool = True
    auto_borrow: bool = False
    code: str | None = None

    @property
    def digest(self) -> bytes | None:
        return hashlib.sha256(self.signature.encode()).digest() if self.signature else None


class OtherWithdrawal(Refused):
    """The client id was used for another withdrawal."""

    def __init__(self) -> None:
        message = "This clientId names another withdrawal: choose a new one"
        super().__init__(400, "INVALID_CLIENT_REQUEST", message)


def request_withdrawal(access: Access, request: WithdrawalRequest) -> int:
    """Put money in flight towards an address and return the withdrawal's number.

    Raises Refused if compliance, the chain's terms or the user's own guards say no, or the client
    id names another withdrawal; EngineRefused if the account cannot spare the money.
    """
    require(access, "withdraw")
    if request.auto_borrow:
        require(access, "borrow")
    instruction = _earlier(access.account, request)
    if instruction is None:
        instruction = _instruction(access, request)
    elif Withdrawal.objects.filter(pk=instruction.number).exists():
        return instruction.number
    command = RequestWithdrawal(
        account=AccountId(access.account),
        actor=access.actor,
        asset=request.asset,
        amount_atoms=request.amount_atoms,
        withdrawal=instruction.number,
        auto_lend_redeem=request.auto_lend_redeem,
        auto_borrow=request.auto_borrow,
        fee_atoms=int(instruction.fee),
    )
    try:
        submit_accepted(command, command_id=f"withdrawal:{instruction.number}")
    except EngineRefused:
        # Nothing is in flight: the client id is free for another attempt. The signed request is
        # not: whoever sends it again, when there is money, gets the same refusal.
        WithdrawalInstruction.objects.filter(pk=instruction.pk).update(client_id=None)
        raise
    _deliver(instruction.number)
    return instruction.number


def _deliver(number: int) -> None:
    try:
        outgoing.deliver(number)
    except (GatewayError, EngineRefused, Refusal) as error:
        # The money is in flight: that is what was asked for, and a job delivers it.
        logger.warning("withdrawal %s is delivered later: %s", number, error)


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


def _instruction(access: Access, request: WithdrawalRequest) -> WithdrawalInstruction:
    """Check what needs no engine and store where the money is to go.

    The code of the second factor is looked at last: one that counts once is not wasted on a
    request which is refused for another reason.
    """
    if not is_address(request.blockchain, request.address):
        raise invalid_request(f"Invalid `address`: this is no {request.blockchain} address")
    to_account = _internal_account(access, request)
    fee = _fee(request, is_internal=to_account is not None)
    entry = known_entry(access.user, request.blockchain, request.address)
    require_destination(access.user, entry)
    if not access.is_owner and entry is None:
        denial = Denial("withdraw", "member", _NOT_IN_BOOK)
        acts.note_denial(access, denial)
        raise Refused(403, "FORBIDDEN", denial.message)
    worth = approvals.worth_micros(request.asset, request.amount_atoms)
    approvals.must_be_approved(access, worth)
    if has_authenticator(access.person) and not (entry and entry.exempt):
        require_code(access.person, request.code)
    now = timezone.now()
    instruction = WithdrawalInstruction(
        number=_next_number(),
        account_id=access.account,
        asset=request.asset,
        amount=request.amount_atoms,
        fee=fee,
        blockchain=request.blockchain,
        address=request.address,
        client_id=request.client_id,
        request_digest=request.digest,
        to_account_id=to_account,
        trigger_at=_trigger_at(access.user, entry, now),
        asked_by=access.person,
        worth_micros=worth,
    )
    try:
        _store(access, instruction, now)
    except IntegrityError as error:
        earlier = _earlier(access.account, request)
        if earlier is None:
            raise OtherWithdrawal() from error
        return earlier
    return instruction


@transaction.atomic
def _store(access: Access, instruction: WithdrawalInstruction, now: datetime) -> None:
    """Store where the money is to go, released unless it must wait for a time or a person."""
    # One after the other: two which together pass the threshold must not both see room.
    Account.objects.select_for_update().get(pk=access.owner)
    worth = instruction.worth_micros
    instruction.needs_approval = approvals.must_be_approved(access, worth)
    if not instruction.needs_approval and instruction.trigger_at is None:
        instruction.released_at = now
    instruction.save(force_insert=True)


def _internal_account(access: Access, request: WithdrawalRequest) -> int | None:
    """Return the account of this exchange which the address belongs to, if it is ours."""
    ours = owner_of(request.blockchain, request.address)
    if ours is None:
        wallets = ExchangeWallet.objects.filter(blockchain=request.blockchain)
        own = {address_key(address) for address in wallets.values_list("address", flat=True)}
        if address_key(request.address) in own:
            raise invalid_request("This address is the exchange's own: nobody would be credited")
        return None
    if ours.account_id is None:
        raise invalid_request("This address belongs to no account yet: nobody would be credited")
    if ours.account_id == access.account:
        raise invalid_request("This is the deposit address of the same account")
    return ours.account_id


def _fee(request: WithdrawalRequest, *, is_internal: bool) -> int:
    """Return what the withdrawal costs, in atoms; what stays in the house costs nothing."""
    terms = TokenTerms.objects.filter(asset=request.asset, blockchain=request.blockchain).first()
    if terms is None:
        message = f"{request.asset} is not withdrawn over {request.blockchain}: see `tokens` of "
        raise invalid_request(message + "/api/v1/assets")
    if not terms.withdraw_enabled:
        message = f"Withdrawals of {request.asset} over {request.blockchain} are paused: try later"
        raise Refused(403, "FORBIDDEN", message)
    if request.amount_atoms < terms.minimum_withdrawal:
        raise _beyond("least", request.asset, int(terms.minimum_withdrawal))
    most = terms.maximum_withdrawal
    if most is not None and request.amount_atoms > most:
        raise _beyond("most", request.asset, int(most))
    return 0 if is_internal else int(terms.withdrawal_fee)


def _beyond(what: str, asset: str, atoms: int) -> Refused:
    amount = format_decimal(atoms, decimals_of(asset))
    return Refused(400, "INVALID_QUANTITY", f"Withdraw at {what} {amount} {asset} at once")


def _trigger_at(user: int, entry: AddressBookEntry | None, now: datetime) -> datetime | None:
    """Return when a withdrawal may be sent; None for at once.

    What has stood in the address book for as long as the delay does not wait any more.
    """
    wait = timedelta(hours=delay_of(user, now).hours)
    if not wait or (entry is not None and entry.created_at + wait <= now):
        return None
    return now + wait


def _earlier(account: int, request: WithdrawalRequest) -> WithdrawalInstruction | None:
    """Return what the same request has stored before. Raises Refused for a used client id."""
    same = Q(pk=None)
    if request.digest:
        same |= Q(request_digest=request.digest)
    if request.client_id:
        same |= Q(client_id=request.client_id)
    found = WithdrawalInstruction.objects.filter(same, account_id=account).first()
    if found is None:
        return None
    terms = (request.asset, request.amount_atoms, request.blockchain, request.address)
    if (found.asset, int(found.amount), found.blockchain, found.address) != terms:
        raise OtherWithdrawal()
    return found


def _next_number() -> int:
    """Draw the next number of the withdrawals' own sequence."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('accounts_withdrawal', 'id'))")
        row = cursor.fetchone()
    return int(row[0])
