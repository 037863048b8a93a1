"""The lending page and the settings page: each form done, refused with its number, and wrong."""

import re
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from accounts.access import access_of
from accounts.models import Account, AccountSettings, Balance
from accounts.transfers import transfer_funds
from compliance import services as compliance
from compliance.models import Customer, Status
from engine.commands import AccrueInterest, FundInsurance, UpdateAccount
from engine.vocabulary import Side
from lending.models import BorrowLendMovement, InterestPayment, LendTerms, PoolRate
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted
from tests.house_fixture import alice, bob, house

__all__ = ["alice", "bob", "house"]

USDC = 10**6
SETTINGS = "/account/settings"


def signed_in(trader: Trader) -> Client:
    client = Client()
    client.force_login(trader.user)
    return client


def once(**fields: Any) -> dict[str, Any]:
    return {"request_id": str(uuid.uuid4()), **fields}


def act(trader: Trader, symbol: str, name: str, amount: str, **fields: Any) -> Any:
    path = f"/lend/{symbol}/{name}"
    return signed_in(trader).post(path, once(account=trader.id, amount=amount, **fields))


def held(trader: Trader, asset: str, live_engine: InlineEngine) -> tuple[int, int, int]:
    """Return what is available, lent and owed."""
    state = live_engine.engine.state
    holding, pool = state.accounts[trader.id].holding(asset), state.pools[asset]
    lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
    return holding.available.atoms, lent, pool.debt_atoms(holding.debt_scaled)


def close(shown: str, amount: str) -> bool:
    return abs(Decimal(shown.replace(",", "")) - Decimal(amount)) < Decimal("0.001")


def text_of(answer: Any) -> str:
    """Return the page as a reader sees it: without tags, and with single spaces."""
    plain = re.sub(r"<[^>]+>", " ", answer.content.decode())
    for entity, sign in (("&#x27;", "'"), ("&amp;", "&"), ("&gt;", ">")):
        plain = plain.replace(entity, sign)
    return re.sub(r"\s+", " ", plain)


# -- seeing ----------------------------------------------------------------------------------------


def test_a_visitor_sees_every_pool_and_no_form(alice: Trader, bob: Trader) -> None:
    act(alice, "USDC", "lend", "1000")
    accepted(AccrueInterest(asset="USDC"))
    answer = Client().get("/lend")
    page = text_of(answer)
    for symbol in ("USDC", "BTC", "SOL"):
        assert symbol in page
    assert "you are here: 0.00%" in page
    assert "Sign in" in page
    assert "csrfmiddlewaretoken" not in answer.content.decode()
    assert Client().get("/lend/DOGE").status_code == 404


def test_the_page_runs_under_the_strict_policy(alice: Trader) -> None:
    for path in ("/lend", SETTINGS):
        html = signed_in(alice).get(path).content.decode()
        assert "<script>" not in html
        assert " style=" not in html
        assert "<style" not in html


