"""What accounts are worth together, and what they have won. Signed; an addition of this exchange.

A key sees its own account. One of a main account may ask for all accounts of the owner.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Access
from accounts.api.errors import Refused, invalid_request
from accounts.api.fields import DecimalText, UtcText, WireBoolean
from accounts.api.views import SignedView, access_from, validated
from accounts.assets import decimals_of
from accounts.models import Account
from engine.kinds import MarginStatus
from gateway.decimals import format_decimal
from trading.consolidated import (
    AccountPart,
    AssetPart,
    Exposure,
    Portfolio,
    hours_together,
    portfolio,
    steps_of_each,
)
from trading.equity_history import Change, Step
from trading.equity_points import HOURS_KEPT
from trading.spans import DAYS, Span, SpanWrong, span_of

SCOPES = ("own", "all")
INTERVALS = ("1d", "1h")
_MICROS_DECIMALS = 6
_PPB_DECIMALS = 9


class SpanInput(serializers.Serializer[Any]):
    """`days`, or `from` with or without `to`; days are UTC, today in them."""

    days = serializers.CharField(required=False, help_text=f"One of {', '.join(map(str, DAYS))}")
    scope = serializers.ChoiceField(choices=SCOPES, default="own")
    to = serializers.CharField(required=False, help_text="2026-11-26; by itself today")

    def get_fields(self) -> dict[str, Any]:
        # A word of the language, so no name of a member.
        first = serializers.CharField(required=False, help_text="2026-11-01")
        return {**super().get_fields(), "from": first}


class _Change(serializers.Serializer[Any]):
    """In USD: opening + netInflow + fromOtherAssets + profit = closing; profit has four parts."""

    closing = DecimalText()
    fees = DecimalText()
    fromOtherAssets = DecimalText()
    funding = DecimalText()
    interest = DecimalText()
    netInflow = DecimalText()
    opening = DecimalText()
    profit = DecimalText()
    trading = DecimalText()


class _AssetChange(_Change):
    symbol = serializers.CharField()


class _Exposure(serializers.Serializer[Any]):
    """`balance` is with lends and less debts; `value` in USD."""

    balance = DecimalText()
    exposure = DecimalText()
    perpetuals = DecimalText()
    symbol = serializers.CharField()
    value = DecimalText()


class _Account(serializers.Serializer[Any]):
    """`marginUsed` and `leverage` are null without equity, `status` until the account is open."""

    accountId = serializers.IntegerField()
    assets = _AssetChange(many=True)
    change = _Change()
    equity = DecimalText()
    exposure = _Exposure(many=True)
    leverage = DecimalText(allow_null=True)
    marginUsed = DecimalText(allow_null=True)
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=[one.value for one in MarginStatus], allow_null=True)
    subaccountId = serializers.IntegerField(help_text="0 is the main account")
    unrealized = DecimalText()


class PortfolioView(SignedView):
    """Return what accounts are worth now, are exposed to, and what became of them in a span."""

    instructions: ClassVar = {"GET": "xPortfolioQuery"}

    class Output(serializers.Serializer[Any]):
        accounts = _Account(many=True)
        assets = _AssetChange(many=True)
        change = _Change()
        equity = DecimalText()
        exposure = _Exposure(many=True)
        historyFrom = UtcText(allow_null=True)
        timestamp = UtcText()
        unrealized = DecimalText()
        volume30d = DecimalText()

    @extend_schema(operation_id="getPortfolio", parameters=[SpanInput], responses={200: Output})
    def get(self, request: Request) -> Response:
        query, at = validated(SpanInput, request), timezone.now()
        accounts = _accounts(access_from(request), query["scope"])
        found = portfolio(list(accounts), _span(query, at), at=at)
        return Response(self.Output(_portfolio(found, accounts, at)).data)


class PortfolioHistoryView(SignedView):
    """Return a span step by step: by day or, of the last 35 days, by hour; the last may run on."""

    instructions: ClassVar = {"GET": "xPortfolioHistoryQuery"}

    class Input(SpanInput):
        interval = serializers.ChoiceField(choices=INTERVALS, default="1d")
        perAccount = WireBoolean(required=False, default=False)

    class Output(_Change):
        accountId = serializers.IntegerField(allow_null=True, help_text="null: all together")
        complete = serializers.BooleanField()
        until = UtcText()

    @extend_schema(
        operation_id="getPortfolioHistory", parameters=[Input], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        query, at = validated(self.Input, request), timezone.now()
        accounts = _accounts(access_from(request), query["scope"])
        span, hourly = _span(query, at), query["interval"] == "1h"
        if hourly and span.start < at - HOURS_KEPT:
            raise invalid_request(
                f"Hours are kept for {HOURS_KEPT.days} days: name a later from, or interval=1d"
            )
        found = portfolio(list(accounts), span, at=at)
        if query["perAccount"]:
            steps = steps_of_each(found, at=at, hourly=hourly)
        else:
            steps = hours_together(found, at=at) if hourly else found.days
        rows = [_step(step, found) for step in steps]
        return Response(self.Output(rows, many=True).data)


def _accounts(access: Access, scope: str) -> dict[int, Account]:
    """Return the accounts that the key may look at. Raises Refused."""
    rows = Account.objects.filter(pk=access.account)
    if scope == "all":
        if access.account != access.owner or not access.is_owner:
            message = "scope=all is for the owner's keys of the main account: leave scope out"
            raise Refused(403, "FORBIDDEN", message)
        rows = Account.objects.filter(Q(pk=access.owner) | Q(main_id=access.owner))
    return {row.pk: row for row in rows.order_by("number")}


def _span(query: dict[str, Any], at: datetime) -> Span:
    words = {name: query.get(name, "") for name in ("from", "to", "days")}
    try:
        return span_of(words, today=at.astimezone(UTC).date())
    except SpanWrong as error:
        raise invalid_request(f"Invalid span: {error}") from error


def _portfolio(found: Portfolio, accounts: dict[int, Account], at: datetime) -> dict[str, Any]:
    return {
        "accounts": _accounts_of(found, accounts),
        "assets": [_asset(part) for part in found.assets],
        "change": _change(found.change),
        "equity": _usd(found.equity),
        "exposure": [_exposure(row) for row in found.exposure],
        "historyFrom": found.history_from,
        "timestamp": at,
        "unrealized": _usd(found.unrealized),
        "volume30d": _usd(found.volume),
    }


def _accounts_of(found: Portfolio, accounts: dict[int, Account]) -> list[dict[str, Any]]:
    assets: dict[int, list[dict[str, Any]]] = {part.account: [] for part in found.accounts}
    exposures: dict[int, list[dict[str, str]]] = {part.account: [] for part in found.accounts}
    for row in found.assets_of_each:
        assets[row.account].append(_asset(row))
    for one in found.exposure_of_each:
        exposures[one.account].append(_exposure(one))
    return [
        {
            **_account(part, accounts[part.account]),
            "assets": assets[part.account],
            "exposure": exposures[part.account],
        }
        for part in found.accounts
    ]


def _account(part: AccountPart, account: Account) -> dict[str, Any]:
    margin = part.margin
    return {
        "accountId": part.account,
        "change": _change(part.change),
        "equity": _usd(part.equity),
        "leverage": _ratio(margin.leverage_ppb if margin else None),
        "marginUsed": _ratio(margin.used_ppb if margin else None),
        "name": account.name,
        "status": margin.status if margin else None,
        "subaccountId": account.number,
        "unrealized": _usd(part.unrealized),
    }


def _asset(part: AssetPart) -> dict[str, Any]:
    return {**_change(part.change), "symbol": part.asset}


def _exposure(row: Exposure) -> dict[str, str]:
    decimals = decimals_of(row.asset)
    return {
        "balance": format_decimal(row.net, decimals),
        "exposure": format_decimal(row.net + row.perps, decimals),
        "perpetuals": format_decimal(row.perps, decimals),
        "symbol": row.asset,
        "value": _usd(row.value),
    }


def _step(step: Step, found: Portfolio) -> dict[str, Any]:
    is_written = found.written is not None and step.at <= found.written
    account = step.account or None
    return {**_change(step.change), "accountId": account, "complete": is_written, "until": step.at}


def _change(change: Change) -> dict[str, str]:
    return {
        "closing": _usd(change.closing),
        "fees": _usd(change.fees),
        "fromOtherAssets": _usd(change.moved),
        "funding": _usd(change.funding),
        "interest": _usd(change.interest),
        "netInflow": _usd(change.inflow),
        "opening": _usd(change.opening),
        "profit": _usd(change.result),
        "trading": _usd(change.trading),
    }


def _ratio(value_ppb: int | None) -> str | None:
    return None if value_ppb is None else format_decimal(value_ppb, _PPB_DECIMALS)


def _usd(micros: int) -> str:
    return format_decimal(micros, _MICROS_DECIMALS)
