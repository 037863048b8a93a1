"""What was liquidated of an account, step by step, and what others' liquidations did to it.

A liquidation's steps are the fills of the house's orders for the account and the payments to and
from it between its beginning and its end. Of others an account has what it took over as a backstop,
what it lost of a position by ADL, and what it gave up of its profit. Whose they were is not told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, TextField, Value

from accounts.api.paging import Listed, Page, listed
from accounts.assets import decimals_of
from engine.kinds import SystemOrder
from gateway.decimals import format_decimal
from trading.catalog import market_named
from trading.models import Fill, Order
from trading.risk_models import Liquidation, LiquidationPayment, Takeover

MICROS_DECIMALS: Final = 6
# A liquidation of more trades than this shows the first ones: the fills have them all.
STEPS_MAX: Final = 500
# By why the house placed an order, what it was a step of.
STAGES: Final = {
    SystemOrder.LIQUIDATE_ON_BOOK.value: "Book",
    SystemOrder.COLLATERAL_CONVERSION.value: "Collateral",
    SystemOrder.LIQUIDATE_ON_BACKSTOP.value: "Backstop",
    SystemOrder.LIQUIDATE_ON_ADL.value: "Adl",
}
FEE, INSURANCE = "Fee", "Insurance"
STEP_KINDS: Final = (*STAGES.values(), FEE, INSURANCE)
TOOK, REDUCED, SHARED = "BackstopTook", "Deleveraged", "LossShared"
SHARE_KINDS: Final = (TOOK, REDUCED, SHARED)


class StepRow(NamedTuple):
    """One step: a trade has side, price and quantity, a payment has an amount of an asset."""

    kind: str
    at: datetime
    sequence: int
    symbol: str | None
    side: str | None = None
    price: str | None = None
    quantity: str | None = None
    asset: str | None = None
    amount: str | None = None


class CaseRow(NamedTuple):
    """One liquidation; equity and margin in USD. `end` is None while it is under way."""

    id: int
    started_at: datetime
    ended_at: datetime | None
    end: str | None
    equity: str
    margin: str
    end_equity: str | None
    end_margin: str | None
    fees: dict[str, str]
    steps: Sequence[StepRow]


class Liquidated(NamedTuple):
    """What of a position was closed by the account's own liquidation, and the fees of that."""

    lots: int
    fee_atoms: int


def liquidations(account: int, *, page: Page) -> Listed[CaseRow]:
    """Return a page of an account's liquidations with their steps, the latest first."""
    rows = Liquidation.objects.filter(account_id=account)
    return listed(rows, page=page, order="sequence", read=_case)


def shares(account: int, *, page: Page) -> Listed[StepRow]:
    """Return a page of what the liquidations of others did to an account, the latest first."""
    takeovers = Takeover.objects.filter(taker_id=account)
    losses = LiquidationPayment.objects.filter(account_id=account, kind=SHARED)
    sign = "" if page.ascending else "-"
    keys = _keys(takeovers, TOOK).union(_keys(losses, SHARED), all=True)
    keys = keys.order_by(f"{sign}at", f"{sign}table", f"{sign}id")
    wanted = [(table, number) for _, table, number in keys[page.offset : page.offset + page.limit]]
    found = {(TOOK, row.pk): _taken(row) for row in takeovers.filter(pk__in=_of(wanted, TOOK))}
    found |= {(SHARED, row.pk): _paid(row) for row in losses.filter(pk__in=_of(wanted, SHARED))}
    return Listed([found[one] for one in wanted], takeovers.count() + losses.count())


def liquidated_in(
    account: int, spans: Mapping[int, tuple[str, datetime, datetime | None]]
) -> dict[int, Liquidated]:
    """Return what was liquidated of positions; those of which nothing was are left out.

    Args:
        spans: by the number of the position: its market, and when it was opened and closed.
    """
    if not spans or not Liquidation.objects.filter(account_id=account).exists():
        return {}
    first = min(opened for _, opened, _ in spans.values())
    fills = list(_forced_fills(account).filter(at__gte=first))
    fees = list(LiquidationPayment.objects.filter(account_id=account, kind=FEE, at__gte=first))
    found = {}
    for number, span in spans.items():
        lots = sum(one.lots for one in fills if _within(one, span))
        paid = -sum(int(one.amount_atoms) for one in fees if _within(one, span))
        if lots or paid:
            found[number] = Liquidated(lots, paid)
    return found


