"""Keys which a page makes for itself, in the browser: good for an hour, and listed like any other.

The page draws the key pair and uploads the public half; the secret never leaves its memory.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import services
from accounts.models import Account, ApiKey, PageKey, User
from compliance.services import Refusal

LIFETIME = timedelta(hours=1)


@transaction.atomic
def make_page_key(account: Account, public_key: str, user: User) -> PageKey:
    """Let a page's public key act for an account for an hour, as `user` may. Raises Refusal."""
    expires_at = timezone.now() + LIFETIME
    name = f"API page, until {expires_at:%H:%M} UTC"
    limits = services.KeyLimits(expires_at=expires_at)
    made_by = None if account.user_id == user.pk else user
    key = services.import_api_key(account, name, public_key, limits, made_by=made_by)
    return PageKey.objects.create(key=key, expires_at=expires_at)


def end_page_key(user: User, public_key: str) -> bool:
    """Revoke a page's key of this user and return whether it was live; others stay."""
    if "\0" in public_key:
        # PostgreSQL takes no text with such a character, so that no key has it.
        return False
    own = ApiKey.objects.filter(Q(account__user=user, made_by=None) | Q(made_by=user))
    own = own.filter(page_key__isnull=False, revoked_at=None)
    key = own.filter(public_key=public_key).first()
    return key is not None and _revoke(key)


def revoke_expired(at: datetime | None = None) -> int:
    """Revoke the page keys whose hour is over, and return how many."""
    keys = ApiKey.objects.filter(page_key__expires_at__lte=at or timezone.now(), revoked_at=None)
    return sum(_revoke(key) for key in keys.select_related("account"))


def _revoke(key: ApiKey) -> bool:
    try:
        services.revoke_api_key(key)
    except Refusal:
        # Somebody else has been faster.
        return False
    return True
