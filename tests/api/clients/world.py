"""The live exchange without any client: what the answers of clients are held against."""

import itertools
import json
import time
from decimal import Decimal
from typing import Any

import psycopg

from tests.api.signed import SignedClient
from tests.live import LiveExchange

SPOT, PERP, RFQ = "SOL_USDC", "SOL_USDC_PERP", "SOL_USDC_RFQ"
TRIES = 40
Words = dict[str, Any]
# No account of this exchange receives there.
OUTSIDE = "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359"


class World:
    """Alice, whose account the clients act for, bob, and the rows of the database."""

    def __init__(self, exchange: LiveExchange) -> None:
        self.exchange = exchange
        self.alice, self.bob = SignedClient(exchange, 0), SignedClient(exchange, 1)
        self._numbers = itertools.count(time.time_ns() // 1_000_000 % 1_000_000_000)
        self._database = psycopg.connect(exchange.database_url(), autocommit=True)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def read(self, path: str, *, who: SignedClient | None = None, **params: Any) -> Any:
        """GET and return what is answered; anything but success is an error of the test."""
        return self.write("GET", path, who=who, **params)

    def write(
        self, method: str, path: str, *, who: SignedClient | None = None, **params: Any
    ) -> Any:
        """Call as alice, or as somebody else."""
        caller = who or self.alice
        answer = caller.call(method, path, params)
        if caller.status >= 300 and isinstance(answer, dict):
            raise Unserved(answer["code"], answer["message"])
        return None if answer == "" else answer

    def number(self) -> int:
        """Return a client's id which nobody has used."""
        return next(self._numbers)

    def best(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Return the best bid and ask."""
        book = self.read("/api/v1/depth", symbol=symbol)
        return Decimal(book["bids"][-1][0]), Decimal(book["asks"][0][0])

    def away(self, symbol: str = SPOT, share: str = "0.8") -> str:
        """Return a price at this share of the best bid: by itself, far below the book."""
        return str((self.best(symbol)[0] * Decimal(share)).quantize(Decimal("0.01")))

    def place(self, symbol: str = SPOT, **terms: Any) -> Any:
        """Place a bid of alice's which rests."""
        order: Words = {
            "side": "Bid",
            "orderType": "Limit",
            "price": self.away(symbol),
            "quantity": "0.1",
        }
        return self.write("POST", "/api/v1/order", symbol=symbol, **order | terms)

    def take(self, symbol: str, side: str = "Bid", quantity: str = "0.1") -> Any:
        """Trade with whoever quotes."""
        terms: Words = {"side": side, "orderType": "Market", "quantity": quantity}
        return self.write("POST", "/api/v1/order", symbol=symbol, **terms)

    def cancel_all(self, symbol: str = SPOT) -> None:
        """End alice's orders in a market."""
        self.write("DELETE", "/api/v1/orders", symbol=symbol)

    def tidy(self) -> None:
        """End whatever alice has left open."""
        for symbol in (SPOT, PERP):
            self.cancel_all(symbol)
            self.write("DELETE", "/api/v1/strategies", symbol=symbol)

    def row(self, query: str, *values: Any) -> tuple[Any, ...]:
        """Return the one row which the database has."""
        (found,) = self._database.execute(query, values).fetchall()
        return tuple(found)

    def prepare(self) -> None:
        """Let alice have some of everything which can be read."""
        self.take(SPOT)
        rows = self.read("/api/v1/position")
        sizes = {row["symbol"]: Decimal(row["netQuantity"]) for row in rows}
        size = sizes.get(PERP, Decimal(0))
        # Long, whatever other tests have left her with.
        if size < 1:
            self.take(PERP, quantity=str(1 - size))
        self._ask_for_quotes()
        plan: Words = {"side": "Bid", "strategyType": "Scheduled", "quantity": "0.4"}
        plan |= {"price": self.away(), "duration": "60000", "interval": "15000"}
        self.write("POST", "/api/v1/strategy", symbol=SPOT, **plan)
        self.write("DELETE", "/api/v1/strategies", symbol=SPOT)
        # What is lent cannot be borrowed: not USDC, of which other tests borrow.
        for side, quantity in (("Lend", "2"), ("Borrow", "0.5")):
            terms: Words = {"side": side, "quantity": quantity, "symbol": "ETH"}
            self.write("POST", "/api/v1/borrowLend", **terms)
        withdrawal: Words = {"address": OUTSIDE, "blockchain": "Ethereum", "symbol": "USDC"}
        self.write("POST", "/wapi/v1/capital/withdrawals", quantity="20", **withdrawal)

    def quote(self, who: SignedClient, rfq: str) -> Any:
        """Quote the best prices of the book."""
        bid, ask = self.best(SPOT)
        prices: Words = {"bidPrice": str(bid), "askPrice": str(ask)}
        return self.write("POST", "/api/v1/rfq/quote", who=who, rfqId=rfq, **prices)

    def request(self, who: SignedClient) -> Any:
        """Ask for quotes."""
        terms: Words = {"symbol": RFQ, "side": "Bid", "quantity": "1"}
        return self.write("POST", "/api/v1/rfq", who=who, **terms)

    def _ask_for_quotes(self) -> None:
        """Let alice and bob each take the other's quote."""
        for taker, maker in ((self.alice, self.bob), (self.bob, self.alice)):
            made = self.request(taker)
            ids: Words = {
                "rfqId": made["rfqId"],
                "quoteId": self.quote(maker, made["rfqId"])["quoteId"],
            }
            self.write("POST", "/api/v1/rfq/accept", who=taker, **ids)


class Unserved(AssertionError):
    """The exchange itself refused what a case needs before a client can be asked."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(f"{code}: {words}")
        self.code = code


def plain(value: Any, *, but: tuple[str, ...] = ()) -> Any:
    """Return an answer in one representation: numbers as texts, which is how ccxt hands them on.

    `but` names members which differ from moment to moment.
    """
    if isinstance(value, dict):
        return {name: plain(part, but=but) for name, part in value.items() if name not in but}
    if isinstance(value, list):
        return [plain(part, but=but) for part in value]
    if isinstance(value, bool) or value is None:
        return value
    return str(value)


def pause(attempt: int) -> None:
    """Wait before asking again: not at first, then longer, as answers are rationed."""
    time.sleep(0 if attempt < 5 else 0.1)


def shown(value: Any) -> str:
    """Return an answer as short text, for the message of a failure."""
    return json.dumps(value, default=str)[:700]
