"""Treasury imports addresses, credits deposits, sets terms, lists wallets, each with a reason."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import (
    Deposit,
    DepositAddress,
    DepositArrival,
    ExchangeWallet,
    TokenTerms,
    WithdrawalGuard,
    WithdrawalInstruction,
)
from compliance.models import AuditRecord
from tests.api.house import Trader
from tests.api.test_console_tables import staff
from tests.api.test_rest_accounts import TARGET
from tests.api.test_rest_custody import HASH, OTHER, POOL, address_of, fill_pool, withdraw

IMPORT = "admin:accounts_depositaddress_import_page"
CREDIT = "admin:accounts_depositarrival_credit_page"
TERMS = "admin:accounts_tokenterms_terms_page"
WALLET = "admin:accounts_exchangewallet_wallet_page"
REASON = {"reason": "As the custodian wrote"}
CREDITED = {
    "asset": "USDC",
    "amount": "7.5",
    "blockchain": "Ethereum",
    "address": POOL[0],
    "transaction_hash": HASH,
    **REASON,
}
NEW_TERMS = {
    "asset": "BTC",
    "blockchain": "Bitcoin",
    "native_decimals": "8",
    "deposit_enabled": "on",
    "minimum_deposit": "0",
    "minimum_withdrawal": "0.001",
    "withdrawal_fee": "0.0001",
    **REASON,
}


@pytest.mark.parametrize("page", [IMPORT, CREDIT, TERMS, WALLET])
@pytest.mark.parametrize("group", ["support", "risk", "compliance", "auditor"])
def test_only_treasury_has_the_forms_of_custody(house: object, page: str, group: str) -> None:
    client = staff(group)
    assert client.get(reverse(page)).status_code == 403
    assert client.post(reverse(page), REASON).status_code == 403
    assert not AuditRecord.objects.filter(action__startswith="console.").exists()


def test_treasury_fills_the_pool(house: object) -> None:
    treasury = staff("treasury")
    assert b"Import addresses" in treasury.get(reverse(IMPORT)).content
    lines = f"Ethereum,{POOL[0]}\n\nEthereum,{POOL[1]}"
    for form in ({"addresses": lines}, {"addresses": lines, "reason": "no"}):
        assert treasury.post(reverse(IMPORT), form).status_code == 422
    assert not DepositAddress.objects.exists()
    assert treasury.post(reverse(IMPORT), {"addresses": lines, **REASON}).status_code == 302
    assert DepositAddress.objects.count() == 2
    record = AuditRecord.objects.get(action="console.import_addresses")
    assert (record.reason, record.details["addresses"]) == (REASON["reason"], lines)
    again = treasury.post(reverse(IMPORT), {"addresses": lines, **REASON})
    assert again.status_code == 422
    assert b"is there already" in again.content


def test_treasury_credits_a_deposit_once(alice: Trader) -> None:
    fill_pool()
    address_of(alice)
    treasury = staff("treasury")
    assert treasury.post(reverse(CREDIT), CREDITED).status_code == 302
    again = treasury.post(reverse(CREDIT), CREDITED)
    assert again.status_code == 422
    assert b"credited once" in again.content
    arrival = DepositArrival.objects.get()
    assert int(Deposit.objects.get(arrival_id=arrival.pk).amount) == 7_500_000
    # What was tried and refused stays in the trail.
    assert AuditRecord.objects.filter(action="console.credit_deposit").count() == 2
    table = reverse("admin:accounts_depositarrival_changelist")
    assert HASH in treasury.get(table).content.decode()
    with CaptureQueriesContext(connection) as one:
        treasury.get(table)
    for _ in range(3):
        DepositArrival.objects.create(account=alice.account, asset="USDC", amount=Decimal(1))
    with CaptureQueriesContext(connection) as four:
        rows = treasury.get(table).context["cl"].result_list
    assert [row.is_credited for row in rows] == [False, False, False, True]
    assert len(four) == len(one)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount": "seven"}, "Write a number"),
        ({"amount": "7.1234567"}, "USDC has 6 decimals"),
        ({"amount": "0"}, "above zero"),
        ({"amount": ""}, "required"),
        ({"asset": "NONE"}, "not one of the available choices"),
        ({"output_index": "-1"}, "greater than or equal to 0"),
        ({"address": TARGET}, "given to nobody"),
        ({"reason": ""}, "required"),
    ],
)
def test_a_wrong_deposit_is_explained_and_changes_nothing(
    alice: Trader, change: dict[str, str], words: str
) -> None:
    fill_pool()
    address_of(alice)
    answer = staff("treasury").post(reverse(CREDIT), CREDITED | change)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not DepositArrival.objects.exists()


def test_treasury_sets_the_terms_of_a_chain(house: object) -> None:
    treasury = staff("treasury")
    assert treasury.post(reverse(TERMS), NEW_TERMS).status_code == 302
    row = TokenTerms.objects.get(asset="BTC")
    assert (row.deposit_enabled, row.withdraw_enabled) == (True, False)
    assert (int(row.minimum_withdrawal), int(row.withdrawal_fee)) == (100_000, 10_000)
    assert row.maximum_withdrawal is None
    later = NEW_TERMS | {"withdrawal_fee": "0.0005", "maximum_withdrawal": "2"}
    assert treasury.post(reverse(TERMS), later).status_code == 302
    row.refresh_from_db()
    assert (int(row.withdrawal_fee), int(row.maximum_withdrawal or 0)) == (50_000, 2 * 10**8)
    # A withdrawal which is all fee is none.
    refused = treasury.post(reverse(TERMS), later | {"withdrawal_fee": "0.001"})
    assert refused.status_code == 422
    assert b"must be above the fee" in refused.content
    row.refresh_from_db()
    assert int(row.withdrawal_fee) == 50_000


def test_treasury_lists_a_wallet_and_takes_it_off(house: object) -> None:
    treasury = staff("treasury")
    bad = treasury.post(reverse(WALLET), {"blockchain": "Ethereum", "address": "0x1", **REASON})
    assert bad.status_code == 422
    good = {"blockchain": "Ethereum", "address": OTHER, **REASON}
    assert treasury.post(reverse(WALLET), good).status_code == 302
    assert [row["address"] for row in Client().get("/api/v1/wallets").json()] == [OTHER]
    act = {"action": "unlist", "_selected_action": [ExchangeWallet.objects.get().pk]}
    rows = reverse("admin:accounts_exchangewallet_changelist")
    treasury.post(rows, act | {"confirmed": "1", **REASON})
    assert Client().get("/api/v1/wallets").json() == []


def test_staff_cannot_send_a_withdrawal_which_waits(alice: Trader) -> None:
    WithdrawalGuard.objects.create(user=alice.user, delay_hours=2)
    row: dict[str, Any] = withdraw(alice).json()
    queue = reverse("admin:accounts_withdrawal_changelist")
    act = {"action": "settle", "_selected_action": [row["id"]], "confirmed": "1", **REASON}
    treasury = staff("treasury")
    told = treasury.post(queue, act | {"answer": "none"}, follow=True).content.decode()
    assert "It waits until" in told
    assert alice.get("/wapi/v1/capital/withdrawals", "withdrawalQueryAll").json() == [row]
    instruction = WithdrawalInstruction.objects.get()
    WithdrawalInstruction.objects.update(released_at=instruction.trigger_at)
    treasury.post(queue, act | {"answer": "none"})
    ended = alice.get("/wapi/v1/capital/withdrawals", "withdrawalQueryAll").json()[0]
    assert (ended["status"], ended["transactionHash"]) == ("confirmed", None)
