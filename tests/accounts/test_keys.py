"""API keys: made, uploaded, shown once, revoked."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from nacl.signing import SigningKey, VerifyKey
from pytest_django import Settings

from accounts import services
from accounts.models import Account, ApiKey, User
from compliance.models import Customer
from compliance.services import Refusal

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
KEYS = "accounts:keys"
TRADE = {"scopes": ["read", "trade"]}


@pytest.fixture(autouse=True)
def plain_settings(settings: Settings) -> None:
    """Leave out the cache with its limits on tries."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


@pytest.fixture
def alice(live_engine: Any) -> User:
    """Return a customer with a main account."""
    return services.register_user("alice@example.org", PASSWORD, "CH")


def main_of(user: User) -> Account:
    return Account.objects.get(user=user, number=0)


def signed_in(user: User) -> Client:
    """Return a browser with a session which has just given the password once more."""
    client = Client()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


def public_key() -> str:
    return base64.b64encode(bytes(SigningKey.generate().verify_key)).decode()


def test_a_secret_is_shown_once_and_signs_for_the_stored_key(alice: User) -> None:
    client = signed_in(alice)
    form = {"name": "bot", "account": main_of(alice).pk, "public_key": "", **TRADE}
    answer = client.post(reverse(KEYS), form)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    secret = answer.context["secret"]
    assert secret in answer.content.decode()
    seed = base64.b64decode(secret)
    assert len(seed) == 32
    key = ApiKey.objects.get()
    signed = SigningKey(seed).sign(b"instruction=ping")
    VerifyKey(base64.b64decode(key.public_key)).verify(signed)
    again = client.get(reverse(KEYS)).content.decode()
    assert key.public_key in again
    assert secret not in again


def test_the_page_of_keys_asks_for_the_password_again_after_a_while(
    alice: User, settings: Settings
) -> None:
    client = signed_in(alice)
    assert client.get(reverse(KEYS)).status_code == 200
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    answer = client.get(reverse(KEYS))
    assert answer.status_code == 302
    assert reverse("account_reauthenticate") in answer["Location"]
    client.post(reverse(KEYS), {"name": "bot", "account": main_of(alice).pk})
    assert not ApiKey.objects.exists()


