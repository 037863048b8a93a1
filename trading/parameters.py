"""Parameters of an asset or a market as staff write them: some of its terms, the others stay."""

from typing import Any, TypeVar

import msgspec

from compliance.services import Refusal
from engine.catalog import Asset, Market

Listing = TypeVar("Listing", Asset, Market)


def changed_terms(spec: dict[str, Any], text: str, kind: type[Listing]) -> Listing:
    """Return the listing of `spec` with what `text`, a JSON object, changes in it.

    An object within it changes only what it names; null takes it away. Raises Refusal, in words,
    for what is no JSON, no parameter, or of the wrong kind; the engine asks whether it makes sense.
    """
    try:
        changes = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        message = 'Write a JSON object, such as {"auction_ms": 30000}.'
        raise Refusal("INVALID_PARAMETER", message) from error
    try:
        known = {*spec, *(field.name for field in msgspec.structs.fields(kind))}
        return msgspec.convert(_merged(spec, changes, known), kind, strict=True)
    except msgspec.ValidationError as error:
        raise Refusal("INVALID_PARAMETER", f"{error}") from error


def _merged(terms: dict[str, Any], changes: dict[str, Any], known: set[str]) -> dict[str, Any]:
    merged = dict(terms)
    for name, value in changes.items():
        if name not in known:
            raise Refusal("INVALID_PARAMETER", f"There is no parameter {name}.")
        within = terms.get(name)
        if isinstance(value, dict) and isinstance(within, dict):
            merged[name] = {**within, **value}
        else:
            merged[name] = value
    return merged
