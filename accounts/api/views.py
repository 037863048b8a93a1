"""The two kinds of REST endpoint: public ones, and those which a signed key may call."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import RequestDataTooBig
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Access
from accounts.api.body import MAX_BODY_BYTES, ExactJSON, OnlyJSON, SortedJSON
from accounts.api.errors import require
from accounts.scopes import READ, TRADE
from gateway import signed_request

# Methods whose words are in the body; DELETE too, by the contract.
BODIES = ("POST", "PUT", "PATCH", "DELETE")


class _Endpoint(APIView):
    content_negotiation_class = OnlyJSON
    parser_classes = (ExactJSON,)
    renderer_classes = (SortedJSON,)
    cache_control: ClassVar[str] = "no-store"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body that is too long before it is read."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
            raise RequestDataTooBig
        super().initial(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers.setdefault("Cache-Control", self.cache_control)
        return answer


class PublicView(_Endpoint):
    """Answers anyone, with or without a key."""

    authentication_classes = ()
    permission_classes = ()


class MayCall(BasePermission):
    """The key signed the request, and has the permission which the view names, if it names one."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.auth is None:
            return False
        if view.permission is not None:
            require(access_from(request), view.permission)
        return True


class SignedView(_Endpoint):
    """Answers a key which signed the request under the method's instruction."""

    permission_classes = (MayCall,)
    instructions: ClassVar[dict[str, str]]
    # Other names under which clients that cannot be changed sign the same.
    also_signed_as: ClassVar[tuple[str, ...]] = ()
    permission: ClassVar[str | None] = None
    # The scope which a key needs for a method, where it is another than the usual one.
    scopes: ClassVar[dict[str, str]] = {}

    @classmethod
    def scope_of(cls, method: str) -> str:
        """Return the scope which a key needs to call the method."""
        return cls.scopes.get(method, READ if method == "GET" else TRADE)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer; what comes next in this thread is another request."""
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            signed_request.end()


def access_from(request: Request) -> Access:
    """Return who signed the request."""
    access: Any = request.auth
    assert isinstance(access, Access), "only signed views know who asks"
    return access


def validated(form: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the query or body as the serializer reads it; unknown members are ignored."""
    data: Any = request.data if request.method in BODIES else request.query_params
    if isinstance(data, QueryDict):
        data = _query(form, data)
    elif isinstance(data, Mapping):
        # Some clients send null for what they leave out.
        data = {name: value for name, value in data.items() if value is not None}
    reader = form(data=data)
    if not reader.is_valid():
        raise ValidationError(_with_choices(reader))
    return dict(reader.validated_data)


def _with_choices(reader: serializers.Serializer[Any]) -> dict[str, Any]:
    """Return the reader's errors; what is no valid choice is told what the choices are."""
    errors: dict[str, Any] = dict(reader.errors)
    for name, faults in errors.items():
        field = reader.fields.get(name)
        field = getattr(field, "child", field)
        if isinstance(field, serializers.ChoiceField) and "invalid_choice" in _codes(faults):
            errors[name] = [f"must be one of {', '.join(map(str, field.choices))}"]
    return errors


def _codes(faults: Any) -> set[str]:
    """Return the codes of the errors of one field, or of the items of a list."""
    if isinstance(faults, dict):
        return set().union(*(_codes(one) for one in faults.values()))
    return {getattr(fault, "code", "") for fault in faults}


def _query(form: type[serializers.Serializer[Any]], query: QueryDict) -> dict[str, Any]:
    fields = form().fields
    values: dict[str, Any] = {}
    for name in query:
        # The Rust client writes some names in snake_case.
        spelled = name if name in fields else _camel_case(name)
        is_list = isinstance(fields.get(spelled), serializers.ListField)
        values[spelled] = query.getlist(name) if is_list else query[name]
    return values


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
