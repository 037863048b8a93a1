"""What the owner of an account at risk is told: at once, in words, in the API, and by e-mail."""

import smtplib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends import locmem
from django.db import connection
from django.utils import timezone

from accounts.models import Account
from engine.commands import CreditDeposit, FundInsurance, SetBackstop, UpdatePrices
from engine.units import SECOND_NS
from engine.vocabulary import Side
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted
from trading import notice_mails, tasks
from trading.notice_models import NoticeMail, NoticeMark, RiskNotice

PERP = "SOL_USDC_PERP"
PATH, QUERY = "/api/v1/x/notices", "xNoticeQueryAll"
READ = "/api/v1/x/notices/read"
pytestmark = pytest.mark.django_db
State = NoticeMail.State


def prices(engine: InlineEngine, cents: int, *, seconds: int = 1, btc: int = 50_000) -> None:
    """Let seconds pass, with all prices told in each; SOL is in cents."""
    told = {"SOL": cents * 10**6, "BTC": btc * 10**8, "USDC": 10**8}
    for _ in range(seconds):
        engine.ahead_ns += SECOND_NS
        accepted(UpdatePrices(prices_e8=told))


@pytest.fixture
def carol(alice: Trader, live_engine: InlineEngine) -> Trader:
    """Return carol, long ten SOL from 100 with 60 dollars; alice is short."""
    carol = Trader("carol")
    carol.deposit("USDC", 60)
    alice.limit(PERP, Side.ASK, ticks=10_000, lots=1_000)
    carol.limit(PERP, Side.BID, ticks=10_000, lots=1_000)
    prices(live_engine, 10_000, seconds=6)
    return carol


def kinds(trader: Trader, *pairs: tuple[str, str]) -> list[str]:
    answer = trader.get(PATH, QUERY, *pairs)
    assert answer.status_code == 200, answer.content
    return [row["kind"] for row in answer.json()]


def test_each_status_is_told_with_what_to_do(
    alice: Trader, carol: Trader, live_engine: InlineEngine
) -> None:
    accepted(FundInsurance(asset="USDC", amount_atoms=1_000 * 10**6))
    prices(live_engine, 9_560)
    prices(live_engine, 9_530)
    prices(live_engine, 9_450)
    begun = carol.get(PATH, QUERY).json()
    assert [row["kind"] for row in begun] == ["LiquidationStarted", "MarginCall", "Low"]
    assert [row["severity"] for row in begun] == ["Danger", "Danger", "Warning"]
    for row, times in zip(begun, (1.1, 1.25, 1.55), strict=True):
        short = float(row["maintenanceMargin"]) * times - float(row["equity"])
        assert float(row["deposit"]) == pytest.approx(short, abs=0.02)
        assert "Deposit at least" in row["advice"]
        assert row["read"] is False
    # What it says is enough is enough, and not much too much.
    needed = int(float(begun[0]["deposit"]) * 10**6)
    accepted(CreditDeposit(account=carol.id, asset="USDC", amount_atoms=needed + 10_000))
    prices(live_engine, 9_450)
    assert kinds(carol)[0] == "Recovered"
    prices(live_engine, 9_000)
    prices(live_engine, 9_000)
    assert "Bankrupt" in kinds(carol)
    # Alice won, and was taken out at the mark: nobody told her of carol.
    (reduced,) = alice.get(PATH, QUERY).json()
    assert (reduced["kind"], reduced["side"], reduced["quantity"]) == ("Deleveraged", "Ask", "10")
    assert str(carol.id) not in str(reduced)


def test_a_backstop_is_told_what_it_took(
    bob: Trader, carol: Trader, live_engine: InlineEngine
) -> None:
    offer = 10_000 * 10**6
    accepted(SetBackstop(account=bob.id, market=PERP, minute_micros=offer, hour_micros=offer))
    prices(live_engine, 9_450)
    rows = bob.get(PATH, QUERY).json()
    assert {(row["kind"], row["symbol"], row["side"]) for row in rows} == {
        ("BackstopTook", PERP, "Bid")
    }
    held = bob.get("/api/v1/position", "positionQuery").json()[0]
    assert sum(float(row["quantity"]) for row in rows) == float(held["netQuantity"])