def _within(row: Fill | LiquidationPayment, span: tuple[str, datetime, datetime | None]) -> bool:
    market, opened, closed = span
    return row.market == market and opened <= row.at and (closed is None or row.at <= closed)


def _keys(rows: QuerySet[Any], table: str) -> QuerySet[Any, tuple[Any, ...]]:
    named: QuerySet[Any, Any] = rows.annotate(table=Value(table, TextField()))
    return named.values_list("at", "table", "id")


def _of(keys: list[tuple[str, int]], table: str) -> list[int]:
    return [number for name, number in keys if name == table]


def _case(row: Liquidation) -> CaseRow:
    payments = list(_payments(row)[:STEPS_MAX])
    fills = _forced_fills(row.account_id).filter(_during(row))
    steps = [_traded(one) for one in fills[:STEPS_MAX]]
    steps += [_paid(one) for one in payments]
    fees: dict[str, int] = {}
    for one in payments:
        if one.kind == FEE:
            fees[one.asset] = fees.get(one.asset, 0) - int(one.amount_atoms)
    ended = row.end_equity_micros is not None and row.end_margin_micros is not None
    return CaseRow(
        id=row.sequence,
        started_at=row.started_at,
        ended_at=row.ended_at,
        end=row.end,
        equity=_usd(row.equity_micros),
        margin=_usd(row.margin_micros),
        end_equity=_usd(row.end_equity_micros) if ended else None,
        end_margin=_usd(row.end_margin_micros) if ended else None,
        fees={asset: _amount(asset, atoms) for asset, atoms in fees.items()},
        # A trade stands before what was paid for it.
        steps=sorted(steps, key=lambda one: (one.sequence, one.kind in (FEE, INSURANCE))),
    )


def _during(case: Liquidation) -> Q:
    begun = Q(sequence__gte=case.sequence)
    return begun if case.ended_at is None else begun & Q(at__lte=case.ended_at)


def _forced_fills(account: int) -> QuerySet[Any]:
    """Return the fills by which the house closed what an account had, oldest first.

    What the account took over from others is none of them.
    """
    forced = Order.objects.filter(account_id=account, system__in=STAGES)
    taken = Takeover.objects.filter(
        taker_id=account, market=OuterRef("market"), trade_id=OuterRef("trade_id")
    )
    system = Order.objects.filter(pk=OuterRef("order_id")).values("system")
    fills = Fill.objects.filter(account_id=account, order_id__in=forced.values("id"))
    return fills.exclude(Exists(taken)).annotate(system=Subquery(system)).order_by("id")


def _payments(case: Liquidation) -> QuerySet[LiquidationPayment]:
    rows = LiquidationPayment.objects.filter(
        _during(case), account_id=case.account_id, kind__in=(FEE, INSURANCE)
    )
    return rows.order_by("id")


def _traded(fill: Any) -> StepRow:
    market = market_named(fill.market)
    return StepRow(
        STAGES[fill.system],
        fill.at,
        fill.sequence,
        fill.market,
        side=fill.side,
        price=market.price_text(fill.price_ticks),
        quantity=market.quantity_text(fill.lots),
    )


def _paid(row: LiquidationPayment) -> StepRow:
    amount = _amount(row.asset, int(row.amount_atoms))
    symbol = row.market or None
    return StepRow(row.kind, row.at, row.sequence, symbol, asset=row.asset, amount=amount)


def _taken(row: Takeover) -> StepRow:
    market = market_named(row.market)
    is_reduced = row.system == SystemOrder.LIQUIDATE_ON_ADL.value
    return StepRow(
        REDUCED if is_reduced else TOOK,
        row.at,
        row.sequence,
        row.market,
        # What the account did: the other side of who gave.
        side="Bid" if row.side == "Ask" else "Ask",
        price=market.price_text(row.price_ticks),
        quantity=market.quantity_text(row.lots),
    )


def _usd(micros: Any) -> str:
    return format_decimal(int(micros), MICROS_DECIMALS)


def _amount(asset: str, atoms: int) -> str:
    return format_decimal(atoms, decimals_of(asset))
