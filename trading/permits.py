"""Which permission each act of trading needs, and how a denial is told."""

from accounts import acts
from accounts.access import Access, Denial
from trading.catalog import catalog
from trading.refusals import Refusal, forbidden


def forbids_trade(
    access: Access, *, is_perp: bool, auto_borrow: bool | None, auto_lend: bool | None
) -> Denial | None:
    """Say why a trade which may open a position, borrow or lend is denied."""
    if is_perp:
        return access.denial("trade_perp")
    denial = access.denial("trade_spot")
    if denial is None and auto_borrow is True:
        denial = access.denial("borrow")
    if denial is None and auto_lend is True:
        denial = access.denial("lend")
    return denial


def forbids_cancel(access: Access, symbol: str | None) -> Denial | None:
    """Say why what is open in a market, or without one in all, may not be cancelled.

    Only a member without the right to trade there, or a key without the scope, may not.
    """
    markets = catalog().markets
    kinds = {True, False} if symbol is None else {markets[symbol].is_perp}
    denials = (
        access.denial("trade_perp" if is_perp else "trade_spot", reduces=True)
        for is_perp in sorted(kinds)
    )
    return next((denial for denial in denials if denial is not None), None)


def denied(access: Access, denial: Denial) -> Refusal:
    """Note that somebody was denied an act, and return what they are told."""
    acts.note_denial(access, denial)
    return forbidden(denial.message)