def test_reading_marks_and_counts(carol: Trader, live_engine: InlineEngine) -> None:
    for cents in (9_560, 9_530, 9_450):
        prices(live_engine, cents)
    rows = carol.get(PATH, QUERY).json()
    said = carol.send("POST", READ, "xNoticeRead", {"id": rows[1]["id"]})
    assert (said.status_code, said.json()) == (200, {"unread": 1})
    assert kinds(carol, ("unread", "true")) == ["LiquidationStarted"]
    # Read stays read, and beyond the last is the last.
    assert carol.send("POST", READ, "xNoticeRead", {"id": 0}).json() == {"unread": 1}
    assert carol.send("POST", READ, "xNoticeRead", {"id": 2**63 - 1}).json() == {"unread": 0}
    prices(live_engine, 9_000)
    assert kinds(carol, ("unread", "true"))[0] in ("Bankrupt", "Deleveraged")


def test_nobody_reads_or_marks_the_notices_of_another(
    alice: Trader, bob: Trader, carol: Trader, live_engine: InlineEngine
) -> None:
    prices(live_engine, 9_530)
    (notice,) = RiskNotice.objects.filter(account_id=carol.id)
    assert kinds(bob) == []
    said = bob.send("POST", READ, "xNoticeRead", {"id": notice.pk})
    assert said.json() == {"unread": 0}
    assert not NoticeMark.objects.exists()
    assert kinds(carol, ("unread", "true")) == [notice.kind]


@pytest.mark.parametrize(
    "body",
    [{}, {"id": None}, {"id": "x"}, {"id": -1}, {"id": 2**63}, {"id": [1]}, {"id": {"a": 1}}],
)
def test_what_is_no_number_of_a_notice_is_refused(alice: Trader, body: dict[str, Any]) -> None:
    said = alice.send("POST", READ, "xNoticeRead", body)
    assert (said.status_code, said.json()["code"]) == (400, "INVALID_CLIENT_REQUEST")


@pytest.mark.parametrize(
    "pair", [("limit", "0"), ("limit", "1001"), ("offset", "-1"), ("unread", "2")]
)
def test_a_wrong_query_is_refused(alice: Trader, pair: tuple[str, str]) -> None:
    assert alice.get(PATH, QUERY, pair).status_code == 400


# E-mails


def test_a_margin_call_and_a_liquidation_are_mailed_once(
    carol: Trader, live_engine: InlineEngine
) -> None:
    for cents in (9_560, 9_530, 9_450):
        prices(live_engine, cents)
    tasks.mail_notices()
    tasks.mail_notices()
    titles = [message.subject for message in mail.outbox]
    assert titles == [
        "Margin call: close to liquidation (Main)",
        "Liquidation has begun (Main)",
    ]
    assert {tuple(message.to) for message in mail.outbox} == {("carol@example.org",)}
    assert "Deposit at least" in mail.outbox[0].body


