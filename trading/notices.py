"""Notices of accounts at risk: which events make one, and what it says. Reads nothing.

    status      Healthy, Low, MarginCall
    liquidation LiquidationStarted, then Recovered or Bankrupt
    of others   Deleveraged (ADL), BackstopTook, LossShared

What stands in the table, on the stream, in an e-mail and on the page is said here, once.
"""

from typing import Final, NamedTuple

from engine import risk_events
from engine.danger import HYSTERESIS_PPM, LEVELS
from engine.events import Event
from engine.kinds import MarginStatus, SystemOrder
from engine.liquidation_sales import TARGET_PPM
from engine.units import PPM, div_ceil
from engine.vocabulary import Side
from gateway.decimals import format_padded, group_digits
from trading.catalog import ListedMarket, market_named

MICROS_A_CENT: Final = 10_000
INFO, WARNING, DANGER = "Info", "Warning", "Danger"
KINDS: Final = {
    "Healthy": INFO,
    "Low": WARNING,
    "MarginCall": DANGER,
    "LiquidationStarted": DANGER,
    "Recovered": INFO,
    "Bankrupt": DANGER,
    "Deleveraged": WARNING,
    "BackstopTook": INFO,
    "LossShared": WARNING,
}


class Notice(NamedTuple):
    """What an account is told. Amounts as in the table; `side` is Bid for a long."""

    account: int
    kind: str
    market: str = ""
    asset: str = ""
    side: str = ""
    equity_micros: int | None = None
    margin_micros: int | None = None
    lots: int | None = None
    price_ticks: int | None = None
    amount_atoms: int | None = None


class Words(NamedTuple):
    """A notice as people read it: what happened, and what to do."""

    title: str
    message: str
    advice: str


# What makes notices; publishers pick them by this too.
NOTICED: Final = (
    risk_events.MarginStatusChanged,
    risk_events.LiquidationStarted,
    risk_events.LiquidationEnded,
    risk_events.PositionTakenOver,
    risk_events.LossShared,
)


def notice_of(event: Event) -> Notice | None:
    """Return what an event has somebody told; None for nothing."""
    if isinstance(event, risk_events.MarginStatusChanged):
        # That is told as the start of the liquidation.
        if event.status is MarginStatus.LIQUIDATING:
            return None
        return _standing(event, event.status.value)
    if isinstance(event, risk_events.LiquidationStarted):
        return _standing(event, "LiquidationStarted")
    if isinstance(event, risk_events.LiquidationEnded):
        return _standing(event, event.end.value)
    if isinstance(event, risk_events.PositionTakenOver):
        return _taken_over(event)
    if isinstance(event, risk_events.LossShared):
        return Notice(
            event.account,
            "LossShared",
            market=event.market,
            asset=event.asset,
            amount_atoms=event.amount_atoms,
        )
    return None


def _standing(
    event: risk_events.MarginStatusChanged
    | risk_events.LiquidationStarted
    | risk_events.LiquidationEnded,
    kind: str,
) -> Notice:
    return Notice(
        event.account, kind, equity_micros=event.equity_micros, margin_micros=event.margin_micros
    )


def _taken_over(event: risk_events.PositionTakenOver) -> Notice:
    is_reduced = event.system is SystemOrder.LIQUIDATE_ON_ADL
    # Who is reduced held the other side of the giver; a backstop now holds the giver's own.
    gave_long = event.side is Side.ASK
    side = Side.BID if gave_long is not is_reduced else Side.ASK
    return Notice(
        event.taker,
        "Deleveraged" if is_reduced else "BackstopTook",
        market=event.market,
        side=side.value,
        lots=event.lots,
        price_ticks=event.price_ticks,
    )


