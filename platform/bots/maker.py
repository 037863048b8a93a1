"""The maker: quotes every market on both sides of its index, in one loop.

    1  look       own orders, balances and positions                every few seconds
    2  prices     GET /api/v1/markPrices
    3  place      what is missing: one batch for all markets, post-only
    4  cancel     what is too near, too far or too thin

New orders come first, so that a book is never empty; only what one of them would trade with is
cancelled before it. A life which follows a failure takes over the orders that it finds.
"""

import asyncio
import logging
from decimal import Decimal
from typing import Any

from bots.account import Account, index_of, read_account, read_indexes, read_rules
from bots.client import ApiAway, ApiRefused, Client, Fields
from bots.quotes import Change, Level, Resting, Rules, change, ladder
from bots.roster import MarketPlan, Trader

log = logging.getLogger(__name__)

Order = tuple[str, Level, int]  # market, level, quantity in steps

CYCLE_SECONDS = 1.0
LOOK_EVERY_CYCLES = 3
BATCH_LIMIT = 50
# Of the orders which are merely left over, so many a market and cycle: prices do not wait.
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
        """Set the clock and read the rules."""
        await self._client.set_clock()
        self._rules = await read_rules(self._client)

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
            if rules is None or order["symbol"] not in self._resting:
                continue
            level, found = _level(order, rules), _resting(order, rules)
            if level in self._resting[rules.symbol]:
                # Placed twice, because the answer to the first was lost.
                await self._cancel(rules.symbol, found)
            else:
                self._resting[rules.symbol][level] = found

    async def _quote(self) -> None:
        indexes = await read_indexes(self._client)
        changes: dict[str, Change] = {}
        for plan in self._plans:
            rules = self._rules.get(plan.symbol)
            index = index_of(plan, indexes)
            if rules is not None and index is not None:
                lean = self._account.lean(plan, self._me.home)
                wanted = ladder(rules, index=index, size=plan.size, lean=lean)
                changes[plan.symbol] = change(wanted, self._resting[plan.symbol])
        old = {symbol: dict(self._resting[symbol]) for symbol in changes}
        await self._place([(symbol, *o) for symbol, todo in changes.items() for o in todo.place])
        for symbol, todo in changes.items():
            await self._withdraw(symbol, todo.clear, old[symbol])
        await self._place([(symbol, *o) for symbol, todo in changes.items() for o in todo.follow])
        for symbol, todo in changes.items():
            await self._withdraw(symbol, todo.cancel[:CANCEL_LIMIT], old[symbol])

    async def _place(self, orders: list[Order]) -> None:
        for start in range(0, len(orders), BATCH_LIMIT):
            batch = orders[start : start + BATCH_LIMIT]
            answers = await self._client.place(
                [_order(self._rules[symbol], level, steps) for symbol, level, steps in batch]
            )
            for (symbol, level, _), answer in zip(batch, answers, strict=True):
                if answer.get("operation") == "Ok" and answer.get("status") == "New":
                    self._resting[symbol][level] = _resting(answer, self._rules[symbol])
                elif answer.get("operation") == "Err":
                    log.debug("%s %s: %s", symbol, level, answer.get("message"))

    async def _withdraw(
        self, symbol: str, levels: tuple[Level, ...], old: dict[Level, Resting]
    ) -> None:
        """Cancel the old orders at `levels`; a new one at the same price stays."""
        resting = self._resting[symbol]
        for level in levels:
            if resting.get(level) is old[level]:
                del resting[level]
            await self._cancel(symbol, old[level])

    async def _cancel(self, symbol: str, order: Resting) -> None:
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