def test_a_mail_is_claimed_for_good_before_it_leaves(
    carol: Trader, live_engine: InlineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices(live_engine, 9_540)
    outside = len(connection.savepoint_ids)
    seen: list[tuple[str, int]] = []

    def looks(self: Any, messages: Any) -> int:
        seen.append((NoticeMail.objects.get().state, len(connection.savepoint_ids)))
        return 1

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", looks)
    notice_mails.mail_all()
    # No transaction of its own is open, which a death of the process would undo.
    assert seen == [(State.SENDING, outside)]


def test_two_workers_at_once_send_each_mail_once(
    carol: Trader, live_engine: InlineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cents in (9_560, 9_530, 9_450):
        prices(live_engine, cents)
    send = locmem.EmailBackend.send_messages
    others: list[dict[str, int]] = []

    def meanwhile(self: Any, messages: Any) -> int:
        # While the first worker waits for the mail server, a second one does all that is left.
        if not others:
            others.append({})
            others[0] = notice_mails.mail_all()
        return send(self, messages)

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", meanwhile)
    notice_mails.mail_all()
    assert others == [{"sent": 1, "failed": 0, "left_out": 0}]
    subjects = [message.subject for message in mail.outbox]
    assert len(subjects) == len(set(subjects)) == 2


def test_one_mail_an_hour_of_each_status(carol: Trader, live_engine: InlineEngine) -> None:
    for cents in (9_540, 10_000, 9_540, 10_000, 9_540):
        prices(live_engine, cents)
    assert RiskNotice.objects.filter(kind="MarginCall").count() == 3
    notice_mails.mail_all()
    assert len(mail.outbox) == 1
    states = list(NoticeMail.objects.order_by("notice_id").values_list("state", flat=True))
    assert states == [State.SENT, State.TOO_MANY, State.TOO_MANY]
    # An hour later the next one is news again.
    NoticeMail.objects.update(claimed_at=timezone.now() - timedelta(minutes=61))
    for cents in (10_000, 9_540):
        prices(live_engine, cents)
    notice_mails.mail_all()
    assert len(mail.outbox) == 2


def test_who_switched_them_off_gets_none(
    carol: Trader, live_engine: InlineEngine, client: Any
) -> None:
    client.force_login(carol.user)
    client.post("/account/settings/mails", {"account": carol.id})
    prices(live_engine, 9_540)
    notice_mails.mail_all()
    assert mail.outbox == []
    assert NoticeMail.objects.get().state == State.SWITCHED_OFF
    client.post("/account/settings/mails", {"account": carol.id, "risk_mails": "on"})
    assert Account.objects.get(pk=carol.id).risk_mails


def test_nobody_switches_the_mails_of_another(alice: Trader, bob: Trader, client: Any) -> None:
    client.force_login(bob.user)
    answer = client.post("/account/settings/mails", {"account": alice.id})
    assert answer.status_code == 404
    assert Account.objects.get(pk=alice.id).risk_mails


class Killed(BaseException):
    """The process ends here, and cleans nothing up."""


def after_sending(send: Callable[..., int]) -> Callable[..., int]:
    def killed(self: Any, messages: Any) -> int:
        send(self, messages)
        raise Killed

    return killed


def before_sending(send: Callable[..., int]) -> Callable[..., int]:
    def killed(self: Any, messages: Any) -> int:
        raise Killed

    return killed


@pytest.mark.parametrize("where", [after_sending, before_sending])
def test_an_outbox_killed_in_the_middle_sends_nothing_twice(
    carol: Trader,
    live_engine: InlineEngine,
    monkeypatch: pytest.MonkeyPatch,
    where: Callable[..., Any],
) -> None:
    for cents in (9_560, 9_530, 9_450):
        prices(live_engine, cents)
    sent = locmem.EmailBackend.send_messages
    with monkeypatch.context() as patch:
        patch.setattr(locmem.EmailBackend, "send_messages", where(sent))
        with pytest.raises(Killed):
            notice_mails.mail_all()
    for _ in range(3):
        notice_mails.mail_all()
    subjects = [message.subject for message in mail.outbox]
    assert len(subjects) == len(set(subjects)), subjects
    # What it had not begun with leaves now; what nobody knows of is shown, and not sent again.
    assert "Liquidation has begun (Main)" in subjects
    later = timezone.now() + notice_mails.UNSURE_AFTER + timedelta(seconds=1)
    (lost,) = notice_mails.unsure(later)
    assert lost.kind == "MarginCall"
    if where is before_sending:
        notice_mails.send_again(lost)
        assert len(mail.outbox) == 2
        assert notice_mails.count_unsure(later) == 0


@pytest.mark.parametrize(
    ("error", "is_tried_again"),
    [
        (smtplib.SMTPDataError(451, b"try later"), True),
        (smtplib.SMTPServerDisconnected("gone"), False),
        (TimeoutError(), False),
    ],
)
def test_what_the_server_refused_is_tried_again_and_what_it_may_have_taken_is_not(
    carol: Trader,
    live_engine: InlineEngine,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    is_tried_again: bool,
) -> None:
    prices(live_engine, 9_540)

    def refuses(self: Any, messages: Any) -> int:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(locmem.EmailBackend, "send_messages", refuses)
        assert notice_mails.mail_all()["failed"] == 1
    assert mail.outbox == []
    assert type(error).__name__ in NoticeMail.objects.get().error
    notice_mails.mail_all(timezone.now() + timedelta(minutes=2))
    assert len(mail.outbox) == is_tried_again


def test_a_mail_server_that_is_away_loses_nothing(
    carol: Trader, live_engine: InlineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices(live_engine, 9_540)

    def away(self: Any) -> bool:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(locmem.EmailBackend, "open", away)
        for minutes in range(0, 10, 2):
            notice_mails.mail_all(timezone.now() + timedelta(minutes=minutes))
    assert NoticeMail.objects.get().tries == 5
    notice_mails.mail_all(timezone.now() + timedelta(minutes=12))
    assert len(mail.outbox) == 1
