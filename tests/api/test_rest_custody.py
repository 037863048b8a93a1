"""Deposit addresses, terms of chains, withdrawals with their guards, the withdrawal delay."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts import address_book, arrivals, custody, outgoing, services
from accounts.arrivals import Arrived
from accounts.models import (
    AddressBookEntry,
    Balance,
    Deposit,
    DepositAddress,
    DepositArrival,
    ExchangeWallet,
    LedgerTransfer,
    TokenTerms,
    Withdrawal,
    WithdrawalGuard,
    WithdrawalInstruction,
)
from accounts.withdrawal_delay import delay_of
from compliance.models import Customer, Status
from compliance.services import Refusal
from engine.commands import SettleWithdrawal
from gateway import client
from gateway.errors import EngineUnavailable
from tests.api.authenticator import AuthenticatorApp
from tests.api.house import Trader, accepted
from tests.api.test_rest_accounts import OUT, TARGET, WITHDRAWAL, refusal

ADDRESS = "/wapi/v1/capital/deposit/address"
DEPOSITS = "/wapi/v1/capital/deposits"
DELAY = "/wapi/v1/capital/withdrawals/delay"
POOL = [f"0x{number:040x}" for number in range(1, 4)]
HASH = "0x" + 32 * "ab"
OTHER = "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359"


def fill_pool(count: int = 3) -> None:
    assert custody.import_addresses("\n".join(f"Ethereum,{a}" for a in POOL[:count])) == count


def address_of(trader: Trader, chain: str = "Ethereum") -> Any:
    return trader.get(ADDRESS, "depositAddressQuery", ("blockchain", chain))


def withdraw(trader: Trader, **change: Any) -> Any:
    return trader.send("POST", OUT, "withdraw", WITHDRAWAL | change)


def available(trader: Trader) -> int:
    return int(Balance.objects.get(account_id=trader.id, asset="USDC").available)


def know(trader: Trader, *, exempt: bool = False, hours: float = 0) -> AddressBookEntry:
    """Put the target into the book, as if `hours` ago."""
    at = timezone.now() - timedelta(hours=hours)
    return AddressBookEntry.objects.create(
        user=trader.user,
        blockchain="Ethereum",
        address=TARGET,
        key=TARGET.lower(),
        label="cold",
        exempt=exempt,
        created_at=at,
        usable_at=at,
    )


# -- deposit addresses -----------------------------------------------------------------------------


def test_each_account_is_given_its_own_address_once(alice: Trader, bob: Trader) -> None:
    fill_pool(2)
    first = address_of(alice).json()
    assert first == {"address": POOL[0]}
    assert address_of(alice).json() == first
    assert address_of(bob).json() == {"address": POOL[1]}
    desk = services.create_sub_account(alice.user, "Desk")
    key, _ = services.create_api_key(desk, "bot")
    assert key.account_id == desk.pk
    # The pool is empty, and says so until it is filled.
    alice.key.account = desk
    alice.key.save()
    status, code, message = refusal(address_of(alice))
    assert (status, code) == (409, "PRECONDITION_FAILED")
    assert message.startswith("An address cannot be issued yet: no Ethereum address is left")
    custody.import_addresses(f"Ethereum, {POOL[2]}\n")
    assert address_of(alice).json() == {"address": POOL[2]}


@pytest.mark.parametrize(
    ("chain", "status", "code"),
    [
        ("Bitcoin", 409, "PRECONDITION_FAILED"),
        ("Solana", 409, "PRECONDITION_FAILED"),
        ("EqualsMoney", 400, "INVALID_CLIENT_REQUEST"),
        ("", 400, "INVALID_CLIENT_REQUEST"),
    ],
)
def test_an_address_is_refused_where_the_chain_is_not_served(
    alice: Trader, chain: str, status: int, code: str
) -> None:
    custody.import_addresses("Solana,EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
    TokenTerms.objects.filter(blockchain="Solana").update(deposit_enabled=False)
    assert refusal(address_of(alice, chain))[:2] == (status, code)
    assert DepositAddress.objects.get().account is None


def test_who_may_not_deposit_is_given_no_address(house: object) -> None:
    fill_pool()
    assert refusal(address_of(Trader("carol", tier=0)))[:2] == (403, "FORBIDDEN")


def test_the_database_gives_no_address_twice(alice: Trader) -> None:
    fill_pool(2)
    address_of(alice)
    free = DepositAddress.objects.filter(account=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        free.update(account=alice.account, assigned_at=timezone.now())
    for chain in ("Ethereum", "Base"):
        with pytest.raises(Refusal, match="one chain and one account"):
            custody.import_addresses(f"{chain},{POOL[0].upper().replace('X', 'x')}")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "NO_ADDRESSES"),
        (f"Ethereum,{OTHER}\nMoon,{OTHER}", "UNKNOWN_CHAIN"),
        (f"Ethereum,{OTHER}\n{TARGET}", "UNKNOWN_CHAIN"),
        (f"Ethereum,{OTHER}\nEthereum,{TARGET[:-1]}D", "NOT_AN_ADDRESS"),
        (f"Ethereum,{OTHER}\nEthereum,{OTHER}", "ADDRESS_KNOWN"),
    ],
)
def test_an_import_takes_all_lines_or_none(db: None, text: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        custody.import_addresses(text)
    assert refused.value.code == code
    assert not DepositAddress.objects.exists()


# -- deposits --------------------------------------------------------------------------------------


def arrived(**change: Any) -> Arrived:
    words: dict[str, Any] = {"asset": "USDC", "amount_atoms": 7 * 10**6, "blockchain": "Ethereum"}
    words |= {"address": POOL[0], "transaction_hash": HASH, "from_address": OTHER}
    return Arrived(**(words | change))


def test_a_deposit_shows_chain_address_and_transaction(alice: Trader) -> None:
    fill_pool()
    address_of(alice)
    arrivals.credit_arrival(arrived())
    arrivals.credit_arrival(arrived(output_index=1, amount_atoms=8 * 10**6))
    plain = Arrived(asset="USDC", amount_atoms=5, account=alice.account.pk)
    arrivals.credit_arrival(plain)
    arrivals.credit_arrival(plain)
    rows = alice.get(DEPOSITS, "depositQueryAll").json()
    assert [row["source"] for row in rows[:4]] == ["administrator"] * 2 + ["ethereum"] * 2
    assert rows[3] | {"createdAt": "", "id": 0} == {
        "createdAt": "",
        "fiatAmount": None,
        "fiatCurrency": None,
        "fromAddress": OTHER,
        "id": 0,
        "institutionBic": None,
        "platformMemo": None,
        "quantity": "7",
        "source": "ethereum",
        "status": "confirmed",
        "symbol": "USDC",
        "toAddress": POOL[0],
        "transactionHash": HASH,
    }
    assert (rows[0]["toAddress"], rows[0]["transactionHash"]) == (None, None)
    outside = alice.get(DEPOSITS, "depositQueryAll", ("excludePlatform", "True")).json()
    assert [row["quantity"] for row in outside] == ["8", "7"]
    page = alice.get(DEPOSITS, "depositQueryAll", ("limit", "2"), ("offset", "1")).json()
    assert page == rows[1:3]
    ended = ("to", str(int(timezone.now().timestamp() * 1000) - 3_600_000))
    assert alice.get(DEPOSITS, "depositQueryAll", ended).json() == []


@pytest.mark.parametrize("spelled", [HASH, HASH[2:].upper()])
def test_a_transaction_is_credited_once(alice: Trader, bob: Trader, spelled: str) -> None:
    fill_pool()
    address_of(alice)
    address_of(bob)
    arrivals.credit_arrival(arrived())
    before = available(alice)
    for change in ({}, {"amount_atoms": 9 * 10**6}, {"address": POOL[1]}):
        with pytest.raises(Refusal) as refused:
            arrivals.credit_arrival(arrived(transaction_hash=spelled, **change))
        assert refused.value.code == "CREDITED_ALREADY"
    assert available(alice) == before
    assert Deposit.objects.filter(arrival_id__gt=0).count() == 1


def test_a_deposit_whose_answer_was_lost_is_credited_once_on_the_second_try(
    alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_pool()
    address_of(alice)
    before, real = available(alice), client.submit

    def lost(command: Any, **how: Any) -> Any:
        real(command, **how)
        raise EngineUnavailable("the answer was lost")

    def away(command: Any, **how: Any) -> Any:
        raise EngineUnavailable("away")

    for answer in (away, lost):
        monkeypatch.setattr(arrivals, "submit", answer)
        with pytest.raises(Refusal, match="do not enter it again"):
            arrivals.credit_arrival(arrived())
    monkeypatch.setattr(arrivals, "submit", real)
    with pytest.raises(Refusal, match="credited once"):
        arrivals.credit_arrival(arrived())
    assert available(alice) == before + 7 * 10**6


def test_a_deposit_without_a_chain_is_credited_by_the_job_when_the_engine_was_away(
    alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = available(alice), client.submit

    def away(command: Any, **how: Any) -> Any:
        raise EngineUnavailable("away")

    monkeypatch.setattr(arrivals, "submit", away)
    with pytest.raises(Refusal, match="do not enter it again"):
        arrivals.credit_arrival(Arrived(asset="USDC", amount_atoms=5, account=alice.id))
    with pytest.raises(EngineUnavailable):
        arrivals.credit_all()
    monkeypatch.setattr(arrivals, "submit", real)
    assert [arrivals.credit_all() for _ in range(2)] == [1, 0]
    assert available(alice) == before + 5


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"asset": "SOL"}, "CHAIN_NOT_OPEN"),
        ({"blockchain": "Bitcoin"}, "CHAIN_NOT_OPEN"),
        ({"amount_atoms": 5 * 10**6 - 1}, "BELOW_MINIMUM"),
        ({"address": POOL[2]}, "NOBODYS_ADDRESS"),
        ({"address": TARGET}, "NOBODYS_ADDRESS"),
        ({"account": 1}, "OTHER_ACCOUNT"),
        ({"transaction_hash": ""}, "NO_TRANSACTION"),
        ({"transaction_hash": "0xHASH"}, "NO_TRANSACTION"),
        ({"from_address": "somebody"}, "NOT_AN_ADDRESS"),
        ({"blockchain": ""}, "NO_CHAIN"),
        ({"blockchain": "", "address": "", "transaction_hash": ""}, "UNKNOWN_ACCOUNT"),
    ],
)
def test_a_deposit_that_cannot_be_changes_nothing(
    alice: Trader, change: dict[str, Any], code: str
) -> None:
    fill_pool()
    address_of(alice)
    before = available(alice)
    with pytest.raises(Refusal) as refused:
        arrivals.credit_arrival(arrived(**change))
    assert refused.value.code == code
    assert not DepositArrival.objects.exists()
    assert available(alice) == before


# -- what is listed --------------------------------------------------------------------------------


def test_assets_show_their_chains_and_wallets_are_what_staff_list(alice: Trader) -> None:
    TokenTerms.objects.filter(asset="USDC").update(withdrawal_fee=1_500_000, contract_address=OTHER)
    rows = {row["symbol"]: row for row in Client().get("/api/v1/assets").json()}
    assert rows["USDC"]["tokens"] == [
        {
            "blockchain": "Ethereum",
            "contractAddress": OTHER,
            "depositEnabled": True,
            "displayName": "USD Coin",
            "maximumWithdrawal": "5000000",
            "minimumDeposit": "5",
            "minimumWithdrawal": "5",
            "nativeDecimals": 6,
            "withdrawEnabled": True,
            "withdrawalFee": "1.5",
        }
    ]
    assert rows["SOL"]["tokens"][0]["contractAddress"] == ""
    assert rows["BTC"]["tokens"] == []
    wallet = custody.add_wallet("Ethereum", TARGET)
    listed = [{"address": TARGET, "blockchain": "Ethereum"}]
    assert Client().get("/api/v1/wallets").json() == listed
    message = refusal(withdraw(alice, address=TARGET.lower()))[2]
    assert message.startswith("This address is the exchange's own")
    custody.unlist_wallet(wallet)
    assert Client().get("/api/v1/wallets").json() == []
    assert ExchangeWallet.objects.count() == 1


def test_an_address_that_differs_from_our_wallet_in_case_alone_may_be_another(
    alice: Trader,
) -> None:
    wallet = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
    custody.add_wallet("Solana", wallet)
    terms = {"blockchain": "Solana", "symbol": "SOL", "quantity": "1"}
    assert refusal(withdraw(alice, **terms, address=wallet))[0] == 400
    assert withdraw(alice, **terms, address=wallet[:-1] + "V").status_code == 200


# -- withdrawals -----------------------------------------------------------------------------------


def test_the_fee_is_taken_out_of_the_withdrawal(alice: Trader) -> None:
    TokenTerms.objects.filter(asset="USDC").update(withdrawal_fee=1_500_000)
    row = withdraw(alice).json()
    assert (row["quantity"], row["fee"], row["transactionHash"]) == ("10.5", "1.5", None)
    assert available(alice) == 99_989_500_000
    # Terms that change meanwhile do not change what was asked for.
    TokenTerms.objects.filter(asset="USDC").update(withdrawal_fee=2_000_000)
    accepted(SettleWithdrawal(withdrawal=row["id"]))
    fees = LedgerTransfer.objects.filter(kind="withdrawal_fee")
    assert [int(row.amount) for row in fees] == [1_500_000]
    assert alice.get(OUT, "withdrawalQueryAll").json()[0]["fee"] == "1.5"


@pytest.mark.parametrize(
    ("terms", "change", "status", "code"),
    [
        ({}, {"quantity": "4.999999"}, 400, "INVALID_QUANTITY"),
        ({"maximum_withdrawal": 10**7}, {}, 400, "INVALID_QUANTITY"),
        ({"withdraw_enabled": False}, {}, 403, "FORBIDDEN"),
        ({}, {"blockchain": "Base"}, 400, "INVALID_CLIENT_REQUEST"),
        ({}, {"symbol": "SOL"}, 400, "INVALID_CLIENT_REQUEST"),
        ({}, {"blockchain": "Solana"}, 400, "INVALID_CLIENT_REQUEST"),
        ({}, {"clientId": "x" * 256}, 400, "INVALID_CLIENT_REQUEST"),
        ({}, {"address": POOL[2]}, 400, "INVALID_CLIENT_REQUEST"),
        ({}, {"address": POOL[0]}, 400, "INVALID_CLIENT_REQUEST"),
    ],
)
def test_a_withdrawal_obeys_the_terms_of_its_chain(
    alice: Trader, terms: dict[str, Any], change: dict[str, Any], status: int, code: str
) -> None:
    fill_pool()
    address_of(alice)
    TokenTerms.objects.filter(asset="USDC").update(**terms)
    assert refusal(withdraw(alice, **change))[:2] == (status, code)
    assert not Withdrawal.objects.exists()
    assert not WithdrawalInstruction.objects.exists()


def test_the_largest_and_the_smallest_withdrawal_are_accepted(alice: Trader) -> None:
    TokenTerms.objects.filter(asset="USDC").update(
        maximum_withdrawal=20 * 10**6, minimum_withdrawal=7 * 10**6
    )
    assert [withdraw(alice, quantity=text).status_code for text in ("7", "20")] == [200, 200]


def test_withdrawals_are_paged_and_found_by_time(alice: Trader) -> None:
    rows = [withdraw(alice, clientId=str(name)).json() for name in range(3)][::-1]
    page = alice.get(OUT, "withdrawalQueryAll", ("limit", "1"), ("offset", "1")).json()
    assert page == [rows[1]]
    now = int(timezone.now().timestamp() * 1000)
    for words, found in (
        ([("from", str(now - 60_000)), ("to", str(now + 60_000))], rows),
        ([("from", str(now + 60_000))], []),
        ([("clientId", "1")], [rows[1]]),
        ([("id", "999999")], []),
    ):
        assert alice.get(OUT, "withdrawalQueryAll", *words).json() == found


def test_another_accounts_withdrawal_looks_like_none(alice: Trader, bob: Trader) -> None:
    row = withdraw(alice, clientId="mine").json()
    assert bob.get(OUT, "withdrawalQueryAll", ("id", str(row["id"]))).json() == []
    assert bob.get(OUT, "withdrawalQueryAll", ("clientId", "mine")).json() == []
    # A client id is the account's own.
    assert withdraw(bob, clientId="mine").status_code == 200


def test_a_request_repeated_after_its_end_moves_nothing(alice: Trader, live_engine: Any) -> None:
    row = withdraw(alice, clientId="once").json()
    accepted(SettleWithdrawal(withdrawal=row["id"]))
    # The engine forgets ids in time; the table does not.
    live_engine.engine.state.command_ids.clear()
    assert withdraw(alice, clientId="once").json()["status"] == "confirmed"
    assert available(alice) == 99_989_500_000


# -- second factor ---------------------------------------------------------------------------------


def test_a_withdrawal_needs_a_code_which_counts_once(alice: Trader) -> None:
    phone = AuthenticatorApp(alice.user)
    wrong = {"twoFactorToken": phone.wrong()}
    for words in ({}, wrong, {"twoFactorToken": "abc"}, {"twoFactorToken": ""}):
        status, code, _ = refusal(withdraw(alice, **words))
        assert status == 400
        assert code in ("INVALID_TWO_FACTOR_CODE", "INVALID_CLIENT_REQUEST")
    assert not WithdrawalInstruction.objects.exists()
    right = {"twoFactorToken": phone.code(), "clientId": "a"}
    first = withdraw(alice, **right)
    assert first.status_code == 200
    # The same request is the same withdrawal; another with the same code is refused.
    assert withdraw(alice, **right).json() == first.json()
    again = withdraw(alice, **right | {"clientId": "b"})
    assert refusal(again)[:2] == (400, "INVALID_TWO_FACTOR_CODE")
    assert Withdrawal.objects.count() == 1


def test_a_refused_withdrawal_does_not_use_up_the_code(alice: Trader) -> None:
    code = AuthenticatorApp(alice.user).code()
    assert refusal(withdraw(alice, twoFactorToken=code, quantity="1"))[1] == "INVALID_QUANTITY"
    assert withdraw(alice, twoFactorToken=code).status_code == 200


def test_codes_cannot_be_guessed(alice: Trader) -> None:
    phone = AuthenticatorApp(alice.user)
    answers = [withdraw(alice, twoFactorToken=phone.wrong()) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {400}
    locked = refusal(withdraw(alice, twoFactorToken=phone.code()))
    assert locked[:2] == (429, "TOO_MANY_REQUESTS")


@pytest.mark.parametrize(
    ("exempt", "ahead", "status"), [(True, 0, 200), (False, 0, 400), (True, 1, 400)]
)
def test_an_exempt_address_needs_no_code_once_it_counts(
    alice: Trader, exempt: bool, ahead: int, status: int
) -> None:
    AuthenticatorApp(alice.user)
    know(alice, exempt=exempt, hours=-ahead)
    assert withdraw(alice).status_code == status


def test_no_token_is_issued_and_everybody_is_told_the_same(alice: Trader) -> None:
    path, name = "/wapi/v1/user/2fa", "issueTwoFactorToken"
    AuthenticatorApp(alice.user)
    for body in ({"app": "x", "email": alice.user.email}, {"email": "who@example.org"}, {}):
        answer = alice.send("POST", path, name, body)
        assert (answer.status_code, answer.json()) == (200, {"signature": ""})
    assert Client().post(path, {}, content_type="application/json").status_code == 401


# -- address book ----------------------------------------------------------------------------------


def entry(trader: Trader, **change: Any) -> AddressBookEntry:
    words = {"blockchain": "Ethereum", "address": TARGET, "label": "cold"}
    return AddressBookEntry(user=trader.user, **(words | change))


def test_an_entry_counts_after_its_waiting_time(alice: Trader, settings: Any) -> None:
    settings.ADDRESS_BOOK_HOURS = 24
    stored = address_book.add_entry(entry(alice), None)
    assert stored.usable_at - stored.created_at == timedelta(hours=24)
    assert address_book.known_entry(alice.user.pk, "Ethereum", TARGET) is None
    AddressBookEntry.objects.update(usable_at=timezone.now())
    assert address_book.known_entry(alice.user.pk, "Ethereum", TARGET.lower()) == stored
    assert address_book.known_entry(alice.user.pk, "Base", TARGET) is None


def test_whitelist_only_mode_holds_until_its_end(alice: Trader, bob: Trader, settings: Any) -> None:
    settings.ADDRESS_BOOK_HOURS = 24
    address_book.set_whitelist_only(alice.user.pk, on=True)
    assert refusal(withdraw(alice))[:2] == (403, "FORBIDDEN")
    address_book.set_whitelist_only(alice.user.pk, on=False)
    ends = WithdrawalGuard.objects.get(user=alice.user).open_at
    assert refusal(withdraw(alice))[:2] == (403, "FORBIDDEN")
    # Asking again makes it neither sooner nor later.
    assert address_book.set_whitelist_only(alice.user.pk, on=False).open_at == ends
    assert withdraw(bob).status_code == 200
    know(alice)
    assert withdraw(alice).status_code == 200
    AddressBookEntry.objects.all().delete()
    WithdrawalGuard.objects.update(open_at=timezone.now())
    assert withdraw(alice, clientId="later").status_code == 200


# -- delay -----------------------------------------------------------------------------------------


def delay(trader: Trader, method: str, hours: object, code: str) -> Any:
    name = {"POST": "withdrawalDelayCreate", "PATCH": "withdrawalDelayUpdate"}[method]
    return trader.send(method, DELAY, name, {"twoFactorToken": code, "withdrawalDelayHours": hours})


def test_a_delay_is_made_longer_at_once_and_shorter_later(alice: Trader) -> None:
    phone = AuthenticatorApp(alice.user)
    unset = alice.get(DELAY, "withdrawalDelayQuery")
    assert (unset.status_code, unset.content) == (204, b"")
    assert refusal(delay(alice, "PATCH", 2, phone.code()))[:2] == (404, "RESOURCE_NOT_FOUND")
    created = delay(alice, "POST", 24, phone.code())
    assert (created.status_code, created.content) == (200, b"")
    assert refusal(delay(alice, "POST", 48, phone.code()))[:2] == (409, "PRECONDITION_FAILED")
    longer = delay(alice, "PATCH", 48, phone.code()).json()
    assert longer == {
        "currentWithdrawalDelayHours": 48,
        "pendingWithdrawalDelayHours": None,
        "pendingWithdrawalDelayHoursEnabledAt": None,
    }
    shorter = delay(alice, "PATCH", 0, phone.code()).json()
    assert alice.get(DELAY, "withdrawalDelayQuery").json() == shorter
    assert shorter["currentWithdrawalDelayHours"] == 48
    assert shorter["pendingWithdrawalDelayHours"] == 0
    later = timezone.now() + timedelta(hours=48)
    assert shorter["pendingWithdrawalDelayHoursEnabledAt"][:13] == later.isoformat()[:13]
    assert delay_of(alice.user.pk, later - timedelta(minutes=1)).hours == 48
    assert delay_of(alice.user.pk, later + timedelta(minutes=1)).hours == 0
    # Thinking better of it takes the pending change back.
    assert delay(alice, "PATCH", 48, phone.code()).json() == longer


@pytest.mark.parametrize(
    ("method", "hours", "code"),
    [
        ("POST", 0, "INVALID_CLIENT_REQUEST"),
        ("POST", 721, "INVALID_CLIENT_REQUEST"),
        ("POST", -1, "INVALID_CLIENT_REQUEST"),
        ("POST", "soon", "INVALID_CLIENT_REQUEST"),
        ("POST", 5, "INVALID_TWO_FACTOR_CODE"),
        ("PATCH", 1, "INVALID_TWO_FACTOR_CODE"),
    ],
)
def test_a_delay_that_cannot_be_changes_nothing(
    alice: Trader, method: str, hours: object, code: str
) -> None:
    phone = AuthenticatorApp(alice.user)
    if method == "PATCH":
        delay(alice, "POST", 9, phone.code())
    before = delay_of(alice.user.pk)
    right = code != "INVALID_TWO_FACTOR_CODE"
    answer = delay(alice, method, hours, phone.code() if right else phone.wrong())
    assert refusal(answer)[:2] == (400, code)
    assert delay_of(alice.user.pk) == before


def test_without_an_authenticator_there_is_no_delay_to_set(alice: Trader) -> None:
    status, code, message = refusal(delay(alice, "POST", 5, "123456"))
    assert (status, code) == (400, "INVALID_TWO_FACTOR_CODE")
    assert message.startswith("Set up an authenticator app first")


def test_a_delayed_withdrawal_waits_and_its_owner_may_cancel_it(alice: Trader, bob: Trader) -> None:
    WithdrawalGuard.objects.create(user=alice.user, delay_hours=2)
    row = withdraw(alice).json()
    due = timezone.now() + timedelta(hours=2)
    assert row["triggerAt"][:13] == due.isoformat()[:13]
    assert row["status"] == "pending"
    with pytest.raises(Refusal, match="It waits until"):
        outgoing.require_sendable(row["id"])
    assert outgoing.release_withdrawals() == 0
    for accounts in ([bob.account.pk], []):
        with pytest.raises(Exception, match="Withdrawal not found"):
            outgoing.cancel_withdrawal(accounts, row["id"], person=alice.user)
    outgoing.cancel_withdrawal([alice.account.pk], row["id"], person=alice.user)
    assert available(alice) == 100_000 * 10**6
    assert alice.get(OUT, "withdrawalQueryAll").json()[0]["status"] == "void"
    # Cancelled twice, and released afterwards, it stays where it is.
    outgoing.cancel_withdrawal([alice.account.pk], row["id"], person=alice.user)
    outgoing.release_withdrawals(due + timedelta(minutes=1))
    assert available(alice) == 100_000 * 10**6


def test_a_withdrawal_is_released_when_its_time_comes(alice: Trader) -> None:
    WithdrawalGuard.objects.create(user=alice.user, delay_hours=2)
    row = withdraw(alice).json()
    due = WithdrawalInstruction.objects.get().trigger_at
    assert due is not None
    assert outgoing.release_withdrawals(due - timedelta(seconds=1)) == 0
    assert outgoing.release_withdrawals(due) == 1
    assert outgoing.release_withdrawals(due) == 0
    with pytest.raises(Exception, match="it may have been sent"):
        outgoing.cancel_withdrawal([alice.account.pk], row["id"], person=alice.user)
    outgoing.require_sendable(row["id"])


@pytest.mark.parametrize(("hours", "waits"), [(1, True), (3, False)])
def test_an_address_known_for_as_long_as_the_delay_does_not_wait(
    alice: Trader, hours: int, waits: bool
) -> None:
    WithdrawalGuard.objects.create(user=alice.user, delay_hours=2)
    know(alice, hours=hours)
    assert (withdraw(alice).json()["triggerAt"] is not None) is waits


# -- inside the house ------------------------------------------------------------------------------


def test_money_for_another_account_arrives_at_once_and_free(alice: Trader, bob: Trader) -> None:
    fill_pool()
    TokenTerms.objects.filter(asset="USDC").update(withdrawal_fee=10**6)
    to = address_of(bob).json()["address"]
    row = withdraw(alice, address=to, clientId="gift").json()
    assert (row["isInternal"], row["status"], row["fee"]) == (True, "confirmed", "0")
    assert withdraw(alice, address=to, clientId="gift").json() == row
    assert available(alice) == 99_989_500_000
    assert available(bob) == 100_010_500_000
    got = bob.get(DEPOSITS, "depositQueryAll").json()[0]
    assert (got["source"], got["quantity"], got["toAddress"]) == ("internal", "10.5", to)
    outside = bob.get(DEPOSITS, "depositQueryAll", ("excludePlatform", "true")).json()
    assert outside == []
    assert outgoing.deliver_all() == 0


def test_a_delivery_that_breaks_off_is_taken_up_again(
    alice: Trader, bob: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_pool()
    to = address_of(bob).json()["address"]
    real = arrivals.credit

    def away(arrival: DepositArrival) -> None:
        raise EngineUnavailable("away")

    def lost(arrival: DepositArrival) -> None:
        real(arrival)
        raise EngineUnavailable("lost")

    monkeypatch.setattr(outgoing, "credit", away)
    assert withdraw(alice, address=to).json()["status"] == "confirmed"
    monkeypatch.setattr(outgoing, "credit", lost)
    with pytest.raises(EngineUnavailable):
        outgoing.deliver_all()
    monkeypatch.setattr(outgoing, "credit", real)
    assert [outgoing.deliver_all() for _ in range(2)] == [1, 0]
    assert available(bob) == 100_010_500_000


def test_what_the_engine_refused_keeps_no_other_from_its_delivery(
    alice: Trader, bob: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_pool()
    to = address_of(bob).json()["address"]
    assert withdraw(alice, address=to, quantity="99999999").status_code == 400
    monkeypatch.setattr(outgoing, "deliver", lambda number: False)
    withdraw(alice, address=to)
    monkeypatch.undo()
    assert (outgoing.deliver_all(), outgoing.count_undelivered()) == (1, 0)
    assert available(bob) == 100_010_500_000


def test_a_recipient_who_may_not_deposit_gets_nothing_until_they_may(
    alice: Trader, bob: Trader
) -> None:
    fill_pool()
    to = address_of(bob).json()["address"]
    customers = Customer.objects.filter(user=bob.user)
    customers.update(status=Status.WITHDRAW_ONLY)
    row = withdraw(alice, address=to).json()
    assert (row["status"], available(bob)) == ("pending", 100_000 * 10**6)
    with pytest.raises(Refusal, match="by itself"):
        outgoing.require_sendable(row["id"])
    # Staff give it back, or the recipient is let in again.
    customers.update(status=Status.ACTIVE)
    assert outgoing.deliver_all() == 1
    assert available(bob) == 100_010_500_000


def test_a_delayed_withdrawal_inside_the_house_waits_as_well(alice: Trader, bob: Trader) -> None:
    fill_pool()
    WithdrawalGuard.objects.create(user=alice.user, delay_hours=1)
    row = withdraw(alice, address=address_of(bob).json()["address"]).json()
    assert (row["status"], outgoing.deliver_all()) == ("pending", 0)
    accepted(SettleWithdrawal(withdrawal=row["id"], returned=True))
    outgoing.release_withdrawals(timezone.now() + timedelta(hours=2))
    # Given back meanwhile: nothing arrives.
    assert outgoing.deliver_all() == 1
    assert available(alice) == available(bob) == 100_000 * 10**6
