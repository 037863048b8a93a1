"""The edge's book of keys: from memory, and never older than the database."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.utils import timezone
from nacl.signing import SigningKey

from accounts import services
from accounts.access import Objection, access_of
from accounts.access_book import AccessBook
from accounts.models import Account, ApiKey, User
from accounts.rights import RIGHT_OF
from accounts.scopes import ALL_SCOPES, MANAGE, SCOPE_OF, AllowList
from compliance import defaults, matrix
from compliance import services as compliance
from compliance.models import BookingEntity, Customer, Licence, Rule, Status

PASSWORD = "correct horse battery"


def customer(email: str) -> Account:
    if not Rule.objects.exists():  # an earlier test without a transaction has emptied the tables
        defaults.install(entity_model=BookingEntity, licence_model=Licence, rule_model=Rule)
    user = services.register_user(email, PASSWORD, "CH")
    row = Customer.objects.get(user=user)
    compliance.approve_kyc(row, None, "Seen in person", 2, nationality="CH")
    return Account.objects.get(user=user)


def new_key(account: Account) -> ApiKey:
    public = base64.b64encode(bytes(SigningKey.generate().verify_key)).decode()
    return services.import_api_key(account, "bot", public)


async def soon(condition: Callable[[], bool]) -> None:
    """Wait until the book has heard of a change; fail after ten seconds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def while_followed(book: AccessBook, story: Callable[[], Awaitable[None]]) -> None:
    """Run a story while the book follows the database."""
    following = asyncio.create_task(book.follow())
    try:
        await story()
    finally:
        following.cancel()
        await sync_to_async(connections.close_all)()


@pytest.mark.django_db
def test_pages_read_what_an_account_may_do(live_engine: Any) -> None:
    main = customer("alice@example.org")
    sub = services.create_sub_account(main.user, "Grid bot")
    access = access_of(sub, main.user)
    assert (access.account, access.owner, access.user) == (sub.pk, main.pk, main.user.pk)
    assert "trade_perp" in access.allowed
    assert access.refusal("trade_perp") is None


@pytest.mark.django_db
def test_a_user_who_is_no_customer_may_do_nothing() -> None:
    staff = User.objects.create_superuser("root@example.org", PASSWORD)
    access = access_of(Account.objects.create(user=staff, name="Main"), staff)
    assert access.allowed == frozenset()
    assert access.refusal("view") is not None


@pytest.mark.django_db(transaction=True)
def test_keys_appear_and_stop_as_soon_as_the_change_commits(live_engine: Any) -> None:
    account = customer("alice@example.org")
    old = new_key(account)
    book = AccessBook()

    async def story() -> None:
        await soon(lambda: book.find(old.public_key) is not None)
        assert book.find("unknown") is None
        key = await sync_to_async(new_key)(account)
        await soon(lambda: book.find(key.public_key) is not None)
        book.used(key.public_key, "2001:db8::7")
        # The next notice also writes down which keys were used.
        await sync_to_async(services.revoke_api_key)(key)
        await soon(lambda: book.find(key.public_key) is None)
        await sync_to_async(services.set_active)(account.user, active=False)
        await soon(lambda: book.find(old.public_key) is None)

    asyncio.run(while_followed(book, story))
    used, unused = ApiKey.objects.order_by("revoked_at")
    assert (used.last_used_at is not None, unused.last_used_at) == (True, None)
    assert (used.last_address, unused.last_address) == ("2001:db8::7", "")


