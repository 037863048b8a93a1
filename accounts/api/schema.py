"""How this API appears in its OpenAPI document: its names, and how requests are signed."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

_MARKETS = "Markets"
_GROUPS = {
    word: group
    for group, words in {
        "Orders": ("order", "orders"),
        "Strategies": ("strategy", "strategies"),
        "Requests for quote": ("rfq", "rfqs"),
        "Account": (
            *("account", "capital", "collateral", "portfolio", "position", "user", "wallets"),
        ),
        "Sub-accounts and teams": (
            *("activity", "approvals", "keys", "members", "subaccount", "subaccounts"),
            *("sweeps", "transfer", "transfers"),
        ),
        "Borrow and lend": ("borrowLend", "lendTerms"),
        "History": ("history",),
        "System": ("ping", "status", "time"),
        "Not offered here": (
            *("market-holidays", "market-sessions", "prediction", "securities"),
            *("vault", "vaults"),
        ),
    }.items()
    for word in words
}


class NamedByView(AutoSchema):
    """Name a nested serializer after its view: AccountView.Output is AccountOutput."""

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        """Join the names, without `View`, which says nothing to clients."""
        return type(serializer).__qualname__.replace("View.", "").replace(".", "")

    def get_tags(self) -> list[str]:
        """Group by what an address is about: the first word after the version."""
        words = self.path.split("/")[3:]
        # What is this exchange's own stands behind an `x`.
        return [_GROUPS.get(words[1] if words[0] == "x" else words[0], _MARKETS)]

    def get_summary(self) -> str | None:
        """Take the first line of what is said of an operation: lists show it."""
        first: str = (self.get_description() or "").strip().split("\n")[0]
        return first.rstrip(".") or None

    def get_extensions(self) -> dict[str, Any]:
        """Say under which instruction a request is signed; clients cannot guess it."""
        name = getattr(self.view, "instructions", {}).get(self.method)
        return {"x-instruction": name} if name else {}


class Signature(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The three headers of a signed request."""

    target_class = "accounts.api.authentication.SignatureAuthentication"
    name = ["Key", "Signature", "Timestamp"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Name the headers."""
        headers = ("X-API-Key", "X-Signature", "X-Timestamp")
        return [{"type": "apiKey", "in": "header", "name": name} for name in headers]
