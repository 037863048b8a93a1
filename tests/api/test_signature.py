"""Signatures: the published vectors, the spellings of real clients, and what must not pass."""

from base64 import b64encode

import pytest
from nacl.signing import SigningKey

from accounts import signature

SEED = SigningKey(b"\x07" * 32)
KEY = "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="
EXPIRY = signature.signed_expiry("1614550000000", "5000")

VECTORS = {
    "balance query": (
        "balanceQuery",
        b"",
        "Op774+/Ka5Esq6Gjqtors4jaixUSDYqOUvlzV+fNBTEUYdOfKN/I/uFLmfQDMA+CsKv1zaK01xev1U0rh5IEDw==",
    ),
    "cancel": (
        "orderCancel",
        b'{"symbol":"BTC_USDT","orderId":"28"}',
        "XhRUJtSVD+f0huHv3X/VpfNefAt+d3Weyzh+CV1njJwdFtlQ04RQ8dv+DYLZKQq7xJ1RB2k/KINvh7EuMwXqDQ==",
    ),
    "order": (
        "orderExecute",
        b'{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"99.5","quantity":"1",'
        b'"postOnly":true,"clientId":12}',
        "ZUcRoUjZoPQyW5jXdoePGGiJNHVHVtb3J/cmwY2GEn8t74xzVMnikxCwz6HRxsiBKz/GZpKo6kR/eR04yehrAA==",
    ),
    "batch": (
        "orderExecute",
        b'[{"orderType":"Limit","price":"141","quantity":"12","side":"Bid","symbol":"SOL_USDC_PERP"},'
        b'{"symbol":"SOL_USDC_PERP","side":"Bid","orderType":"Limit","price":"140","quantity":"11"}]',
        "Us6qePUwCmeQWnicmGTVqOKPe4Uzari6q1iwSaCok6ywZd5/9M0IspMfPIBxF9DkYD7P9p3o/b8khi684pPaDQ==",
    ),
    "subscribe": (
        "subscribe",
        b"",
        "KRtmg8s3/CGdEK3a16rqGppiDN49PnizUKROh1EKITzXANXYh+WULq6TtOo2lHUovE5KtKO/GZCWXqf0uWPxAg==",
    ),
}


def segments_of(body: bytes) -> list[signature.Parameters]:
    objects = (
        signature.parse_batch(body) if body.startswith(b"[") else [signature.parse_members(body)]
    )
    return [signature.parameters(members) for members in objects]


def sign(text: str) -> str:
    return b64encode(SEED.sign(text.encode()).signature).decode()


def accepted(signed: str, *, instruction: str, segments: list[signature.Parameters]) -> bool:
    return signature.verify(
        public_key=KEY,
        signature=sign(signed),
        instruction=instruction,
        segments=segments,
        expiry=EXPIRY,
    )


@pytest.mark.parametrize("name", VECTORS)
def test_the_published_vectors_verify(name: str) -> None:
    instruction, body, sealed = VECTORS[name]
    assert signature.verify(
        public_key=KEY,
        signature=sealed,
        instruction=instruction,
        segments=segments_of(body),
        expiry=EXPIRY,
    )


@pytest.mark.parametrize("name", VECTORS)
def test_a_changed_request_does_not_verify(name: str) -> None:
    instruction, body, sealed = VECTORS[name]
    changed = [
        [*segments_of(body), [("extra", "1")]],
        [[*segments_of(body)[0], ("price", "1")], *segments_of(body)[1:]],
    ]
    for segments in changed:
        assert not signature.verify(
            public_key=KEY,
            signature=sealed,
            instruction=instruction,
            segments=segments,
            expiry=EXPIRY,
        )
    assert not signature.verify(
        public_key=KEY,
        signature=sealed,
        instruction="withdraw",
        segments=segments_of(body),
        expiry=EXPIRY,
    )
    assert not signature.verify(
        public_key=KEY,
        signature=sealed,
        instruction=instruction,
        segments=segments_of(body),
        expiry=signature.signed_expiry("1614550000001", "5000"),
    )


def test_numbers_are_verified_as_they_were_written() -> None:
    body = b'{"price": 1e-05, "quantity": 1.50, "symbol": "SOL_USDC"}'
    signed = f"instruction=orderExecute&price=1e-05&quantity=1.50&symbol=SOL_USDC&{EXPIRY}"
    assert accepted(signed, instruction="orderExecute", segments=segments_of(body))


