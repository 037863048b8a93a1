"""How single values are read from requests and written in answers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.errors import Refused, invalid_request
from engine.catalog import Asset
from gateway.decimals import DecimalError, TooPrecise, format_decimal, parse_decimal

# The largest number which a command to the engine can carry.
ATOMS_MAX = 2**63 - 1
PPB_DECIMALS = 9
_MILLISECOND = 1_000

# A member of the contract which has no meaning here yet: always present, always null.
NOTHING: Final[dict[str, Any]] = {"default": None, "allow_null": True, "read_only": True}


@extend_schema_field(OpenApiTypes.BOOL)
class WireBoolean(serializers.Field[bool, str | bool, bool, Any]):
    """true or false in any case: some clients send `True`."""

    def to_internal_value(self, data: Any) -> bool:
        text = str(data).lower()
        if text not in ("true", "false"):
            raise serializers.ValidationError("Expected true or false.")
        return text == "true"

    def to_representation(self, value: bool) -> bool:
        return value


@extend_schema_field({"type": "string", "format": "decimal", "example": "1.5"})
class DecimalText(serializers.Field[str, str | int | Decimal, str, Any]):
    """A decimal as text. Requests may write it as a number too; answers never use an exponent."""

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, bool) or not isinstance(data, str | int | Decimal):
            raise serializers.ValidationError("Expected a decimal number.")
        return str(data)

    def to_representation(self, value: str) -> str:
        return value


@extend_schema_field({"type": "string", "example": "2026-09-01T17:54:04.094"})
class UtcText(serializers.Field[datetime, str, str, Any]):
    """A moment in UTC, ISO 8601 without a zone unless said. Only in answers."""

    def __init__(
        self, *, timespec: str = "milliseconds", with_zone: bool = False, **arguments: Any
    ) -> None:
        super().__init__(**{**arguments, "read_only": True})
        self.timespec = timespec
        self.suffix = "Z" if with_zone else ""

    def to_representation(self, value: datetime) -> str:
        moment = value.astimezone(UTC).replace(tzinfo=None)
        return moment.isoformat(timespec=self.timespec) + self.suffix


@extend_schema_field({"type": "integer", "format": "int64", "description": "Unix milliseconds"})
class UnixMillis(serializers.Field[datetime, Any, int, Any]):
    """A moment as Unix milliseconds in a request; a datetime inside."""

    def to_internal_value(self, data: Any) -> datetime:
        try:
            seconds, millis = divmod(int(str(data)[:16]), _MILLISECOND)
            moment = datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise serializers.ValidationError("Expected Unix time in milliseconds.") from error
        return moment.replace(microsecond=millis * _MILLISECOND)

    def to_representation(self, value: datetime) -> int:
        return int(value.timestamp()) * _MILLISECOND + value.microsecond // _MILLISECOND


def parse_limit(text: str, asset: Asset, *, name: str) -> int:
    """Return `text` in atoms of the asset; 0 is a limit too. Raises Refused."""
    try:
        atoms = parse_decimal(text, asset.decimals)
    except DecimalError as error:
        raise Refused(400, "INVALID_QUANTITY", f"Invalid {name}: {error}") from error
    if not 0 <= atoms <= ATOMS_MAX:
        highest = format_decimal(ATOMS_MAX, asset.decimals)
        raise Refused(400, "INVALID_QUANTITY", f"{name} must be 0 to {highest}")
    return atoms


def parse_rate(text: str, *, name: str) -> int:
    """Return a yearly rate, such as 0.04, in parts of 1e9. Raises Refused."""
    try:
        rate_ppb = parse_decimal(text, PPB_DECIMALS)
    except DecimalError as error:
        raise Refused(400, "INVALID_RANGE", f"Invalid {name}: {error}") from error
    if not 0 <= rate_ppb <= ATOMS_MAX:
        raise Refused(400, "INVALID_RANGE", f"{name} must be a fraction a year, such as 0.04")
    return rate_ppb


def parse_amount(text: str, asset: Asset) -> int:
    """Return `text` in atoms of the asset.

    Raises Refused for what is not a positive decimal, or has more decimals than the asset.
    """
    try:
        atoms = parse_decimal(text, asset.decimals)
    except TooPrecise as error:
        message = f"Quantity decimal too long: {asset.symbol} has {asset.decimals} decimals"
        raise Refused(400, "INVALID_QUANTITY", message) from error
    except DecimalError as error:
        raise Refused(400, "INVALID_QUANTITY", f"Invalid quantity: {error}") from error
    if not 0 < atoms <= ATOMS_MAX:
        highest = format_decimal(ATOMS_MAX, asset.decimals)
        raise Refused(400, "INVALID_QUANTITY", f"Quantity must be above 0 and at most {highest}")
    return atoms


def by_asset(text: str, name: str) -> Mapping[str, str]:
    """Return what `SOL:91.2,BTC:45000` says of each asset. Raises Refused."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        symbol, colon, number = part.strip().partition(":")
        if not colon or symbol in found:
            raise invalid_request(f"`{name}` is a list like SOL:1.5,BTC:2, each asset once")
        found[symbol] = number
    return found
