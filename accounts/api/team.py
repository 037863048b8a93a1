"""Teams, approvals and keys through the API. Additions that no client knows; scope `manage`."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import approvals, services, teams
from accounts.access import Access
from accounts.api.errors import Refused, invalid_request, require
from accounts.api.fields import DecimalText, UnixMillis, UtcText, WireBoolean
from accounts.api.reach import access_within, account_within, accounts_within, person_of
from accounts.api.views import SignedView, access_from, validated
from accounts.assets import decimals_of
from accounts.models import ApiKey, Grant, Member, WithdrawalInstruction
from accounts.rights import RIGHTS, role_of
from accounts.scopes import MANAGE, SCOPES, WITHDRAW
from accounts.teams import Terms
from accounts.words import MICROS_DECIMALS, usd_text
from gateway.decimals import DecimalError, format_decimal, parse_decimal

ID: dict[str, Any] = {"min_value": 0, "max_value": 2**62}


class GrantInput(serializers.Serializer[Any]):
    """What a member may do with one account; limits are in USD a UTC day."""

    lossLimit = DecimalText(required=False)
    rights = serializers.CharField(help_text=f"some of {', '.join(RIGHTS)}, with commas")
    spendLimit = DecimalText(required=False)
    subaccountId = serializers.IntegerField(min_value=0, max_value=65535, required=False)


class GrantOutput(serializers.Serializer[Any]):
    lossLimit = DecimalText(source="loss", allow_null=True)
    rights = serializers.ListField(child=serializers.CharField())
    role = serializers.CharField()
    spendLimit = DecimalText(source="spend", allow_null=True)
    subaccountId = serializers.IntegerField(source="number")


class MemberOutput(serializers.Serializer[Any]):
    email = serializers.CharField()
    expiresAt = UtcText(source="expires_at", allow_null=True)
    grants = GrantOutput(many=True)
    id = serializers.IntegerField()
    state = serializers.CharField()


class InvitedOutput(MemberOutput):
    """The token stands in the invitation's address; only whom it is for can use it."""

    token = serializers.CharField()


def _terms(access: Access, asked: dict[str, Any]) -> Terms:
    rights = [part.strip() for part in asked["rights"].split(",") if part.strip()]
    return Terms(
        account=account_within(access, asked.get("subaccountId")),
        rights=rights,
        spend_micros=_micros(asked.get("spendLimit"), "spendLimit"),
        loss_micros=_micros(asked.get("lossLimit"), "lossLimit"),
    )