def test_query_booleans_may_be_signed_in_lower_case() -> None:
    pairs = signature.parse_query(b"symbol=USDC&autoBorrow=True")
    signed = f"instruction=maxWithdrawalQuantity&autoBorrow=true&symbol=USDC&{EXPIRY}"
    assert accepted(signed, instruction="maxWithdrawalQuantity", segments=[pairs])


@pytest.mark.parametrize("encoded", ["A%2F%2B%3Db%28%29", "A%2F%2B%3Db()"])
def test_values_may_be_signed_percent_encoded(encoded: str) -> None:
    body = b'{"address":"A/+=b()","quantity":"1"}'
    signed = f"instruction=withdraw&address={encoded}&quantity=1&{EXPIRY}"
    assert accepted(signed, instruction="withdraw", segments=segments_of(body))


@pytest.mark.parametrize("null", ["None", "null"])
def test_a_null_may_be_signed_as_none_or_null(null: str) -> None:
    body = b'{"orderType":"Limit","price":null}'
    signed = f"instruction=orderExecute&orderType=Limit&price={null}&{EXPIRY}"
    assert accepted(signed, instruction="orderExecute", segments=segments_of(body))


def test_repeated_query_names_keep_their_order() -> None:
    pairs = signature.parse_query(b"marketType=SPOT&marketType=PERP&limit=5")
    assert accepted(
        f"instruction=x&limit=5&marketType=SPOT&marketType=PERP&{EXPIRY}",
        instruction="x",
        segments=[pairs],
    )
    assert not accepted(
        f"instruction=x&limit=5&marketType=PERP&marketType=SPOT&{EXPIRY}",
        instruction="x",
        segments=[pairs],
    )


@pytest.mark.parametrize("broken", ["", "AAAA", "not base64", "é", "A" * 88, KEY + "="])
def test_a_broken_key_or_signature_is_only_a_refusal(broken: str) -> None:
    _, _, sealed = VECTORS["balance query"]
    for key, seal in [(broken, sealed), (KEY, broken)]:
        assert not signature.verify(
            public_key=key,
            signature=seal,
            instruction="balanceQuery",
            segments=[[]],
            expiry=EXPIRY,
        )


def test_a_string_with_a_broken_escape_is_malformed() -> None:
    members = signature.parse_members(b'{"symbol":"SOL\\u005fUSDC"}')
    assert signature.parameters(members) == [("symbol", "SOL_USDC")]
    with pytest.raises(signature.MalformedRequest):
        signature.parameters(signature.parse_members(b'{"symbol":"\\ud800"}'))


@pytest.mark.parametrize(
    "body", [b"[1]", b"nonsense", b'{"a":NaN}', b'{"a":', b'"text"', b"\xff{}"]
)
def test_a_body_that_is_not_an_object_is_malformed(body: bytes) -> None:
    with pytest.raises(signature.MalformedRequest):
        signature.parse_members(body)
    with pytest.raises(signature.MalformedRequest):
        signature.parse_batch(body)


@pytest.mark.parametrize(
    ("timestamp", "window", "refusal"),
    [
        ("995000", "5000", None),
        ("1005000", "5000", None),
        ("994999", "5000", "Request has expired"),
        ("1005001", "5000", "in the future"),
        ("1000000", "60000", None),
        ("1000000", "60001", "Invalid window"),
        ("1000000", "0", "Invalid window"),
        ("1000000", "-1", "Invalid window"),
        ("1000000", "9" * 30, "Invalid window"),
        ("1000000", "0000000019999999999", "Invalid window"),
        ("1000000", "000000001" + "0" * 5_000, "Invalid window"),
        ("1000000.0", "5000", "Invalid timestamp"),
        ("", "5000", "Invalid timestamp"),
        ("٣", "5000", "Invalid timestamp"),
        ("9" * 400, "5000", "Invalid timestamp"),
    ],
)
def test_only_a_current_request_passes(timestamp: str, window: str, refusal: str | None) -> None:
    message = signature.staleness(timestamp=timestamp, window=window, now_ms=1_000_000)
    assert message is None if refusal is None else refusal in (message or "")
