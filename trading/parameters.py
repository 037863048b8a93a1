"""A market's parameters as staff write them: some of its terms, the others stay."""

from typing import Any

import msgspec

from compliance.services import Refusal
from engine.catalog import Market


def changed_terms(spec: dict[str, Any], text: str) -> Market:
    """Return the market of `spec` with what `text`, a JSON object, changes in it.

    An object within it changes only what it names; null takes it away. Raises Refusal, in words,
    for what is no JSON, no parameter, or of the wrong kind; the engine asks whether it makes sense.
    """
    try:
        changes = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        message = 'Write a JSON object, such as {"auction_ms": 30000}.'
        raise Refusal("INVALID_PARAMETER", message) from error
    try:
        return msgspec.convert(_merged(spec, changes), Market, strict=True)
    except msgspec.ValidationError as error:
        raise Refusal("INVALID_PARAMETER", f"{error}") from error


def _merged(terms: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    known = {*terms, *Market.__struct_fields__}
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
