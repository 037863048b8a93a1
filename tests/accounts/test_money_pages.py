"""The pages of deposits, withdrawals, the address book, and the key of the API's page."""

import re
import uuid
from base64 import b64encode
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from nacl.signing import SigningKey

from accounts import outgoing, page_keys
from accounts.models import (
    AddressBookEntry,
    ApiKey,
    Balance,
    DepositAddress,
    Withdrawal,
    WithdrawalGuard,
    WithdrawalInstruction,
)
from accounts.tasks import release_withdrawals, revoke_page_keys
from tests.api.authenticator import AuthenticatorApp
from tests.api.house import Trader
from tests.api.test_rest_accounts import TARGET
from tests.api.test_rest_custody import POOL, fill_pool, know
from tests.house_fixture import alice, bob, house

__all__ = ["alice", "bob", "house"]

PASSWORD = "long-password-1"
WITHDRAWALS = "accounts:withdrawals"
ADDRESSES = "accounts:addresses"


@pytest.fixture(autouse=True)
def plain_settings(settings: Any) -> None:
    """Leave out the cache with its limits on tries."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


def browser(trader: Trader, *, confirmed: bool = True) -> Client:
    """Return a session; `confirmed` ones have just given the password once more."""
    client = Client()
    client.force_login(trader.user)
    if confirmed:
        client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


def form(**change: Any) -> dict[str, Any]:
    words = {"asset": "USDC", "blockchain": "Ethereum", "address": TARGET, "amount": "10.5"}
    return words | {"request_id": str(uuid.uuid4())} | change


def available(trader: Trader) -> int:
    return int(Balance.objects.get(account_id=trader.id, asset="USDC").available)


@pytest.mark.parametrize("name", [WITHDRAWALS, ADDRESSES, "api_docs_try", "accounts:deposits"])
def test_a_visitor_is_asked_to_sign_in(db: None, name: str) -> None:
    answer = Client().get(reverse(name))
    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]


@pytest.mark.parametrize("name", [WITHDRAWALS, ADDRESSES, "api_docs_try"])
def test_the_password_is_asked_for_once_more(alice: Trader, name: str) -> None:
    answer = browser(alice, confirmed=False).get(reverse(name))
    assert answer.status_code == 302
    assert "reauthenticate" in answer["Location"]


def test_a_deposit_address_is_issued_and_kept(alice: Trader) -> None:
    client, page = browser(alice), reverse("accounts:deposits")
    assert "no deposit address yet" in client.get(page).content.decode()
    refused = client.post(page, {"blockchain": "Ethereum"})
    assert refused.status_code == 422
    assert "An address cannot be issued yet" in refused.content.decode()
    fill_pool()
    for _ in range(2):
        assert client.post(page, {"blockchain": "Ethereum"}).status_code == 302
    assert POOL[0] in client.get(page).content.decode()
    assert DepositAddress.objects.filter(account=alice.account).count() == 1
    assert client.post(page, {"blockchain": "Moon"}).status_code == 422


def test_a_form_sent_twice_is_one_withdrawal(alice: Trader) -> None:
    client, filled = browser(alice), form()
    for _ in range(2):
        assert client.post(reverse(WITHDRAWALS), filled).status_code == 302
    assert Withdrawal.objects.count() == 1
    assert available(alice) == 99_989_500_000
    assert TARGET in client.get(reverse(WITHDRAWALS)).content.decode()


def test_a_form_sent_again_with_another_amount_is_explained_and_goes_on(alice: Trader) -> None:
    client, filled = browser(alice), form()
    client.post(reverse(WITHDRAWALS), filled)
    answer = client.post(reverse(WITHDRAWALS), filled | {"amount": "20"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "This form was sent before" in page
    (drawn,) = re.findall(r'name="request_id" value="([^"]+)"', page)
    again = filled | {"amount": "20", "request_id": drawn}
    assert client.post(reverse(WITHDRAWALS), again).status_code == 302
    assert Withdrawal.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount": "1"}, "Withdraw at least 5 USDC at once"),
        ({"amount": "200000"}, "not enough available"),
        ({"amount": "x"}, "Write a number"),
        ({"address": "0x1"}, "this is no Ethereum address"),
        ({"blockchain": "Solana"}, "this is no Solana address"),
        ({"request_id": "1"}, "Enter a valid UUID"),
    ],
)
def test_a_wrong_withdrawal_is_explained(alice: Trader, change: dict[str, Any], words: str) -> None:
    answer = browser(alice).post(reverse(WITHDRAWALS), form(**change))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert available(alice) == 100_000 * 10**6


def test_a_page_names_its_own_accounts_only(alice: Trader, bob: Trader) -> None:
    client = browser(alice)
    other = {"account": bob.account.pk}
    assert client.post(reverse(WITHDRAWALS), form(**other)).status_code == 404
    assert client.get(reverse("api_docs_try"), other).status_code == 404
    assert client.post(reverse("api_docs_key"), other).status_code == 404
    assert not Withdrawal.objects.exists()


def test_a_code_is_asked_for_beside_the_field(alice: Trader) -> None:
    client, phone = browser(alice), AuthenticatorApp(alice.user)
    refused = client.post(reverse(WITHDRAWALS), form(code=phone.wrong()))
    assert refused.status_code == 422
    assert "Wrong or used code" in refused.content.decode()
    assert client.post(reverse(WITHDRAWALS), form(code=phone.code())).status_code == 302


def test_a_waiting_withdrawal_is_cancelled_by_its_owner_only(alice: Trader, bob: Trader) -> None:
    WithdrawalGuard.objects.create(user=alice.user, delay_hours=3)
    client = browser(alice)
    client.post(reverse(WITHDRAWALS), form())
    number = Withdrawal.objects.get().pk
    page = client.get(reverse(WITHDRAWALS)).content.decode()
    cancel = reverse("accounts:cancel_withdrawal", args=[number])
    assert "Waits until" in page
    assert cancel in page
    told = browser(bob).post(cancel, follow=True).content.decode()
    assert "Withdrawal not found" in told
    assert available(alice) == 99_989_500_000
    assert "the money is back" in client.post(cancel, follow=True).content.decode()
    assert available(alice) == 100_000 * 10**6


def test_the_job_releases_what_has_waited_and_delivers_what_stays(
    alice: Trader, bob: Trader
) -> None:
    fill_pool()
    address = {"blockchain": "Ethereum"}
    browser(bob).post(reverse("accounts:deposits"), address)
    WithdrawalGuard.objects.create(user=alice.user, delay_hours=3)
    browser(alice).post(reverse(WITHDRAWALS), form(address=POOL[0]))
    release_withdrawals()
    assert available(bob) == 100_000 * 10**6
    WithdrawalInstruction.objects.update(trigger_at=timezone.now())
    release_withdrawals()
    release_withdrawals()
    assert available(bob) == 100_010_500_000
    assert outgoing.deliver_all() == 0


def test_an_address_is_added_used_and_removed(alice: Trader, bob: Trader, settings: Any) -> None:
    settings.ADDRESS_BOOK_HOURS = 24
    client, book = browser(alice), reverse(ADDRESSES)
    filled = {"label": "cold <wallet>", "blockchain": "Ethereum", "address": TARGET}
    assert client.post(book, filled).status_code == 302
    shown = client.get(book).content.decode()
    assert "cold &lt;wallet&gt;" in shown
    assert "after 24 hours" in shown
    for wrong in (filled, filled | {"address": "0x1"}, filled | {"label": ""}):
        assert client.post(book, wrong).status_code == 422
    entry = AddressBookEntry.objects.get()
    chosen = client.get(reverse(WITHDRAWALS), {"to": entry.pk}).content.decode()
    assert f'value="{TARGET}"' in chosen
    assert TARGET not in browser(bob).get(reverse(WITHDRAWALS), {"to": entry.pk}).content.decode()
    remove = reverse("accounts:remove_address", args=[entry.pk])
    browser(bob).post(remove)
    assert AddressBookEntry.objects.exists()
    client.post(remove)
    assert not AddressBookEntry.objects.exists()


@pytest.mark.parametrize(("has_app", "right"), [(False, False), (True, False), (True, True)])
def test_an_exempt_address_needs_the_second_factor(
    alice: Trader, has_app: bool, right: bool
) -> None:
    phone = AuthenticatorApp(alice.user) if has_app else None
    code = "000000" if phone is None else phone.code() if right else phone.wrong()
    filled = {"label": "cold", "blockchain": "Ethereum", "address": TARGET}
    answer = browser(alice).post(reverse(ADDRESSES), filled | {"exempt": "on", "code": code})
    assert answer.status_code == (302 if right else 422)
    assert AddressBookEntry.objects.filter(exempt=True).exists() is right


def test_the_guards_are_set_on_the_page(alice: Trader, settings: Any) -> None:
    settings.ADDRESS_BOOK_HOURS = 24
    client, phone = browser(alice), AuthenticatorApp(alice.user)
    mode, delay = reverse("accounts:whitelist_only"), reverse("accounts:set_delay")
    assert "address book only" in client.post(mode, {"on": "1"}, follow=True).content.decode()
    assert client.post(reverse(WITHDRAWALS), form()).status_code == 422
    assert "any address from" in client.post(mode, follow=True).content.decode()
    know(alice)
    assert client.post(reverse(WITHDRAWALS), form(code=phone.code())).status_code == 302
    assert client.post(delay, {"hours": "5", "code": phone.wrong()}).status_code == 422
    assert client.post(delay, {"hours": "99999", "code": phone.code()}).status_code == 422
    for hours in ("5", "2"):
        assert client.post(delay, {"hours": hours, "code": phone.code()}).status_code == 302
    guard = WithdrawalGuard.objects.get(user=alice.user)
    assert (guard.delay_hours, guard.next_delay_hours) == (5, 2)
    page = client.get(reverse(ADDRESSES)).content.decode()
    assert "Withdrawals wait 5 hours" in page
    assert "UTC on 2 hours" in page


def test_the_page_of_the_api_is_there_for_everybody(alice: Trader) -> None:
    page = reverse("api_docs")
    for client in (Client(), browser(alice)):
        answer = client.get(page)
        assert answer.status_code == 200
        assert 'data-document="/openapi.yaml"' in answer.content.decode()
        assert "unsafe" not in answer["Content-Security-Policy"]


def test_a_page_key_lives_for_an_hour_and_ends_with_its_page(alice: Trader, bob: Trader) -> None:
    client = browser(alice)
    publics = [b64encode(bytes(SigningKey.generate().verify_key)).decode() for _ in range(2)]
    for public in publics:
        made = client.post(reverse("api_docs_key"), {"public_key": public})
        assert (made.status_code, made.json()["key"]) == (200, public)
    assert client.post(reverse("api_docs_key"), {"public_key": "no key"}).status_code == 422
    keys = ApiKey.objects.filter(public_key__in=publics, revoked_at=None)
    assert {key.account for key in keys} == {alice.account}
    assert "API page, until" in client.get(reverse("accounts:keys")).content.decode()
    end = reverse("api_docs_key_end")
    # Neither somebody else's, nor a key of another kind.
    browser(bob).post(end, {"public_key": publics[0]})
    client.post(end, {"public_key": alice.key.public_key})
    for unknown in ("", "no key", f"{publics[0]}\0"):
        assert client.post(end, {"public_key": unknown}).status_code == 204
    assert keys.all().count() == 2
    assert client.post(end, {"public_key": publics[0]}).status_code == 204
    assert keys.all().count() == 1
    revoke_page_keys()
    assert keys.all().count() == 1
    assert page_keys.revoke_expired(timezone.now() + page_keys.LIFETIME) == 1
    assert keys.all().count() == 0
    alice.key.refresh_from_db()
    assert alice.key.revoked_at is None
