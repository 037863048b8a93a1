"""What the pages of one account let a member do, and what its owner alone."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import services, sub_accounts, teams
from accounts.access import access_of
from accounts.choice import visible_accounts
from accounts.models import Account, Act, WithdrawalGuard, WithdrawalInstruction
from accounts.rights import ROLES
from accounts.teams import Terms
from engine.vocabulary import Side
from tests.accounts.test_money_pages import available, browser, form, plain_settings
from tests.api.house import Trader
from tests.house_fixture import alice, bob, house

__all__ = ["alice", "bob", "house", "plain_settings"]


def join(owner: Trader, member: Trader, role: str) -> None:
    """Have `member` act for the owner's main account."""
    terms = Terms(account=owner.account, rights=ROLES[role])
    _, token = teams.invite(owner.user, owner.account, member.user.email, [terms])
    teams.accept(member.user, token)


def page_of(client: Client, name: str, owner: Trader) -> str:
    return client.get(reverse(name), {"account": owner.id}).content.decode()


def test_a_waiting_withdrawal_is_taken_back_with_the_right_to_withdraw_only(
    alice: Trader, bob: Trader
) -> None:
    WithdrawalGuard.objects.create(user=alice.user, delay_hours=3)
    before = available(alice)
    browser(alice).post(reverse("accounts:withdrawals"), form())
    number = WithdrawalInstruction.objects.get().number
    cancel = reverse("accounts:cancel_withdrawal", args=[number])
    join(alice, bob, "Viewer")
    viewer = browser(bob)
    page = page_of(viewer, "accounts:withdrawals", alice)
    assert cancel not in page
    assert "You have no right to this in this account" in page
    assert "Withdrawal not found" in viewer.post(cancel, follow=True).content.decode()
    assert available(alice) < before
    treasurer = Terms(account=alice.account, rights=ROLES["Treasurer"])
    teams.change_grant(alice.user, alice.account.members.get(), treasurer)
    assert cancel in page_of(viewer, "accounts:withdrawals", alice)
    assert "the money is back" in viewer.post(cancel, follow=True).content.decode()
    assert available(alice) == before


def test_a_member_does_not_silence_the_owners_mails(alice: Trader, bob: Trader) -> None:
    join(alice, bob, "Manager")
    client = browser(bob)
    assert "risk-mails" not in page_of(client, "accounts:settings", alice)
    told = client.post(reverse("accounts:risk_mails"), {"account": alice.id}, follow=True)
    assert "Only the owner of this account may do this" in told.content.decode()
    assert Account.objects.get(pk=alice.id).risk_mails
    denied = Act.objects.get(outcome=Act.Outcome.DENIED)
    assert (denied.actor_id, denied.action) == (bob.user.pk, "manage_accounts")


def test_one_chooses_among_accounts_which_are_not_closed_own_ones_first(
    alice: Trader, bob: Trader
) -> None:
    join(alice, bob, "Viewer")
    desk = services.create_sub_account(bob.user, "Desk")
    frozen = services.create_sub_account(bob.user, "Frozen")
    closed = services.create_sub_account(bob.user, "Closed")
    sub_accounts.freeze_account(access_of(frozen, bob.user), frozen=True)
    sub_accounts.close_account(access_of(closed, bob.user))
    # Stored a moment ago: the engine has not said that it knows it.
    new = Account.objects.create(user=bob.user, main=bob.account, number=9, name="New")
    shown: list[Any] = visible_accounts(bob.user)
    assert {row.pk for row in shown[:4]} == {bob.id, desk.pk, frozen.pk, new.pk}
    assert shown[4].pk == alice.id
    states = {row.name: row.state for row in shown if row.user_id == bob.user.pk}
    assert states == {"Main": "Open", "Desk": "Open", "Frozen": "Frozen", "New": "Open"}


@pytest.mark.parametrize(
    ("name", "words"),
    [("accounts:settings", "Save"), ("accounts:withdrawals", "Withdraw"), ("trading:lend", "Lend")],
)
def test_every_page_which_acts_names_the_account_and_its_owner(
    alice: Trader, bob: Trader, name: str, words: str
) -> None:
    join(alice, bob, "Manager")
    page = page_of(browser(bob), name, alice)
    assert f"of {alice.user.email}" in page
    assert f'{words} <span class="in-account">' in page
    assert f"Shared by {alice.user.email}" in page


def test_who_may_not_trade_reduces_the_position_that_is_there(alice: Trader, bob: Trader) -> None:
    client, ticket = browser(alice), "/trade/SOL_USDC_PERP"
    access = access_of(alice.account, alice.user)
    sub_accounts.freeze_account(access, frozen=True)
    flat = client.get(ticket).content.decode()
    assert "disabled data-submit" in flat and "What reduces a position" not in flat
    sub_accounts.freeze_account(access, frozen=False)
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=100)
    alice.take("SOL_USDC_PERP", Side.BID, lots=100)
    sub_accounts.freeze_account(access, frozen=True)
    page = client.get(ticket).content.decode()
    assert "disabled data-submit" not in page and "What reduces a position" in page
    assert 'name="reduceOnly" checked required' in page
    order = {"symbol": "SOL_USDC_PERP", "side": "Ask", "orderType": "Limit", "price": "100"}
    order |= {"account": str(alice.id), "quantity": "1", "execution": "GTC"}
    headers = {"accept": "application/json"}
    assert client.post("/trade/order", order, headers=headers).status_code == 403
    told = client.post("/trade/order", order | {"reduceOnly": "on"}, headers=headers)
    assert told.status_code == 200, told.content
