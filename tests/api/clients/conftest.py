"""Let the cases say what they compared when they fail."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"tests.api.clients.{name}"
        for name in ("acts", "conversation", "operations", "orders", "streams", "unified")
    )
)
