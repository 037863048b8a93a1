"""Reads of funding: the rates of a market by hour, and what an account got and paid."""

from datetime import datetime
from typing import NamedTuple

from accounts.api.paging import Listed, Page, listed
from accounts.selectors import subaccount_number
from gateway.decimals import format_decimal
from trading.catalog import RATE_DECIMALS
from trading.funding_models import FundingPayment, FundingRate
from trading.listings import listed_markets


class RateRow(NamedTuple):
    symbol: str
    rate: str
    ends_at: datetime


class PaymentRow(NamedTuple):
    """`quantity` is in the quote asset: positive was received."""

    symbol: str
    rate: str
    ends_at: datetime
    quantity: str
    user: int
    subaccount: int | None


def funding_rates(symbol: str, *, page: Page) -> Listed[RateRow]:
    """Return a page of a market's rates, newest first; the first is that of the running hour."""

    def read(row: FundingRate) -> RateRow:
        return RateRow(symbol, _rate_text(row.rate_ppb), row.ends_at)

    return listed(FundingRate.objects.filter(market=symbol), page=page, order="ends_at", read=read)


def funding_payments(
    account: int, *, user: int, page: Page, symbol: str | None = None
) -> Listed[PaymentRow]:
    """Return a page of what the account got and paid, one row for each hour of a position."""
    rows = FundingPayment.objects.filter(account_id=account)
    if symbol is not None:
        rows = rows.filter(market=symbol)
    known, subaccount = listed_markets(), subaccount_number(account)

    def read(row: FundingPayment) -> PaymentRow:
        return PaymentRow(
            symbol=row.market,
            rate=_rate_text(row.rate_ppb),
            ends_at=row.ends_at,
            quantity=known[row.market].quote_text(int(row.amount_atoms)),
            user=user,
            subaccount=subaccount,
        )

    return listed(rows, page=page, order="id", read=read)


def _rate_text(rate_ppb: int) -> str:
    return format_decimal(rate_ppb, RATE_DECIMALS)