def test_an_uploaded_key_is_stored_as_it_is(alice: User) -> None:
    mine = public_key()
    form = {"name": "mine", "account": main_of(alice).pk, "public_key": f" {mine} ", **TRADE}
    assert signed_in(alice).post(reverse(KEYS), form).status_code == 302
    assert ApiKey.objects.get().public_key == mine


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not base64!", "KEY_NOT_BASE64"),
        ("A" * 43, "KEY_NOT_BASE64"),
        (base64.b64encode(b"\1" * 31).decode(), "KEY_LENGTH"),
        (base64.b64encode(b"\1" * 33).decode(), "KEY_LENGTH"),
        # The PEM body of a real key: 12 bytes of DER before the 32.
        ("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=", "KEY_LENGTH"),
        # The neutral element and a point of order 4: signatures for them can be forged.
        (base64.b64encode(b"\1" + bytes(31)).decode(), "KEY_INVALID"),
        (base64.b64encode(bytes(32)).decode(), "KEY_INVALID"),
        # y = 2²⁵⁵ − 18, which is 1 written in a second way.
        (base64.b64encode(b"\xee" + b"\xff" * 30 + b"\x7f").decode(), "KEY_INVALID"),
        # No point of the curve has this y.
        (base64.b64encode(b"\2" + bytes(31)).decode(), "KEY_INVALID"),
    ],
)
def test_an_unusable_key_is_refused(alice: User, text: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        services.import_api_key(main_of(alice), "mine", text)
    assert refused.value.code == code
    assert not ApiKey.objects.exists()


def test_a_key_serves_one_account_for_ever(alice: User, live_engine: Any) -> None:
    mine = public_key()
    key = services.import_api_key(main_of(alice), "mine", mine)
    bob = services.register_user("bob@example.org", PASSWORD, "CH")
    with pytest.raises(Refusal, match="make a new key pair"):
        services.import_api_key(main_of(bob), "stolen", mine)
    services.revoke_api_key(key)
    with pytest.raises(Refusal, match="make a new key pair"):
        services.import_api_key(main_of(alice), "again", mine)


def test_another_spelling_of_the_same_key_is_the_same_key(alice: User) -> None:
    mine = public_key()
    services.import_api_key(main_of(alice), "mine", mine)
    # The last character before the padding has two bits which base64 decoders ignore.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = mine[:42] + alphabet[alphabet.index(mine[42]) | 3] + "="
    with pytest.raises(Refusal):
        services.import_api_key(main_of(alice), "twin", twin)
    assert ApiKey.objects.count() == 1


def test_a_key_is_revoked_by_its_owner_only(alice: User, live_engine: Any) -> None:
    key = services.import_api_key(main_of(alice), "mine", public_key())
    bob = services.register_user("bob@example.org", PASSWORD, "CH")
    revoke = reverse("accounts:revoke_key", args=[key.pk])
    assert signed_in(bob).post(revoke).status_code == 404
    key.refresh_from_db()
    assert key.revoked_at is None
    assert signed_in(alice).post(revoke).status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_a_key_cannot_be_made_for_somebody_elses_account(alice: User, live_engine: Any) -> None:
    bob = services.register_user("bob@example.org", PASSWORD, "CH")
    form = {"name": "bot", "account": main_of(alice).pk, "public_key": "", **TRADE}
    assert signed_in(bob).post(reverse(KEYS), form).status_code == 422
    assert not ApiKey.objects.exists()


def test_staff_revoke_a_key_with_a_reason_and_never_see_a_secret(alice: User) -> None:
    key, secret = services.create_api_key(main_of(alice), "bot")
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    client = Client()
    client.force_login(root)
    table = reverse("admin:accounts_apikey_changelist")
    assert secret not in client.get(table).content.decode()
    act = {"action": "revoke", "_selected_action": [key.pk], "confirmed": "1"}
    client.post(table, act | {"reason": "Leaked on a forum"})
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_a_customer_who_may_not_look_gets_no_key(alice: User) -> None:
    Customer.objects.update(country="CN")
    with pytest.raises(Refusal, match="mainland China"):
        services.create_api_key(main_of(alice), "bot")


def test_a_key_is_made_with_limits_which_are_edited_later(alice: User) -> None:
    client = signed_in(alice)
    form = {
        "name": "bot",
        "account": main_of(alice).pk,
        "scopes": ["withdraw", "read"],
        "addresses": "192.0.2.7, 10.0.0.0/8\n2001:DB8::/32 192.0.2.7/32",
        "expires_at": "2999-01-02T03:04",
    }
    assert client.post(reverse(KEYS), form).status_code == 200
    key = ApiKey.objects.get()
    assert key.scopes == ["read", "withdraw"]
    assert key.addresses == ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32"]
    assert key.expires_at is not None and key.expires_at.isoformat() == "2999-01-02T03:04:00+00:00"
    page = client.get(reverse(KEYS)).content.decode()
    for shown in ("read, withdraw", "192.0.2.7, 10.0.0.0/8", "2999-01-02 03:04"):
        assert shown in page
    edit = reverse("accounts:edit_key", args=[key.pk])
    page = client.get(edit).content.decode()
    assert "10.0.0.0/8" in page and "2999-01-02T03:04" in page
    assert client.post(edit, {"name": "new", "scopes": ["trade"]}).status_code == 302
    key.refresh_from_db()
    assert (key.name, key.scopes, key.addresses) == ("new", ["trade"], [])
    assert key.expires_at is None


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("scopes", [], "Choose at least one"),
        ("scopes", ["root"], "root is not one of the available choices"),
        ("addresses", "10.0.0.5/8", "write 10.0.0.5 or 10.0.0.0/8"),
        ("addresses", "example.org", "no address and no network"),
        ("addresses", "::ffff:192.0.2.7", "write 192.0.2.7"),
        ("addresses", " ".join(f"192.0.2.{n}" for n in range(21)), "at most 20 addresses"),
        ("expires_at", "2020-01-01T00:00", "choose a later time"),
        ("expires_at", "soon", "Enter a valid date/time"),
    ],
)
def test_a_limit_which_cannot_be_kept_is_refused_at_its_field(
    alice: User, field: str, value: Any, said: str
) -> None:
    client = signed_in(alice)
    form = {"name": "bot", "account": main_of(alice).pk, **TRADE, field: value}
    answer = client.post(reverse(KEYS), form)
    assert answer.status_code == 422
    assert said in " ".join(answer.context["form"].errors[field])
    assert not ApiKey.objects.exists()
    key = services.import_api_key(main_of(alice), "mine", public_key())
    edit = reverse("accounts:edit_key", args=[key.pk])
    assert client.post(edit, {"name": "mine", **TRADE, field: value}).status_code == 422
    key.refresh_from_db()
    assert (key.scopes, key.addresses, key.expires_at) == (
        ["read", "trade", "transfer", "withdraw"],
        [],
        None,
    )


def test_a_key_is_edited_by_its_owner_only_and_not_after_its_end(
    alice: User, live_engine: Any
) -> None:
    key = services.import_api_key(main_of(alice), "mine", public_key())
    bob = services.register_user("bob@example.org", PASSWORD, "CH")
    edit = reverse("accounts:edit_key", args=[key.pk])
    assert signed_in(bob).get(edit).status_code == 404
    assert signed_in(bob).post(edit, {"name": "bob's", **TRADE}).status_code == 404
    services.revoke_api_key(key)
    assert signed_in(alice).post(edit, {"name": "back", **TRADE}).status_code == 404
    with pytest.raises(Refusal, match="cannot come back"):
        services.update_api_key(key, "back", services.UNLIMITED)
    key.refresh_from_db()
    assert key.name == "mine"


def test_an_expired_key_keeps_its_time_or_gets_a_later_one(alice: User) -> None:
    past = timezone.now() - timedelta(days=1)
    key = services.import_api_key(main_of(alice), "mine", public_key())
    ApiKey.objects.update(expires_at=past)
    key.refresh_from_db()
    assert "expired" in signed_in(alice).get(reverse(KEYS)).content.decode()
    services.update_api_key(key, "same time", services.KeyLimits(expires_at=past))
    with pytest.raises(Refusal, match="later time"):
        earlier = past - timedelta(days=1)
        services.update_api_key(key, "earlier", services.KeyLimits(expires_at=earlier))
    later = timezone.now() + timedelta(days=1)
    services.update_api_key(key, "later", services.KeyLimits(expires_at=later))
    key.refresh_from_db()
    assert (key.name, key.is_expired) == ("later", False)
