"""All live keys of the exchange and what each may do, in the memory of each edge.

Loaded once, then kept by PostgreSQL's NOTIFY, which the services send inside the transaction that
changes a key, an account, a member, a customer or a rule.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections
from django.db.models import Q

from accounts.access import Access, Holder, effective, holders
from accounts.models import ApiKey
from compliance import matrix, selectors
from compliance.matrix import Facts, Permissions, Rulebook
from compliance.services import ACCESS_CHANNEL

logger = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0
# How long a silent connection is trusted, and how often "last used" is written down.
HEARTBEAT_SECONDS = 10.0
# The longest text of an IPv6 address.
ADDRESS_LENGTH = 45
_KEYS_AT_ONCE = 2_000


class AccessBook:
    """The keys and their holders. One event loop uses it."""

    def __init__(self) -> None:
        self._rulebook = Rulebook((), ())
        self._holders: dict[str, Holder] = {}
        # By owner and by who made it.
        self._keys_of_user: dict[int, set[str]] = {}
        self._access: dict[str, Access] = {}
        self._permissions: dict[Facts, Permissions] = {}
        self._used: dict[str, tuple[float, str]] = {}
        # Called when something has changed: open sockets are looked at then, and not later.
        self.changed: Callable[[], None] = lambda: None

    def find(self, public_key: str) -> Access | None:
        """Return what the key may do now; None for unknown and revoked keys. Memory only.

        An expired key is still known, so that its holder can be told: see `Access.objection`.
        """
        access = self._access.get(public_key)
        if access is None:
            return None
        now = time.time()
        if access.valid_until is not None and now >= access.valid_until:
            # A dated rule began, or a membership ended: the layers answer anew, from memory.
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
            self.changed()
            return
        for user in {int(payload) for payload in payloads}:
            rulebook, found = await sync_to_async(_read)(user)
            for key in self._keys_of_user.pop(user, set()):
                self._holders.pop(key, None)
                self._access.pop(key, None)
            self._adopt(rulebook, found)
        self.changed()

    def _replace_all(self, rulebook: Rulebook, found: dict[str, Holder]) -> None:
        self._holders, self._keys_of_user, self._access = {}, {}, {}
        self._adopt(rulebook, found)

    def _adopt(self, rulebook: Rulebook, found: dict[str, Holder]) -> None:
        self._rulebook, self._permissions = rulebook, {}
        now = time.time()
        for public_key, holder in found.items():
            self._holders[public_key] = holder
            for user in {holder.user, holder.person}:
                self._keys_of_user.setdefault(user, set()).add(public_key)
            self._access[public_key] = self._grant(holder, now)

    def _grant(self, holder: Holder, now: float) -> Access:
        member = None if holder.membership is None else holder.membership.facts
        return effective(
            holder,
            None if holder.facts is None else self._lawful(holder.facts, now),
            None if member is None else self._lawful(member, now),
            now=now,
        )

    def _lawful(self, facts: Facts, now: float) -> Permissions:
        # Few customers differ in what the matrix looks at: most answers are already here.
        known = self._permissions.get(facts)
        if known is None or (known.valid_until is not None and now >= known.valid_until):
            known = matrix.permissions_of(self._rulebook, facts, now)
            self._permissions[facts] = known
        return known

    async def _write_last_use(self) -> None:
        used, self._used = self._used, {}
        if used:
            await sync_to_async(_store_last_use)(used)


def _read(user: int | None) -> tuple[Rulebook, dict[str, Holder]]:
    """Read the live keys which one user owns or has made, or all."""
    close_old_connections()
    keys = ApiKey.objects.filter(revoked_at=None, account__user__is_active=True)
    if user is not None:
        keys = keys.filter(Q(account__user_id=user) | Q(made_by_id=user))
    rows = list(keys.select_related("account__user__customer"))
    found: dict[str, Holder] = {}
    for start in range(0, len(rows), _KEYS_AT_ONCE):
        part = rows[start : start + _KEYS_AT_ONCE]
        found |= zip((row.public_key for row in part), holders(part), strict=True)
    return selectors.rulebook(), found


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
