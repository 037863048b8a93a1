"""Sub-accounts, transfers, sweeps, teams and keys through the API, and every way to ask wrongly."""

import json
import time
from base64 import b64decode, b64encode
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from nacl.signing import SigningKey

from accounts import acts, approvals, services, teams
from accounts.address_book import add_entry
from accounts.models import Account, AddressBookEntry, ApiKey, Balance, Member, SweepRule
from accounts.scopes import SCOPES
from accounts.services import KeyLimits
from accounts.teams import Terms
from engine.commands import AdvanceTime, CreditDeposit, PlaceOrder, UpdatePrices
from engine.units import AccountId
from engine.vocabulary import Side
from tests.api.authenticator import AuthenticatorApp
from tests.api.house import Trader, accepted
from tests.api.test_isolation import ADDRESS
from tests.engine.listings import INDEX_E8

pytestmark = pytest.mark.django_db
SUBS, SUB = "/api/v1/x/subaccounts", "/api/v1/x/subaccount"
MOVE, BASKET, MOST = "/api/v1/x/transfer", "/api/v1/x/transfer/basket", "/api/v1/x/transfer/limit"
MEMBERS, KEYS, SWEEPS = "/api/v1/x/members", "/api/v1/x/keys", "/api/v1/x/sweeps"
USDC = 10**6


def keyed(trader: Trader, account: Account, scopes: Any = SCOPES, **made: Any) -> Trader:
    """Return a caller with a new key of an account."""
    key, secret = services.create_api_key(account, "bot", KeyLimits(scopes), **made)
    other = object.__new__(Trader)
    other.__dict__ |= trader.__dict__
    other.key, other.signer = key, SigningKey(b64decode(secret))
    other.account, other.id = account, AccountId(account.pk)
    return other


@pytest.fixture
def boss(alice: Trader) -> Trader:
    """Return alice with a key of her main account that may do everything."""
    acts.forget_denials()
    return keyed(alice, alice.account)


def opened(boss: Trader, name: str = "Desk") -> Account:
    made = boss.send("POST", SUBS, "xSubaccountCreate", {"name": name})
    assert made.status_code == 200, made.content
    return Account.objects.get(pk=made.json()["accountId"])


def move(boss: Trader, **asked: Any) -> Any:
    body = {"toSubaccountId": 1, "symbol": "USDC", "quantity": "10"} | asked
    return boss.send("POST", MOVE, "xTransfer", body)


def held(account: Account, asset: str = "USDC") -> int:
    row = Balance.objects.filter(account_id=account.pk, asset=asset).first()
    return int(row.available) if row else 0


def test_a_sub_account_lives_from_creation_to_reopening(boss: Trader) -> None:
    desk = opened(boss)
    changed = boss.send(
        "PATCH", SUB, "xSubaccountUpdate", {"subaccountId": 1, "name": "Grid", "colour": "pink"}
    )
    assert (changed.json()["name"], changed.json()["colour"]) == ("Grid", "pink")
    assert move(boss).status_code == 200
    full = boss.send("POST", f"{SUB}/close", "xSubaccountClose", {"subaccountId": 1})
    assert (full.status_code, full.headers["X-Reject-Code"]) == (409, "ACCOUNT_NOT_EMPTY")
    back = {"fromSubaccountId": 1, "toSubaccountId": 0}
    assert move(boss, **back).status_code == 200
    closed = boss.send("POST", f"{SUB}/close", "xSubaccountClose", {"subaccountId": 1})
    assert closed.json()["state"] == "Closed", closed.content
    refused = move(boss)
    assert refused.headers["X-Reject-Code"] == "ACCOUNT_CLOSED"
    accepted(CreditDeposit(account=AccountId(desk.pk), asset="USDC", amount_atoms=5 * USDC))
    assert held(desk) == 0
    states = [row["state"] for row in boss.get(SUBS, "xSubaccountQueryAll").json()]
    assert states == ["Open", "Closed"]
    assert boss.send("POST", f"{SUB}/reopen", "xSubaccountReopen", {"subaccountId": 1}).json()[
        "state"
    ] == ("Open")
    frozen = boss.send("POST", f"{SUB}/freeze", "xSubaccountFreeze", {"subaccountId": 1})
    assert frozen.json()["state"] == "Frozen"
    assert move(boss).status_code == 200
    stuck = move(boss, **back)
    assert stuck.status_code == 403 and "frozen" in stuck.json()["message"]


