"""A user's address book, and whitelist-only mode. What weakens a guard takes effect later.

All accounts of a user share the book.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.addresses import address_key, is_address
from accounts.api.errors import Refused, invalid_request
from accounts.models import AddressBookEntry, WithdrawalGuard
from accounts.second_factor import require_code

ENTRIES_MAX = 100


def waiting_time() -> timedelta:
    """Return how long a new entry waits until it counts, and whitelist-only mode until it ends."""
    return timedelta(hours=settings.ADDRESS_BOOK_HOURS)


def add_entry(entry: AddressBookEntry, code: str | None) -> AddressBookEntry:
    """Put an address into the book. Raises Refused.

    Args:
        entry: with user, label, blockchain and address; `exempt` needs the second factor.
    """
    if not is_address(entry.blockchain, entry.address):
        raise invalid_request(f"This is no {entry.blockchain} address: compare it with its source")
    if AddressBookEntry.objects.filter(user_id=entry.user_id).count() >= ENTRIES_MAX:
        raise invalid_request(f"The book holds {ENTRIES_MAX} addresses: remove one first")
    if entry.exempt:
        require_code(entry.user_id, code)
    entry.key = address_key(entry.address)
    entry.created_at = timezone.now()
    entry.usable_at = entry.created_at + waiting_time()
    try:
        with transaction.atomic():
            entry.save(force_insert=True)
    except IntegrityError as error:
        raise invalid_request("This address is in your book already") from error
    return entry


def remove_entry(user: int, number: int) -> bool:
    """Take an entry out of the user's book and return whether it was there."""
    deleted, _ = AddressBookEntry.objects.filter(user_id=user, pk=number).delete()
    return bool(deleted)


def known_entry(user: int, blockchain: str, address: str) -> AddressBookEntry | None:
    """Return the user's entry of an address, once it counts."""
    return AddressBookEntry.objects.filter(
        user_id=user,
        blockchain=blockchain,
        key=address_key(address),
        usable_at__lte=timezone.now(),
    ).first()


def is_whitelist_only(guard: WithdrawalGuard | None, at: datetime) -> bool:
    """Return whether withdrawals go to the book's addresses only."""
    if guard is None or not guard.whitelist_only:
        return False
    return guard.open_at is None or at < guard.open_at


@transaction.atomic
def set_whitelist_only(user: int, *, on: bool) -> WithdrawalGuard:
    """Turn the mode on at once, or off after the waiting time."""
    guard, _ = WithdrawalGuard.objects.select_for_update().get_or_create(user_id=user)
    now = timezone.now()
    if on:
        guard.whitelist_only, guard.open_at = True, None
    elif is_whitelist_only(guard, now) and guard.open_at is None:
        guard.open_at = now + waiting_time()
    guard.save(update_fields=["whitelist_only", "open_at"])
    return guard


def require_destination(user: int, entry: AddressBookEntry | None) -> None:
    """Refuse a withdrawal to where the book does not lead, in whitelist-only mode."""
    guard = WithdrawalGuard.objects.filter(user_id=user).first()
    if entry is None and is_whitelist_only(guard, timezone.now()):
        message = (
            "You withdraw to addresses of your address book only: add this one, "
            "wait until it counts, or turn whitelist-only mode off"
        )
        raise Refused(403, "FORBIDDEN", message)