def test_rates_sizes_and_limits_are_those_of_the_engine(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    act(alice, "USDC", "lend", "10000")
    act(bob, "USDC", "lend", "10")
    act(bob, "USDC", "redeem", "10")
    assert act(bob, "USDC", "borrow", "5000").status_code == 302
    accepted(AccrueInterest(asset="USDC"))
    pool = live_engine.engine.state.pools["USDC"]
    answer = signed_in(bob).get("/lend/USDC")
    row, mine = answer.context["pool"], answer.context["mine"]
    assert row.utilization == "50.00%"
    assert pool.rate_ppb == 35_294_118  # 6 % × 50 / 85
    assert (row.borrow_apr, row.lend_apr) == ("3.53%", "1.59%")
    assert row.borrow_apy == "3.59%"
    # Some atoms of interest may have come to it.
    assert close(row.size, "10000") and close(row.borrowed, "5000")
    assert mine.lent == "0" and close(mine.owed, "5000")
    # The cap is 95 % of what is lent.
    assert close(mine.max_borrow, "4500")
    assert "you are here: 50.00%" in text_of(answer)
    assert signed_in(alice).get("/lend/USDC").context["mine"].at_work == "all at work"


def test_what_may_be_borrowed_at_most_is_accepted_and_one_atom_more_refused(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    act(alice, "SOL", "lend", "100")
    accepted(UpdateAccount(account=bob.id, borrow_limit_micros=1_234_567_890))
    # SOL is at 100: the limit is 12.34567890 SOL.
    mine = signed_in(bob).get("/lend/SOL").context["mine"]
    assert mine.max_borrow == "12.3456789"
    refused = act(bob, "SOL", "borrow", "12.345678901")
    assert refused.status_code == 422
    assert "you owe $0.00, your limit is $1,234.56" in text_of(refused)
    assert act(bob, "SOL", "borrow", "12.3456789").status_code == 302
    assert held(bob, "SOL", live_engine)[2] == 12_345_678_900


def test_the_history_is_drawn_for_each_span(alice: Trader) -> None:
    now = timezone.now()
    for days, rate in ((0, 50_000_000), (3, 60_000_000), (20, 70_000_000), (300, 80_000_000)):
        PoolRate.objects.create(
            asset="USDC",
            at=now - timedelta(days=days, minutes=20),
            borrow_rate_ppb=rate,
            lend_rate_ppb=rate // 2,
            utilization_ppb=500_000_000,
            lent=Decimal(2),
            borrowed=Decimal(1),
        )
    highest_in = {"1d": "5.00%", "1w": "6.00%", "1month": "7.00%", "1year": "8.00%"}
    for span, highest in highest_in.items():
        page = text_of(Client().get("/lend/USDC", {"span": span}))
        assert f"Borrow rate between 5.00% and {highest} a year." in page
    borrow, lends = Client().get("/lend/USDC", {"span": "1year"}).context["rates_plot"].lines
    # Four rows, and what was noted last holds until now: 5 % of the 8 % at the top.
    assert len(borrow.points.split()) == len(lends.points.split()) == 5
    assert borrow.points.split()[-1] == "350.0,69.0"
    assert "between 5.00% and 5.00%" in text_of(Client().get("/lend/USDC", {"span": "2y"}))


# -- acting ----------------------------------------------------------------------------------------


def test_lend_redeem_borrow_and_repay_do_exactly_what_was_written(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    lent = act(alice, "USDC", "lend", "40000.123456")
    assert lent.headers["Location"] == "/lend/USDC"
    assert held(alice, "USDC", live_engine)[:2] == (59_999_876_544, 40_000_123_456)
    assert act(bob, "USDC", "borrow", "1000").status_code == 302
    assert held(bob, "USDC", live_engine)[0] == 101_000 * USDC
    # More than is owed repays all of it.
    client = signed_in(bob)
    client.post("/lend/USDC/repay", once(amount="2000"))
    assert re.search(r"Repaid 1,000(\.\d+)? USDC\.", text_of(client.get("/lend/USDC")))
    assert held(bob, "USDC", live_engine)[2] == 0
    assert act(alice, "USDC", "redeem", "40000.123456").status_code == 302
    kinds = BorrowLendMovement.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["Lend", "Borrow", "BorrowRepay", "LendRedeem"]


def test_a_form_sent_twice_is_done_once(alice: Trader, live_engine: InlineEngine) -> None:
    client, data = signed_in(alice), once(amount="10", account=alice.id)
    for _ in range(2):
        assert client.post("/lend/USDC/lend", data).status_code == 302
    assert held(alice, "USDC", live_engine)[1] == 10 * USDC
    other = client.post("/lend/USDC/lend", {**data, "amount": "11"})
    assert other.status_code == 422
    assert "sent already" in text_of(other)


@pytest.mark.parametrize(
    ("name", "amount", "words"),
    [
        ("lend", "100000.000001", "Lend at most what is available beyond the amount that your "
         "terms keep: at most 100,000 USDC."),
        ("redeem", "1", "Redeem at most what you lend: you lend 0 USDC."),
        ("borrow", "1", "The USDC pool cannot lend that much now; reduce the size: at most 0 USDC"),
        ("repay", "1", "You owe no USDC."),
        ("lend", "0", "Write an amount above zero."),
        ("lend", "-5", "Write a number, such as 12.5."),
        ("redeem", "1e", "Write a number, such as 12.5."),
        ("borrow", "0.0000001", "USDC has 6 decimals."),
        ("repay", "99999999999999", "Write at most 9223372036854.775807"),
        ("repay", "", "Write an amount."),
    ],
)  # fmt: skip
def test_a_refused_or_wrong_amount_is_explained_with_its_number_and_changes_nothing(
    alice: Trader, live_engine: InlineEngine, name: str, amount: str, words: str
) -> None:
    answer = act(alice, "USDC", name, amount)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert held(alice, "USDC", live_engine) == (100_000 * USDC, 0, 0)


def test_a_loan_beyond_the_collateral_says_both_numbers_and_can_be_corrected(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    sub = accounts.create_sub_account(bob.user, "Small")
    alice.deposit("BTC", 10)
    assert act(alice, "BTC", "lend", "10").status_code == 302
    client = signed_in(bob)
    refused = client.post("/lend/BTC/borrow", once(account=sub.pk, amount="1"))
    assert refused.status_code == 422
    said = text_of(refused)
    assert "Your collateral does not carry this loan" in said
    assert "your equity would be -$2,500.00, $10,000.00 would be needed" in said
    form = next(form for name, form, _ in refused.context["acts"] if name == "borrow")
    data = {"request_id": form["request_id"].value(), "account": bob.id, "amount": "1"}
    assert client.post("/lend/BTC/borrow", data).status_code == 302
    assert held(bob, "BTC", live_engine)[2] == 10**8


def test_whoever_lends_is_told_to_redeem_before_borrowing(alice: Trader) -> None:
    act(alice, "USDC", "lend", "100")
    page = signed_in(alice).get("/lend/USDC")
    assert page.context["mine"].must_redeem
    refused = act(alice, "USDC", "borrow", "1")
    assert "Redeem the USDC you lend before borrowing." in text_of(refused)


# -- terms -----------------------------------------------------------------------------------------


def test_terms_act_at_once_and_are_said_in_plain_words(
    alice: Trader, live_engine: InlineEngine
) -> None:
    act(alice, "USDC", "lend", "1000")
    client = signed_in(alice)
    data = once(account=alice.id, min_rate=40_000_000, cap="600.5", keep="100", as_collateral="")
    assert client.post("/lend/USDC/terms", data).status_code == 302
    assert held(alice, "USDC", live_engine)[1] == 600_500_000
    row = LendTerms.objects.get(account_id=alice.id, asset="USDC")
    assert (row.min_rate_ppb, int(row.cap or 0), int(row.keep)) == (40_000_000, 600_500_000, 10**8)
    assert not row.as_collateral
    page = client.get("/lend/USDC")
    said = text_of(page)
    assert "Your terms for USDC hold from now on." in said
    assert "You lend USDC at 4.00% a year or more; lenders earn 0.00% now." in said
    assert "At most 600.5 USDC is lent." in said
    assert "100 USDC always stays available." in said
    assert "The lend is no collateral" in said
    assert page.context["mine"].at_work == "0% at work"
    assert page.context["terms"]["cap"].value() == "600.5"
    refused = act(alice, "USDC", "lend", "1")
    assert "Your own terms cap what you lend; lend less or raise the cap: at most 0 USDC." in (
        text_of(refused)
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"min_rate": 30_000_000}, "Select a valid choice"),
        ({"min_rate": "x"}, "Select a valid choice"),
        ({"cap": "-1"}, "Write a number, such as 12.5."),
        ({"cap": "0.0000001"}, "USDC has 6 decimals."),
        ({"keep": "much"}, "Write a number, such as 12.5."),
        ({"keep": "9" * 20}, "Write at most 9223372036854.775807"),
        ({"request_id": "x"}, "This form is damaged: reload the page."),
    ],
)
def test_wrong_terms_are_explained_and_change_nothing(
    alice: Trader, fields: dict[str, Any], words: str
) -> None:
    data = once(account=alice.id, min_rate=0, cap="", keep="", as_collateral="on") | fields
    answer = signed_in(alice).post("/lend/USDC/terms", data)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert not LendTerms.objects.exists()


def test_collateral_that_is_needed_stays_collateral(alice: Trader, bob: Trader) -> None:
    act(alice, "USDC", "lend", "100000")
    act(alice, "SOL", "lend", "100")
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=200_000)
    alice.take("SOL_USDC_PERP", Side.BID, lots=200_000)
    data = once(account=alice.id, min_rate=0, cap="", keep="")
    answer = signed_in(alice).post("/lend/USDC/terms", data)
    assert answer.status_code == 422
    assert re.search(
        r"need this lend as collateral: your equity would be \$[\d,.]+, \$[\d,.]+ would be needed",
        text_of(answer),
    )


