"""Transfers between accounts of one owner, now and by the clock. Additions that no client knows.

The key's own account gives. Only the owner's key of the main account may name another as giver.
"""

from typing import Any, ClassVar

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import sweeps, transfers
from accounts.access import Access
from accounts.api.errors import Refused, invalid_request
from accounts.api.fields import (
    DecimalText,
    UnixMillis,
    UtcText,
    WireBoolean,
    by_asset,
    parse_amount,
)
from accounts.api.paging import PageInput, listed, page_of, paged
from accounts.api.reach import access_within, account_within, person_of, sibling
from accounts.api.views import SignedView, access_from, validated
from accounts.assets import asset_named, decimals_of
from accounts.models import Account, SweepRule, Transfer
from accounts.scopes import READ, TRANSFER
from accounts.sweeps import SweepTerms, words_of
from gateway.decimals import format_decimal

NUMBER: dict[str, Any] = {"min_value": 0, "max_value": 65535}


class EndsInput(serializers.Serializer[Any]):
    """From where to where; without `fromSubaccountId`, from the key's own account."""

    fromSubaccountId = serializers.IntegerField(required=False, **NUMBER)
    toSubaccountId = serializers.IntegerField(**NUMBER)


class TransferOutput(serializers.Serializer[Any]):
    """Money that has moved."""

    fromSubaccountId = serializers.IntegerField(source="source")
    quantity = DecimalText()
    symbol = serializers.CharField()
    timestamp = UtcText(source="at")
    toSubaccountId = serializers.IntegerField(source="destination")


def _ends(request: Request, asked: dict[str, Any]) -> tuple[Access, Access]:
    access = access_from(request)
    source = account_within(access, asked.get("fromSubaccountId"))
    destination = sibling(access, asked["toSubaccountId"])
    return access_within(access, source), access_within(access, destination)


class TransferView(SignedView):
    """Move money of one asset, at once and free."""

    instructions: ClassVar = {"POST": "xTransfer"}
    scopes: ClassVar = {"POST": TRANSFER}

    class Input(EndsInput):
        quantity = DecimalText()
        symbol = serializers.CharField()

    @extend_schema(operation_id="transfer", request=Input, responses={200: None})
    def post(self, request: Request) -> Response:
        asked = validated(self.Input, request)
        asset = asset_named(asked["symbol"])
        atoms = parse_amount(asked["quantity"], asset)
        source, destination = _ends(request, asked)
        transfers.transfer_funds(source, destination, asset=asset.symbol, amount_atoms=atoms)
        return Response()


class BasketView(SignedView):
    """Move money of several assets, all of it or none."""

    instructions: ClassVar = {"POST": "xTransferBasket"}
    scopes: ClassVar = {"POST": TRANSFER}

    class Input(EndsInput):
        quantities = serializers.CharField(help_text="by asset, such as USDC:100,BTC:0.5")

    @extend_schema(operation_id="transferBasket", request=Input, responses={200: None})
    def post(self, request: Request) -> Response:
        asked = validated(self.Input, request)
        amounts = {}
        for symbol, text in by_asset(asked["quantities"], "quantities").items():
            amounts[symbol] = parse_amount(text, asset_named(symbol))
        if not amounts:
            raise invalid_request("`quantities` names no asset: write USDC:100,BTC:0.5")
        source, destination = _ends(request, asked)
        transfers.transfer_basket(source, destination, amounts=amounts)
        return Response()


class MaxTransferView(SignedView):
    """Return the most of an asset that can be transferred now: exact under margin."""

    instructions: ClassVar = {"GET": "xMaxTransferQuery"}

    class Input(EndsInput):
        symbol = serializers.CharField()

    class Output(serializers.Serializer[Any]):
        maxTransferQuantity = DecimalText()
        symbol = serializers.CharField()

    @extend_schema(operation_id="getMaxTransfer", parameters=[Input], responses={200: Output})
    def get(self, request: Request) -> Response:
        asked = validated(self.Input, request)
        asset = asset_named(asked["symbol"])
        source, destination = _ends(request, asked)
        atoms = transfers.max_transfer(
            source.without_key(), destination.without_key(), asset.symbol
        )
        most = format_decimal(atoms, asset.decimals)
        return Response(self.Output({"maxTransferQuantity": most, "symbol": asset.symbol}).data)


