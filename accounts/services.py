"""Everything accounts write: users, sub-accounts, keys, and the commands which open and move money.

The database says who owns what; the engine says how much is there. An account is stored first and
then opened in the engine under a command id made of its number, so that asking again is harmless.
"""

import base64
import binascii
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.signing import SigningKey

from accounts import acts
from accounts.access import access_of
from accounts.models import Account, AccountSettings, ApiKey, User
from accounts.models.users import COLOURS, KEY_ADDRESS_LIMIT, LIVE_KEY_LIMIT, MAX_NUMBER
from accounts.scopes import ALL_SCOPES, SCOPES, parse_network, usual_scopes
from compliance import selectors
from compliance import services as compliance
from compliance.services import Refusal
from engine.commands import OpenAccount
from engine.events import CommandRejected
from engine.kinds import AccountState
from engine.rejects import Reject
from engine.units import AccountId
from gateway.client import submit
from gateway.errors import GatewayError

logger = logging.getLogger(__name__)

# A page does not wait longer for an engine that is away: the account is opened later.
OPEN_TIMEOUT_SECONDS = 2.0


def register_user(email: str, password: str, country: str) -> User:
    """Make a customer with a verified e-mail and a main account; for seeds and tests.

    Raises compliance.services.Refusal where the country may not be served.
    """
    with transaction.atomic():
        user = User.objects.create_user(email, password)
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        open_user(user, country)
    ensure_accounts_open()
    return user


@transaction.atomic
def open_user(user: User, country: str) -> Account:
    """Make a customer of a stored user and give them a main account. Raises Refusal.

    Call `ensure_accounts_open` after the transaction.
    """
    compliance.open_customer(user, country)
    return Account.objects.create(user=user, number=0, name="Main")


def ensure_accounts_open() -> int:
    """Open in the engine what it has not confirmed yet, and return how many it confirmed now.

    Called after every sign-up and by a scheduled job: an engine that is away costs nobody an
    account. Main accounts come first, because they own the others.
    """
    opened = 0
    for account in Account.objects.filter(opened_at=None).order_by("id"):
        command = OpenAccount(account=AccountId(account.pk), owner=AccountId(account.owner_id))
        command_id = f"open-account:{account.pk}"
        try:
            answer = submit(command, command_id=command_id, timeout=OPEN_TIMEOUT_SECONDS).answer
        except GatewayError as error:
            logger.warning("account %s is opened later: %s", account.pk, error)
            return opened
        if isinstance(answer, CommandRejected) and answer.code is not Reject.ACCOUNT_EXISTS:
            logger.error("the engine did not open account %s: %s", account.pk, answer.message)
            continue
        Account.objects.filter(pk=account.pk).update(opened_at=timezone.now())
        opened += 1
    return opened


def create_sub_account(user: User, name: str, colour: str | None = None) -> Account:
    """Give a user one more account, with money of its own. Raises Refusal.

    Args:
        colour: one of COLOURS; None chooses the next.
    """
    with transaction.atomic():
        main = locked_main(user)
        _require(user, "view")
        subs = Account.objects.filter(main=main)
        closed = AccountSettings.objects.filter(owner_id=main.pk, state=AccountState.CLOSED)
        count = subs.exclude(pk__in=closed.values("account_id")).count()
        if count >= main.sub_limit:
            raise Refusal(
                "SUB_ACCOUNT_LIMIT",
                f"You have {count} sub-accounts, which is the limit: rename one and use it anew.",
            )
        require_free_name(user, name)
        last = Account.objects.filter(user=user).aggregate(last=Max("number"))["last"]
        number = last + 1
        if number > MAX_NUMBER:
            raise Refusal("SUB_ACCOUNT_LIMIT", "No number is left: open a closed one again.")
        account = Account.objects.create(
            user=user,
            main=main,
            number=number,
            place=number,
            name=name,
            colour=colour or COLOURS[number % len(COLOURS)],
        )
        acts.record(account, user, "CreateSubAccount", name=name)
        compliance.announce(user.pk)
    ensure_accounts_open()
    account.refresh_from_db()
    return account


class KeyLimits(NamedTuple):
    """What a key may be used for, from where (addresses or CIDR networks) and until when."""

    scopes: Sequence[str] = tuple(usual_scopes())
    addresses: Sequence[str] = ()
    expires_at: datetime | None = None

    def stored(self) -> dict[str, Any]:
        """Return the columns of these limits. Raises Refusal for limits that cannot be kept."""
        if not self.scopes or not ALL_SCOPES.issuperset(self.scopes):
            names = ", ".join(SCOPES)
            raise Refusal("KEY_SCOPES", f"Choose at least one of the scopes {names}.")
        return {
            "scopes": [scope for scope in SCOPES if scope in self.scopes],
            "addresses": _networks(self.addresses),
            "expires_at": self.expires_at,
        }


UNLIMITED = KeyLimits()


def create_api_key(
    account: Account, name: str, limits: KeyLimits = UNLIMITED, *, made_by: User | None = None
) -> tuple[ApiKey, str]:
    """Make a key pair for an account and return the stored half and the secret, shown only now.

    The secret is the base64 of the 32-byte ED25519 seed, which is what clients expect.

    Args:
        made_by: the member of the owner's team whose key it is; None: the owner's.
    """
    signing_key = SigningKey.generate()
    public_key = base64.b64encode(bytes(signing_key.verify_key)).decode()
    key = import_api_key(account, name, public_key, limits, made_by=made_by)
    return key, base64.b64encode(bytes(signing_key)).decode()