# -- dust ------------------------------------------------------------------------------------------


def test_dust_is_shown_and_sold(alice: Trader, live_engine: InlineEngine) -> None:
    client = signed_in(alice)
    page = client.get("/lend/SOL")
    assert page.context["dust"] == []
    nothing = client.post("/lend/dust", once(account=alice.id))
    assert nothing.status_code == 422
    assert "Only a free balance worth less than the asset's limit" in text_of(nothing)
    sub = accounts.create_sub_account(alice.user, "Small")
    transfer_funds(
        access_of(alice.account, alice.user),
        access_of(sub, alice.user),
        asset="SOL",
        amount_atoms=4_000_000,
        command_id="dust",
    )
    said = text_of(client.get("/lend/SOL", {"account": sub.pk}))
    assert "0.004 SOL for 0.4 USDC" in said
    poor = client.post("/lend/dust", once(account=sub.pk))
    assert "The house cannot buy dust right now" in text_of(poor)
    accepted(FundInsurance(asset="USDC", amount_atoms=USDC))
    assert client.post("/lend/dust", once(account=sub.pk)).status_code == 302
    rows = dict(Balance.objects.filter(account_id=sub.pk).values_list("asset", "available"))
    assert (int(rows["SOL"]), int(rows["USDC"])) == (0, 400_000)


