"""Any venue that ccxt knows, through its unified methods only.

An order is looked for among those that rest, then among those that have ended, by the client's id.
It is certainly not there if both were read back to before it was sent; else the venue is "away".
A refusal counts as a certain no only where ccxt says so by its class; all else leaves it open.
"""

import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from hedging.decision import Attempt, Rules, Sighting
from hedging.venue import VenueAway, VenueFill, VenueRefused

TIMEOUT_MS: Final = 10_000
# How many orders or trades are asked for; some venues give fewer at once, none less than so many.
PAGE: Final = 500
SMALL_PAGE: Final = 50
# The venue's clock against ours.
CLOCK_SLACK_MS: Final = 60_000
# What an answer of another shape raises while it is read.
MALFORMED: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
# By these ccxt says that the order was not taken. Its children that say otherwise come first.
UNSURE_CLASSES: Final = ("DuplicateOrderId", "OrderNotFound", "OrderNotCached")
REFUSING_CLASSES: Final = (
    *("InvalidOrder", "InsufficientFunds", "BadRequest", "AuthenticationError"),
    *("OperationRejected", "ArgumentsRequired", "NotSupported"),
)
Row = dict[str, Any]


class NoSuchVenue(Exception):
    """The venues' file does not describe the venue; the message says what to do."""


def read_venue(path: str, name: str) -> Row:
    """Return what the venues' file says of a venue: its ccxt class, and what that is made with.

    Raises NoSuchVenue.
    """
    try:
        venues = json.loads(Path(path).read_text(encoding="utf-8"))
        described = venues[name]
        return {"class": str(described["class"]), "config": dict(described.get("config", {}))}
    except (OSError, *MALFORMED) as error:
        raise NoSuchVenue(
            f"{path} does not describe the venue {name!r} ({error!r}): see docs/runbook.md."
        ) from error


