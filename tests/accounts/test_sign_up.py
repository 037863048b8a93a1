"""From the sign-up form to an open account, and who is turned away at the door."""

import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts import services
from accounts.models import Account, User
from compliance.models import Customer, Decision, Rule, Status
from compliance.services import Refusal, add_rule, change_status
from gateway.errors import EngineUnavailable

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def plain_settings(settings: Settings) -> None:
    """Leave out the cache with its limits on tries, and the mail."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    settings.ACCOUNT_EMAIL_VERIFICATION = "none"


def sign_up(client: Client, country: str = "CH", **changes: str) -> Any:
    form = {"email": "alice@example.org", "password1": PASSWORD, "country": country}
    return client.post(reverse("account_signup"), form | changes)


def sign_in(client: Client) -> Any:
    form = {"login": "alice@example.org", "password": PASSWORD}
    return client.post(reverse("account_login"), form)


def test_a_sign_up_makes_a_customer_with_an_open_main_account(
    client: Client, live_engine: Any
) -> None:
    answer = sign_up(client, email="Alice@Example.org")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    account = Account.objects.get()
    assert account.pk >= 1001
    assert (account.number, account.main, account.owner_id) == (0, None, account.pk)
    assert account.opened_at is not None
    assert account.user.email == "alice@example.org"
    customer = Customer.objects.get(user=account.user)
    assert (customer.country, customer.tier, customer.entity.code) == ("CH", 0, "intl")
    assert client.session["_auth_user_id"] == str(account.user.pk)


@pytest.mark.parametrize("country", ["CN", "IR", "KP", "CU", "SY", "UA-43"])
def test_a_refused_country_leaves_nothing_but_the_decision(client: Client, country: str) -> None:
    answer = sign_up(client, country)
    text = answer.content.decode()
    assert "residents of this country" in text or "mainland China" in text
    assert not User.objects.exists()
    assert not EmailAddress.objects.exists()
    assert not Account.objects.exists()
    decision = Decision.objects.get()
    assert (decision.allowed, decision.inputs["country"]) == (False, country)
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("country", ["", "XX", "cn", "CN "])
def test_a_country_that_is_none_is_no_way_in(client: Client, country: str) -> None:
    assert sign_up(client, country).status_code == 200
    assert not User.objects.exists()


def test_a_weak_password_is_refused(client: Client) -> None:
    assert b"too short" in sign_up(client, password1="short").content
    assert not User.objects.exists()


def test_an_engine_that_is_away_costs_nobody_the_sign_up(
    client: Client, live_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise EngineUnavailable("no engine")

    with monkeypatch.context() as patched:
        patched.setattr(services, "submit", away)
        assert sign_up(client).status_code == 302
        assert Account.objects.get().opened_at is None
        assert services.ensure_accounts_open() == 0
    assert services.ensure_accounts_open() == 1
    assert Account.objects.get().opened_at is not None
    assert services.ensure_accounts_open() == 0


def test_a_known_email_is_not_told_to_a_stranger(
    client: Client, live_engine: Any, settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    services.register_user("alice@example.org", PASSWORD, "CH")
    answer = sign_up(client)
    unknown = sign_up(Client(), email="new@example.org")
    assert answer["Location"] == unknown["Location"]
    assert User.objects.count() == 2


def test_an_email_is_verified_by_the_code_that_was_sent(
    client: Client, live_engine: Any, settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    answer = sign_up(client)
    assert "_auth_user_id" not in client.session
    code = next(
        line.strip()
        for line in mail.outbox[0].body.splitlines()
        if line.strip().count("-") == 1 and len(line.strip()) < 12
    )
    client.post(answer["Location"], {"code": "WRON-GONE"})
    assert "_auth_user_id" not in client.session
    client.post(answer["Location"], {"code": code})
    assert EmailAddress.objects.get().verified
    assert "_auth_user_id" in client.session


def test_sign_in_and_sign_out(client: Client, live_engine: Any) -> None:
    services.register_user("alice@example.org", PASSWORD, "CH")
    wrong = {"login": "alice@example.org", "password": "wrong password"}
    assert client.post(reverse("account_login"), wrong).status_code == 200
    assert "_auth_user_id" not in client.session
    assert sign_in(client).status_code == 302
    assert client.get(reverse("accounts:sub_accounts")).status_code == 200
    client.get(reverse("account_logout"))
    assert "_auth_user_id" in client.session
    client.post(reverse("account_logout"))
    assert client.get(reverse("accounts:sub_accounts")).status_code == 302


def test_a_customer_found_to_live_in_china_gets_no_session(
    client: Client, live_engine: Any
) -> None:
    services.register_user("alice@example.org", PASSWORD, "CH")
    Customer.objects.update(country="CN")
    answer = sign_in(client)
    assert answer.status_code == 451
    assert "mainland China" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert Decision.objects.filter(action="sign_in", allowed=False).count() == 1


def test_a_session_ends_when_a_new_rule_closes_the_country(
    client: Client, live_engine: Any
) -> None:
    user = services.register_user("alice@example.org", PASSWORD, "CH")
    client.force_login(user)
    page = reverse("accounts:sub_accounts")
    assert client.get(page).status_code == 200
    ban = Rule(jurisdiction="CH", product="*", action="*", effect="deny")
    ban.effective_from = user.date_joined
    add_rule(ban, None, reason="Sanctions from today")
    assert client.get(page).status_code == 451
    assert client.get(page).status_code == 302


def test_a_closed_customer_cannot_sign_in(client: Client, live_engine: Any) -> None:
    user = services.register_user("alice@example.org", PASSWORD, "CH")
    customer = Customer.objects.get(user=user)
    change_status(customer, None, status=Status.CLOSED, reason="Asked for it")
    answer = sign_in(client)
    assert answer.status_code == 451
    assert "closed" in answer.content.decode()


def test_register_user_obeys_the_same_rules(live_engine: Any) -> None:
    with pytest.raises(Refusal, match="mainland China"):
        services.register_user("alice@example.org", PASSWORD, "CN")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "page",
    ["account_login", "account_signup", "account_reset_password", "mfa_index", "mfa_activate_totp"],
)
def test_the_pages_of_the_door_open(client: Client, live_engine: Any, page: str) -> None:
    if page.startswith("mfa"):
        services.register_user("alice@example.org", PASSWORD, "CH")
        sign_in(client)
        client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    answer = client.get(reverse(page))
    assert answer.status_code == 200
    # The strict content security policy leaves no room for inline code.
    assert b"<script>" not in answer.content
    assert b"style=" not in answer.content


def test_a_second_factor_is_asked_once_it_is_active(
    client: Client, live_engine: Any, settings: Settings
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.MFA_TOTP_TOLERANCE = 1
    sign_up(client)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    activate = reverse("mfa_activate_totp")
    secret = client.get(activate).context["form"].secret
    assert client.post(activate, {"code": "000000"}).status_code == 200
    answer = client.post(activate, {"code": _totp(secret, time.time())})
    assert answer.status_code == 302
    client.post(reverse("account_logout"))
    second_step = sign_in(client)
    assert second_step["Location"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session
    # Each code counts once: the next one is that of the following half minute.
    client.post(second_step["Location"], {"code": _totp(secret, time.time() + 30)})
    assert "_auth_user_id" in client.session


def _totp(secret: str, at: float) -> str:
    return str(format_hotp_value(hotp_value(secret, int(at) // 30)))
