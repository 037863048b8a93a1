"""A desk on paper, in the database: its orders, fills, profit, minutes, alarms, and its lock."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.models import F
from django.utils import timezone

from compliance.services import Refusal
from engine.commands import UpdatePrices
from engine.units import PRICE_SCALE
from hedging import acts, alarms, cycle, figures, services
from hedging.decision import Place, Reason
from hedging.inventory import mark_of
from hedging.models import (
    Desk,
    HedgeAlarm,
    HedgeFill,
    HedgeOrder,
    HedgeReport,
    InsuredProfit,
    PaperOrder,
)
from hedging.record import DeskRecord, holding_of
from hedging.services import LOCK_CLASS
from tests.api.house import Trader, accepted
from tests.hedging.conftest import MARKET, inherit
from trading.candle_models import PricePoint
from trading.models import Position

D = Decimal


def look(times: int = 3) -> Any:
    for _ in range(times):
        outcome = services.hedge(MARKET)
    return outcome


def test_the_inventory_is_hedged_on_paper(desk: Desk, alice: Trader, bob: Trader) -> None:
    inherit(alice, bob, 6_500)
    outcome = look()
    assert outcome.act.reason is Reason.WITHIN_LIMIT
    orders = HedgeOrder.objects.order_by("id")
    assert [(o.is_buy, o.quantity, o.status) for o in orders] == [
        (False, D(50), "filled"),
        (False, D(15), "filled"),
    ]
    mark = mark_of(MARKET)
    assert mark is not None
    assert {fill.price for fill in HedgeFill.objects.all()} == {mark.price * D("0.9999")}
    assert holding_of(desk).position == -65
    desk.refresh_from_db()
    assert (desk.position, desk.over_since, desk.disagrees_since) == (D(-65), None, None)
    # The inventory goes, and so does the hedge.
    inherit(alice, bob, -6_500)
    look()
    assert holding_of(desk).position == 0
    assert not HedgeAlarm.objects.exists()


def test_profit_and_costs_are_counted_on_both_sides(desk: Desk, alice: Trader, bob: Trader) -> None:
    inherit(alice, bob, 5_000)
    look()
    accepted(UpdatePrices(prices_e8={"SOL": 110 * PRICE_SCALE}))
    inherit(alice, bob, -5_000, ticks=11_000)
    look()
    found = figures.figures_of(desk)
    sold, bought = HedgeFill.objects.order_by("id")
    assert found.hedge_realized == 50 * (sold.price - bought.price)
    assert found.slippage == D("0.0001") * 50 * (sold.order.mark + bought.order.mark)  # type: ignore[union-attr]
    assert found.fees == sold.fee + bought.fee
    assert found.earned.realized == 50 * 10
    assert found.earned.fees > 0
    assert found.realized == (
        found.hedge_realized - found.fees + found.earned.realized - found.earned.fees
    )
    assert (found.unrealized, found.delta) == (D(0), D(0))
    # Paper earns nothing that could be insured.
    assert found.insurable == found.inventory_realized < 500
    assert found._replace(is_paper=False).insurable == 0


def test_unrealized_profit_of_both_sides_cancels(desk: Desk, alice: Trader, bob: Trader) -> None:
    inherit(alice, bob, 5_000)
    look()
    accepted(UpdatePrices(prices_e8={"SOL": 105 * PRICE_SCALE}))
    found = figures.figures_of(desk)
    mark, price = found.mark, HedgeFill.objects.get().price
    assert mark is not None
    assert found.earned.unrealized == 50 * (mark - 100)
    assert found.hedge_unrealized == 50 * (price - mark)


def test_a_desk_has_one_open_attempt(desk: Desk) -> None:
    order = Place(is_buy=True, quantity=D(1), price=D(100))
    first = DeskRecord(desk).plan(order)
    assert first is not None
    assert DeskRecord(desk).plan(order) is None
    row = HedgeOrder.objects.get()
    row.pk, row.client_id = None, row.client_id + 1
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)
    # It never reached the paper venue and is not wanted: it lapses once it cannot arrive any more.
    assert look().waits
    HedgeOrder.objects.update(sent_at=timezone.now() - timedelta(minutes=5))
    look()
    assert HedgeOrder.objects.get().status == "lapsed"
    assert not PaperOrder.objects.exists()


def test_a_lost_answer_is_looked_up_and_not_sent_again(
    desk: Desk, alice: Trader, bob: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    inherit(alice, bob, 5_000)
    monkeypatch.setattr(DeskRecord, "settle", killed)
    with pytest.raises(KeyboardInterrupt):
        look(1)
    monkeypatch.undo()
    assert HedgeOrder.objects.get().status == "open"
    look()
    assert HedgeOrder.objects.get().status == "filled"
    assert PaperOrder.objects.count() == HedgeFill.objects.count() == 1


def killed(*args: Any) -> None:
    raise KeyboardInterrupt


def test_client_ids_are_never_used_twice(desk: Desk) -> None:
    order = Place(is_buy=True, quantity=D(1), price=D(100))
    ids = []
    for _ in range(3):
        attempt = DeskRecord(desk).plan(order)
        assert attempt is not None
        ids.append(attempt.client_id)
        HedgeOrder.objects.update(status="lapsed")
    assert ids[0] >= int(timezone.now().timestamp()) - 60
    assert ids == [ids[0], ids[0] + 1, ids[0] + 2]
    assert ids[-1] < 2**32


def test_two_desks_of_one_venue_draw_ids_of_their_own(desk: Desk, bob: Trader) -> None:
    other = Desk.objects.create(
        market="BTC_USDC_PERP",
        account=bob.account,
        venue="elsewhere",
        venue_symbol="BTC/USDC:USDC",
        limit_usd=D(1),
        slippage_ppm=1,
        max_order=D(1),
    )
    order = Place(is_buy=True, quantity=D(1), price=D(100))
    first, second = DeskRecord(desk).plan(order), DeskRecord(other).plan(order)
    assert first is not None
    assert second is not None
    assert first.client_id != second.client_id


def test_who_comes_second_leaves_the_desk_alone(desk: Desk) -> None:
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_CLASS, desk.pk])
            assert services.hedge(MARKET) is None
    finally:
        other.close()
    assert services.hedge(MARKET) is not None


def test_a_pause_between_decision_and_order_holds(desk: Desk) -> None:
    record = DeskRecord(desk)
    acts.pause(desk)
    assert record.plan(Place(is_buy=True, quantity=D(1), price=D(100))) is None


def test_a_look_that_only_reconciles_sends_nothing(desk: Desk, alice: Trader, bob: Trader) -> None:
    inherit(alice, bob, 5_000)
    outcome = services.hedge(MARKET, may_order=False)
    assert outcome is not None
    assert outcome.message == "looked_only"
    assert not PaperOrder.objects.exists()


def strange_order() -> None:
    """Let somebody else trade on the desk's account at the venue."""
    PaperOrder.objects.create(
        client_id=1,
        symbol="SOL/USDC:USDC",
        is_buy=True,
        quantity=D(7),
        price=D(100),
        filled=D(7),
        fill_price=D(100),
        fee=D(0),
        at=timezone.now(),
    )


