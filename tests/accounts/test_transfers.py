"""Sub-accounts, and money between a user's own accounts."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.access import access_of
from accounts.api.errors import Refused
from accounts.models import Account, Balance, User
from accounts.models.users import SUB_ACCOUNT_LIMIT
from accounts.transfers import transfer_funds
from compliance import services as compliance
from compliance.models import Customer, Status
from engine.catalog import Asset, Fraction, Haircut, RateCurve
from engine.commands import CreditDeposit, ListAsset
from engine.units import PPB, AccountId
from gateway.client import submit

pytestmark = pytest.mark.django_db
TRANSFERS = "accounts:transfers"
USDC = Asset(
    symbol="USDC",
    name="USD Coin",
    decimals=6,
    haircut=Haircut(weight_ppb=PPB),
    borrow_imf=Fraction(base_ppb=PPB // 10),
    borrow_mmf=Fraction(base_ppb=PPB // 20),
    curve=RateCurve(optimal_ppb=PPB * 8 // 10, slope1_ppb=PPB // 10, slope2_ppb=PPB),
)


def customer(email: str) -> User:
    user = services.register_user(email, "correct horse battery", "CH")
    row = Customer.objects.get(user=user)
    compliance.approve_kyc(row, None, "Seen in person", 2, nationality="CH")
    return user


@pytest.fixture
def alice(live_engine: Any) -> User:
    """Return a verified customer with 100 USDC in her main account and an empty sub-account."""
    submit(ListAsset(asset=USDC))
    user = customer("alice@example.org")
    services.create_sub_account(user, "Grid bot")
    main = AccountId(Account.objects.get(user=user, number=0).pk)
    submit(CreditDeposit(account=main, asset="USDC", amount_atoms=100_000_000))
    return user


def accounts_of(user: User) -> list[Account]:
    return list(Account.objects.filter(user=user).order_by("number"))


def available(account: Account) -> int:
    row = Balance.objects.filter(account_id=account.pk, asset="USDC").first()
    return int(row.available) if row else 0


def form(source: Account, destination: Account, amount: str, **changes: Any) -> dict[str, Any]:
    data = {
        "source": source.pk,
        "destination": destination.pk,
        "asset": "USDC",
        "amount": amount,
        "request_id": str(uuid.uuid4()),
    }
    return data | changes


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_transfer_moves_exactly_what_was_written(alice: User) -> None:
    main, sub = accounts_of(alice)
    client = signed_in(alice)
    answer = client.post(reverse(TRANSFERS), form(main, sub, "12.345678"))
    assert answer.status_code == 302
    assert (available(main), available(sub)) == (87_654_322, 12_345_678)
    page = client.get(reverse(TRANSFERS)).content.decode()
    assert "12.345678 USDC" in page


def test_a_form_sent_twice_moves_the_money_once(alice: User) -> None:
    main, sub = accounts_of(alice)
    data = form(main, sub, "10")
    for _ in range(2):
        assert signed_in(alice).post(reverse(TRANSFERS), data).status_code == 302
    assert available(sub) == 10_000_000


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "above zero"),
        ("-1", "Write a number"),
        ("NaN", "Write a number"),
        ("1,5", "Write a number"),
        ("0.1234567", "6 decimals"),
        ("9" * 41, "Write a number"),
        ("100.000001", "100"),
    ],
)
def test_a_wrong_amount_is_explained_and_moves_nothing(
    alice: User, amount: str, words: str
) -> None:
    main, sub = accounts_of(alice)
    answer = signed_in(alice).post(reverse(TRANSFERS), form(main, sub, amount))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert (available(main), available(sub)) == (100_000_000, 0)


def test_a_refused_form_can_be_corrected_and_sent_again(alice: User) -> None:
    main, sub = accounts_of(alice)
    refused = signed_in(alice).post(reverse(TRANSFERS), form(main, sub, "200"))
    submitted = form(main, sub, "100", request_id=refused.context["form"]["request_id"].value())
    assert signed_in(alice).post(reverse(TRANSFERS), submitted).status_code == 302
    assert available(sub) == 100_000_000


def test_a_transfer_to_another_users_account_is_refused(alice: User, live_engine: Any) -> None:
    main, _ = accounts_of(alice)
    (bobs,) = accounts_of(customer("bob@example.org"))
    assert signed_in(alice).post(reverse(TRANSFERS), form(main, bobs, "1")).status_code == 422
    assert signed_in(alice).post(reverse(TRANSFERS), form(bobs, main, "1")).status_code == 422
    with pytest.raises(Refused) as refused:
        transfer_funds(access_of(main, alice), access_of(bobs, alice), asset="USDC", amount_atoms=1)
    assert refused.value.code == "FORBIDDEN"
    assert (available(main), available(bobs)) == (100_000_000, 0)


def test_a_restricted_customer_transfers_nothing(alice: User) -> None:
    main, sub = accounts_of(alice)
    row = Customer.objects.get(user=alice)
    compliance.change_status(row, None, status=Status.RESTRICTED, reason="Court order 7")
    answer = signed_in(alice).post(reverse(TRANSFERS), form(main, sub, "1"))
    assert answer.status_code == 422
    assert "restricted" in answer.content.decode()
    assert available(main) == 100_000_000


def test_sub_accounts_are_numbered_named_and_limited(alice: User) -> None:
    client = signed_in(alice)
    create = reverse("accounts:create_sub_account")
    for number in range(2, SUB_ACCOUNT_LIMIT + 1):
        assert client.post(create, {"name": f"Bot {number}"}).status_code == 302
    refused = client.post(create, {"name": "One more"})
    assert refused.status_code == 422
    assert "is the limit" in refused.content.decode()
    rows = accounts_of(alice)
    assert [row.number for row in rows] == list(range(SUB_ACCOUNT_LIMIT + 1))
    assert all(row.opened_at and row.owner_id == rows[0].pk for row in rows)


def test_two_accounts_of_a_user_cannot_have_the_same_name(alice: User) -> None:
    main, _ = accounts_of(alice)
    client = signed_in(alice)
    answer = client.post(reverse("accounts:create_sub_account"), {"name": "Grid bot"})
    assert "choose another name" in answer.content.decode()
    client.post(reverse("accounts:rename_account", args=[main.pk]), {"name": "Grid bot"})
    main.refresh_from_db()
    assert main.name == "Main"
    client.post(reverse("accounts:rename_account", args=[main.pk]), {"name": "Savings"})
    main.refresh_from_db()
    assert main.name == "Savings"


def test_nobody_renames_the_account_of_another(alice: User, live_engine: Any) -> None:
    bob = customer("bob@example.org")
    rename = reverse("accounts:rename_account", args=[accounts_of(alice)[0].pk])
    assert signed_in(bob).post(rename, {"name": "Mine"}).status_code == 404
