"""Teams: invitations, what members may do, how it ends; and that each denial is told and kept."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts import acts, services, teams
from accounts.access import access_of, access_of_key
from accounts.api.errors import Refused
from accounts.models import Account, Act, ApiKey, Grant, Member, User
from accounts.rights import ROLES
from accounts.sub_accounts import freeze_account
from accounts.teams import Terms
from accounts.transfers import transfer_funds
from compliance import services as compliance
from compliance.models import Customer, Status
from compliance.services import Refusal
from engine.vocabulary import OrderType, Side
from tests.api.house import Trader, open_house
from trading.refusals import Refusal as Answer
from trading.services import CancelRequest, OrderRequest, cancel_order, place_order

pytestmark = pytest.mark.django_db
TRADER = ROLES["Trader"]


class Team:
    """Alice, who owns two sub-accounts, and bob, who is invited to one of them."""

    def __init__(self) -> None:
        self.alice, self.bob = open_house()
        self.main = self.alice.account
        self.desk = services.create_sub_account(self.alice.user, "Desk")
        self.vault = services.create_sub_account(self.alice.user, "Vault")
        owner = access_of(self.main, self.alice.user)
        for account in (self.desk, self.vault):
            to = access_of(account, self.alice.user)
            transfer_funds(owner, to, asset="USDC", amount_atoms=10_000 * 10**6)

    def invite(self, rights: Any = TRADER, **more: Any) -> tuple[Member, str]:
        terms = Terms(account=self.desk, rights=rights, **more)
        return teams.invite(self.alice.user, self.main, self.bob.user.email, [terms])

    def join(self, rights: Any = TRADER, **more: Any) -> Member:
        _, token = self.invite(rights, **more)
        return teams.accept(self.bob.user, token)

    def order(self, person: User, account: Account | None = None, **more: Any) -> Any:
        asked = {"symbol": "SOL_USDC_PERP", "side": Side.BID, "order_type": OrderType.LIMIT}
        asked |= {"price": "99", "quantity": "1"}
        return place_order(access_of(account or self.desk, person), OrderRequest(**asked | more))


@pytest.fixture
def team(live_engine: Any) -> Team:
    acts.forget_denials()
    return Team()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def denied() -> list[tuple[int, str, str]]:
    acts.write_denials()
    rows = Act.objects.filter(outcome=Act.Outcome.DENIED).order_by("id")
    return [(row.actor_id, row.action, row.details) for row in rows]


def test_a_member_trades_where_it_was_granted_and_nowhere_else(team: Team) -> None:
    team.join()
    placed = team.order(team.bob.user)
    assert not isinstance(placed, Answer), placed
    assert placed.terms.account == team.desk.pk
    assert placed.terms.actor == team.bob.user.pk
    for account in (team.vault, team.main):
        refused = team.order(team.bob.user, account)
        assert isinstance(refused, Answer) and refused.code == "FORBIDDEN"
        assert "no right" in refused.message
        assert access_of(account, team.bob.user).denial("view") is not None
    acted = Act.objects.filter(action="PlaceOrder")
    assert [(row.account_id, row.actor_id, row.outcome) for row in acted] == [
        (team.desk.pk, team.bob.user.pk, "done")
    ]
    assert [(who, what) for who, what, _ in denied()] == [(team.bob.user.pk, "trade_perp")] * 2


def test_a_page_shows_a_member_what_is_shared_and_nothing_else(team: Team) -> None:
    team.join()
    client = signed_in(team.bob.user)
    client.defaults["HTTP_ACCEPT"] = "application/json"
    page = client.get(f"/?account={team.desk.pk}").content.decode()
    assert "Desk" in page and "Vault" not in page
    assert client.get(f"/trade/account?account={team.desk.pk}").status_code == 200
    for path in (f"/trade/account?account={team.vault.pk}", f"/lend?account={team.vault.pk}"):
        assert client.get(path).status_code in (403, 404), path
    assert client.get(f"/account/statements/{team.vault.pk}/2026-11").status_code == 404


def test_cut_off_means_at_once_with_keys(team: Team) -> None:
    member = team.join(ROLES["Bot operator"])
    key, _ = services.create_api_key(team.desk, "bot", made_by=team.bob.user)
    assert access_of_key(ApiKey.objects.get(pk=key.pk)).denial("trade_spot") is None
    teams.end_membership(team.alice.user, member)
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert isinstance(team.order(team.bob.user), Answer)
    read = f"/trade/account?account={team.desk.pk}"
    client = signed_in(team.bob.user)
    assert client.get(read, headers={"accept": "application/json"}).status_code == 403
    with pytest.raises(Refusal) as again:
        teams.end_membership(team.alice.user, member)
    assert again.value.code == "MEMBER_ENDED"


def test_a_right_that_is_taken_back_takes_its_keys_along(team: Team) -> None:
    member = team.join(ROLES["Bot operator"])
    key, _ = services.create_api_key(team.desk, "bot", made_by=team.bob.user)
    own, _ = services.create_api_key(team.desk, "owner's")
    teams.change_grant(team.alice.user, member, Terms(account=team.desk, rights=TRADER))
    key.refresh_from_db()
    own.refresh_from_db()
    assert key.revoked_at is not None and own.revoked_at is None
    with pytest.raises(Refusal):
        services.create_api_key(team.desk, "another", made_by=team.bob.user)
    assert not isinstance(team.order(team.bob.user), Answer)
    teams.take_back(team.alice.user, member, team.desk)
    assert isinstance(team.order(team.bob.user), Answer)


def test_a_membership_ends_by_itself(team: Team) -> None:
    member = team.join()
    access = access_of(team.desk, team.bob.user)
    assert access.valid_until is None
    teams.set_expiry(team.alice.user, member, timezone.now() + timedelta(hours=1))
    assert access_of(team.desk, team.bob.user).valid_until is not None
    Member.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "expired" in str(access_of(team.desk, team.bob.user).refusal("view"))
    with pytest.raises(Refusal) as past:
        teams.set_expiry(team.alice.user, member, timezone.now() - timedelta(hours=1))
    assert past.value.code == "EXPIRY_PAST"


@pytest.mark.parametrize("whose", ["owner", "member"])
def test_both_persons_jurisdictions_count(team: Team, whose: str) -> None:
    team.join()
    user = team.alice.user if whose == "owner" else team.bob.user
    row = Customer.objects.get(user=user)
    compliance.change_status(row, None, status=Status.RESTRICTED, reason="papers have expired")
    assert isinstance(team.order(team.bob.user), Answer)
    ((person, permission, details),) = denied()
    assert (person, permission) == (team.bob.user.pk, "trade_perp")
    assert "jurisdiction" in details


def test_a_freeze_stops_members_and_owner_alike(team: Team) -> None:
    team.join()
    placed = team.order(team.bob.user)
    freeze_account(access_of(team.desk, team.alice.user), frozen=True)
    for user in (team.alice.user, team.bob.user):
        refused = team.order(user)
        assert isinstance(refused, Answer) and "frozen" in refused.message
    gone = cancel_order(
        access_of(team.desk, team.bob.user),
        CancelRequest(symbol="SOL_USDC_PERP", order_id=str(placed.terms.order_id)),
    )
    assert isinstance(gone, Answer) and gone.code != "FORBIDDEN"
    freeze_account(access_of(team.desk, team.alice.user), frozen=False)
    assert not isinstance(team.order(team.bob.user), Answer)
    with pytest.raises(Refused):
        freeze_account(access_of(team.desk, team.bob.user), frozen=True)


def test_a_viewer_cancels_nothing(team: Team) -> None:
    team.join(ROLES["Viewer"])
    placed = team.order(team.alice.user)
    cancel = CancelRequest(symbol="SOL_USDC_PERP", order_id=str(placed.terms.order_id))
    refused = cancel_order(access_of(team.desk, team.bob.user), cancel)
    assert isinstance(refused, Answer) and refused.code == "FORBIDDEN"
    assert not isinstance(cancel_order(access_of(team.desk, team.alice.user), cancel), Answer)


def test_an_invitation_is_for_one_person_once_and_for_a_week(team: Team) -> None:
    member, token = team.invite()
    stranger = Trader("carol")
    with pytest.raises(Refusal) as other:
        teams.accept(stranger.user, token)
    assert other.value.code == "INVITATION_OTHER_USER"
    with pytest.raises(Refusal) as unknown:
        teams.accept(team.bob.user, token + "x")
    assert unknown.value.code == "INVITATION_UNKNOWN"
    newer = teams.renew_invitation(team.alice.user, member)
    with pytest.raises(Refusal) as void:
        teams.accept(team.bob.user, token)
    assert void.value.code == "INVITATION_UNKNOWN"
    Member.objects.update(invitation_until=timezone.now())
    with pytest.raises(Refusal) as old:
        teams.accept(team.bob.user, newer)
    assert old.value.code == "INVITATION_EXPIRED"
    newest = teams.renew_invitation(team.alice.user, member)
    assert isinstance(team.order(team.bob.user), Answer)
    teams.accept(team.bob.user, newest)
    with pytest.raises(Refusal) as again:
        teams.accept(team.bob.user, newest)
    assert again.value.code == "INVITATION_USED"
    with pytest.raises(Refusal) as used:
        teams.renew_invitation(team.alice.user, member)
    assert used.value.code == "INVITATION_USED"


def test_a_withdrawn_or_declined_invitation_is_over(team: Team) -> None:
    member, token = team.invite()
    teams.end_membership(team.alice.user, member)
    with pytest.raises(Refusal) as withdrawn:
        teams.accept(team.bob.user, token)
    assert withdrawn.value.code == "INVITATION_WITHDRAWN"
    _, token = team.invite()
    teams.decline(team.bob.user, token)
    with pytest.raises(Refusal):
        teams.accept(team.bob.user, token)
    assert isinstance(team.order(team.bob.user), Answer)


def test_who_manages_members_gives_no_more_than_they_have(team: Team) -> None:
    carol = Trader("carol")
    member = team.join((*TRADER, "manage_members"), spend_micros=1_000 * 10**6)
    terms = Terms(account=team.desk, rights=TRADER, spend_micros=500 * 10**6)
    invited, token = teams.invite(team.bob.user, team.main, carol.user.email, [terms])
    teams.accept(carol.user, token)
    assert not isinstance(team.order(carol.user), Answer)
    for wrong, code in (
        ({"rights": ("view", "transfer"), "spend_micros": 1}, "BEYOND_OWN_RIGHTS"),
        ({"rights": TRADER}, "BEYOND_OWN_LIMIT"),
        ({"rights": TRADER, "spend_micros": 1_001 * 10**6}, "BEYOND_OWN_LIMIT"),
        ({"rights": TRADER, "spend_micros": -1}, "LIMIT_INVALID"),
        ({"rights": ("trade_perp",), "spend_micros": 1}, "RIGHTS_UNKNOWN"),
        ({"rights": ("view", "everything"), "spend_micros": 1}, "RIGHTS_UNKNOWN"),
        ({"rights": (), "spend_micros": 1}, "RIGHTS_UNKNOWN"),
    ):
        with pytest.raises(Refusal) as refused:
            teams.change_grant(team.bob.user, invited, Terms(account=team.desk, **wrong))
        assert refused.value.code == code, wrong
    with pytest.raises(Refused):
        teams.change_grant(team.bob.user, invited, Terms(account=team.vault, rights=("view",)))
    with pytest.raises(Refusal) as own:
        teams.change_grant(team.bob.user, member, Terms(account=team.desk, rights=TRADER))
    assert own.value.code == "OWN_RIGHTS"
    with pytest.raises(Refusal) as strangers:
        teams.change_grant(team.alice.user, invited, Terms(account=team.bob.account, rights=TRADER))
    assert strangers.value.code == "OTHER_OWNER"
    assert Grant.objects.get(member=invited).spend_micros == 500 * 10**6


def test_a_limit_of_a_member_holds_in_the_engine(team: Team) -> None:
    member = team.join(spend_micros=150 * 10**6)
    assert not isinstance(team.order(team.bob.user), Answer)
    refused = team.order(team.bob.user)
    assert isinstance(refused, Answer) and refused.reject == "MEMBER_SPENDING_LIMIT"
    assert not isinstance(team.order(team.alice.user), Answer)
    teams.change_grant(team.alice.user, member, Terms(account=team.desk, rights=TRADER))
    assert not isinstance(team.order(team.bob.user), Answer)


def test_the_pages_lead_from_an_invitation_to_the_cut(team: Team) -> None:
    alice, bob = signed_in(team.alice.user), signed_in(team.bob.user)
    form = {"email": team.bob.user.email, "account": team.desk.pk, "role": "Trader"}
    invited = alice.post("/account/team", form)
    assert invited.status_code == 302, invited.content
    link = mail.outbox[0].body.split("http://testserver")[1].split()[0]
    assert mail.outbox[0].to == [team.bob.user.email]
    assert "Desk" in bob.get(link).content.decode()
    assert bob.post(link, {"act": "accept"}).status_code == 302
    again = bob.post(link, {"act": "accept"})
    assert again.status_code == 422 and "accepted before" in again.content.decode()
    assert bob.get("/account/team/invitation/nonsense").status_code == 404
    order = {"symbol": "SOL_USDC_PERP", "side": "Bid", "orderType": "Limit"}
    order |= {"account": str(team.desk.pk), "price": "99", "quantity": "1", "execution": "GTC"}
    placed = bob.post("/trade/order", order, headers={"accept": "application/json"})
    assert placed.status_code == 200, placed.content
    wrong = bob.post(
        "/trade/order", order | {"account": team.vault.pk}, headers={"accept": "application/json"}
    )
    assert wrong.status_code == 403
    member = Member.objects.get()
    assert bob.get(f"/account/team/{member.pk}").status_code == 404
    assert bob.post(f"/account/team/{member.pk}/{team.desk.pk}/take-back").status_code == 404
    assert alice.get(f"/account/team/{member.pk}").status_code == 200
    assert alice.post(f"/account/team/{member.pk}/end").status_code == 302
    cut = bob.post("/trade/order", order, headers={"accept": "application/json"})
    assert cut.status_code == 403
    story = alice.get("/account/activity").content.decode()
    for words in (
        f"Invited {team.bob.user.email} as Trader",
        "Accepted the invitation, as Trader",
        "Buy 1 SOL at 99 in SOL_USDC_PERP",
        f"Cut {team.bob.user.email} off",
    ):
        assert words in story, words
    assert "Buy 1 SOL" not in bob.get("/account/activity").content.decode()
    lines = b"".join(alice.get("/account/activity.csv")).decode()
    assert "Buy 1 SOL at 99 in SOL_USDC_PERP" in lines
