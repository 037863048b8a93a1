"""Accounts of the live exchange, as unmodified clients hold them."""

from typing import Any

import ccxt
from backpack_exchange_sdk import AuthenticationClient

from tests.live import LiveExchange


def through_sdk(exchange: LiveExchange, user: int) -> AuthenticationClient:
    """Return an account of the exchange in the SDK."""
    facts = exchange["users"][user]
    return AuthenticationClient(facts["apiKey"], facts["secret"], base_url=exchange["rest"] + "/")


def through_ccxt(exchange: LiveExchange, user: int) -> Any:
    """Return an account of the exchange in ccxt, which loads its markets when it needs them."""
    facts, rest = exchange["users"][user], exchange["rest"]
    return ccxt.backpack(
        {
            "apiKey": facts["apiKey"],
            "secret": facts["secret"],
            "urls": {"api": {"public": rest, "private": rest}},
        }
    )