def _micros(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    try:
        return parse_decimal(text, MICROS_DECIMALS)
    except DecimalError as error:
        raise Refused(400, "INVALID_QUANTITY", f"Invalid {name}: {error}") from error


def _grant_row(grant: Grant) -> dict[str, Any]:
    return {
        "number": grant.account.number,
        "rights": grant.rights,
        "role": role_of(grant.rights),
        "spend": usd_text(grant.spend_micros) or None,
        "loss": usd_text(grant.loss_micros) or None,
    }


def _member_row(member: Member, within: set[int]) -> dict[str, Any]:
    grants = member.grants.select_related("account")
    return {
        "id": member.pk,
        "email": member.email,
        "state": member.state,
        "expires_at": member.expires_at,
        "grants": [_grant_row(grant) for grant in grants if grant.account_id in within],
    }


def _member(access: Access, number: int) -> tuple[Member, set[int]]:
    """Return a member of an account which the key reaches, and those accounts. Raises Refused."""
    within = {account.pk for account in accounts_within(access)}
    rows = Member.objects.filter(owner_id=access.owner, grants__account_id__in=within)
    member = rows.select_related("owner__user").distinct().filter(pk=number).first()
    if member is None:
        raise Refused(404, "RESOURCE_NOT_FOUND", "There is no such member of this account")
    return member, within


class MembersView(SignedView):
    """The members of the accounts which the key reaches."""

    instructions: ClassVar = {
        "GET": "xMemberQueryAll",
        "POST": "xMemberInvite",
        "PUT": "xMemberChange",
        "DELETE": "xMemberEnd",
    }
    scopes: ClassVar = {"GET": MANAGE, "POST": MANAGE, "PUT": MANAGE, "DELETE": MANAGE}

    class InviteInput(GrantInput):
        email = serializers.EmailField()
        expiresAt = UnixMillis(required=False)

    class ChangeInput(GrantInput):
        id = serializers.IntegerField(**ID)

    class EndInput(serializers.Serializer[Any]):
        id = serializers.IntegerField(**ID)
        subaccountId = serializers.IntegerField(min_value=0, max_value=65535, required=False)

    @extend_schema(operation_id="getMembers", responses=MemberOutput(many=True))
    def get(self, request: Request) -> Response:
        access = access_from(request)
        require(access, "manage_members")
        within = {account.pk for account in accounts_within(access)}
        rows = Member.objects.filter(
            owner_id=access.owner, ended_at=None, grants__account_id__in=within
        ).distinct()
        members = [_member_row(row, within) for row in rows.exclude(user_id=access.person)]
        return Response(MemberOutput(members, many=True).data)

    @extend_schema(operation_id="inviteMember", request=InviteInput, responses=InvitedOutput)
    def post(self, request: Request) -> Response:
        """Invite somebody. No e-mail is sent: hand the token over yourself."""
        access, asked = access_from(request), validated(self.InviteInput, request)
        terms = _terms(access, asked)
        require(access_within(access, terms.account), "manage_members")
        owner = terms.account.main or terms.account
        member, token = teams.invite(
            person_of(access), owner, asked["email"], [terms], expires_at=asked.get("expiresAt")
        )
        row = _member_row(member, {terms.account.pk})
        return Response(InvitedOutput({**row, "token": token}).data)

    @extend_schema(operation_id="changeMember", request=ChangeInput, responses=MemberOutput)
    def put(self, request: Request) -> Response:
        """Say anew what a member may do with one account."""
        access, asked = access_from(request), validated(self.ChangeInput, request)
        member, within = _member(access, asked["id"])
        terms = _terms(access, asked)
        require(access_within(access, terms.account), "manage_members")
        teams.change_grant(person_of(access), member, terms)
        return Response(MemberOutput(_member_row(member, within)).data)

    @extend_schema(operation_id="endMember", request=EndInput, responses={200: None})
    def delete(self, request: Request) -> Response:
        """Take back all rights to one account or, without one, cut the member off."""
        access, asked = access_from(request), validated(self.EndInput, request)
        require(access, "manage_members")
        member, _ = _member(access, asked["id"])
        if "subaccountId" in asked:
            account = account_within(access, asked["subaccountId"])
            teams.take_back(person_of(access), member, account)
        else:
            teams.end_membership(person_of(access), member)
        return Response()


class ApprovalOutput(serializers.Serializer[Any]):
    """A withdrawal which waits for a second person."""

    address = serializers.CharField()
    blockchain = serializers.CharField()
    createdAt = UtcText(source="created_at")
    quantity = DecimalText()
    subaccountId = serializers.IntegerField()
    symbol = serializers.CharField()
    value = DecimalText(allow_null=True)
    withdrawalId = serializers.IntegerField()


class ApprovalsView(SignedView):
    """Withdrawals of the accounts which the key reaches that wait for a second person."""

    instructions: ClassVar = {"GET": "xApprovalQueryAll", "POST": "xApprovalDecide"}
    scopes: ClassVar = {"POST": WITHDRAW}

    class Input(serializers.Serializer[Any]):
        approve = WireBoolean()
        twoFactorToken = serializers.CharField(max_length=20, required=False)
        withdrawalId = serializers.IntegerField(**ID)

    @extend_schema(operation_id="getApprovals", responses=ApprovalOutput(many=True))
    def get(self, request: Request) -> Response:
        numbers = {row.pk: row.number for row in accounts_within(access_from(request))}
        rows = [
            _approval_row(row, numbers[row.account_id]) for row in approvals.waiting(list(numbers))
        ]
        return Response(ApprovalOutput(rows, many=True).data)

    @extend_schema(operation_id="decideApproval", request=Input, responses={200: None})
    def post(self, request: Request) -> Response:
        """Approve a withdrawal with a code of the authenticator app, or turn it down."""
        access, asked = access_from(request), validated(self.Input, request)
        number = asked["withdrawalId"]
        within = [account.pk for account in accounts_within(access)]
        if not WithdrawalInstruction.objects.filter(number=number, account_id__in=within).exists():
            raise Refused(404, "RESOURCE_NOT_FOUND", "Withdrawal not found")
        if asked["approve"]:
            approvals.approve(person_of(access), number, asked.get("twoFactorToken"))
        else:
            approvals.turn_down(person_of(access), number)
        return Response()


def _approval_row(row: WithdrawalInstruction, number: int) -> dict[str, Any]:
    return {
        "withdrawalId": row.number,
        "subaccountId": number,
        "symbol": row.asset,
        "quantity": format_decimal(int(row.amount), decimals_of(row.asset)),
        "value": usd_text(row.worth_micros) or None,
        "blockchain": row.blockchain,
        "address": row.address,
        "created_at": row.created_at,
    }


class KeyOutput(serializers.Serializer[Any]):
    """A key; its secret is with whoever made it."""

    addresses = serializers.ListField(child=serializers.CharField())
    expiresAt = UtcText(source="expires_at", allow_null=True)
    lastUsedAt = UtcText(source="last_used_at", allow_null=True)
    name = serializers.CharField()
    publicKey = serializers.CharField(source="public_key")
    scopes = serializers.ListField(child=serializers.CharField())
    subaccountId = serializers.IntegerField(source="account.number")


class KeysView(SignedView):
    """The caller's keys of the accounts which the key reaches.

    A key makes no key that may do more, from elsewhere or for longer than itself.
    """

    instructions: ClassVar = {"GET": "xKeyQueryAll", "POST": "xKeyCreate", "DELETE": "xKeyRevoke"}
    scopes: ClassVar = {"GET": MANAGE, "POST": MANAGE, "DELETE": MANAGE}

    class Input(serializers.Serializer[Any]):
        expiresAt = UnixMillis(required=False)
        name = serializers.CharField(max_length=40)
        publicKey = serializers.CharField(max_length=200)
        scopes = serializers.CharField(help_text=f"some of {', '.join(SCOPES)}, with commas")
        subaccountId = serializers.IntegerField(min_value=0, max_value=65535, required=False)

    class RevokeInput(serializers.Serializer[Any]):
        publicKey = serializers.CharField(max_length=200)

    @extend_schema(operation_id="getKeys", responses=KeyOutput(many=True))
    def get(self, request: Request) -> Response:
        return Response(KeyOutput(self._own(access_from(request)), many=True).data)

    @extend_schema(operation_id="createKey", request=Input, responses=KeyOutput)
    def post(self, request: Request) -> Response:
        """Let an uploaded public key act for an account."""
        access, asked = access_from(request), validated(self.Input, request)
        account = account_within(access, asked.get("subaccountId"))
        require(access_within(access, account), "manage_keys")
        scopes = [part.strip() for part in asked["scopes"].split(",") if part.strip()]
        beyond = sorted(set(scopes) - access.scopes)
        if beyond:
            message = f"This key has no scope `{beyond[0]}` itself, so it can give none"
            raise Refused(403, "FORBIDDEN", message)
        ends = asked.get("expiresAt")
        if access.expires_at is not None and (ends is None or ends.timestamp() > access.expires_at):
            raise invalid_request("`expiresAt` must not be after this key's own end")
        maker = ApiKey.objects.get(public_key=request.headers["X-API-Key"])
        limits = services.KeyLimits(scopes, maker.addresses, ends)
        person = person_of(access)
        made = services.import_api_key(
            *(account, asked["name"], asked["publicKey"], limits),
            made_by=None if access.is_owner else person,
        )
        return Response(KeyOutput(made).data)

    @extend_schema(operation_id="revokeKey", request=RevokeInput, responses={200: None})
    def delete(self, request: Request) -> Response:
        """Stop a key at once."""
        access, asked = access_from(request), validated(self.RevokeInput, request)
        key = next((one for one in self._own(access) if one.public_key == asked["publicKey"]), None)
        if key is None:
            raise Refused(404, "RESOURCE_NOT_FOUND", "There is no such live key of yours here")
        services.revoke_api_key(key, by=person_of(access))
        return Response()

    def _own(self, access: Access) -> list[ApiKey]:
        within = [account.pk for account in accounts_within(access)]
        rows = ApiKey.objects.filter(account_id__in=within, revoked_at=None)
        if not access.is_owner:
            rows = rows.filter(made_by_id=access.person)
        return list(rows.select_related("account__user", "made_by"))