# -- settings --------------------------------------------------------------------------------------


def settings_of(trader: Trader) -> AccountSettings:
    return AccountSettings.objects.get(account_id=trader.id)


def switches(trader: Trader, **changes: Any) -> dict[str, Any]:
    """Return the form as the page shows it, with changes; a switch that is off is not sent."""
    row = settings_of(trader)
    names = ("auto_lend", "auto_repay_borrows", "auto_borrow_settlements", "auto_realize_pnl")
    shown = {name: getattr(row, name) for name in names} | changes
    data = {name: "on" for name in names if shown[name]}
    given = shown.get("leverage_limit", row.leverage_limit)
    return {"account": trader.id, "leverage_limit": given, **data}


def test_settings_are_shown_and_changed(alice: Trader) -> None:
    client = signed_in(alice)
    page = text_of(client.get(SETTINGS))
    assert "Borrow limit : none" in page
    assert "an open profit earns the USDC lend rate" in page
    changed = switches(alice, auto_lend=True, auto_realize_pnl=False, leverage_limit="5")
    assert client.post(SETTINGS, changed).status_code == 302
    row = settings_of(alice)
    assert (row.auto_lend, row.auto_realize_pnl, row.leverage_limit) == (True, False, 5)
    assert row.auto_repay_borrows
    accepted(UpdateAccount(account=alice.id, borrow_limit_micros=50_000 * 10**6))
    assert "Borrow limit : $50,000" in text_of(client.get(SETTINGS))


def test_turning_borrowing_on_is_asked_about_first(alice: Trader) -> None:
    client = signed_in(alice)
    client.post(SETTINGS, switches(alice, auto_borrow_settlements=False))
    assert not settings_of(alice).auto_borrow_settlements
    wanted = switches(alice, auto_borrow_settlements=True, leverage_limit="7")
    asked = client.post(SETTINGS, wanted)
    assert "Turn borrowing on in Main?" in text_of(asked)
    assert not settings_of(alice).auto_borrow_settlements
    assert settings_of(alice).leverage_limit == 20
    assert client.post(SETTINGS, wanted | {"confirmed": "on"}).status_code == 302
    assert settings_of(alice).auto_borrow_settlements
    assert settings_of(alice).leverage_limit == 7


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("0", "Leverage must be a whole number from 1 to 100."),
        ("101", "Leverage must be a whole number from 1 to 100."),
        ("9999999999", "Leverage must be a whole number from 1 to 100."),
        ("2.5", "Write a whole number, such as 10."),
        ("-1", "Write a whole number, such as 10."),
        ("", "This field is required."),
    ],
)
def test_a_wrong_leverage_is_explained_and_changes_nothing(
    alice: Trader, limit: str, words: str
) -> None:
    wanted = switches(alice, auto_lend=True, leverage_limit=limit)
    answer = signed_in(alice).post(SETTINGS, wanted)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert not settings_of(alice).auto_lend


# -- who may ---------------------------------------------------------------------------------------


def test_a_customer_who_may_not_borrow_sees_why_and_cannot(
    alice: Trader, live_engine: InlineEngine
) -> None:
    act(alice, "USDC", "lend", "1000")
    erin = Trader("erin", tier=1)
    erin.deposit("SOL", 10)
    client = signed_in(erin)
    page = client.get("/lend/USDC")
    refusals = {name: denial and denial.message for name, _, denial in page.context["acts"]}
    assert refusals["borrow"] and refusals["lend"]
    assert refusals["redeem"] is None and refusals["repay"] is None
    assert refusals["borrow"] in text_of(page)
    for name in ("borrow", "lend"):
        answer = act(erin, "USDC", name, "1")
        assert answer.status_code == 422
        assert str(refusals[name]) in text_of(answer)
    assert held(erin, "USDC", live_engine) == (0, 0, 0)
    on = switches(erin, auto_lend=True)
    assert client.post(SETTINGS, on).status_code == 422
    assert not settings_of(erin).auto_lend
    ticket = client.get("/trade/SOL_USDC")
    assert str(refusals["borrow"]) in text_of(ticket)
    assert 'name="autoBorrow"' not in ticket.content.decode()


