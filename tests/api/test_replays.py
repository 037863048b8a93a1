"""Signed requests through Django, sent again: each is carried out once."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import AccountSettings, Balance
from engine.commands import CreditDeposit
from gateway import signed_request
from sequencer.inline import InlineEngine
from sequencer.models import JournalEntry
from tests.api.house import Trader, accepted
from tests.api.signed import signed_text

LEND = {"quantity": "10", "side": "Lend", "symbol": "USDC"}
MESSAGE = "This signed request was answered before"


class Captured:
    """A signed request, to be sent as often as one likes."""

    def __init__(
        self, trader: Trader, method: str, path: str, instruction: str, body: dict[str, Any]
    ) -> None:
        pairs = [(name, signed_text(value)) for name, value in body.items()]
        self.headers = trader.headers(instruction, pairs)
        self.method, self.path, self.body = method, path, json.dumps(body)

    def send(self) -> Any:
        return Client().generic(
            self.method, self.path, self.body, "application/json", headers=self.headers
        )


def refused_as_repeated(answer: Any) -> bool:
    body = answer.json()
    return (
        (answer.status_code, body["code"]) == (400, "INVALID_CLIENT_REQUEST")
        and body["message"].startswith(MESSAGE)
        and answer.headers["X-Reject-Code"] == "REQUEST_REPEATED"
    )


@pytest.mark.parametrize(
    ("method", "path", "instruction", "body"),
    [
        ("POST", "/api/v1/borrowLend", "borrowLendExecute", LEND),
        ("PATCH", "/api/v1/account", "accountUpdate", {"leverageLimit": "5"}),
        ("PUT", "/api/v1/x/lendTerms", "xLendTermsUpdate", {"symbol": "SOL", "cap": "3"}),
        ("POST", "/api/v1/account/convertDust", "convertDust", {"symbol": "BTC"}),
    ],
)
def test_each_request_that_changes_something_is_answered_once(
    alice: Trader, method: str, path: str, instruction: str, body: dict[str, Any]
) -> None:
    accepted(CreditDeposit(account=alice.id, asset="BTC", amount_atoms=5))
    request, count = Captured(alice, method, path, instruction, body), JournalEntry.objects.count()
    request.send()
    # The engine has answered, yes or no; what it refused is not asked again either.
    assert JournalEntry.objects.count() == count + 1
    assert [refused_as_repeated(request.send()) for _ in range(3)] == [True] * 3
    assert JournalEntry.objects.count() == count + 1


def test_a_loan_that_would_be_another_act_by_now_is_a_repeat_as_well(
    alice: Trader, bob: Trader
) -> None:
    """The same request redeems while something is lent, and borrows when nothing is."""
    assert bob.send("POST", "/api/v1/borrowLend", "borrowLendExecute", LEND).status_code == 200
    assert alice.send("POST", "/api/v1/borrowLend", "borrowLendExecute", LEND).status_code == 200
    borrow = LEND | {"side": "Borrow", "quantity": "9.999"}
    request = Captured(alice, "POST", "/api/v1/borrowLend", "borrowLendExecute", borrow)
    assert request.send().status_code == 200
    before = list(Balance.objects.filter(account_id=alice.id).order_by("asset").values())
    assert refused_as_repeated(request.send())
    assert list(Balance.objects.filter(account_id=alice.id).order_by("asset").values()) == before


def test_old_settings_do_not_come_back(alice: Trader) -> None:
    old = Captured(alice, "PATCH", "/api/v1/account", "accountUpdate", {"leverageLimit": "5"})
    assert old.send().status_code == 200
    new = alice.send("PATCH", "/api/v1/account", "accountUpdate", {"leverageLimit": "9"})
    assert new.status_code == 200
    assert refused_as_repeated(old.send())
    assert AccountSettings.objects.get(account_id=alice.id).leverage_limit == 9


def test_a_thread_that_has_answered_a_signed_request_names_nothing_after_it(
    alice: Trader,
) -> None:
    request = Captured(alice, "POST", "/api/v1/borrowLend", "borrowLendExecute", LEND)
    for _ in range(2):
        request.send()
        assert signed_request.current() is None


def test_a_long_window_outlives_the_engines_memory_but_not_the_journal(
    alice: Trader, live_engine: InlineEngine
) -> None:
    alice.window_ms = 60_000
    request = Captured(alice, "POST", "/api/v1/borrowLend", "borrowLendExecute", LEND)
    assert request.send().status_code == 200
    live_engine.engine.state.command_ids.clear()
    live_engine.engine.state.command_order.clear()
    assert refused_as_repeated(request.send())
