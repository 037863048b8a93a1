"""Sub-accounts through the API. Additions that no client knows; changes need scope `manage`."""

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services, sub_accounts
from accounts.access import Access, states
from accounts.api.errors import Refused, require
from accounts.api.fields import UtcText, WireBoolean
from accounts.api.reach import (
    access_within,
    account_within,
    accounts_within,
    person_of,
    reaches_all,
)
from accounts.api.views import SignedView, access_from, validated
from accounts.models import Account
from accounts.models.users import COLOURS
from accounts.scopes import MANAGE
from engine.kinds import AccountState


class NumberInput(serializers.Serializer[Any]):
    """Which account; 0 is the main one."""

    subaccountId = serializers.IntegerField(min_value=0, max_value=65535)


class SubaccountOutput(serializers.Serializer[Any]):
    """An account of the owner."""

    accountId = serializers.IntegerField(source="pk")
    colour = serializers.CharField()
    createdAt = UtcText(source="created_at")
    name = serializers.CharField()
    place = serializers.IntegerField()
    state = serializers.ChoiceField(choices=[one.value for one in AccountState])
    subaccountId = serializers.IntegerField(source="number")


def _shown(accounts: list[Account]) -> Any:
    stopped = states([account.pk for account in accounts])
    for account in accounts:
        account.state = stopped.get(account.pk, AccountState.OPEN.value)  # type: ignore[attr-defined]
    return SubaccountOutput(accounts, many=True).data


def _changed(request: Request, act: Callable[[Access], None]) -> Response:
    """Do something to the account which a request names, and return what it is then."""
    access, asked = access_from(request), validated(NumberInput, request)
    account = account_within(access, asked["subaccountId"])
    act(access_within(access, account))
    return Response(_shown([account])[0])


class SubaccountsView(SignedView):
    """List the accounts which the key reaches, and add one."""

    instructions: ClassVar = {"GET": "xSubaccountQueryAll", "POST": "xSubaccountCreate"}
    scopes: ClassVar = {"POST": MANAGE}

    class Input(serializers.Serializer[Any]):
        colour = serializers.ChoiceField(choices=COLOURS, required=False)
        name = serializers.CharField(max_length=sub_accounts.NAME_CHARACTERS)

    @extend_schema(operation_id="getSubaccounts", responses=SubaccountOutput(many=True))
    def get(self, request: Request) -> Response:
        return Response(_shown(accounts_within(access_from(request))))

    @extend_schema(operation_id="createSubaccount", request=Input, responses=SubaccountOutput)
    def post(self, request: Request) -> Response:
        """Add a sub-account; needs the owner's key of the main account."""
        access, asked = access_from(request), validated(self.Input, request)
        require(access, "manage_accounts")
        if not reaches_all(access):
            message = "Use a key of the main account: this one acts for its sub-account only"
            raise Refused(403, "FORBIDDEN", message)
        owner = person_of(access)
        made = services.create_sub_account(owner, asked["name"], asked.get("colour"))
        return Response(_shown([made])[0])


class SubaccountView(SignedView):
    """Rename an account, give it another colour, move it in the list."""

    instructions: ClassVar = {"PATCH": "xSubaccountUpdate"}
    scopes: ClassVar = {"PATCH": MANAGE}

    class Input(NumberInput):
        colour = serializers.ChoiceField(choices=COLOURS, required=False)
        move = serializers.ChoiceField(choices=("Up", "Down"), required=False)
        name = serializers.CharField(max_length=sub_accounts.NAME_CHARACTERS, required=False)

    @extend_schema(operation_id="updateSubaccount", request=Input, responses=SubaccountOutput)
    def patch(self, request: Request) -> Response:
        access, asked = access_from(request), validated(self.Input, request)
        account = account_within(access, asked["subaccountId"])
        require(access_within(access, account), "manage_accounts")
        if "name" in asked:
            sub_accounts.rename_account(account, asked["name"])
        if "colour" in asked:
            sub_accounts.choose_colour(account, asked["colour"])
        if "move" in asked:
            sub_accounts.move_account(account, up=asked["move"] == "Up")
        account.refresh_from_db()
        return Response(_shown([account])[0])


class FreezeView(SignedView):
    """Freeze an account, which cancels its orders, or let it go on."""

    instructions: ClassVar = {"POST": "xSubaccountFreeze"}
    scopes: ClassVar = {"POST": MANAGE}

    class Input(NumberInput):
        frozen = WireBoolean(default=True)

    @extend_schema(operation_id="freezeSubaccount", request=Input, responses=SubaccountOutput)
    def post(self, request: Request) -> Response:
        access, asked = access_from(request), validated(self.Input, request)
        account = account_within(access, asked["subaccountId"])
        sub_accounts.freeze_account(access_within(access, account), frozen=asked["frozen"])
        return Response(_shown([account])[0])


class CloseView(SignedView):
    """Close a sub-account which is flat and empty."""

    instructions: ClassVar = {"POST": "xSubaccountClose"}
    scopes: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="closeSubaccount", request=NumberInput, responses=SubaccountOutput)
    def post(self, request: Request) -> Response:
        return _changed(request, sub_accounts.close_account)


class ReopenView(SignedView):
    """Open a closed sub-account again."""

    instructions: ClassVar = {"POST": "xSubaccountReopen"}
    scopes: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="reopenSubaccount", request=NumberInput, responses=SubaccountOutput)
    def post(self, request: Request) -> Response:
        return _changed(request, sub_accounts.reopen_account)
