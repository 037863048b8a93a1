"""The seam to custody: token terms, the pool of deposit addresses, the exchange's own wallets.

No chain is connected. Whoever derives addresses (a custodian, a signer) hands staff a list, which
is imported here; each is given to one account, once. A connected chain would fill the same pool.
"""

from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.access import Access
from accounts.addresses import BLOCKCHAINS, address_key, is_address
from accounts.api.errors import Refused, require
from accounts.assets import assets
from accounts.models import Account, DepositAddress, ExchangeWallet, TokenTerms
from compliance.services import Refusal
from gateway.decimals import format_decimal

IMPORT_MAX = 10_000


class TokenRow(NamedTuple):
    """The terms of one asset on one chain, as decimal text."""

    name: str
    blockchain: str
    contract_address: str
    deposit_enabled: bool
    minimum_deposit: str
    withdraw_enabled: bool
    minimum_withdrawal: str
    maximum_withdrawal: str | None
    withdrawal_fee: str
    native_decimals: int


def token_rows() -> dict[str, list[TokenRow]]:
    """Return the chains of each asset that has any, by symbol."""
    listed = assets()
    rows: dict[str, list[TokenRow]] = {}
    for terms in TokenTerms.objects.order_by("asset", "blockchain"):
        asset = listed.get(terms.asset)
        if asset is not None:
            rows.setdefault(terms.asset, []).append(_token_row(terms, asset.name, asset.decimals))
    return rows


def _token_row(terms: TokenTerms, name: str, decimals: int) -> TokenRow:
    most = terms.maximum_withdrawal
    return TokenRow(
        name=name,
        blockchain=terms.blockchain,
        contract_address=terms.contract_address,
        deposit_enabled=terms.deposit_enabled,
        minimum_deposit=format_decimal(int(terms.minimum_deposit), decimals),
        withdraw_enabled=terms.withdraw_enabled,
        minimum_withdrawal=format_decimal(int(terms.minimum_withdrawal), decimals),
        maximum_withdrawal=None if most is None else format_decimal(int(most), decimals),
        withdrawal_fee=format_decimal(int(terms.withdrawal_fee), decimals),
        native_decimals=terms.native_decimals,
    )


def set_token_terms(terms: TokenTerms) -> TokenTerms:
    """Store the terms of one asset on one chain in place of earlier ones. Raises Refusal."""
    names = [field.name for field in TokenTerms._meta.fields if field.name != "id"]
    values = {name: getattr(terms, name) for name in names}
    asset, blockchain = values.pop("asset"), values.pop("blockchain")
    try:
        with transaction.atomic():
            stored, _ = TokenTerms.objects.update_or_create(
                asset=asset, blockchain=blockchain, defaults=values
            )
    except IntegrityError as error:
        raise Refusal(
            "INVALID_TERMS", "The smallest withdrawal must be above the fee; nothing below zero."
        ) from error
    return stored


def import_addresses(text: str) -> int:
    """Add addresses to the pool and return how many there were; all of them, or none.

    Args:
        text: CSV, a chain and an address a line, such as `Ethereum,0x52…`.

    Raises Refusal for the first line which cannot be, or is in the pool already.
    """
    rows = [_pool_row(at, line) for at, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not rows:
        raise Refusal("NO_ADDRESSES", "Paste one address a line, such as Ethereum,0x52…")
    if len(rows) > IMPORT_MAX:
        raise Refusal("TOO_MANY_ADDRESSES", f"Import at most {IMPORT_MAX} addresses at once.")
    by_key = {row.key: row for row in rows}
    known = DepositAddress.objects.filter(key__in=by_key).first()
    if known is not None or len(by_key) < len(rows):
        what = known or "One of the addresses"
        message = f"{what} is there already: an address belongs to one chain and one account."
        raise Refusal("ADDRESS_KNOWN", message)
    try:
        with transaction.atomic():
            DepositAddress.objects.bulk_create(rows)
    except IntegrityError as error:
        raise Refusal(
            "ADDRESS_KNOWN", "Somebody has imported some of these: look again."
        ) from error
    return len(rows)


def _pool_row(at: int, line: str) -> DepositAddress:
    blockchain, comma, address = (part.strip() for part in line.partition(","))
    if not comma or blockchain not in BLOCKCHAINS:
        raise Refusal("UNKNOWN_CHAIN", f"Line {at}: write a chain and an address: Ethereum,0x52…")
    if not is_address(blockchain, address):
        raise Refusal("NOT_AN_ADDRESS", f"Line {at}: {address[:60]!r} is no {blockchain} address.")
    return DepositAddress(blockchain=blockchain, address=address, key=address_key(address))


def deposit_address(access: Access, blockchain: str) -> str:
    """Return the account's own address on a chain; the first call takes it out of the pool.

    Raises Refused: FORBIDDEN where the account may not deposit, 409 where none can be issued.
    """
    require(access, "deposit")
    own = DepositAddress.objects.filter(account_id=access.account, blockchain=blockchain).first()
    if own is not None:
        return own.address
    if not TokenTerms.objects.filter(blockchain=blockchain, deposit_enabled=True).exists():
        raise _cannot_issue(f"nothing can be deposited over {blockchain}: choose another chain")
    with transaction.atomic():
        # Two requests of one account take turns; those of different accounts do not.
        account = Account.objects.select_for_update().get(pk=access.account)
        given = DepositAddress.objects.filter(account=account, blockchain=blockchain).first()
        if given is None:
            free = DepositAddress.objects.filter(account=None, blockchain=blockchain)
            given = free.order_by("id").select_for_update(skip_locked=True).first()
            if given is None:
                raise _cannot_issue(f"no {blockchain} address is left: try again later")
            given.account, given.assigned_at = account, timezone.now()
            given.save(update_fields=["account", "assigned_at"])
    return given.address


def _cannot_issue(why: str) -> Refused:
    message = f"An address cannot be issued yet: {why}"
    return Refused(409, "PRECONDITION_FAILED", message)


def owner_of(blockchain: str, address: str) -> DepositAddress | None:
    """Return the pool's row of an address, if it is one of ours on that chain."""
    key = address_key(address)
    rows = DepositAddress.objects.select_related("account__user__customer")
    return rows.filter(blockchain=blockchain, key=key).first()


def add_wallet(blockchain: str, address: str) -> ExchangeWallet:
    """List an address as the exchange's own. Raises Refusal."""
    if not is_address(blockchain, address):
        raise Refusal("NOT_AN_ADDRESS", f"This is no {blockchain} address.")
    wallet, _ = ExchangeWallet.objects.update_or_create(
        blockchain=blockchain, address=address, defaults={"listed": True}
    )
    return wallet


def unlist_wallet(wallet: ExchangeWallet) -> None:
    """Take an address off the public list."""
    ExchangeWallet.objects.filter(pk=wallet.pk).update(listed=False)