def test_the_most_that_may_be_transferred_is_exact(boss: Trader) -> None:
    desk = opened(boss)
    for _ in range(3):
        boss.limit("SOL_USDC_PERP", Side.BID, ticks=9_000, lots=100_000)
    query = [("toSubaccountId", "1"), ("symbol", "USDC")]
    most = boss.get(MOST, "xMaxTransferQuery", *query).json()["maxTransferQuantity"]
    assert 0 < float(most) < 100_000
    above = f"{most.partition('.')[0]}.{int(most.partition('.')[2].ljust(6, '0')) + 1:06}"
    assert move(boss, quantity=above).status_code == 400
    assert move(boss, quantity=most).status_code == 200
    assert held(desk) == int(most.replace(".", "").ljust(len(most.partition(".")[0]) + 6, "0"))
    assert boss.get(MOST, "xMaxTransferQuery", *query).json()["maxTransferQuantity"] == "0"


def test_a_basket_moves_whole_or_not_at_all(boss: Trader) -> None:
    desk = opened(boss)
    asked = {"toSubaccountId": 1, "quantities": "USDC:100,SOL:5"}
    assert boss.send("POST", BASKET, "xTransferBasket", asked).status_code == 200
    assert (held(desk), held(desk, "SOL")) == (100 * USDC, 5 * 10**9)
    asked = {"toSubaccountId": 1, "quantities": "USDC:100,SOL:5000"}
    assert boss.send("POST", BASKET, "xTransferBasket", asked).status_code == 400
    assert (held(desk), held(desk, "SOL")) == (100 * USDC, 5 * 10**9)
    for wrong in ("", "USDC", "USDC:1,USDC:2", "USDC:-1", "NOPE:1", "USDC:1;SOL:1", "USDC:1e400"):
        refused = boss.send(
            "POST", BASKET, "xTransferBasket", {"toSubaccountId": 1, "quantities": wrong}
        )
        assert refused.status_code == 400, wrong
        assert refused.json()["message"]


def test_transfers_that_cannot_be_are_refused_and_move_nothing(
    boss: Trader, bob: Trader, live_engine: Any
) -> None:
    desk = opened(boss)
    before = held(boss.account)
    for asked, status in (
        ({"toSubaccountId": 0}, 400),
        ({"toSubaccountId": 2}, 404),
        ({"toSubaccountId": bob.account.pk}, 404),
        ({"toSubaccountId": -1}, 400),
        ({"toSubaccountId": 10**9}, 400),
        ({"toSubaccountId": "one"}, 400),
        ({"fromSubaccountId": 7}, 404),
        ({"quantity": "0"}, 400),
        ({"quantity": "-1"}, 400),
        ({"quantity": "NaN"}, 400),
        ({"quantity": "1e30"}, 400),
        ({"quantity": "0.0000001"}, 400),
        ({"quantity": "100000.000001"}, 400),
        ({"symbol": "NOPE"}, 400),
        ({"symbol": "\0"}, 400),
    ):
        refused = move(boss, **asked)
        assert refused.status_code == status, (asked, refused.content)
        assert refused.json()["code"] and refused.json()["message"]
    assert (held(boss.account), held(desk)) == (before, 0)


