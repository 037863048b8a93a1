"""How the REST API reads and writes bodies: JSON only, decimals exact, keys in order."""

import json
from decimal import Decimal
from typing import Any

import msgspec
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

# Orders are a few hundred bytes; a batch of fifty stays far below.
MAX_BODY_BYTES = 256 * 1024


class SortedJSON(BaseRenderer):
    """JSON with the keys of every object in alphabetical order; nothing at all for no data."""

    media_type = "application/json"
    format = "json"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, context: Any = None) -> bytes:
        return b"" if data is None else msgspec.json.encode(data, order="sorted")


class ExactJSON(BaseParser):
    """JSON whose fractions stay decimal: a price never passes through a float."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read()
        if not body:
            return {}
        try:
            return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
        except RecursionError as error:
            raise ParseError("The body is nested too deeply") from error
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}") from error


class OnlyJSON(BaseContentNegotiation):
    """Read and write JSON whatever the headers ask for: clients send all sorts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


def _refuse_constant(token: str) -> Any:
    raise ValueError(f"{token} is not a number")
