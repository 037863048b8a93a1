"""Withdrawals which wait for a second person: which, who decides, and what becomes of the money."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import approvals, outgoing, teams
from accounts.access import access_of
from accounts.address_book import add_entry
from accounts.api.errors import Refused
from accounts.models import (
    Account,
    AddressBookEntry,
    Balance,
    User,
    Withdrawal,
    WithdrawalGuard,
    WithdrawalInstruction,
)
from accounts.sub_accounts import freeze_account
from accounts.withdrawals import WithdrawalRequest, request_withdrawal
from compliance.services import Refusal
from tests.accounts.test_teams import Team, signed_in
from tests.api.authenticator import AuthenticatorApp

pytestmark = pytest.mark.django_db
USDC = 10**6
ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
TREASURY = ("view", "withdraw_whitelisted")


class Treasury(Team):
    """Alice's team, in which bob may withdraw from Desk; 1,000 USD a day go without approval."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = {user.pk: AuthenticatorApp(user) for user in (self.alice.user, self.bob.user)}
        entry = AddressBookEntry(
            user=self.alice.user, label="Bank", blockchain="Ethereum", address=ADDRESS
        )
        add_entry(entry, None)
        AddressBookEntry.objects.update(usable_at=timezone.now())
        approvals.set_threshold(self.alice.user, 1_000 * USDC, self.code(self.alice.user))
        self.member = self.join(TREASURY)

    def code(self, user: User) -> str:
        return self.codes[user.pk].code()

    def withdraw(self, user: User, whole: int, account: Account | None = None) -> int:
        request = WithdrawalRequest(
            asset="USDC",
            amount_atoms=whole * USDC,
            blockchain="Ethereum",
            address=ADDRESS,
            code=self.code(user),
        )
        return request_withdrawal(access_of(account or self.desk, user), request)


@pytest.fixture
def team(live_engine: Any) -> Treasury:
    return Treasury()


def held(account: Account) -> int:
    return int(Balance.objects.get(account_id=account.pk, asset="USDC").available) // USDC


def told(number: int) -> WithdrawalInstruction:
    return WithdrawalInstruction.objects.get(number=number)


def test_what_stays_below_the_threshold_of_a_day_leaves_at_once(team: Treasury) -> None:
    first = team.withdraw(team.alice.user, 600)
    assert told(first).released_at is not None
    second = team.withdraw(team.bob.user, 600)
    assert told(second).needs_approval and told(second).released_at is None
    assert held(team.desk) == 8_800
    third = team.withdraw(team.alice.user, 400)
    assert not told(third).needs_approval
    WithdrawalInstruction.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert not told(team.withdraw(team.alice.user, 1_000)).needs_approval


def test_a_second_person_lets_it_go_and_nobody_else(team: Treasury) -> None:
    number = team.withdraw(team.bob.user, 5_000)
    with pytest.raises(Refusal):
        outgoing.require_sendable(number)
    with pytest.raises(Refused) as own:
        approvals.approve(team.bob.user, number, team.code(team.bob.user))
    assert own.value.code == "FORBIDDEN"
    with pytest.raises(Refused) as wrong:
        approvals.approve(team.alice.user, number, team.codes[team.alice.user.pk].wrong())
    assert wrong.value.code == "INVALID_TWO_FACTOR_CODE"
    assert outgoing.release_withdrawals(timezone.now() + timedelta(days=1)) == 0
    approvals.approve(team.alice.user, number, team.code(team.alice.user))
    outgoing.require_sendable(number)
    assert told(number).approved_by == team.alice.user.pk
    with pytest.raises(Refused) as again:
        approvals.approve(team.alice.user, number, team.code(team.alice.user))
    assert again.value.status_code == 409


def test_the_owner_too_needs_a_second_person(team: Treasury) -> None:
    number = team.withdraw(team.alice.user, 5_000)
    with pytest.raises(Refused):
        approvals.approve(team.alice.user, number, team.code(team.alice.user))
    approvals.approve(team.bob.user, number, team.code(team.bob.user))
    assert told(number).released_at is not None
    # Bob may withdraw from Desk only, so that nobody could approve what leaves Vault.
    with pytest.raises(Refused) as alone:
        team.withdraw(team.alice.user, 5_000, team.vault)
    assert "nobody else" in alone.value.message
    assert held(team.vault) == 10_000


def test_no_means_that_the_money_comes_back(team: Treasury) -> None:
    number = team.withdraw(team.bob.user, 5_000)
    assert held(team.desk) == 5_000
    approvals.turn_down(team.alice.user, number)
    assert held(team.desk) == 10_000
    assert Withdrawal.objects.get(pk=number).status == Withdrawal.Status.RETURNED
    with pytest.raises(Refused):
        approvals.turn_down(team.alice.user, number)
    mine = team.withdraw(team.bob.user, 5_000)
    approvals.turn_down(team.bob.user, mine)
    assert held(team.desk) == 10_000
    # What came back counts for nothing.
    assert not told(team.withdraw(team.bob.user, 1_000)).needs_approval


def test_after_a_week_the_answer_is_no(team: Treasury) -> None:
    number = team.withdraw(team.bob.user, 5_000)
    now = timezone.now()
    assert approvals.return_unapproved(now + timedelta(days=6)) == 0
    assert approvals.return_unapproved(now + timedelta(days=8)) == 1
    assert approvals.return_unapproved(now + timedelta(days=8)) == 0
    assert held(team.desk) == 10_000
    with pytest.raises(Refused):
        approvals.approve(team.alice.user, number, team.code(team.alice.user))


