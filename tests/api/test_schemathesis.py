"""Requests made up from our OpenAPI document, on a live exchange: the answers must be in it too."""

import base64
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
import yaml
from hypothesis import settings
from nacl.signing import SigningKey
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts import signature
from tests.api.signed import INSTRUCTIONS
from tests.live import ROOT, LiveExchange

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
        text = signed_text(instruction, url.query, request.body, stamp)
        request.headers["X-API-Key"] = self.key
        sealed = self.signer.sign(text.encode()).signature
        request.headers["X-Signature"] = base64.b64encode(sealed).decode()
        request.headers["X-Timestamp"] = stamp
        request.headers["X-Window"] = "5000"
        return request


def signed_text(instruction: str, query: str, body: Any, stamp: str) -> str:
    """Return what is signed, by the exchange's own rules: signing is not what is tested here."""
    try:
        pairs = signature.parse_query(query.encode())
        batch = (body or b"").lstrip().startswith(b"[")
        members = signature.parse_batch(body) if batch else [signature.parse_members(body or b"")]
        segments = [[*pairs, *signature.parameters(one)] for one in members]
    except signature.MalformedRequest:
        segments = [[]]
    expiry = signature.signed_expiry(stamp, "5000")
    texts = signature.signed_texts(instruction=instruction, segments=segments, expiry=expiry)
    return next(iter(texts))


schema = schemathesis.openapi.from_path(ROOT / "docs" / "openapi.yaml")


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
@settings(max_examples=EXAMPLES, derandomize=True)
def test_every_answer_is_described(case: Any, exchange: LiveExchange) -> None:
    user = ALICE if case.method == "GET" else ERIN
    response = case.call(base_url=exchange["rest"], auth=Signed(exchange, user))
    assert "Invalid signature" not in response.text
    case.validate_response(response, checks=CHECKS)


def test_the_document_is_served(exchange: LiveExchange) -> None:
    served = requests.get(f"{exchange['rest']}/openapi.yaml", timeout=10).text
    assert yaml.safe_load(served) == yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