def test_a_restricted_customer_still_takes_their_money_back(
    alice: Trader, live_engine: InlineEngine
) -> None:
    act(alice, "USDC", "lend", "1000")
    row = Customer.objects.get(user=alice.user)
    compliance.change_status(row, None, status=Status.RESTRICTED, reason="Court order 7")
    assert act(alice, "USDC", "lend", "1").status_code == 422
    assert act(alice, "USDC", "redeem", "1000").status_code == 302
    assert held(alice, "USDC", live_engine)[1] == 0


def test_nobody_sees_or_acts_for_the_account_of_another(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    client = signed_in(alice)
    for path in ("/lend", "/lend/USDC", SETTINGS):
        assert client.get(path, {"account": bob.id}).status_code == 404
    theirs = once(account=bob.id, amount="1", min_rate=0, leverage_limit=3)
    for path in ("/lend/USDC/lend", "/lend/USDC/terms", "/lend/dust", SETTINGS):
        assert client.post(path, theirs).status_code == 404
        assert Client().post(path, theirs).status_code == 302
    assert held(bob, "USDC", live_engine) == (100_000 * USDC, 0, 0)
    assert settings_of(bob).leverage_limit == 20


def test_a_post_without_its_token_is_refused(alice: Trader, live_engine: InlineEngine) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user)
    for path in ("/lend/USDC/lend", "/lend/USDC/terms", "/lend/dust", SETTINGS):
        assert client.post(path, once(amount="1")).status_code == 403
        assert path == SETTINGS or client.get(path).status_code == 405


# -- the trading page ------------------------------------------------------------------------------


def read(client: Client, name: str) -> Any:
    return client.get(f"/trade/{name}", headers={"accept": "application/json"}).json()


def test_the_tabs_show_movements_and_interest(alice: Trader, bob: Trader) -> None:
    act(alice, "USDC", "lend", "1000")
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for account, amount in ((alice, 1_500), (bob, 99)):
        InterestPayment.objects.create(
            account_id=account.id,
            asset="USDC",
            hour=hour,
            kind=InterestPayment.Kind.LEND,
            amount=Decimal(amount),
            rate_ppb=13_140_000,
        )
    client = signed_in(alice)
    (moved,) = read(client, "borrow-lends")
    assert (moved["kind"], moved["quantity"], moved["source"]) == ("Lend", "1000", "Manual")
    (paid,) = read(client, "interest")
    assert (paid["symbol"], paid["quantity"], paid["rate"]) == ("USDC", "0.0015", "1.31%")
    assert read(signed_in(bob), "borrow-lends") == []


def test_the_switches_of_the_ticket_are_obeyed(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    act(alice, "USDC", "lend", "100000")
    client = signed_in(alice)
    order = {
        "account": alice.id,
        "symbol": "SOL_USDC",
        "side": "Bid",
        "orderType": "Limit",
        "price": "100",
        "quantity": "1",
        "unit": "base",
        "execution": "GTC",
        "switches": "on",
    }
    json = {"accept": "application/json"}
    kept = client.post("/trade/order", order, headers=json)
    assert kept.json()["code"] == "INSUFFICIENT_FUNDS"
    assert held(alice, "USDC", live_engine)[1] == 100_000 * USDC
    bob.limit("SOL_USDC", Side.ASK, ticks=10_000, lots=200)
    bought = client.post("/trade/order", order | {"autoLendRedeem": "on"}, headers=json)
    assert bought.json()["message"] == "Bought 1 SOL for 100 USDC."
    assert held(alice, "USDC", live_engine)[1] == 99_900 * USDC
    assert held(alice, "SOL", live_engine)[1] == 0
    lends = order | {"autoLendRedeem": "on", "autoLend": "on"}
    client.post("/trade/order", lends, headers=json)
    # What came in, less the fee of 0.1 %, is lent on.
    assert held(alice, "SOL", live_engine)[1] == 999_000_000


def test_accounts_are_chosen_for_all_pages_alike(alice: Trader) -> None:
    sub = accounts.create_sub_account(alice.user, "Grid bot")
    client = signed_in(alice)
    client.get("/lend", {"account": sub.pk})
    assert client.get(SETTINGS).context["account"] == sub
    assert client.get("/trade/SOL_USDC").context["account"] == sub
    assert Account.objects.filter(user=alice.user).count() == 2
