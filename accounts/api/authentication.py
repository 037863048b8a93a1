"""Signed requests through Django: verified as at the edge, with the key read from PostgreSQL."""

import time
from datetime import timedelta

from django.db import connection
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request

from accounts import acts, signature
from accounts.access import Access, Denial, access_of_key
from accounts.access_book import shortened
from accounts.api.errors import Refused, invalid_request
from accounts.models import ApiKey, User
from gateway import signed_request
from gateway.errors import RequestRepeated

# The list of keys shows roughly when each was used: a write for every call would tell no more.
_LAST_USE_PRECISION = timedelta(minutes=1)


class SignatureAuthentication(BaseAuthentication):
    """`X-API-Key` signed the instruction, the parameters and the time (docs/api.md)."""

    def authenticate(self, request: Request) -> tuple[User, Access]:
        view = request.parser_context["view"]
        instruction = view.instructions.get(request.method)
        if instruction is None:
            raise MethodNotAllowed(str(request.method))
        headers = request.headers
        public_key = headers.get("X-API-Key")
        sealed = headers.get("X-Signature")
        timestamp = headers.get("X-Timestamp")
        if not (public_key and sealed and timestamp):
            message = "Sign the request: X-API-Key, X-Signature and X-Timestamp are required"
            raise Refused(401, "UNAUTHORIZED", message)
        window = headers.get("X-Window", signature.DEFAULT_WINDOW_MS)
        now_ms = time.time_ns() // 1_000_000
        stale = signature.staleness(timestamp=timestamp, window=window, now_ms=now_ms)
        if stale is not None:
            raise invalid_request(stale)
        segments = [_parameters(request)]
        genuine = any(
            signature.verify(
                public_key=public_key,
                signature=sealed,
                instruction=name,
                segments=segments,
                expiry=signature.signed_expiry(timestamp, window),
            )
            for name in (instruction, *view.also_signed_as)
        )
        if not genuine:
            raise invalid_request("Invalid signature")
        user, access = _key_holder(
            public_key,
            scope=view.scope_of(request.method),
            address=request.META.get("REMOTE_ADDR") or "",
        )
        if request.method != "GET":
            named = signed_request.begin(
                public_key=public_key, signature=sealed, timestamp=timestamp
            )
            if int(window) > signed_request.REMEMBERED_WINDOW_MS and _is_journaled(named):
                raise RequestRepeated(named.name)
        return user, access

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a missing signature is answered with 401."""
        return "Signature"


def _is_journaled(request: signed_request.SignedRequest) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(signed_request.JOURNALED, [request.first_ids()])
        return cursor.fetchone() is not None


def _parameters(request: Request) -> signature.Parameters:
    raw = request._request
    try:
        query = signature.parse_query(raw.META["QUERY_STRING"].encode())
        return query + signature.parameters(signature.parse_members(raw.body))
    except signature.MalformedRequest as error:
        raise invalid_request(str(error)) from error


def _key_holder(public_key: str, *, scope: str, address: str) -> tuple[User, Access]:
    key = (
        ApiKey.objects.select_related("account__user__customer", "made_by__customer")
        .filter(public_key=public_key, revoked_at=None, account__user__is_active=True)
        .first()
    )
    if key is None:
        raise Refused(401, "UNAUTHORIZED", "Unknown or revoked API key: make one in the settings")
    access, now = access_of_key(key), timezone.now()
    objection = access.objection(scope=scope, address=address, now=now.timestamp())
    if objection is not None:
        acts.note_denial(access, Denial(scope, "key", objection.message))
        raise Refused(*objection)
    seen = shortened(address)
    moved = seen != key.last_address
    if moved or key.last_used_at is None or now - key.last_used_at > _LAST_USE_PRECISION:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now, last_address=seen)
    return key.account.user, access
