"""Money that has come in: stored with its origin, then credited by the engine, once.

A transaction of a chain names an arrival (chain, hash, index), and the database refuses a second
one of that name. The engine is asked under a command id made of the arrival's number; what it
credits names the arrival, so that asking again after a lost answer is harmless however late.
"""

import logging
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from accounts.addresses import is_address, transaction_key
from accounts.assets import decimals_of
from accounts.custody import owner_of
from accounts.models import Account, Deposit, DepositArrival, TokenTerms
from compliance import selectors
from compliance import services as compliance
from compliance.services import Refusal
from engine.commands import CreditDeposit
from engine.events import CommandRejected
from engine.units import AccountId
from gateway.client import submit
from gateway.decimals import format_decimal
from gateway.errors import GatewayError

logger = logging.getLogger(__name__)

# Whether the engine has credited an arrival, for queries of many; only rows above 0 are indexed.
CREDITED = Exists(Deposit.objects.filter(arrival_id__gt=0, arrival_id=OuterRef("pk")))


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """What staff say of a deposit. Over a chain, the address says whose it is."""

    asset: str
    amount_atoms: int
    account: int | None = None
    blockchain: str = ""
    address: str = ""
    transaction_hash: str = ""
    output_index: int = 0
    from_address: str = ""


def credit_arrival(arrived: Arrived) -> DepositArrival:
    """Credit a deposit and return its arrival.

    Raises Refusal for what cannot be, has been credited, or compliance does not allow; and where
    the engine did not answer: then a job credits it.
    """
    account, values = _chain_values(arrived) if arrived.blockchain else _plain_values(arrived)
    _require_deposits(account)
    values |= {"asset": arrived.asset, "amount": arrived.amount_atoms, "account_id": account.pk}
    arrival = _stored(values)
    try:
        credit(arrival)
    except GatewayError as error:
        raise Refusal(
            "ENGINE_AWAY",
            f"The engine did not answer. The deposit is stored as arrival {arrival.pk} and is "
            "credited as soon as it does: do not enter it again.",
        ) from error
    return arrival


def credit(arrival: DepositArrival) -> None:
    """Have the engine credit a stored arrival, once. Raises Refusal and the gateway's errors."""
    if is_credited(arrival):
        return
    command = CreditDeposit(
        account=AccountId(arrival.account_id),
        asset=arrival.asset,
        amount_atoms=int(arrival.amount),
        arrival=arrival.pk,
    )
    answer = submit(command, command_id=f"arrival:{arrival.pk}").answer
    if isinstance(answer, CommandRejected):
        # Nothing has come in: the transaction may be entered anew.
        arrival.delete()
        raise Refusal(answer.code.value, answer.message)


def credit_all() -> int:
    """Credit the arrivals for which the engine did not answer, and return how many were."""
    credited = 0
    for arrival in DepositArrival.objects.filter(~CREDITED).order_by("pk"):
        try:
            credit(arrival)
        except Refusal as refusal:
            logger.error("arrival %s is refused and forgotten: %s", arrival.pk, refusal)
        else:
            credited += 1
    return credited


def is_credited(arrival: DepositArrival) -> bool:
    """Return whether the engine has credited an arrival."""
    return Deposit.objects.filter(arrival_id=arrival.pk).exists()


def may_deposit(account: Account) -> bool:
    """Return whether compliance lets money come into an account; stores no decision."""
    customer = selectors.customer_of(account.user)
    return customer is not None and "deposit" in compliance.permissions(customer).allowed


def _chain_values(arrived: Arrived) -> tuple[Account, dict[str, Any]]:
    chain = arrived.blockchain
    terms = TokenTerms.objects.filter(asset=arrived.asset, blockchain=chain).first()
    if terms is None or not terms.deposit_enabled:
        message = f"{arrived.asset} cannot be deposited over {chain}: see the token terms."
        raise Refusal("CHAIN_NOT_OPEN", message)
    if arrived.amount_atoms < terms.minimum_deposit:
        least = format_decimal(int(terms.minimum_deposit), decimals_of(arrived.asset))
        raise Refusal("BELOW_MINIMUM", f"The smallest deposit is {least} {arrived.asset}.")
    owner = owner_of(chain, arrived.address)
    if owner is None or owner.account is None:
        raise Refusal("NOBODYS_ADDRESS", f"This {chain} address has been given to nobody.")
    if arrived.account not in (None, owner.account.pk):
        message = f"The address belongs to account {owner.account.pk}: leave the account out."
        raise Refusal("OTHER_ACCOUNT", message)
    key = transaction_key(chain, arrived.transaction_hash)
    if key is None:
        raise Refusal("NO_TRANSACTION", f"Write the hash of the {chain} transaction.")
    if arrived.from_address and not is_address(chain, arrived.from_address):
        raise Refusal("NOT_AN_ADDRESS", f"The sender is no {chain} address.")
    return owner.account, {
        "blockchain": chain,
        "address": owner.address,
        "transaction_hash": key,
        "output_index": arrived.output_index,
        "from_address": arrived.from_address,
    }


def _plain_values(arrived: Arrived) -> tuple[Account, dict[str, Any]]:
    if arrived.address or arrived.transaction_hash:
        raise Refusal("NO_CHAIN", "Choose the chain of the address and the transaction.")
    account = Account.objects.filter(pk=arrived.account or 0).first()
    if account is None:
        raise Refusal("UNKNOWN_ACCOUNT", "Write the number of the account to credit.")
    return account, {}


def _require_deposits(account: Account) -> None:
    customer = selectors.customer_of(account.user)
    if customer is None:
        raise Refusal("NOT_A_CUSTOMER", "The account belongs to no customer.")
    compliance.require(customer, "deposit")


def _stored(values: dict[str, Any]) -> DepositArrival:
    """Store an arrival, or find the one whose credit was not answered."""
    try:
        with transaction.atomic():
            return DepositArrival.objects.create(**values)
    except IntegrityError:
        names = ("blockchain", "transaction_hash", "output_index")
        earlier = DepositArrival.objects.get(**{name: values[name] for name in names})
    same = all(getattr(earlier, name) == value for name, value in values.items())
    if same and not is_credited(earlier):
        return earlier
    raise Refusal(
        "CREDITED_ALREADY",
        f"This transaction is arrival {earlier.pk}, to account {earlier.account_id}: "
        "it is credited once.",
    )
