"""Requests made up from our OpenAPI document, on a live exchange: the answers must be in it too."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import settings
from nacl.signing import SigningKey
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.signed import INSTRUCTIONS
from tests.live import LiveExchange

pytestmark = pytest.mark.live
# Alice has something to read; erin changes nothing that other tests look at.
ALICE, ERIN = 0, 4
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 12
# Made-up names are unknown to the exchange: every other one becomes one that it knows.
KNOWN = {
    "symbol": ("SOL_USDC", "BTC_USDC_PERP", "USDC", "SOL_USDC_RFQ"),
    "startTime": ("1790000000", "0"),
    "blockchain": ("Ethereum", "Solana"),
}


class Signed(AuthBase):
    """Signs a request as it is about to be sent, under the instruction of its path."""

    def __init__(self, exchange: LiveExchange, user: int) -> None:
        facts = exchange["users"][user]
        self.key = facts["apiKey"]
        self.signer = SigningKey(base64.b64decode(facts["secret"]))

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        url = urlsplit(str(request.url))
        instruction = INSTRUCTIONS.get((str(request.method), url.path))
        if instruction is None:
            return request
        stamp = str(time.time_ns() // 1_000_000)
        words = parse_qsl(url.query, keep_blank_values=True)
        text = "&".join(_signed(instruction, words, request.body))
        signature = self.signer.sign(f"{text}&timestamp={stamp}&window=5000".encode()).signature
        request.headers["X-API-Key"] = self.key
        request.headers["X-Signature"] = base64.b64encode(signature).decode()
        request.headers["X-Timestamp"] = stamp
        request.headers["X-Window"] = "5000"
        return request


def _signed(instruction: str, query: list[tuple[str, str]], body: Any) -> Iterator[str]:
    """Yield what is signed: one part, or for a batch one for each order."""
    said = _parsed(body)
    for part in said if isinstance(said, list) and said else [said]:
        pairs = [*query, *part.items()] if isinstance(part, dict) else query
        words = [f"{name}={value}" for name, value in sorted(pairs, key=lambda pair: pair[0])]
        yield "&".join([f"instruction={instruction}", *words])


def _parsed(body: Any) -> Any:
    """Return a body with each number and constant as it is written."""
    try:
        said = json.loads(body or b"null", parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        return None
    return json.loads(json.dumps(said), object_pairs_hook=_written)


def _written(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    words = {True: "true", False: "false", None: "null"}
    return {
        name: words[value] if isinstance(value, bool) or value is None else value
        for name, value in pairs
    }


@pytest.fixture(scope="module")
def api(exchange: LiveExchange) -> Any:
    return schemathesis.openapi.from_url(f"{exchange['rest']}/openapi.yaml")


schema = schemathesis.pytest.from_fixture("api")


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    """Let every other name be known."""
    return _with_known_names(query)


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """The same in bodies, and in each order of a batch."""
    return [*map(_with_known_names, body)] if isinstance(body, list) else _with_known_names(body)


def _with_known_names(words: Any) -> Any:
    if not isinstance(words, dict):
        return words
    for name in words.keys() & KNOWN.keys():
        size = len(str(words[name]))
        if size % 2 == 0:
            words[name] = KNOWN[name][size // 2 % len(KNOWN[name])]
    return words


@schema.parametrize()
@settings(max_examples=EXAMPLES)
def test_every_answer_is_described(case: Any, exchange: LiveExchange) -> None:
    user = ALICE if case.method == "GET" else ERIN
    response = case.call(base_url=exchange["rest"], auth=Signed(exchange, user))
    assert response.status_code != 401, "our own signature must be right"
    case.validate_response(response, checks=CHECKS)


def test_what_is_made_up_is_also_accepted(api: Any, exchange: LiveExchange) -> None:
    """The signature holds for whatever was made up: nothing above may be refused for it alone."""
    order: Any = {"symbol": "SOL_USDC", "clientId": 7, "orderId": "äöü & = %2F"}
    answer = requests.delete(
        f"{exchange['rest']}/api/v1/order", json=order, auth=Signed(exchange, ERIN), timeout=10
    )
    assert "ignature" not in answer.text