def test_an_account_in_liquidation_takes_and_gives_nothing(
    boss: Trader, bob: Trader, live_engine: Any
) -> None:
    desk = opened(boss)
    assert move(boss, quantity="1000").status_code == 200
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=5_000)
    accepted(
        PlaceOrder(
            account=AccountId(desk.pk),
            market="SOL_USDC_PERP",
            side=Side.BID,
            price_ticks=10_000,
            lots=5_000,
        )
    )
    fallen = {**INDEX_E8, "SOL": INDEX_E8["SOL"] * 81 // 100}
    for _ in range(8):
        live_engine.ahead_ns += 10**9
        accepted(UpdatePrices(prices_e8=fallen))
        accepted(AdvanceTime())
    assert AccountId(desk.pk) in live_engine.engine.state.liquidations
    refused = move(boss)
    assert refused.headers["X-Reject-Code"] == "DESTINATION_LIQUIDATING", refused.content
    back = move(boss, fromSubaccountId=1, toSubaccountId=0, quantity="1")
    assert back.headers["X-Reject-Code"] == "ACCOUNT_LIQUIDATING"


def test_of_two_transfers_at_once_over_one_balance_one_moves(
    boss: Trader, live_engine: Any
) -> None:
    """Both were sent before either was answered: the engine takes one after the other."""
    desk = opened(boss)
    body = {"toSubaccountId": 1, "symbol": "USDC", "quantity": "60000"}
    pairs = [(name, str(value)) for name, value in body.items()]
    both = [boss.headers("xTransfer", pairs)]
    time.sleep(0.002)
    both.append(boss.headers("xTransfer", pairs))
    answers = [
        Client().generic("POST", MOVE, json.dumps(body), "application/json", headers=one)
        for one in both
    ]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert answers[1].headers["X-Reject-Code"] == "INSUFFICIENT_FUNDS"
    again = Client().generic("POST", MOVE, json.dumps(body), "application/json", headers=both[0])
    assert again.headers["X-Reject-Code"] == "REQUEST_REPEATED"
    assert held(desk) == 60_000 * USDC


def test_a_key_of_a_sub_account_reaches_no_sibling(boss: Trader) -> None:
    desk, vault = opened(boss), opened(boss, "Vault")
    move(boss, quantity="100")
    key = keyed(boss, desk)
    assert [row["subaccountId"] for row in key.get(SUBS, "xSubaccountQueryAll").json()] == [1]
    assert move(key, toSubaccountId=2, quantity="1").status_code == 200
    for asked in ({"fromSubaccountId": 0}, {"fromSubaccountId": 2, "toSubaccountId": 1}):
        refused = move(key, **asked)
        assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert key.send("POST", SUBS, "xSubaccountCreate", {"name": "More"}).status_code == 403
    for path, instruction in (("freeze", "xSubaccountFreeze"), ("close", "xSubaccountClose")):
        other = {"subaccountId": 2}
        assert key.send("POST", f"{SUB}/{path}", instruction, other).status_code == 403
    body = {"name": "k", "publicKey": new_public(), "scopes": "read", "subaccountId": 2}
    assert key.send("POST", KEYS, "xKeyCreate", body).status_code == 403
    assert held(vault) == USDC


def new_public() -> str:
    return b64encode(bytes(SigningKey.generate().verify_key)).decode()


def test_a_key_makes_no_key_that_may_do_more(boss: Trader) -> None:
    desk = opened(boss)
    weak = keyed(boss, desk, ["read", "manage"])
    body = {"name": "k", "publicKey": new_public(), "scopes": "read,withdraw"}
    refused = weak.send("POST", KEYS, "xKeyCreate", body)
    assert refused.status_code == 403 and "withdraw" in refused.json()["message"]
    made = weak.send("POST", KEYS, "xKeyCreate", body | {"scopes": "read"})
    assert made.status_code == 200, made.content
    names = {row["publicKey"] for row in weak.get(KEYS, "xKeyQueryAll").json()}
    assert body["publicKey"] in names and boss.key.public_key not in names
    gone = {"publicKey": body["publicKey"]}
    assert weak.send("DELETE", KEYS, "xKeyRevoke", gone).status_code == 200
    assert weak.send("DELETE", KEYS, "xKeyRevoke", gone).status_code == 404
    other = {"publicKey": boss.key.public_key}
    assert weak.send("DELETE", KEYS, "xKeyRevoke", other).status_code == 404
    for wrong in ("", "everything", "read,,nothing"):
        answer = weak.send("POST", KEYS, "xKeyCreate", body | {"scopes": wrong})
        assert answer.status_code in (400, 403), wrong
    unscoped = keyed(boss, desk, ["read", "trade"])
    assert unscoped.get(KEYS, "xKeyQueryAll").status_code == 403


def test_a_team_is_managed_through_the_api(boss: Trader, bob: Trader) -> None:
    desk = opened(boss)
    move(boss, quantity="1000")
    asked = {"email": bob.user.email, "subaccountId": 1, "rights": "view,trade_perp,manage_keys"}
    invited = boss.send("POST", MEMBERS, "xMemberInvite", asked | {"spendLimit": "150"})
    assert invited.status_code == 200, invited.content
    twice = boss.send("POST", MEMBERS, "xMemberInvite", asked)
    assert (twice.status_code, twice.headers["X-Reject-Code"]) == (400, "MEMBER_EXISTS")
    teams.accept(bob.user, invited.json()["token"])
    worker = keyed(bob, desk, made_by=bob.user)
    assert worker.get("/api/v1/capital", "balanceQuery").status_code == 200
    shown = boss.get(MEMBERS, "xMemberQueryAll").json()
    (grant,) = shown[0]["grants"]
    assert (grant["role"], grant["spendLimit"], grant["lossLimit"]) == ("Custom", "150", None)
    assert worker.get(MEMBERS, "xMemberQueryAll").status_code == 403
    assert worker.get("/api/v1/x/activity", "xActivityQueryAll").status_code == 403
    change = {"id": shown[0]["id"], "subaccountId": 1, "rights": "view"}
    changed = boss.send("PUT", MEMBERS, "xMemberChange", change)
    assert changed.json()["grants"][0]["role"] == "Viewer"
    assert ApiKey.objects.get(pk=worker.key.pk).revoked_at is not None
    for wrong in (
        {"id": 10**9},
        {"rights": ""},
        {"rights": "fly"},
        {"subaccountId": 9},
        {"spendLimit": "-1"},
        {"spendLimit": "NaN"},
        {"lossLimit": "9" * 40},
    ):
        refused = boss.send("PUT", MEMBERS, "xMemberChange", change | wrong)
        assert refused.status_code in (400, 404), wrong
        assert refused.json()["message"]
    ended = boss.send("DELETE", MEMBERS, "xMemberEnd", {"id": shown[0]["id"]})
    assert ended.status_code == 200
    assert Member.objects.get().state == "Ended"
    told = boss.get("/api/v1/x/activity", "xActivityQueryAll").json()
    assert f"Cut {bob.user.email} off" in [row["act"] for row in told]


def test_sweeps_are_made_and_ended_through_the_api(boss: Trader) -> None:
    opened(boss)
    asked = {"toSubaccountId": 1, "symbol": "USDC", "quantity": "10", "every": "day"}
    made = boss.send("POST", SWEEPS, "xSweepCreate", asked | {"keeps": True, "topsUp": True})
    assert made.status_code == 200, made.content
    assert made.json()["description"].startswith("Keep 10 USDC in Main")
    for wrong in (
        {"every": "second"},
        {"quantity": "0"},
        {"toSubaccountId": 0},
        {"toSubaccountId": 5},
        {"topsUp": True},
        {"symbol": "NOPE"},
        {"startsAt": "never"},
    ):
        refused = boss.send("POST", SWEEPS, "xSweepCreate", asked | wrong)
        assert refused.status_code in (400, 404), wrong
    (row,) = boss.get(SWEEPS, "xSweepQueryAll").json()
    assert boss.send("DELETE", SWEEPS, "xSweepEnd", {"id": row["id"]}).status_code == 200
    assert boss.send("DELETE", SWEEPS, "xSweepEnd", {"id": row["id"]}).status_code == 404
    assert SweepRule.objects.get().ended_at is not None


def test_a_member_moves_money_between_accounts_of_both_rights(boss: Trader, bob: Trader) -> None:
    desk, vault = opened(boss), opened(boss, "Vault")
    move(boss, quantity="100")
    terms = [Terms(account=desk, rights=("view", "transfer", "manage_keys"))]
    member, token = teams.invite(boss.user, boss.account, bob.user.email, terms)
    teams.accept(bob.user, token)
    worker = keyed(bob, desk, made_by=bob.user)
    refused = move(worker, toSubaccountId=2, quantity="1")
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    teams.change_grant(boss.user, member, Terms(account=vault, rights=("view", "transfer")))
    assert move(worker, toSubaccountId=2, quantity="1").status_code == 200
    assert held(vault) == USDC


def test_a_second_person_decides_through_the_api(boss: Trader, bob: Trader) -> None:
    desk, apps = opened(boss), {who: AuthenticatorApp(who.user) for who in (boss, bob)}
    move(boss, quantity="9000")
    target = AddressBookEntry(user=boss.user, label="Bank", blockchain="Ethereum", address=ADDRESS)
    add_entry(target, None)
    AddressBookEntry.objects.update(usable_at=timezone.now())
    approvals.set_threshold(boss.user, 10**9, apps[boss].code())
    terms = [Terms(account=desk, rights=("view", "withdraw_whitelisted", "manage_keys"))]
    _, token = teams.invite(boss.user, boss.account, bob.user.email, terms)
    teams.accept(bob.user, token)
    worker = keyed(bob, desk, made_by=bob.user)
    body = {"address": ADDRESS, "blockchain": "Ethereum", "quantity": "2000", "symbol": "USDC"}
    path, listed = "/wapi/v1/capital/withdrawals", "/api/v1/x/approvals"
    first, second = (
        worker.send("POST", path, "withdraw", body | {"twoFactorToken": apps[bob].code()}).json()
        for _ in range(2)
    )
    assert (first["status"], held(desk)) == ("pending", 5_000 * USDC)
    rows = boss.get(listed, "xApprovalQueryAll").json()
    assert [row["withdrawalId"] for row in rows] == [first["id"], second["id"]]
    assert (rows[0]["subaccountId"], rows[0]["value"]) == (1, "2000")

    def decide(who: Trader, number: int, **words: Any) -> Any:
        return who.send("POST", listed, "xApprovalDecide", {"withdrawalId": number, **words})

    own = decide(worker, first["id"], approve=True, twoFactorToken=apps[bob].code())
    assert own.status_code == 403
    assert decide(boss, first["id"], approve=True).status_code == 400
    stranger = keyed(bob, bob.account)
    assert decide(stranger, first["id"], approve=False).status_code == 404
    yes = decide(boss, first["id"], approve=True, twoFactorToken=apps[boss].code())
    assert yes.status_code == 200, yes.content
    assert decide(boss, second["id"], approve=False).status_code == 200
    assert decide(boss, second["id"], approve=False).status_code == 409
    assert held(desk) == 7_000 * USDC
    assert boss.get(listed, "xApprovalQueryAll").json() == []