@pytest.mark.django_db(transaction=True)
def test_a_change_of_status_or_rule_reaches_every_key(live_engine: Any) -> None:
    account = customer("alice@example.org")
    key = new_key(account).public_key
    row = Customer.objects.get(user=account.user)
    book = AccessBook()

    def may(permission: str) -> bool:
        access = book.find(key)
        return access is not None and permission in access.allowed

    def ban_perps() -> None:
        rule = Rule(jurisdiction="CH", product="perp", action="*", effect="deny")
        rule.effective_from = timezone.now()
        compliance.add_rule(rule, None, reason="New law today")

    async def story() -> None:
        await soon(lambda: may("trade_perp"))
        await sync_to_async(ban_perps)()
        await soon(lambda: not may("trade_perp"))
        assert may("trade_spot")
        await sync_to_async(compliance.change_status)(
            row, None, status=Status.WITHDRAW_ONLY, reason="Court order 7"
        )
        await soon(lambda: not may("trade_spot"))
        assert may("withdraw")

    asyncio.run(while_followed(book, story))


@pytest.mark.django_db(transaction=True)
def test_a_rule_of_the_future_begins_on_time_without_a_notice(
    live_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key(customer("alice@example.org")).public_key
    tomorrow = timezone.now() + timedelta(days=1)
    rule = Rule(jurisdiction="CH", product="perp", action="*", effect="deny")
    rule.effective_from = tomorrow
    compliance.add_rule(rule, None, reason="New law, from tomorrow")
    book = AccessBook()

    async def load() -> None:
        await book.load()
        await sync_to_async(connections.close_all)()

    asyncio.run(load())
    access = book.find(key)
    assert access is not None and "trade_perp" in access.allowed
    monkeypatch.setattr(time, "time", tomorrow.timestamp)
    access = book.find(key)
    assert access is not None and "trade_perp" not in access.allowed
    assert "not offered" in str(access.refusal("trade_perp"))


@pytest.mark.django_db(transaction=True)
def test_changed_limits_of_a_key_hold_as_soon_as_they_commit(live_engine: Any) -> None:
    account = customer("alice@example.org")
    key = new_key(account)
    book = AccessBook()

    def objection(scope: str = "read", address: str = "192.0.2.7") -> Objection | None:
        access = book.find(key.public_key)
        assert access is not None
        return access.objection(scope=scope, address=address, now=time.time())

    def limit(**limits: Any) -> None:
        services.update_api_key(key, "bot", services.KeyLimits(**limits))

    async def story() -> None:
        await soon(lambda: book.find(key.public_key) is not None)
        # To manage others a key must be told to.
        assert all(objection(scope) is None for scope in ALL_SCOPES - {MANAGE})
        assert objection(MANAGE) is not None
        await sync_to_async(limit)(scopes=["trade"], addresses=["192.0.2.0/24", "2001:db8::1"])
        await soon(lambda: objection("read") is not None)
        assert objection("trade") is None
        access = book.find(key.public_key)
        assert access is not None
        assert access.refusal("trade_spot") is None
        assert "no scope `withdraw`" in str(access.refusal("withdraw"))
        elsewhere = objection("trade", "203.0.113.9")
        assert elsewhere is not None and elsewhere.status == 403
        assert "203.0.113.9" in elsewhere.message
        soon_over = timezone.now() + timedelta(milliseconds=300)
        await sync_to_async(limit)(expires_at=soon_over)
        await soon(lambda: (objection() or Objection(0, "", "")).status == 401)
        assert time.time() >= soon_over.timestamp()

    asyncio.run(while_followed(book, story))


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("192.0.2.7", True),
        ("::ffff:192.0.2.7", True),
        ("192.0.3.7", False),
        ("2001:db8::1", True),
        ("2001:db8:0::1", True),
        ("2001:db8::2", False),
        ("", False),
        ("localhost", False),
        ("192.0.2.7, 192.0.2.8", False),
    ],
)
def test_an_address_is_on_the_list_or_not(address: str, within: bool) -> None:
    allowed = AllowList(["192.0.2.0/24", "2001:db8::1"])
    assert [allowed.covers(address), allowed.covers(address)] == [within, within]


def test_every_permission_stands_under_one_scope() -> None:
    assert SCOPE_OF.keys() == RIGHT_OF.keys() > matrix.PERMISSIONS.keys()
    assert set(SCOPE_OF.values()) == ALL_SCOPES
