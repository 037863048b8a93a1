"""A small exchange for the REST tests: alice and bob with keys, money, and a client that signs."""

import json
import time
from base64 import b64decode, b64encode
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.test import Client
from nacl.signing import SigningKey

from accounts import services as accounts
from accounts.models import Account, TokenTerms
from compliance import services as compliance
from compliance.models import Customer
from engine.commands import CreditDeposit, ListAsset, ListMarket, PlaceOrder, UpdatePrices
from engine.events import CommandRejected, Event
from engine.units import AccountId
from engine.vocabulary import OrderType, Side, TimeInForce
from gateway.client import submit
from tests.api.signed import signed_text
from tests.engine.listings import ASSETS, INDEX_E8, MARKETS
from trading.catalog import refresh

DECIMALS = {asset.symbol: asset.decimals for asset in ASSETS}


def accepted(command: Any, command_id: str | None = None) -> Event:
    """Submit a command which the engine must accept."""
    answer = submit(command, command_id=command_id).answer
    assert not isinstance(answer, CommandRejected), answer
    return answer


class Trader:
    """A customer with a key, who calls the API as a client does: signed, over HTTP."""

    def __init__(self, name: str, *, country: str = "CH", tier: int = 2) -> None:
        self.user = accounts.register_user(f"{name}@example.org", "long-password-1", country)
        customer = Customer.objects.get(user=self.user)
        if tier:
            compliance.approve_kyc(customer, None, "seen in person", tier, nationality=country)
        self.account = Account.objects.get(user=self.user)
        self.id = AccountId(self.account.pk)
        self.key, secret = accounts.create_api_key(self.account, "bot")
        self.signer = SigningKey(b64decode(secret))
        self.window_ms = 5_000

    def deposit(self, asset: str, whole: int) -> None:
        amount = whole * 10 ** DECIMALS[asset]
        accepted(CreditDeposit(account=self.id, asset=asset, amount_atoms=amount))

    def limit(self, market: str, side: Side, *, ticks: int, lots: int, **more: Any) -> Event:
        return accepted(
            PlaceOrder(
                account=self.id, market=market, side=side, price_ticks=ticks, lots=lots, **more
            )
        )

    def take(self, market: str, side: Side, *, lots: int) -> Event:
        return accepted(
            PlaceOrder(
                account=self.id,
                market=market,
                side=side,
                type=OrderType.MARKET,
                lots=lots,
                time_in_force=TimeInForce.IOC,
            )
        )

    def headers(
        self, instruction: str, pairs: list[tuple[str, str]], **other: str
    ) -> dict[str, str]:
        """Sign a request; `other` replaces headers after signing."""
        stamp = str(time.time_ns() // 1_000_000)
        signed = "".join(f"{name}={value}&" for name, value in sorted(pairs, key=lambda p: p[0]))
        text = f"instruction={instruction}&{signed}timestamp={stamp}&window={self.window_ms}"
        return {
            "X-API-Key": self.key.public_key,
            "X-Signature": b64encode(self.signer.sign(text.encode()).signature).decode(),
            "X-Timestamp": stamp,
            "X-Window": str(self.window_ms),
        } | {name.replace("_", "-"): value for name, value in other.items()}

    def get(self, path: str, instruction: str, *pairs: tuple[str, str]) -> Any:
        query = f"?{urlencode(pairs)}" if pairs else ""
        headers = self.headers(instruction, list(pairs))
        return Client().get(path + query, headers=headers)

    def send(self, method: str, path: str, instruction: str, body: dict[str, Any]) -> Any:
        pairs = [(name, signed_text(value)) for name, value in body.items()]
        return Client().generic(
            method,
            path,
            json.dumps(body),
            "application/json",
            headers=self.headers(instruction, pairs),
        )


def open_chains() -> None:
    """Let USDC and SOL come in and go out, over a chain each."""
    usdc = {"asset": "USDC", "blockchain": "Ethereum", "native_decimals": 6}
    sol = {"asset": "SOL", "blockchain": "Solana", "native_decimals": 9}
    for terms, least in ((usdc, Decimal(5 * 10**6)), (sol, Decimal(10**8))):
        TokenTerms.objects.create(
            **terms,
            deposit_enabled=True,
            minimum_deposit=least,
            withdraw_enabled=True,
            minimum_withdrawal=least,
            maximum_withdrawal=least * 10**6,
        )


def open_house() -> tuple[Trader, Trader]:
    """List the markets of the engine's tests, and return alice and bob with money."""
    for asset in ASSETS:
        accepted(ListAsset(asset=asset))
    for market in MARKETS:
        accepted(ListMarket(market=market))
    accepted(UpdatePrices(prices_e8=INDEX_E8))
    refresh()
    open_chains()
    alice, bob = Trader("alice"), Trader("bob")
    for trader in (alice, bob):
        trader.deposit("USDC", 100_000)
        trader.deposit("SOL", 100)
    return alice, bob
