"""Verify ED25519 request signatures over what the client sent, token by token. Pure: no clock.

A client signs `instruction=<I>&k1=v1&k2=v2…&timestamp=<ms>&window=<ms>`, keys sorted. Real clients
spell the same values in a few ways, so each spelling is tried; they all say the same request.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qsl, quote

import msgspec
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

DEFAULT_WINDOW_MS = "5000"
MAX_WINDOW_MS = 60_000
# encodeURIComponent, which JavaScript clients use, leaves these alone; Python's quote encodes them.
_JAVASCRIPT_SAFE = "!'()*"
# A body which is nested too deeply ends the decoder's recursion.
_BROKEN_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_BOOLEANS = {"True": "true", "False": "false"}

# The parameters of one request, or of one order in a batch: (name, text as written), in any order.
Parameters = Sequence[tuple[str, str]]
Members = Mapping[str, msgspec.Raw]

_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_batch = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_decode_string = msgspec.json.Decoder(str).decode


class MalformedRequest(ValueError):
    """The query or the body cannot be read; the text says why."""


def parse_query(query: bytes) -> list[tuple[str, str]]:
    """Return the decoded query pairs in the order sent, repeated names included.

    >>> parse_query(b"marketType=SPOT&marketType=PERP&symbol=A%2FB")
    [('marketType', 'SPOT'), ('marketType', 'PERP'), ('symbol', 'A/B')]
    """
    if not query:
        return []
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise MalformedRequest("the query string is not valid UTF-8") from error


def parse_members(body: bytes) -> dict[str, msgspec.Raw]:
    """Return the members of a JSON object, their values as raw tokens. An empty body has none."""
    if not body:
        return {}
    try:
        return _decode_members(body)
    except _BROKEN_JSON as error:
        raise MalformedRequest(f"the body is not a JSON object: {error}") from error


def parse_batch(body: bytes) -> list[dict[str, msgspec.Raw]]:
    """Return the members of each object of a JSON array."""
    try:
        return _decode_batch(body)
    except _BROKEN_JSON as error:
        raise MalformedRequest(f"the body is not a JSON array of objects: {error}") from error


def parameters(members: Members) -> list[tuple[str, str]]:
    """Return the members as the client signed them: strings unquoted, everything else as written.

    >>> parameters(parse_members(b'{"price": 1e-05, "postOnly": true, "symbol": "SOL_USDC"}'))
    [('price', '1e-05'), ('postOnly', 'true'), ('symbol', 'SOL_USDC')]
    """
    return [(name, token_text(token)) for name, token in members.items()]


def token_text(token: msgspec.Raw) -> str:
    """Return the text of a JSON token: a string without its quotes, anything else as written."""
    try:
        text = str(token, "utf-8")
        if text[:1] != '"':
            return text
        if "\\" in text:
            return _decode_string(token)
        return text[1:-1]
    except _BROKEN_JSON as error:
        raise MalformedRequest(f"the body holds a broken string: {error}") from error


def staleness(*, timestamp: str, window: str, now_ms: int) -> str | None:
    """Return why a request is not current, or None. The window counts to both sides.

    >>> staleness(timestamp="1000", window="5000", now_ms=7000)
    'Request has expired: X-Timestamp is 6000 ms old and X-Window allows 5000 ms'
    """
    # Its length is looked at before it is read: a number may have thousands of digits.
    is_number = window.isascii() and window.isdigit() and len(window) <= 9
    if not (is_number and 0 < int(window) <= MAX_WINDOW_MS):
        return f"Invalid window: X-Window must be 1 to {MAX_WINDOW_MS} milliseconds"
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        return "Invalid timestamp: X-Timestamp must be Unix time in milliseconds"
    age = now_ms - int(timestamp)
    if age > int(window):
        return f"Request has expired: X-Timestamp is {age} ms old and X-Window allows {window} ms"
    if -age > int(window):
        return f"Invalid timestamp: X-Timestamp is {-age} ms in the future; set your clock"
    return None


def verify(
    *,
    public_key: str,
    signature: str,
    instruction: str,
    segments: Sequence[Parameters],
    expiry: str,
) -> bool:
    """Return whether `signature` covers the request under `public_key` (both in base64).

    Args:
        segments: one set of parameters; for a batch, one set for each order, in order.
        expiry: `signed_expiry(...)`, which ends the signed text.
    """
    try:
        key = a2b_base64(public_key, strict_mode=True)
        sealed = a2b_base64(signature, strict_mode=True)
    except (Base64Error, ValueError):
        return False
    if len(key) != 32 or len(sealed) != 64:
        return False
    # Base64 leaves four bits of the last character unused. A signature has one spelling: by it,
    # a request that is sent again is known.
    if b2a_base64(sealed, newline=False) != signature.encode():
        return False
    for text in signed_texts(instruction=instruction, segments=segments, expiry=expiry):
        try:
            crypto_sign_open(sealed + text.encode(), key)
        except BadSignatureError:
            continue
        return True
    return False


def signed_expiry(timestamp: str, window: str) -> str:
    """Return the end of every signed text."""
    return f"timestamp={timestamp}&window={window}"


def signed_texts(*, instruction: str, segments: Sequence[Parameters], expiry: str) -> Iterator[str]:
    """Yield the texts which a client may have signed for this request, the usual one first.

    >>> list(signed_texts(instruction="orderCancel", expiry=signed_expiry("1614550000000", "5000"),
    ...                   segments=[[("symbol", "BTC_USDT"), ("orderId", "28")]]))
    ['instruction=orderCancel&orderId=28&symbol=BTC_USDT&timestamp=1614550000000&window=5000']
    """
    # Sorting by name only keeps repeated names in the order sent.
    ordered = [sorted(segment, key=_name) for segment in segments]
    begin = f"instruction={instruction}&"
    usual = "".join([begin + _join(segment) for segment in ordered]) + expiry
    spellings, seen = _encoded_spellings(ordered), set[str]()
    if _is_unambiguous(usual, ordered):
        yield usual
        seen.add(usual)
        spellings = _unusual_spellings(ordered)
    for spelled in spellings:
        text = "".join([begin + one for one in spelled]) + expiry
        if text not in seen:
            seen.add(text)
            yield text


def _is_unambiguous(text: str, segments: Sequence[Parameters]) -> bool:
    """Return whether the plain text of a request is that of no other.

    `{"a": "1&b=2"}` reads like `{"a": "1", "b": "2"}`, `{"a=1&b": "2"}` too, and `"%2F"` like an
    encoded `"/"`: such a request is good only with its names and values percent-encoded. The sign
    of `"80%"` begins no escape and stands for itself.
    """
    if _ESCAPE.search(text):
        return False
    separators = 1
    for segment in segments:
        separators += 1 + len(segment)
        for name, _ in segment:
            if "=" in name:
                return False
    return text.count("&") == separators


def _unusual_spellings(segments: Sequence[Parameters]) -> Iterator[list[str]]:
    # GET booleans which travel as True and are signed as true.
    yield [_join([(k, _BOOLEANS.get(v, v)) for k, v in segment]) for segment in segments]
    yield from _encoded_spellings(segments)
    # A JSON null which is signed as Python prints it.
    yield [_join([(k, "None" if v == "null" else v) for k, v in segment]) for segment in segments]


def _encoded_spellings(segments: Sequence[Parameters]) -> Iterator[list[str]]:
    # Values (and names) percent-encoded inside the signed text.
    for safe in ("", _JAVASCRIPT_SAFE):
        yield [_join([(quote(k, safe), quote(v, safe)) for k, v in s]) for s in segments]


def _join(segment: Parameters) -> str:
    return "".join([f"{name}={value}&" for name, value in segment])


def _name(parameter: tuple[str, str]) -> str:
    return parameter[0]