def relief_micros(notice: Notice) -> int | None:
    """Return by how much equity must grow to leave the status, in micros; None if none must.

    That is 1.55 times the margin out of Low, 1.25 out of a margin call, 1.1 out of a liquidation.
    """
    steps = dict(LEVELS)
    times_ppm = {
        "Low": steps[MarginStatus.HEALTHY] + HYSTERESIS_PPM,
        "MarginCall": steps[MarginStatus.LOW] + HYSTERESIS_PPM,
        "LiquidationStarted": TARGET_PPM,
    }.get(notice.kind)
    if times_ppm is None or notice.equity_micros is None or notice.margin_micros is None:
        return None
    missing = div_ceil(notice.margin_micros * times_ppm, PPM) - notice.equity_micros
    return max(MICROS_A_CENT, missing)


def words(notice: Notice) -> Words:
    """Return what a notice says."""
    if notice.kind in ("Deleveraged", "BackstopTook", "LossShared"):
        return _words_of_market(notice, market_named(notice.market))
    return _words_of_account(notice)


def _words_of_account(notice: Notice) -> Words:
    equity, margin = usd(notice.equity_micros or 0), usd(notice.margin_micros or 0)
    stands = f"Equity is ${equity}, the maintenance margin ${margin}."
    begins = "A liquidation begins when equity is below the margin."
    relief = relief_micros(notice)
    deposit = "" if relief is None else f"Deposit at least {usd(relief, up=True)} USDC"
    reduce = "reduce positions, or repay what you owe."
    return {
        "Healthy": Words("Margin is good again", stands, "There is nothing to do."),
        "Low": Words("Margin is low", f"{stands} {begins}", f"{deposit}, {reduce}"),
        "MarginCall": Words(
            "Margin call: close to liquidation", f"{stands} {begins}", f"{deposit} now, {reduce}"
        ),
        "LiquidationStarted": Words(
            "Liquidation has begun",
            f"{stands} Your open orders are cancelled, and positions are closed step by step.",
            f"{deposit} to stop it: deposits and repayments count at once.",
        ),
        "Recovered": Words(
            "Liquidation has ended",
            f"{stands} You may trade again.",
            "See what was closed, and at which prices, under Liquidations.",
        ),
        "Bankrupt": Words(
            "Liquidation has ended: nothing is left",
            "All that the account held is closed. What was missing is paid by the insurance fund "
            "or borne by others.",
            "You owe nothing, and a later deposit is yours. See each step under Liquidations.",
        ),
    }[notice.kind]


def _words_of_market(notice: Notice, listed: ListedMarket) -> Words:
    if notice.kind == "LossShared":
        amount = group_digits(listed.quote_text(notice.amount_atoms or 0))
        return Words(
            "A loss was shared",
            f"{amount} {notice.asset} of your profit in {notice.market} paid a part of a bankrupt "
            "account's loss, which neither the insurance fund nor the house's fees could pay.",
            "All who had won in the market bore it in proportion. Ask support if in doubt.",
        )
    quantity = f"{listed.quantity_text(notice.lots or 0)} {listed.market.base}"
    price = group_digits(listed.price_text(notice.price_ticks or 0))
    side = "long" if notice.side == Side.BID.value else "short"
    if notice.kind == "Deleveraged":
        return Words(
            f"Your {side} in {notice.market} was reduced",
            f"{quantity} were closed at {price} without a fee (ADL): a bankrupt account held the "
            "other side. Your orders in this market are cancelled.",
            "Look at what is left of the position, and at hedges which you hold elsewhere.",
        )
    return Words(
        f"Your backstop took over {quantity}",
        f"You hold them as a {side} in {notice.market}, at {price}, from an account that was "
        "liquidated.",
        "Reduce or hedge them as you see fit; change or end the offer under Backstops.",
    )


def usd(micros: int, *, up: bool = False) -> str:
    """Return an amount in dollars and cents; rounded down unless said.

    >>> usd(-1_234_567_890), usd(10_001, up=True)
    ('-1,234.57', '0.02')
    """
    cents = div_ceil(micros, MICROS_A_CENT) if up else micros // MICROS_A_CENT
    return group_digits(format_padded(cents, 2))
