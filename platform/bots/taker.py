"""The taker: small orders across the spread now and then, so that tape and candles live."""

import asyncio
import logging
import random
from decimal import Decimal
from typing import Any

from bots.account import Account, index_of, read_account, read_indexes, read_rules
from bots.client import ApiRefused, Client, Fields
from bots.quotes import ASK, BID, Rules
from bots.roster import MarketPlan, Trader

log = logging.getLogger(__name__)

WAIT_SECONDS = (0.2, 1.0)
LOOK_EVERY_ORDERS = 12
REACH = Decimal("0.004")
# Sizes are drawn between these parts of a market's size.
SMALLEST, LARGEST = Decimal("0.05"), Decimal("1.5")


async def take(client: Client, me: Trader, plans: tuple[MarketPlan, ...]) -> None:
    """Cross the spread in one market after another until a call fails."""
    chance = random.Random()  # noqa: S311 - which order comes next is no secret
    await client.set_clock()
    rules = await read_rules(client)
    account = Account({}, {})
    indexes: dict[str, Any] = {}
    orders = 0
    log.info("The taker trades in %s.", ", ".join(plan.symbol for plan in plans))
    while True:
        if orders % LOOK_EVERY_ORDERS == 0:
            account = await read_account(client)
            indexes = await read_indexes(client)
        plan = chance.choice(plans)
        index = index_of(plan, indexes)
        if plan.symbol in rules and index is not None:
            side = choose_side(account.lean(plan, me.home), chance)
            order = taking_order(
                rules[plan.symbol], side, index=index, quantity=draw_quantity(plan, chance)
            )
            await _trade(client, order)
        orders += 1
        await asyncio.sleep(chance.uniform(*WAIT_SECONDS))


async def _trade(client: Client, order: Fields) -> None:
    try:
        await client.send("POST", "/api/v1/order", "orderExecute", order)
    except ApiRefused as refusal:
        log.debug("%s: %s", order["symbol"], refusal)


def taking_order(rules: Rules, side: str, *, index: Decimal, quantity: Decimal) -> Fields:
    """Return an order which takes what is there, no further than REACH from the index.

    A market order would follow an emptied book wherever its last quote stands.
    """
    steps = max(int(quantity / rules.step), int(rules.minimum / rules.step), 1)
    ticks = int(index * (1 + REACH if side == BID else 1 - REACH) / rules.tick)
    return {
        "orderType": "Limit",
        "price": format(rules.tick * ticks, "f"),
        "quantity": format(rules.step * steps, "f"),
        "side": side,
        "symbol": rules.symbol,
        "timeInForce": "IOC",
    }


def draw_quantity(plan: MarketPlan, chance: random.Random) -> Decimal:
    """Draw a size, small ones more often."""
    draw = Decimal(chance.randint(0, 1000)) / 1000
    return plan.size * (SMALLEST + (LARGEST - SMALLEST) * draw**3)


def choose_side(lean: Decimal, chance: random.Random) -> str:
    """Toss a coin which favours the side that brings the inventory home."""
    sell_permille = 500 + int(max(Decimal(-1), min(Decimal(1), lean)) * 450)
    return ASK if chance.randint(1, 1000) <= sell_permille else BID