class TransfersView(SignedView):
    """Return the transfers to and from the key's account, newest first."""

    instructions: ClassVar = {"GET": "xTransferQueryAll"}

    @extend_schema(
        operation_id="getTransfers", parameters=[PageInput], responses=TransferOutput(many=True)
    )
    def get(self, request: Request) -> Response:
        access, query = access_from(request), validated(PageInput, request)
        page = page_of(query)
        rows = Transfer.objects.filter(
            Q(source_id=access.account) | Q(destination_id=access.account)
        )
        numbers = dict(Account.objects.filter(user_id=access.user).values_list("pk", "number"))

        def read(row: Transfer) -> dict[str, Any]:
            return {
                "at": row.at,
                "source": numbers[row.source_id],
                "destination": numbers[row.destination_id],
                "symbol": row.asset,
                "quantity": format_decimal(int(row.amount), decimals_of(row.asset)),
            }

        return paged(
            listed(rows, page=page, order="id", read=read), page=page, output=TransferOutput
        )


class SweepOutput(serializers.Serializer[Any]):
    """A rule of the clock."""

    description = serializers.CharField()
    every = serializers.CharField()
    fromSubaccountId = serializers.IntegerField(source="source")
    id = serializers.IntegerField()
    keeps = serializers.BooleanField()
    lastOutcome = serializers.CharField(source="outcome", allow_blank=True)
    lastRunAt = UtcText(source="ran_at", allow_null=True)
    nextRunAt = UtcText(source="next_at")
    quantity = DecimalText()
    symbol = serializers.CharField()
    toSubaccountId = serializers.IntegerField(source="destination")
    topsUp = serializers.BooleanField(source="tops_up")


def _sweep_row(rule: SweepRule) -> dict[str, Any]:
    return {
        "id": rule.pk,
        "description": words_of(rule),
        "every": rule.every,
        "source": rule.source.number,
        "destination": rule.destination.number,
        "keeps": rule.keeps,
        "tops_up": rule.tops_up,
        "symbol": rule.asset,
        "quantity": format_decimal(int(rule.amount), decimals_of(rule.asset)),
        "next_at": rule.next_at,
        "ran_at": rule.ran_at,
        "outcome": rule.outcome,
    }


class SweepsView(SignedView):
    """Transfers which the clock makes: fixed amounts, and levels to keep."""

    instructions: ClassVar = {
        "GET": "xSweepQueryAll",
        "POST": "xSweepCreate",
        "DELETE": "xSweepEnd",
    }
    scopes: ClassVar = {"GET": READ, "POST": TRANSFER, "DELETE": TRANSFER}

    class Input(EndsInput):
        every = serializers.ChoiceField(choices=SweepRule.Every.values)
        keeps = WireBoolean(default=False)
        quantity = DecimalText()
        startsAt = UnixMillis(required=False)
        symbol = serializers.CharField()
        topsUp = WireBoolean(default=False)

    class EndInput(serializers.Serializer[Any]):
        id = serializers.IntegerField(min_value=0, max_value=2**62)

    @extend_schema(operation_id="getSweeps", responses=SweepOutput(many=True))
    def get(self, request: Request) -> Response:
        """Return the rules by which money leaves the key's account."""
        rows = [_sweep_row(rule) for rule in self._rules(request)]
        return Response(SweepOutput(rows, many=True).data)

    @extend_schema(operation_id="createSweep", request=Input, responses=SweepOutput)
    def post(self, request: Request) -> Response:
        """Have the clock move `quantity` each time or, if it `keeps`, what is above that."""
        access, asked = access_from(request), validated(self.Input, request)
        asset = asset_named(asked["symbol"])
        source = account_within(access, asked.get("fromSubaccountId"))
        terms = SweepTerms(
            asset=asset.symbol,
            amount_atoms=parse_amount(asked["quantity"], asset),
            every=asked["every"],
            keeps=asked["keeps"],
            tops_up=asked["topsUp"],
            starts_at=asked.get("startsAt"),
        )
        destination = sibling(access, asked["toSubaccountId"])
        rule = sweeps.create_sweep(person_of(access), source, destination, terms)
        return Response(SweepOutput(_sweep_row(rule)).data)

    @extend_schema(operation_id="endSweep", request=EndInput, responses={200: None})
    def delete(self, request: Request) -> Response:
        """End a rule."""
        number = validated(self.EndInput, request)["id"]
        rule = next((one for one in self._rules(request) if one.pk == number), None)
        if rule is None:
            raise Refused(404, "RESOURCE_NOT_FOUND", "There is no such rule of this account")
        sweeps.end_sweep(person_of(access_from(request)), rule)
        return Response()

    def _rules(self, request: Request) -> list[SweepRule]:
        rows = SweepRule.objects.filter(source_id=access_from(request).account, ended_at=None)
        return list(rows.select_related("source__user", "destination", "made_by"))