def test_an_unexplained_position_stops_the_desk_until_staff_explain_it(
    desk: Desk, alice: Trader, bob: Trader
) -> None:
    strange_order()
    assert look(1).waits
    Desk.objects.update(disagrees_since=timezone.now() - timedelta(minutes=1))
    look(1)
    desk.refresh_from_db()
    assert (desk.state, desk.reason) == ("stopped", "unexplained_position")
    assert HedgeAlarm.objects.get(ended_at=None).kind == "unexplained_position"
    inherit(alice, bob, 5_000)
    look()
    assert not HedgeOrder.objects.exists()
    with pytest.raises(Refusal, match="our fills come to 0"):
        acts.resume(desk)
    with pytest.raises(Refusal, match="holds 7"):
        acts.take_over(desk, "8", 1)
    assert acts.take_over(desk, "7", 1) == 7
    with pytest.raises(Refusal, match="explain"):
        acts.take_over(desk, "7", 2)
    acts.resume(desk)
    assert not HedgeAlarm.objects.filter(ended_at=None).exists()
    look()
    # One order of 50: what is left is within the limit.
    assert holding_of(desk).position == -43


def test_a_stopped_desk_is_not_resumed_on_old_news(desk: Desk) -> None:
    Desk.objects.update(state="stopped", looked_at=timezone.now() - timedelta(hours=1))
    with pytest.raises(Refusal, match="reconcile first"):
        acts.resume(desk)


def test_an_order_without_an_end_is_given_up_by_staff(desk: Desk) -> None:
    DeskRecord(desk).plan(Place(is_buy=True, quantity=D(1), price=D(100)))
    with pytest.raises(Refusal, match="Pause"):
        acts.give_up_order(desk)
    acts.pause(desk)
    acts.give_up_order(desk)
    with pytest.raises(Refusal, match="settled"):
        acts.give_up_order(desk)
    assert HedgeOrder.objects.get().status == "lapsed"


def wanted(desk: Desk, **changes: Any) -> Desk:
    names = ("market", "account_id", *acts.PLACE[1:], *acts.TERMS)
    return Desk(**{name: getattr(desk, name) for name in names} | changes)


def test_terms_change_at_any_time_and_the_venue_only_without_a_hedge(
    desk: Desk, alice: Trader, bob: Trader
) -> None:
    assert acts.set_desk(wanted(desk, limit_usd=D(5))).limit_usd == 5
    with pytest.raises(Refusal, match="Pause the desk"):
        acts.set_desk(wanted(desk, venue="other"))
    acts.pause(desk)
    DeskRecord(desk).plan(Place(is_buy=True, quantity=D(1), price=D(100)))
    assert acts.set_desk(wanted(desk, venue="other")).venue == "other"
    Desk.objects.update(state="running")
    attempt = DeskRecord(Desk.objects.get()).plan(Place(is_buy=True, quantity=D(1), price=D(100)))
    assert attempt is not None
    acts.pause(desk)
    with pytest.raises(Refusal, match="not settled"):
        acts.set_desk(wanted(desk, venue="third"))