@transaction.atomic
def import_api_key(
    account: Account,
    name: str,
    public_key: str,
    limits: KeyLimits = UNLIMITED,
    *,
    made_by: User | None = None,
) -> ApiKey:
    """Let an uploaded public key act for an account. Raises Refusal for an unusable key."""
    holder = made_by or account.user
    locked_main(account.user)
    _require(account.user, "view")
    access = access_of(account, holder)
    denial = access.denial("manage_keys")
    if denial is not None:
        acts.note_denial(access, denial)
        raise Refusal("FORBIDDEN", denial.message)
    encoded = _canonical_key(public_key)
    stored = limits.stored()
    _require_future(limits.expires_at)
    own = ApiKey.objects.filter(account__user=account.user, made_by=made_by, revoked_at=None)
    live = own.count()
    if live >= LIVE_KEY_LIMIT:
        raise Refusal("KEY_LIMIT", f"You have {live} keys, which is the limit: revoke one first.")
    try:
        with transaction.atomic():
            key = ApiKey.objects.create(
                account=account, made_by=made_by, name=name, public_key=encoded, **stored
            )
    except IntegrityError as error:
        raise Refusal("KEY_EXISTS", "This key is or was in use: make a new key pair.") from error
    acts.record(account, holder, "CreateKey", key=name, scopes=stored["scopes"])
    compliance.announce(account.user_id)
    return key


@transaction.atomic
def update_api_key(key: ApiKey, name: str, limits: KeyLimits) -> None:
    """Give a key another name and other limits, which hold at once. Raises Refusal."""
    stored = limits.stored()
    if limits.expires_at != key.expires_at:
        _require_future(limits.expires_at)
    live = ApiKey.objects.filter(pk=key.pk, revoked_at=None)
    if not live.update(name=name, **stored):
        raise Refusal("KEY_REVOKED", "This key has been revoked and cannot come back: make one.")
    compliance.announce(key.account.user_id)


@transaction.atomic
def revoke_api_key(key: ApiKey, *, by: User | None = None) -> None:
    """Stop a key at once. It cannot come back.

    Args:
        by: who revokes it; None: whose key it is.
    """
    revoked = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    if not revoked:
        raise Refusal("KEY_REVOKED", "This key has been revoked already.")
    acts.record(key.account, by or key.made_by or key.account.user, "RevokeKey", key=key.name)
    compliance.announce(key.account.user_id)


@transaction.atomic
def set_active(user: User, *, active: bool) -> None:
    """Let a user in, or end their sessions and stop their keys at once."""
    User.objects.filter(pk=user.pk).update(is_active=active)
    compliance.announce(user.pk)


@transaction.atomic
def grant_group(user: User, name: str) -> None:
    """Make a user staff in one of the groups of the console. Raises Refusal for a customer."""
    if selectors.customer_of(user) is not None:
        raise Refusal("IS_A_CUSTOMER", "Staff sign in with a user that is no customer: make one.")
    user.groups.add(Group.objects.get(name=name))
    User.objects.filter(pk=user.pk).update(is_staff=True)


@transaction.atomic
def revoke_groups(user: User) -> None:
    """Take a user out of all groups and of the console."""
    user.groups.clear()
    User.objects.filter(pk=user.pk).update(is_staff=False, is_superuser=False)


def _canonical_key(text: str) -> str:
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(
            "KEY_NOT_BASE64", "This is not base64. Paste the public key as 44 base64 characters."
        ) from error
    if len(raw) != 32:
        raise Refusal(
            "KEY_LENGTH",
            f"An ED25519 public key has 32 bytes, this has {len(raw)}. "
            "Paste the raw public key, without a PEM or DER wrapper.",
        )
    # For small-order points anybody can forge signatures; other encodings of a point are no ids.
    if not crypto_core_ed25519_is_valid_point(raw):
        raise Refusal(
            "KEY_INVALID", "These 32 bytes are no ED25519 public key: make a new key pair."
        )
    return base64.b64encode(raw).decode()


def _networks(addresses: Sequence[str]) -> list[str]:
    """Return addresses and networks as they are kept, each once, in the order given."""
    try:
        networks = list(dict.fromkeys(parse_network(address) for address in addresses))
    except ValueError as error:
        raise Refusal("KEY_ADDRESS", f"{error}.") from error
    if len(networks) > KEY_ADDRESS_LIMIT:
        raise Refusal(
            "KEY_ADDRESSES",
            f"A key has at most {KEY_ADDRESS_LIMIT} addresses: join them to networks.",
        )
    return networks


def _require_future(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= timezone.now():
        raise Refusal("KEY_EXPIRY", "The key would have expired already: choose a later time.")


def _require(user: User, permission: str) -> None:
    customer = selectors.customer_of(user)
    if customer is None:
        raise Refusal("NOT_A_CUSTOMER", "Only customers may do this; staff accounts hold nothing.")
    compliance.require(customer, permission)


def locked_main(user: User) -> Account:
    """Return the user's main account, locked: limits and names are checked one after the other."""
    return Account.objects.select_for_update().get(user=user, number=0)


def require_free_name(user: User, name: str) -> None:
    if Account.objects.filter(user=user, name=name).exists():
        raise Refusal("NAME_TAKEN", f"You have an account named {name}: choose another name.")