class CcxtVenue:
    """One market of one ccxt exchange."""

    def __init__(self, described: Row, symbol: str) -> None:
        # Heavy, and needed where a desk trades for real only.
        self._ccxt = importlib.import_module("ccxt")
        exchange = getattr(self._ccxt, described["class"])
        self._exchange = exchange({"timeout": TIMEOUT_MS, **described["config"]})
        # Decimal text instead of floats.
        self._exchange.number = str
        self._exchange.enableLastJsonResponse = True
        self._symbol = symbol

    def rules(self) -> Rules:
        """Return step, smallest quantity and tick, as the venue's list of markets has them."""
        with self._asking():
            market = self._market()
            size = _contract_size(market)
            step = self._precision(market["precision"]["amount"]) * size
            least = market["limits"]["amount"]["min"]
            return Rules(
                step=step,
                minimum=max(step, _decimal(least) * size) if least is not None else step,
                tick=self._precision(market["precision"]["price"]),
            )

    def position(self) -> Decimal:
        """Return the net position in the market; a venue that lists none holds none."""
        with self._asking():
            size = _contract_size(self._market())
            rows = self._answered(self._exchange.fetch_positions([self._symbol]))
            ours = [row for row in rows if row["symbol"] == self._symbol]
            return sum((_signed(row) * size for row in ours), Decimal(0))

    def open_orders(self) -> list[Sighting]:
        """Return what rests in the market for us."""
        with self._asking():
            rows = self._answered(self._exchange.fetch_open_orders(self._symbol))
            return [self._sighting(row) for row in rows]

    def find(self, attempt: Attempt) -> Sighting | None:
        """Return the order under the attempt's id; an order that ends meanwhile is found ended."""
        named = [row for row in self.open_orders() if row.client_id == attempt.client_id]
        if named:
            return named[0]
        for row in self._ended(attempt.planned_at):
            if str(row["clientOrderId"]) == str(attempt.client_id):
                with self._asking():
                    return self._sighting(row)
        return None

    def fills(self, since: datetime) -> list[VenueFill]:
        """Return our latest trades in the market since a moment, the oldest first.

        One page is read. Should trades be missing, an order's fills do not come to what it filled,
        and the desk waits.
        """
        with self._asking():
            rows = self._answered(self._exchange.fetch_my_trades(self._symbol, _ms(since), PAGE))
            found = [self._fill(row) for row in rows]
        return sorted(found, key=lambda fill: (fill.at, fill.trade_id))

    def place(self, attempt: Attempt) -> None:
        """Send the order. Raises VenueRefused where it was certainly not taken."""
        side = "buy" if attempt.is_buy else "sell"
        params = {"timeInForce": "IOC", "clientOrderId": str(attempt.client_id)}
        with self._asking():
            amount = attempt.quantity / _contract_size(self._market())
            quantity, price = f"{amount:f}", f"{attempt.price:f}"
        try:
            self._exchange.create_order(self._symbol, "limit", side, quantity, price, params)
        except self._classes(UNSURE_CLASSES) as error:
            raise VenueAway(_words(error)) from error
        except self._classes(REFUSING_CLASSES) as error:
            raise VenueRefused(_words(error)) from error
        except (self._ccxt.BaseError, OSError, *MALFORMED) as error:
            raise VenueAway(_words(error)) from error

    def cancel(self, order_id: str) -> None:
        """Take back what is left of an order."""
        try:
            self._exchange.cancel_order(order_id, self._symbol)
        except (self._ccxt.OrderNotFound, self._ccxt.ExchangeNotAvailable):
            # Most likely it has ended; the next look tells.
            return
        except (self._ccxt.BaseError, OSError, *MALFORMED) as error:
            raise VenueAway(_words(error)) from error

    def _ended(self, since: datetime) -> Iterator[Row]:
        """Yield finished orders, read back to before a moment. Raises VenueAway if that fails."""
        fetch = self._history()
        with self._asking():
            rows = self._answered(fetch(self._symbol, None, PAGE))
            for row in rows:
                _require_order(row)
            oldest = min((row["timestamp"] for row in rows), default=0)
            is_full = len(rows) >= SMALL_PAGE
        yield from rows
        if is_full and oldest > _ms(since) - CLOCK_SLACK_MS:
            raise VenueAway("its orders could not be read back to the moment of this one")

    def _history(self) -> Callable[..., list[Row]]:
        for name, method in (
            ("fetchOrders", "fetch_orders"),
            ("fetchClosedOrders", "fetch_closed_orders"),
        ):
            if self._exchange.has.get(name) is True:
                fetch: Callable[..., list[Row]] = getattr(self._exchange, method)
                return fetch
        raise VenueAway("ccxt reads no finished orders there: it cannot be a desk's venue")

    def _answered(self, rows: list[Row]) -> list[Row]:
        """Return what ccxt read, unless it read nothing out of an answer that said nothing."""
        if not isinstance(self._exchange.last_json_response, list | dict):
            raise ValueError("an answer that is no JSON")
        return rows

    def _market(self) -> Row:
        self._exchange.load_markets()
        market: Row = self._exchange.market(self._symbol)
        return market

    def _precision(self, value: Any) -> Decimal:
        if self._exchange.precisionMode == self._ccxt.DECIMAL_PLACES:
            return Decimal(1).scaleb(-int(value))
        if self._exchange.precisionMode != self._ccxt.TICK_SIZE:
            raise VenueAway("its prices have significant digits instead of ticks")
        return _decimal(value)

    def _sighting(self, row: Row) -> Sighting:
        size = _contract_size(self._market())
        client_id = str(row.get("clientOrderId"))
        return Sighting(
            order_id=str(row["id"]),
            client_id=int(client_id) if client_id.isdecimal() else None,
            is_buy=_is_buy(row),
            quantity=_decimal(row["amount"]) * size,
            filled=_decimal(row["filled"] or 0) * size,
            is_open=row["status"] == "open",
        )

    def _fill(self, row: Row) -> VenueFill:
        fee = row.get("fee") or {}
        return VenueFill(
            trade_id=str(row["id"]),
            order_id=str(row["order"]),
            is_buy=_is_buy(row),
            quantity=_decimal(row["amount"]) * _contract_size(self._market()),
            price=_decimal(row["price"]),
            fee=_decimal(fee.get("cost") or 0),
            fee_asset=str(fee.get("currency") or ""),
            at=datetime.fromtimestamp(row["timestamp"] / 1_000, UTC),
        )

    def _classes(self, names: tuple[str, ...]) -> tuple[type[Exception], ...]:
        return tuple(getattr(self._ccxt, name) for name in names)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn whatever goes wrong with a question into VenueAway."""
        try:
            yield
        except (self._ccxt.BaseError, OSError, *MALFORMED) as error:
            raise VenueAway(_words(error)) from error


def _decimal(value: Any) -> Decimal:
    """Return a venue's number. Raises ValueError for what is none."""
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is no number") from error
    if not number.is_finite():
        raise ValueError(f"{value!r} is no number")
    return number


def _contract_size(market: Row) -> Decimal:
    """Return how much of the base asset a contract is; a spot market counts in it."""
    return _decimal(market.get("contractSize") or 1)


def _signed(row: Row) -> Decimal:
    """Return a position in contracts, below zero when short."""
    contracts = abs(_decimal(row["contracts"] or 0))
    if contracts and row["side"] not in ("long", "short"):
        raise ValueError(f"a position without a side: {row['side']!r}")
    return -contracts if row["side"] == "short" else contracts


def _is_buy(row: Row) -> bool:
    if row["side"] not in ("buy", "sell"):
        raise ValueError(f"an order without a side: {row['side']!r}")
    return bool(row["side"] == "buy")


def _require_order(row: Row) -> None:
    """Raise ValueError for a row that is none of an order: it must not be passed over as others'.

    Those of staff who have put something right by hand may lack what ours have, such as a quantity.
    """
    if row["id"] is None or row["timestamp"] is None or "clientOrderId" not in row:
        raise ValueError("an order without a number or a time")


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000)


def _words(error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else ""
    return f"{type(error).__name__}: {first[:300]}"