def test_a_new_desk_is_paused_and_its_account_is_its_own(desk: Desk, bob: Trader) -> None:
    new = wanted(desk, market="BTC_USDC_PERP")
    with pytest.raises(Refusal, match="another desk"):
        acts.set_desk(new)
    theirs = {"market": "BTC_USDC_PERP", "account_id": bob.account.pk}
    with pytest.raises(Refusal, match="this symbol"):
        acts.set_desk(wanted(desk, **theirs))
    made = acts.set_desk(wanted(desk, **theirs, venue_symbol="BTC/USDC:USDC"))
    assert made.state == "paused"


def test_only_realized_profit_is_insured_and_once(desk: Desk, alice: Trader, bob: Trader) -> None:
    inherit(alice, bob, 5_000)
    inherit(alice, bob, -5_000, ticks=11_000)
    realized = figures.figures_of(desk).insurable
    assert 480 < realized < 500
    for text in ("0", "x", "-1", "600"):
        with pytest.raises(Refusal):
            acts.reserve_profit(desk, text, 1)
    profit = acts.reserve_profit(desk, "400", 1)
    assert (profit.asset, profit.atoms) == ("USDC", 400 * 10**6)
    with pytest.raises(Refusal, match="At most"):
        acts.reserve_profit(desk, "100", 2)
    acts.release_profit(1)
    assert not InsuredProfit.objects.exists()
    assert figures.figures_of(desk).insurable == realized


def test_a_minute_is_reported_once_and_too_much_for_too_long_is_told(
    desk: Desk, alice: Trader, bob: Trader
) -> None:
    acts.pause(desk)
    inherit(alice, bob, 5_000)
    now = timezone.now().replace(second=10)
    assert figures.report(now) == figures.report(now) == (1, 1)
    row = HedgeReport.objects.get()
    assert (row.asset, row.inventory, row.hedge, row.delta) == ("SOL", D(50), D(0), D(50))
    assert (row.asset_delta, row.market_lots, row.is_over) == (D(50), 0, True)
    assert row.mark is not None
    assert row.unhedged_usd == 50 * row.mark
    assert not HedgeAlarm.objects.exists()
    figures.report(now + timedelta(minutes=1))
    assert HedgeAlarm.objects.get().kind == alarms.OVER_LIMIT
    acts.resume(desk)
    look()
    assert HedgeAlarm.objects.get().ended_at is not None
    figures.report(now + timedelta(minutes=2))
    assert HedgeReport.objects.count() == 3
    HedgeReport.objects.update(minute=F("minute") - timedelta(days=365))
    assert figures.forget_old_reports() == 3


def test_positions_that_do_not_sum_to_zero_are_told(desk: Desk, alice: Trader, bob: Trader) -> None:
    inherit(alice, bob, 5_000)
    Position.objects.filter(account_id=bob.id).update(lots=-4_999)
    figures.report(timezone.now())
    assert HedgeAlarm.objects.get(kind=alarms.MARKET_SUM).message.count("1 lots")


def test_an_old_mark_bounds_no_price(desk: Desk, alice: Trader, bob: Trader) -> None:
    inherit(alice, bob, 5_000)
    PricePoint.objects.update(at=timezone.now() - timedelta(minutes=5))
    look()
    assert not HedgeOrder.objects.exists()
    assert HedgeAlarm.objects.get(ended_at=None).kind == "no_mark"


def test_a_venue_that_nobody_has_described_is_told(desk: Desk, settings: Any) -> None:
    settings.HEDGE_VENUES_FILE = "/nowhere/venues.json"
    Desk.objects.update(paper=False)
    assert look(1).waits
    assert "does not describe" in HedgeAlarm.objects.get().message


def test_one_desk_that_fails_keeps_no_other_waiting(
    desk: Desk, bob: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    Desk.objects.create(
        market="BTC_USDC_PERP",
        account=bob.account,
        venue="elsewhere",
        venue_symbol="BTC/USDC:USDC",
        limit_usd=D(1),
        slippage_ppm=1,
        max_order=D(1),
    )

    def failing(record: Any, venue: Any) -> Any:
        if record.desk.market == "BTC_USDC_PERP":
            raise RuntimeError("of our own")
        return cycle.look(record, venue)

    monkeypatch.setattr(services, "look", failing)
    outcomes = services.hedge_all()
    assert [outcome.message for outcome in outcomes.values() if outcome] == [
        "failed",
        "within_limit",
    ]
    assert HedgeAlarm.objects.get().kind == "failed"
    monkeypatch.undo()
    services.hedge_all()
    assert HedgeAlarm.objects.get().ended_at is not None
