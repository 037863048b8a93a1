"""The console over real rows: tables open, none can be edited, withdrawals end with a reason."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from nacl.signing import SigningKey

from accounts import arrivals, custody, page_keys, teams
from accounts.jobs import job_run
from accounts.models import Account, Balance, JobRun, User, Withdrawal, WithdrawalGuard
from accounts.services import create_sub_account
from accounts.sweeps import SweepTerms, create_sweep
from compliance.models import AuditRecord
from config.schedule import BEAT_SCHEDULE
from engine.catalog import MarketState
from engine.commands import (
    AcceptQuote,
    AccrueInterest,
    AutoRealize,
    Borrow,
    ConvertDust,
    CreateStrategy,
    CreditDeposit,
    FundInsurance,
    Lend,
    PlaceOrder,
    RequestQuote,
    SetAllowance,
    SetBackstop,
    SetLendTerms,
    SetMarketState,
    SubmitQuote,
    TransferFunds,
)
from engine.events import CommandRejected
from engine.order_events import QuoteSubmitted, RfqSubmitted
from engine.units import HOUR_NS, AccountId
from engine.vocabulary import Side
from gateway.client import submit
from gateway.explained import Explanation
from gateway.period import Round
from lending.models import DebtWriteOff, InterestHour, InterestPayment
from sequencer.dashboard import ledger_proof
from sequencer.inline import InlineEngine
from sequencer.models import Checkpoint, JournalEntry, Snapshot
from tests.api.house import Trader, accepted
from tests.api.test_rest_accounts import OUT, WITHDRAWAL
from tests.api.test_rest_custody import HASH, POOL, address_of, arrived, know
from trading import candles
from trading.equity_models import AssetPoint, EquityHour, EquityPoint
from trading.funding_models import FundingPayment, FundingRate
from trading.models import Market
from trading.notice_models import NoticeMail, NoticeMark, RiskNotice
from trading.price_models import PriceHalt
from trading.price_records import PriceRecords
from trading.risk_models import AccountRisk, Liquidation, LiquidationPayment, Takeover
from trading.settlement_models import PositionInterest, StatementClose

OURS = {"accounts", "trading", "lending", "sequencer"}
# These belong to the console of users (tests of compliance and accounts).
NOT_OF_THE_ENGINE = {"User", "Account", "ApiKey", "Member", "Grant", "SweepRule"}


def staff(group: str) -> Client:
    user = User.objects.create_user(f"{group}@example.org", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


def tables() -> Iterator[type[Model]]:
    for model in admin.site._registry:
        if model._meta.app_label in OURS and model.__name__ not in NOT_OF_THE_ENGINE:
            yield model


def live_a_little(alice: Trader, bob: Trader, engine: InlineEngine) -> None:
    """Leave at least one row in every table."""
    for buyer, seller in ((alice, bob), (bob, alice)):
        buyer.limit("SOL_USDC_PERP", Side.BID, ticks=10_000, lots=1)
        seller.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=1)
    alice.limit("SOL_USDC_PERP", Side.BID, ticks=10_100, lots=1_000)
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_100, lots=1_000)
    accepted(AutoRealize(market="SOL_USDC_PERP"))
    accepted(SetMarketState(market="SOL_USDC_PERP", state=MarketState.OPEN))
    accepted(
        CreateStrategy(
            account=alice.id,
            market="SOL_USDC",
            side=Side.ASK,
            lots=10,
            duration_ms=60_000,
            interval_ms=10_000,
        )
    )
    alice.deposit("BTC", 1)
    accepted(Lend(account=alice.id, asset="BTC", amount_atoms=100_000_000))
    accepted(Borrow(account=bob.id, asset="BTC", amount_atoms=10_000_000))
    engine.ahead_ns += HOUR_NS
    accepted(AccrueInterest(asset="BTC"))
    accepted(SetLendTerms(account=alice.id, asset="BTC", keep_atoms=1))
    savings = AccountId(_savings(alice))
    accepted(TransferFunds(source=alice.id, destination=savings, asset="SOL", amount_atoms=10**9))
    accepted(FundInsurance(asset="USDC", amount_atoms=10**6))
    accepted(CreditDeposit(account=savings, asset="BTC", amount_atoms=10))
    accepted(ConvertDust(account=savings, asset="BTC"))
    asked = accepted(RequestQuote(account=alice.id, market="SOL_USDC", side=Side.BID, lots=100))
    assert isinstance(asked, RfqSubmitted)
    rfq = asked.terms.rfq
    quoted = accepted(SubmitQuote(account=bob.id, rfq=rfq, bid_ticks=9_990, ask_ticks=10_010))
    assert isinstance(quoted, QuoteSubmitted)
    accepted(AcceptQuote(account=alice.id, rfq=rfq, quote=quoted.terms.quote))
    assert alice.send("POST", OUT, "withdraw", WITHDRAWAL).status_code == 200
    _share(alice, bob)
    _write_rare_rows(alice)
    _write_custody_rows(alice)
    Snapshot.objects.create(sequence=1, at_ns=1, digest="00", chain=b"\0", state=b"\0")
    Checkpoint.objects.create(sequence=1, digest="00")


def _write_rare_rows(trader: Trader) -> None:
    """Write what takes a bad debt, or a job of many hours, to come about."""
    row = {"account_id": trader.id, "asset": "USDC"}
    journaled = {**row, "sequence": 1, "at": timezone.now()}
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    position = {"hour": hour, "market": "SOL_USDC_PERP", "position_id": 1}
    one = Decimal(1)
    DebtWriteOff.objects.create(
        **journaled, amount=one, reserve=one, insured=0 * one, lenders=0 * one
    )
    PositionInterest.objects.create(**journaled, **position, amount_atoms=one)
    funded = {"market": "SOL_USDC_PERP", "ends_at": hour, "rate_ppb": 12_500}
    FundingRate.objects.create(**funded)
    FundingPayment.objects.create(**journaled, **funded, position_id=1, lots=1, amount_atoms=one)
    risk = {"account_id": trader.id, "equity_micros": one, "margin_micros": one}
    AccountRisk.objects.create(**risk, status="MarginCall", at=hour)
    accepted(
        SetBackstop(
            account=trader.id, market="SOL_USDC_PERP", minute_micros=10**6, hour_micros=10**6
        )
    )
    accepted(SetAllowance(account=trader.id, member=7, spend_micros=1, loss_micros=1))
    Liquidation.objects.create(**risk, sequence=1, started_at=hour, closing_micros=one)
    LiquidationPayment.objects.create(**journaled, kind="Fee", amount_atoms=-one)
    taken = {"trade_id": 1, "side": "Ask", "lots": 1, "price_ticks": 1, "quote_atoms": one}
    Takeover.objects.create(
        **{"sequence": 1, "at": hour, "account_id": trader.id, "taker_id": 1, **taken},
        worth_atoms=one,
        system="LiquidatePositionOnAdl",
        market="SOL_USDC_PERP",
    )
    notice = RiskNotice.objects.create(**risk, sequence=1, at=hour, kind="MarginCall")
    NoticeMark.objects.create(account_id=trader.id, read_id=notice.pk)
    NoticeMail.objects.create(
        notice_id=notice.pk, account_id=trader.id, kind=notice.kind, state="Sent", claimed_at=hour
    )
    InterestHour.objects.create(hour=hour, lines=1, written_at=hour)
    _write_equity_points(trader, hour)
    StatementClose.objects.create(
        account_id=trader.id, month=hour.date().replace(day=1), closed_at=hour, balances={}
    )
    assert candles.make_hours(hour + timedelta(hours=3)) > 0
    PriceRecords().keep([Explanation(second=1, sequence=1, assets={})])
    PriceHalt.objects.create(symbol="BTC", since=hour)
    with job_run("auto-lend") as run:
        run.fell_short("one of two")
    kind = InterestPayment.Kind.UNREALIZED_POSITIVE
    InterestPayment.objects.create(**row, **position, kind=kind, amount=one, rate_ppb=1)


def _write_equity_points(trader: Trader, hour: datetime) -> None:
    """Write what is written once an hour is over."""
    figures = ("unrealized", "inflow", "fees", "funding", "interest")
    at = {
        "account_id": trader.id,
        "at": hour,
        "is_day": False,
        **dict.fromkeys(figures, Decimal(1)),
    }
    EquityHour.objects.create(at=hour, accounts=1, written_at=hour)
    EquityPoint.objects.create(**at, equity=Decimal(1), volume=Decimal(1))
    AssetPoint.objects.create(
        **at, asset="USDC", net_atoms=Decimal(1), worth=Decimal(1), moved=Decimal(0)
    )


def _write_custody_rows(trader: Trader) -> None:
    """Give the account an address, a deposit over a chain, and guards."""
    custody.import_addresses(f"Ethereum,{POOL[0]}")
    assert address_of(trader).status_code == 200
    arrivals.credit_arrival(arrived())
    custody.add_wallet("Ethereum", POOL[1])
    know(trader)
    WithdrawalGuard.objects.create(user=trader.user)
    public_key = b64encode(bytes(SigningKey.generate().verify_key)).decode()
    page_keys.make_page_key(trader.account, public_key, trader.user)


def _share(trader: Trader, other: Trader) -> None:
    """Have a team with limits, a rule of the clock, and an act of a member."""
    terms = teams.Terms(account=trader.account, rights=["view"], spend_micros=1)
    _, token = teams.invite(trader.user, trader.account, other.user.email, [terms])
    teams.accept(other.user, token)
    savings = Account.objects.get(main=trader.account)
    sweep = SweepTerms(asset="USDC", amount_atoms=1, every="day")
    create_sweep(trader.user, trader.account, savings, sweep)


def _savings(trader: Trader) -> int:
    return create_sub_account(trader.user, "Savings").pk


def test_every_table_opens_for_reading_and_refuses_every_change(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    live_a_little(alice, bob, live_engine)
    client = staff("risk")
    opened = []
    for model in tables():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = model._default_manager.first()
        assert row is not None, f"no row of {model.__name__} to open"
        for searched in ("1001", "no number"):
            listed = client.get(reverse(f"{name}_changelist"), {"q": searched})
            assert listed.status_code == 200, model
        assert client.get(reverse(f"{name}_changelist")).status_code == 200, model
        change = reverse(f"{name}_change", args=[row.pk])
        assert client.get(change).status_code == 200, model
        assert client.post(change, {"_save": "1"}).status_code == 403, model
        assert client.get(reverse(f"{name}_add")).status_code == 403, model
        assert client.post(reverse(f"{name}_add"), {"_save": "1"}).status_code == 403, model
        deletion = reverse(f"{name}_delete", args=[row.pk])
        assert client.post(deletion, {"post": "yes"}).status_code == 403, model
        assert model._default_manager.filter(pk=row.pk).exists()
        opened.append(model.__name__)
    assert len(opened) >= 20


def test_every_table_of_the_engine_is_in_the_console() -> None:
    shown = {model.__name__ for model in tables()}
    stored = {
        model.__name__
        for label in OURS
        for model in apps.get_app_config(label).get_models()
        if model.__name__ not in NOT_OF_THE_ENGINE | {"WithdrawalInstruction"}
    }
    assert shown == stored


def test_the_journal_shows_commands_in_words(alice: Trader) -> None:
    alice.limit("SOL_USDC", Side.BID, ticks=9_000, lots=100)
    last = JournalEntry.objects.order_by("-sequence")[0]
    page = staff("auditor").get(reverse("admin:sequencer_journalentry_change", args=[last.pk]))
    for word in ("PlaceOrder", "OrderPlaced", "SOL_USDC", "price_ticks", bytes(last.chain).hex()):
        assert word in page.content.decode(), word


def test_the_first_page_shows_sequence_and_proves_the_ledger(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    live_a_little(alice, bob, live_engine)
    page = staff("risk").get(reverse("admin:index"))
    assert page.context["progress"].sequence == JournalEntry.objects.count()
    proofs = {proof.asset: proof for proof in page.context["proofs"]}
    assert set(proofs) == {"USDC", "BTC", "SOL"}
    assert all(proof.holds and proof.total == "0" for proof in proofs.values())
    # Custody carries the other side of what came in; money in flight is still in the house.
    assert proofs["USDC"].custody == "-200008"
    assert [pool.asset for pool in page.context["pools"]][:1] == ["BTC"]
    assert page.context["pools"][0].utilization.startswith("10")


def test_the_first_page_shows_every_job_with_lag_and_outcome(live_engine: InlineEngine) -> None:
    for name in ("auto-lend", "accrue-interest"):
        with job_run(name) as run:
            run.took(Round("2026-11-22T13:05", done=2))
    long_ago = timezone.now() - timedelta(hours=3)
    JobRun.objects.filter(name="accrue-interest").update(
        started_at=long_ago, outcome="engine_away", message="the engine <cannot> be reached"
    )
    page = staff("auditor").get(reverse("admin:index")).content.decode()
    rows = {
        name: " ".join(page.split(f'data-job="{name}"')[1].split("</tr>")[0].split())
        for name in BEAT_SCHEDULE
    }
    for words in ("2026-11-22T13:05", "0 s", 'text-green-700">on time', "Done", "2 done"):
        assert words in rows["auto-lend"], words
    for words in ("3 h", 'text-red-600">late', "Engine away", "&lt;cannot&gt;"):
        assert words in rows["accrue-interest"], words
    assert "never ran" in rows["close-statements"]


def test_the_proof_fails_when_a_balance_disagrees_with_the_ledger(alice: Trader) -> None:
    assert all(proof.holds for proof in ledger_proof())
    Balance.objects.filter(account_id=alice.id, asset="SOL").update(available=1)
    assert {proof.asset for proof in ledger_proof() if not proof.holds} == {"SOL"}


@pytest.mark.parametrize(
    ("action", "status", "left"),
    [("settle", "settled", 99_989_500_000), ("give_back", "returned", 100_000_000_000)],
)
def test_staff_end_a_withdrawal_with_a_reason(
    alice: Trader, action: str, status: str, left: int
) -> None:
    alice.send("POST", OUT, "withdraw", WITHDRAWAL)
    row = Withdrawal.objects.get()
    queue = reverse("admin:accounts_withdrawal_changelist")
    act = {"action": action, "_selected_action": [row.pk]}
    confirmed = act | {"confirmed": "1", "reason": "Seen on the chain", "answer": HASH}
    refused = staff("support").post(queue, confirmed)
    assert Withdrawal.objects.get().status == "pending", refused.content
    treasury = staff("treasury")
    assert b'name="reason"' in treasury.post(queue, act).content
    treasury.post(queue, confirmed)
    assert Withdrawal.objects.get().status == status
    assert Balance.objects.get(account_id=alice.id, asset="USDC").available == left
    record = AuditRecord.objects.get(action=f"console.{action}")
    assert JournalEntry.objects.filter(command_id=f"audit:{record.pk}").exists()
    treasury.post(queue, confirmed)
    assert Balance.objects.get(account_id=alice.id, asset="USDC").available == left
    shown = alice.get(OUT, "withdrawalQueryAll").json()[0]["transactionHash"]
    assert shown == (HASH if action == "settle" else None)


def test_risk_closes_a_book_with_a_reason_and_opens_it_again(alice: Trader) -> None:
    books = reverse("admin:trading_market_changelist")

    def act(who: Client, name: str) -> None:
        chosen = {"action": name, "_selected_action": ["SOL_USDC_PERP"]}
        who.post(books, chosen | {"confirmed": "1", "reason": "The index is being repaired"})

    act(staff("support"), "cancel_only")
    assert Market.objects.get(pk="SOL_USDC_PERP").state == "Open"
    risk = staff("risk")
    act(risk, "cancel_only")
    assert Market.objects.get(pk="SOL_USDC_PERP").state == "CancelOnly"
    order = PlaceOrder(
        account=alice.id, market="SOL_USDC_PERP", side=Side.BID, price_ticks=10_100, lots=1_000
    )
    refused = submit(order).answer
    assert isinstance(refused, CommandRejected)
    assert refused.code == "MARKET_CANCEL_ONLY"
    act(risk, "open_book")
    assert Market.objects.get(pk="SOL_USDC_PERP").state == "Open"
    records = AuditRecord.objects.filter(action__in=("console.cancel_only", "console.open_book"))
    assert records.count() == 2


def test_somebody_who_is_not_staff_does_not_get_in(alice: Trader) -> None:
    client = Client()
    client.force_login(alice.user)
    answer = client.get(reverse("admin:index"))
    assert answer.status_code in (302, 403)
