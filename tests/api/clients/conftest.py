"""Let the cases say what they compared when they fail, and begin early what takes a minute."""

from typing import Any

import pytest

from tests.api.clients.accounts import through_sdk
from tests.live import LiveExchange

pytest.register_assert_rewrite(
    *(
        f"tests.api.clients.{name}"
        for name in ("acts", "conversation", "operations", "orders", "streams", "unified")
    )
)


@pytest.fixture(scope="session")
def forgotten(exchange: LiveExchange) -> dict[str, Any]:
    """Ask for quotes and give none: the request's minute passes beside other tests.

    Only for those who ask for it: the survey of all methods has an exchange of its own.
    """
    return dict(
        through_sdk(exchange, 0).submit_rfq("SOL_USDC_RFQ", "Bid", quantity="1", clientId="1")
    )
