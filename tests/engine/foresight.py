"""What the engine says of the future, compared with what then is."""

from typing import Any

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import questions as q
from engine.engine import Engine
from engine.kinds import BorrowLendKind
from engine.rejects import Reject
from engine.units import AccountId


def preview(engine: Engine, order: c.PlaceOrder, at_ns: int) -> q.OrderPreview | None:
    """Return what the engine says of an order; None if there is no such account or market."""
    answer = engine.ask(q.PreviewOrder(order=order), at_ns=at_ns)
    if isinstance(answer, q.Unanswerable):
        assert answer.why.code in (Reject.UNKNOWN_ACCOUNT, Reject.UNKNOWN_MARKET), answer
        return None
    assert isinstance(answer, q.OrderPreview)
    return answer


def risk(engine: Engine, account: AccountId, at_ns: int) -> q.RiskReport:
    """Return how the engine says that an account stands."""
    answer = engine.ask(q.AccountRisk(account=account), at_ns=at_ns)
    assert isinstance(answer, q.RiskReport)
    return answer


def compare(
    told: q.OrderPreview, order: c.PlaceOrder, events: tuple[e.Event, ...], report: q.RiskReport
) -> None:
    """Compare what was told of an order with its events, and with how its account stands now."""
    answer = events[0]
    if isinstance(answer, e.CommandRejected):
        assert told.refusal == answer, (told, answer)
        assert told.after is None
        return
    assert told.refusal is None, (told, answer)
    assert told.after is not None
    assert isinstance(answer, oe.OrderPlaced | oe.TriggerPlaced)
    if isinstance(answer, oe.OrderPlaced):
        found: Any = (answer.status, answer.reason)
        assert (told.status, told.reason) == found
        found = (answer.executed_lots, answer.executed_quote_atoms)
        assert (told.executed_lots, told.executed_quote_atoms) == found
    _compare_fills(told, answer.terms.order_id, events)
    for kind, moved in (
        (BorrowLendKind.BORROW, told.borrowed),
        (BorrowLendKind.REPAY, told.repaid),
    ):
        real: dict[str, int] = {}
        for event in events:
            if not isinstance(event, e.BorrowLendMoved):
                continue
            if (event.account, event.kind) == (order.account, kind):
                real[event.asset] = real.get(event.asset, 0) + event.amount_atoms
        assert moved == real, kind
    assert told.after.figures == report.figures
    position = next((one for one in report.positions if one.market == order.market), None)
    assert told.after.lots == (position.lots if position is not None else 0)
    if position is not None:
        assert told.after.liquidation_e8 == position.liquidation_e8
        assert told.after.mark_e8 == position.mark_e8


def _compare_fills(told: q.OrderPreview, order_id: int, events: tuple[e.Event, ...]) -> None:
    fills = [
        event
        for event in events
        if isinstance(event, oe.OrderFilled) and event.terms.order_id == order_id
    ]
    assert told.fee_atoms == sum(fill.fee_atoms for fill in fills)
    if not fills:
        assert (told.average_e8, told.worst_ticks, told.fee_asset) == (None, None, None)
        return
    assert told.fee_asset == fills[0].fee_asset
    prices = [fill.price_ticks for fill in fills]
    assert told.worst_ticks == (max if fills[0].terms.side == "Bid" else min)(prices)


def ends_are_ends(engine: Engine, account: AccountId, at_ns: int) -> None:
    """At each end that is told the margin is not met, and one unit nearer to the index it is."""
    report = risk(engine, account, at_ns)
    for one in report.assets:
        if not report.figures.is_met:
            assert one.lower_e8 is one.upper_e8 is None
            continue
        for end, unit in ((one.lower_e8, 1), (one.upper_e8, -1)):
            if end is None:
                continue
            assert (end < one.index_e8) is (unit == 1), one
            assert not _is_met(engine, account, at_ns, one.asset, end), one
            assert _is_met(engine, account, at_ns, one.asset, end + unit), one


def _is_met(engine: Engine, account: AccountId, at_ns: int, asset: str, price_e8: int) -> bool:
    question = q.SupposePrices(account=account, prices_e8={asset: price_e8})
    answer = engine.ask(question, at_ns=at_ns)
    assert isinstance(answer, q.RiskReport)
    return answer.figures.is_met