def test_a_stranger_sees_and_decides_nothing(team: Treasury) -> None:
    number = team.withdraw(team.bob.user, 5_000)
    teams.end_membership(team.alice.user, team.member)
    for act in (approvals.turn_down, lambda user, it: approvals.approve(user, it, "1")):
        with pytest.raises(Refused) as refused:
            act(team.bob.user, number)
        assert refused.value.status_code == 404
    with pytest.raises(Refused):
        approvals.turn_down(team.alice.user, 10**12)


def test_a_member_withdraws_to_the_owners_book_only(team: Treasury) -> None:
    request = WithdrawalRequest(
        asset="USDC",
        amount_atoms=100 * USDC,
        blockchain="Ethereum",
        address="0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        code=team.code(team.bob.user),
    )
    with pytest.raises(Refused) as refused:
        request_withdrawal(access_of(team.desk, team.bob.user), request)
    assert "address book" in refused.value.message
    assert held(team.desk) == 10_000
    with pytest.raises(Refused):
        team.withdraw(team.bob.user, 10, team.vault)


def test_weakening_the_threshold_takes_a_day(team: Treasury, settings: Any) -> None:
    settings.ADDRESS_BOOK_HOURS = 24
    user = team.alice.user
    held_now = approvals.set_threshold(user, 5_000 * USDC, team.code(user))
    assert held_now.micros == 1_000 * USDC and held_now.next_at is not None
    assert approvals.threshold_of(user.pk, held_now.next_at).micros == 5_000 * USDC
    assert approvals.set_threshold(user, None, team.code(user)).micros == 1_000 * USDC
    assert approvals.set_threshold(user, 500 * USDC, team.code(user)) == (500 * USDC, None, None)
    with pytest.raises(Refused):
        approvals.set_threshold(user, 2**63, team.code(user))
    with pytest.raises(Refused):
        approvals.set_threshold(user, 1, "123")
    guard = WithdrawalGuard.objects.get(user=user)
    assert guard.approval_micros == 500 * USDC


def test_no_threshold_means_no_waiting(team: Treasury) -> None:
    WithdrawalGuard.objects.update(approval_micros=None)
    number = team.withdraw(team.bob.user, 9_000)
    assert told(number).released_at is not None


def test_nothing_leaves_a_frozen_account(team: Treasury) -> None:
    owner = access_of(team.desk, team.alice.user)
    delayed = team.withdraw(team.alice.user, 100)
    later = timezone.now() + timedelta(hours=1)
    WithdrawalInstruction.objects.filter(number=delayed).update(trigger_at=later, released_at=None)
    waiting = team.withdraw(team.bob.user, 5_000)
    freeze_account(owner, frozen=True)
    assert outgoing.release_withdrawals(later) == 0
    with pytest.raises(Refused) as frozen:
        approvals.approve(team.alice.user, waiting, team.code(team.alice.user))
    assert "frozen" in frozen.value.message
    approvals.turn_down(team.alice.user, waiting)
    assert held(team.desk) == 9_900
    freeze_account(owner, frozen=False)
    assert outgoing.release_withdrawals(later) == 1


def decide(team: Treasury, user: User, number: int, **words: str) -> str:
    """Send the form of the approvals page, and return the page that comes of it."""
    client = signed_in(user)
    client.post(reverse("account_reauthenticate"), {"password": "long-password-1"})
    path = reverse("accounts:decide_withdrawal", args=[number])
    return client.post(path, words, follow=True).content.decode()


def test_the_page_lists_approves_and_turns_down(team: Treasury) -> None:
    number, other = (team.withdraw(team.bob.user, whole) for whole in (3_000, 2_000))
    path = reverse("accounts:decide_withdrawal", args=[number])
    shown = signed_in(team.alice.user).get(reverse("accounts:approvals")).content.decode()
    assert path in shown and "3,000 USDC" in shown and team.bob.user.email in shown
    # Who asked may take it back, and is offered nothing else.
    own = signed_in(team.bob.user).get(reverse("accounts:approvals")).content.decode()
    assert path in own and 'value="approve"' not in own
    wrong = team.codes[team.alice.user.pk].wrong()
    assert "Wrong or used code" in decide(team, team.alice.user, number, act="approve", code=wrong)
    assert "Approved" not in decide(
        team, team.bob.user, number, act="approve", code=team.code(team.bob.user)
    )
    assert told(number).released_at is None
    code = team.code(team.alice.user)
    assert "Approved" in decide(team, team.alice.user, number, act="approve", code=code)
    assert told(number).released_at is not None
    assert "Turned down" in decide(team, team.alice.user, other, act="decline")
    assert held(team.desk) == 7_000
    assert "waits for nobody" in decide(team, team.alice.user, other, act="decline")
    left = signed_in(team.alice.user).get(reverse("accounts:approvals")).content.decode()
    assert "Nothing waits" in left


def test_the_page_sets_the_threshold(team: Treasury, settings: Any) -> None:
    settings.ADDRESS_BOOK_HOURS = 24
    client = signed_in(team.alice.user)
    client.post(reverse("account_reauthenticate"), {"password": "long-password-1"})
    path = reverse("accounts:set_threshold")
    for words, said in (({"threshold": "x"}, "Write an amount"), ({"threshold": "5"}, "required")):
        refused = client.post(path, words)
        assert refused.status_code == 422 and said in refused.content.decode()
    form = {"threshold": "250.5", "code": team.code(team.alice.user)}
    assert "holds from now on" in client.post(path, form, follow=True).content.decode()
    form = {"threshold": "", "code": team.code(team.alice.user)}
    assert "becomes weaker" in client.post(path, form, follow=True).content.decode()
    assert approvals.threshold_of(team.alice.user.pk).micros == 250_500_000
