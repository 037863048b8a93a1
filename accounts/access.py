"""Which account an API key acts for and what it may do there, answered from memory.

`AccessBook` is each edge's copy: loaded once, then kept by PostgreSQL's NOTIFY, which the services
send inside the transaction that changes a key, an account, a customer or a rule. `access_of` is the
same answer for pages and DRF, read from the database.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import psycopg
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections

from accounts.models import Account, ApiKey
from accounts.scopes import ALL_SCOPES, SCOPE_OF, AllowList, allow_list
from compliance import matrix, selectors
from compliance.matrix import Facts, Permissions, Rulebook
from compliance.services import ACCESS_CHANNEL

logger = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0
# How long a silent connection is trusted, and how often "last used" is written down.
HEARTBEAT_SECONDS = 10.0
# The longest text of an IPv6 address.
ADDRESS_LENGTH = 45
_EXPIRED = "This API key has expired: extend it in the settings, or make another"


class Objection(NamedTuple):
    """Why a key may not make a call: the HTTP status and code, and what to do about it."""

    status: int
    code: str
    message: str


class Access(msgspec.Struct, frozen=True):
    """What one key, or one signed-in page, may do with one account.

    The right to an act is the customer's permission and, of a key, also its scope.
    """

    account: int
    owner: int
    user: int
    allowed: frozenset[str]
    refusals: dict[str, str]
    # Unix seconds at which a dated rule next begins or ends.
    valid_until: float | None = None
    # The limits of the key; a page has none.
    scopes: frozenset[str] = ALL_SCOPES
    addresses: AllowList | None = None
    expires_at: float | None = None

    def refusal(self, permission: str) -> str | None:
        """Return why `permission` is refused and what to do about it, or None if it is granted."""
        if permission not in self.allowed:
            return self.refusals.get(permission, "You may not do this. Ask support for the reason.")
        scope = SCOPE_OF[permission]
        return None if scope in self.scopes else _lacks(scope)

    def objection(self, *, scope: str, address: str, now: float) -> Objection | None:
        """Return why the key may not make a call of `scope` at all, or None if it may.

        Asked at every door before anything else: fast paths, REST views and sockets.

        Args:
            address: where the call comes from.
            now: Unix seconds.
        """
        if self.expires_at is not None and now >= self.expires_at:
            return Objection(401, "UNAUTHORIZED", _EXPIRED)
        if "view" not in self.allowed:
            # Whom the law lets not even look (docs/compliance.md) is refused whatever is asked.
            return Objection(403, "FORBIDDEN", self.refusal("view") or "")
        if scope not in self.scopes:
            return Objection(403, "FORBIDDEN", _lacks(scope))
        if self.addresses is not None and not self.addresses.covers(address):
            message = f"This API key may not be used from {address or 'an unknown address'}: "
            return Objection(403, "FORBIDDEN", message + "add the address to the key's list")
        return None


class Holder(msgspec.Struct, frozen=True):
    """Whom a key belongs to, and its limits. Without facts the user is no customer."""

    account: int
    owner: int
    user: int
    facts: Facts | None
    scopes: frozenset[str] = ALL_SCOPES
    addresses: AllowList | None = None
    expires_at: float | None = None


class AccessBook:
    """All live keys of the exchange and what each may do. One event loop uses it."""

    def __init__(self) -> None:
        self._rulebook = Rulebook((), ())
        self._holders: dict[str, Holder] = {}
        self._keys_of_user: dict[int, set[str]] = {}
        self._access: dict[str, Access] = {}
        self._permissions: dict[Facts, Permissions] = {}
        self._used: dict[str, tuple[float, str]] = {}

    def find(self, public_key: str) -> Access | None:
        """Return what the key may do now; None for unknown and revoked keys. Memory only.

        An expired key is still known, so that its holder can be told: see `Access.objection`.
        """
        access = self._access.get(public_key)
        if access is None:
            return None
        now = time.time()
        if access.valid_until is not None and now >= access.valid_until:
            # A dated rule began or ended: the matrix answers anew, from memory.
            access = self._grant(self._holders[public_key], now)
            self._access[public_key] = access
        return access

    def used(self, public_key: str, address: str) -> None:
        """Remember that the key has signed a request; written down with the next heartbeat."""
        self._used[public_key] = (time.time(), address)

    async def load(self) -> None:
        """Read every live key, and all rules."""
        self._replace_all(*await sync_to_async(_read)(None))

    async def follow(self) -> None:
        """Keep the book as the database has it, until cancelled. Reconnects by itself."""
        while True:
            try:
                await self._follow_once()
            except (psycopg.Error, OSError) as error:
                logger.warning("access book: connection lost, trying again: %s", error)
            except Exception:
                # A book that is not followed would obey revoked keys: never give up silently.
                logger.exception("access book: could not be read, trying again")
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _follow_once(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            autocommit=True, connect_timeout=5, **_connection_settings()
        )
        async with connection:
            await connection.execute(f"LISTEN {ACCESS_CHANNEL}")
            # What changed before LISTEN took hold.
            await self.load()
            while True:
                changed = [
                    notice.payload
                    async for notice in connection.notifies(timeout=HEARTBEAT_SECONDS, stop_after=1)
                ]
                if changed:
                    await self._reload(changed)
                else:
                    await connection.execute("SELECT 1")
                await self._write_last_use()

    async def _reload(self, payloads: list[str]) -> None:
        if "" in payloads:
            await self.load()
            return
        for user in {int(payload) for payload in payloads}:
            rulebook, holders = await sync_to_async(_read)(user)
            for key in self._keys_of_user.pop(user, set()):
                self._holders.pop(key, None)
                self._access.pop(key, None)
            self._adopt(rulebook, holders)

    def _replace_all(self, rulebook: Rulebook, holders: dict[str, Holder]) -> None:
        self._holders, self._keys_of_user, self._access = {}, {}, {}
        self._adopt(rulebook, holders)

    def _adopt(self, rulebook: Rulebook, holders: dict[str, Holder]) -> None:
        self._rulebook, self._permissions = rulebook, {}
        now = time.time()
        for public_key, holder in holders.items():
            self._holders[public_key] = holder
            self._keys_of_user.setdefault(holder.user, set()).add(public_key)
            self._access[public_key] = self._grant(holder, now)

    def _grant(self, holder: Holder, now: float) -> Access:
        if holder.facts is None:
            return access_from(holder, None)
        # Few customers differ in what the matrix looks at: most answers are already here.
        known = self._permissions.get(holder.facts)
        if known is None or (known.valid_until is not None and now >= known.valid_until):
            known = matrix.permissions_of(self._rulebook, holder.facts, now)
            self._permissions[holder.facts] = known
        return access_from(holder, known)

    async def _write_last_use(self) -> None:
        used, self._used = self._used, {}
        if used:
            await sync_to_async(_store_last_use)(used)


def access_of(account: Account) -> Access:
    """Return what the owner of `account` may do with it now; for pages."""
    customer = selectors.customer_of(account.user)
    facts = selectors.facts_of(customer) if customer else None
    return _access_now(Holder(account.pk, account.owner_id, account.user_id, facts))


def access_of_key(key: ApiKey) -> Access:
    """Return what a stored key may do now; for DRF."""
    return _access_now(_holder(key))


def _access_now(holder: Holder) -> Access:
    if holder.facts is None:
        return access_from(holder, None)
    at = time.time()
    return access_from(holder, matrix.permissions_of(selectors.rulebook(), holder.facts, at))


def access_from(holder: Holder, permissions: Permissions | None) -> Access:
    """Return the access of a holder with these permissions; without any, nothing is allowed."""
    return Access(
        account=holder.account,
        owner=holder.owner,
        user=holder.user,
        allowed=permissions.allowed if permissions else frozenset(),
        refusals=permissions.refusals if permissions else {},
        valid_until=permissions.valid_until if permissions else None,
        scopes=holder.scopes,
        addresses=holder.addresses,
        expires_at=holder.expires_at,
    )


def _read(user: int | None) -> tuple[Rulebook, dict[str, Holder]]:
    """Read the live keys of one user, or of all."""
    close_old_connections()
    keys = ApiKey.objects.filter(revoked_at=None, account__user__is_active=True)
    if user is not None:
        keys = keys.filter(account__user_id=user)
    rows = keys.select_related("account__user__customer")
    return selectors.rulebook(), {row.public_key: _holder(row) for row in _each(rows)}


def _each(rows: Any) -> Iterable[ApiKey]:
    yield from rows.iterator(chunk_size=2000)


def _holder(key: ApiKey) -> Holder:
    account = key.account
    customer = getattr(account.user, "customer", None)
    facts = selectors.facts_of(customer) if customer else None
    return Holder(
        account=account.pk,
        owner=account.owner_id,
        user=account.user_id,
        facts=facts,
        scopes=frozenset(key.scopes),
        addresses=allow_list(tuple(key.addresses)),
        expires_at=key.expires_at.timestamp() if key.expires_at else None,
    )


def _lacks(scope: str) -> str:
    return f"This API key has no scope `{scope}`: add it to the key, or use a key which has it"


def _store_last_use(used: dict[str, tuple[float, str]]) -> None:
    close_old_connections()
    keys = list(ApiKey.objects.filter(public_key__in=used))
    for key in keys:
        at, address = used[key.public_key]
        key.last_used_at = datetime.fromtimestamp(at, tz=UTC)
        key.last_address = shortened(address)
    ApiKey.objects.bulk_update(keys, ["last_used_at", "last_address"], batch_size=1000)


def shortened(address: str) -> str:
    """Return an address as it is kept with a key; a server may report names of any length."""
    return address[:ADDRESS_LENGTH]


def _connection_settings() -> dict[str, Any]:
    database = settings.DATABASES["default"]
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST"}
    chosen = {name: database.get(key) for name, key in {**names, "port": "PORT"}.items()}
    return {name: value for name, value in chosen.items() if value}
