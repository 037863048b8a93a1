"""API keys: made, uploaded, shown once, revoked."""

import base64
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from nacl.signing import SigningKey, VerifyKey
from pytest_django import Settings

from accounts import services
from accounts.models import Account, ApiKey, User
from compliance.models import Customer
from compliance.services import Refusal

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
KEYS = "accounts:keys"


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
    form = {"name": "bot", "account": main_of(alice).pk, "public_key": ""}
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
    form = {"name": "mine", "account": main_of(alice).pk, "public_key": f" {mine} "}
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
    form = {"name": "bot", "account": main_of(alice).pk, "public_key": ""}
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
