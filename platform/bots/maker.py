"""The maker: quotes every market on both sides of its index, in one loop.

    1  look       own orders, balances and positions                every few seconds
    2  prices     GET /api/v1/markPrices
    3  cancel     what is too near, too far or too thin
    4  place      what is missing: one batch for all markets, post-only

After any failure it may not know what rests: it cancels all and begins again, as at the start.
"""

import asyncio
import logging
from decimal import Decimal
from typing import Any

from bots.account import Account, index_of, read_account, read_indexes, read_rules
from bots.client import ApiAway, ApiRefused, Client, Fields
from bots.quotes import Level, Resting, Rules, change, ladder
from bots.roster import MarketPlan, Trader

log = logging.getLogger(__name__)

CYCLE_SECONDS = 1.0
LOOK_EVERY_CYCLES = 3
BATCH_LIMIT = 50
# Above so many cancels in one market, cancelling all of it is fewer requests.
CANCEL_LIMIT = 8
# Whoever stops the bots may be stopping the exchange as well: do not wait for it.
GOODBYE_SECONDS = 3.0


class Maker:
    """Keep the wanted ladders in the books."""

    def __init__(self, client: Client, me: Trader, plans: tuple[MarketPlan, ...]) -> None:
        self._client = client
        self._me = me
        self._plans = plans
        self._rules: dict[str, Rules] = {}
        self._resting: dict[str, dict[Level, Resting]] = {}
        self._account = Account({}, {})

    async def begin(self) -> None:
        """Set the clock, read the rules and cancel whatever an earlier life left behind."""
        await self._client.set_clock()
        self._rules = await read_rules(self._client)
        for plan in self._plans:
            if plan.symbol in self._rules:
                await self._cancel_all(plan.symbol)

    async def run(self) -> None:
        """Quote until a call fails; the caller begins again."""
        cycle = 0
        while True:
            if cycle % LOOK_EVERY_CYCLES == 0:
                await self._look()
            await self._quote()
            cycle += 1
            await asyncio.sleep(CYCLE_SECONDS)

    async def end(self) -> None:
        """Leave no quotes behind that nobody tends."""
        for symbol in self._rules:
            await self._cancel_all(symbol)

    async def _look(self) -> None:
        self._account = await read_account(self._client)
        self._resting = {plan.symbol: {} for plan in self._plans}
        for order in await self._client.read("/api/v1/orders", "orderQueryAll"):
            rules = self._rules.get(order["symbol"])
            if rules is not None and order["symbol"] in self._resting:
                self._resting[rules.symbol][_level(order, rules)] = _resting(order, rules)

    async def _quote(self) -> None:
        indexes = await read_indexes(self._client)
        batch: list[tuple[str, Level, Fields]] = []
        for plan in self._plans:
            rules = self._rules.get(plan.symbol)
            index = index_of(plan, indexes)
            if rules is None or index is None:
                continue
            lean = self._account.lean(plan, self._me.home)
            wanted = ladder(rules, index=index, size=plan.size, lean=lean)
            resting = self._resting.setdefault(plan.symbol, {})
            todo = change(wanted, resting)
            emptied = len(todo.cancel) > CANCEL_LIMIT
            if emptied:
                await self._cancel_all(plan.symbol)
                todo = change(wanted, self._resting[plan.symbol])
            for level in todo.cancel:
                await self._cancel(plan.symbol, level)
            orders = [
                (plan.symbol, level, _order(rules, level, steps)) for level, steps in todo.place
            ]
            if emptied:
                # An empty book does not wait for the other markets' turn.
                await self._place(orders[:BATCH_LIMIT])
                orders = orders[BATCH_LIMIT:]
            batch += orders
        for start in range(0, len(batch), BATCH_LIMIT):
            await self._place(batch[start : start + BATCH_LIMIT])

    async def _place(self, batch: list[tuple[str, Level, Fields]]) -> None:
        answers = await self._client.place([fields for _, _, fields in batch])
        for (symbol, level, _), answer in zip(batch, answers, strict=True):
            if answer.get("operation") == "Ok" and answer.get("status") == "New":
                self._resting[symbol][level] = _resting(answer, self._rules[symbol])
            elif answer.get("operation") == "Err":
                log.debug("%s %s: %s", symbol, level, answer.get("message"))

    async def _cancel(self, symbol: str, level: Level) -> None:
        order = self._resting[symbol].pop(level)
        body = {"orderId": order.order_id, "symbol": symbol}
        try:
            await self._client.send("DELETE", "/api/v1/order", "orderCancel", body)
        except ApiRefused as refusal:
            # Most often it was filled a moment ago; the next look tells.
            log.debug("%s: %s", symbol, refusal)

    async def _cancel_all(self, symbol: str) -> None:
        await self._client.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": symbol})
        self._resting[symbol] = {}


def _order(rules: Rules, level: Level, steps: int) -> Fields:
    side, ticks = level
    return {
        "orderType": "Limit",
        "postOnly": True,
        "price": format(rules.tick * ticks, "f"),
        "quantity": format(rules.step * steps, "f"),
        "side": side,
        "symbol": rules.symbol,
    }


def _level(order: dict[str, Any], rules: Rules) -> Level:
    return order["side"], int(Decimal(order["price"]) / rules.tick)


def _resting(order: dict[str, Any], rules: Rules) -> Resting:
    left = Decimal(order["quantity"]) - Decimal(order["executedQuantity"])
    return Resting(order["id"], int(left / rules.step))


async def make(client: Client, me: Trader, plans: tuple[MarketPlan, ...]) -> None:
    """Live one life of the maker: begin, quote, and on the way out take the quotes back."""
    maker = Maker(client, me, plans)
    await maker.begin()
    log.info("The maker quotes %s.", ", ".join(plan.symbol for plan in plans))
    try:
        await maker.run()
    except asyncio.CancelledError:
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await maker.end()
        except (ApiAway, ApiRefused, TimeoutError) as error:
            log.info("The quotes stay: %s", str(error) or "the exchange does not answer")
        raise
