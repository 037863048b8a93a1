"""Transfers by the clock: what each rule moves, once, and only as its maker may."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import sweeps, teams
from accounts.access import access_of
from accounts.models import Account, Act, Balance, SweepRule
from accounts.sub_accounts import freeze_account
from accounts.sweeps import SweepTerms
from accounts.teams import Terms
from compliance.services import Refusal
from gateway.errors import EngineUnavailable
from tests.accounts.test_teams import Team

pytestmark = pytest.mark.django_db
USDC = 10**6
NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def team(live_engine: Any) -> Team:
    return Team()


def held(account: Account) -> int:
    return int(Balance.objects.get(account_id=account.pk, asset="USDC").available) // USDC


def rule(team: Team, whole: int, **terms: Any) -> SweepRule:
    asked: dict[str, Any] = {"asset": "USDC", "amount_atoms": whole * USDC, "starts_at": NOON}
    made = SweepTerms(**{"every": "day"} | asked | terms)
    return sweeps.create_sweep(team.alice.user, team.desk, team.vault, made)


def test_an_amount_moves_once_a_period_however_often_the_job_runs(team: Team) -> None:
    made = rule(team, 100)
    assert sweeps.run_due(NOON - timedelta(seconds=1)) == {"done": 0, "refused": 0, "left": 0}
    assert sweeps.run_due(NOON)["done"] == 1
    assert sweeps.run_due(NOON + timedelta(hours=1))["done"] == 0
    assert (held(team.desk), held(team.vault)) == (9_900, 10_100)
    # A worker that had moved the money and died before it noted so.
    SweepRule.objects.update(next_at=NOON)
    assert sweeps.run_due(NOON + timedelta(hours=2))["done"] == 1
    assert held(team.desk) == 9_900
    made.refresh_from_db()
    assert (made.next_at, made.outcome) == (NOON + timedelta(days=1), "Moved 100 USDC.")


def test_a_clock_that_stood_still_moves_it_once(team: Team) -> None:
    made = rule(team, 100)
    late = NOON + timedelta(days=3, hours=5)
    sweeps.run_due(late)
    made.refresh_from_db()
    assert held(team.desk) == 9_900
    assert made.next_at == NOON + timedelta(days=4)


@pytest.mark.parametrize(
    ("keep", "tops_up", "left", "words"),
    [
        (4_000, False, 4_000, "Moved 6000 USDC from Desk to Vault."),
        (12_000, False, 10_000, "Nothing to move."),
        (12_000, True, 12_000, "Moved 2000 USDC from Vault to Desk."),
        (30_000, True, 20_000, "Moved 10000 USDC from Vault to Desk; 10000 more could not be"),
        (0, False, 0, "Moved 10000 USDC from Desk to Vault."),
    ],
)
def test_a_level_is_kept(team: Team, keep: int, tops_up: bool, left: int, words: str) -> None:
    made = rule(team, keep, keeps=True, tops_up=tops_up)
    sweeps.run_due(NOON)
    made.refresh_from_db()
    assert held(team.desk) == left
    assert made.outcome.startswith(words)


def test_what_cannot_be_moved_is_told_and_tried_again_next_time(team: Team) -> None:
    made = rule(team, 100_000)
    assert sweeps.run_due(NOON) == {"done": 0, "refused": 1, "left": 0}
    made.refresh_from_db()
    assert "not enough available" in made.outcome
    assert made.next_at == NOON + timedelta(days=1)
    assert held(team.desk) == 10_000


def test_each_run_needs_the_rights_of_whoever_made_the_rule(team: Team) -> None:
    terms = [
        Terms(account=account, rights=("view", "transfer")) for account in (team.desk, team.vault)
    ]
    member, token = teams.invite(team.alice.user, team.main, team.bob.user.email, terms)
    teams.accept(team.bob.user, token)
    asked = SweepTerms(asset="USDC", amount_atoms=USDC, every="day", starts_at=NOON)
    made = sweeps.create_sweep(team.bob.user, team.desk, team.vault, asked)
    assert sweeps.run_due(NOON)["done"] == 1
    assert Act.objects.filter(action="TransferFunds", actor_id=team.bob.user.pk).count() == 1
    teams.end_membership(team.alice.user, member)
    assert sweeps.run_due(NOON + timedelta(days=1)) == {"done": 0, "refused": 1, "left": 0}
    made.refresh_from_db()
    assert "no right" in made.outcome
    assert held(team.desk) == 9_999
    denials = Act.objects.filter(outcome=Act.Outcome.DENIED, actor_id=team.bob.user.pk)
    assert [row.action for row in denials] == ["transfer"]
    sweeps.end_sweep(team.alice.user, made)
    assert sweeps.run_due(NOON + timedelta(days=2))["refused"] == 0


def test_a_frozen_account_gives_nothing_and_takes(team: Team) -> None:
    made = rule(team, 100)
    access = access_of(team.desk, team.alice.user)
    freeze_account(access, frozen=True)
    sweeps.run_due(NOON)
    made.refresh_from_db()
    assert "frozen" in made.outcome and held(team.desk) == 10_000
    freeze_account(access_of(team.desk, team.alice.user), frozen=False)
    freeze_account(access_of(team.vault, team.alice.user), frozen=True)
    sweeps.run_due(NOON + timedelta(days=1))
    assert held(team.desk) == 9_900


def test_an_engine_that_is_away_leaves_a_rule_for_the_next_run(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule(team, 100)

    def away(*args: Any, **kwargs: Any) -> Any:
        raise EngineUnavailable("restarting")

    with monkeypatch.context() as patch:
        patch.setattr(sweeps, "transfer_funds", away)
        assert sweeps.run_due(NOON) == {"done": 0, "refused": 0, "left": 1}
    assert sweeps.run_due(NOON + timedelta(minutes=1))["done"] == 1
    assert held(team.desk) == 9_900


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"amount_atoms": 0}, "INVALID_AMOUNT"),
        ({"amount_atoms": -1}, "INVALID_AMOUNT"),
        ({"amount_atoms": 2**63}, "INVALID_AMOUNT"),
        ({"amount_atoms": -1, "keeps": True}, "INVALID_AMOUNT"),
        ({"tops_up": True}, "INVALID_SWEEP"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    team: Team, terms: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        rule(team, 1, **terms)
    assert refused.value.code == code
    with pytest.raises(Refusal) as same:
        asked = SweepTerms(asset="USDC", amount_atoms=1, every="day")
        sweeps.create_sweep(team.alice.user, team.desk, team.desk, asked)
    assert same.value.code == "SAME_ACCOUNT"
    with pytest.raises(Refusal) as other:
        sweeps.create_sweep(team.alice.user, team.desk, team.bob.account, asked)
    assert other.value.code == "OTHER_OWNER"
    assert not SweepRule.objects.exists()


def test_a_rule_begins_at_a_whole_minute_that_is_not_over(team: Team) -> None:
    asked = SweepTerms(asset="USDC", amount_atoms=1, every="minute", starts_at=NOON)
    made = sweeps.create_sweep(team.alice.user, team.desk, team.vault, asked)
    assert made.next_at == NOON
    past = SweepTerms(asset="USDC", amount_atoms=1, every="minute")
    now = timezone.now()
    soon = sweeps.create_sweep(team.alice.user, team.desk, team.vault, past)
    assert now < soon.next_at <= now + timedelta(minutes=2) and soon.next_at.second == 0
