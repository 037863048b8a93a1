"""The taker: small market orders now and then, so that tape and candles live."""

import asyncio
import logging
import random
from decimal import Decimal

from bots.account import Account, read_account, read_rules
from bots.client import ApiRefused, Client
from bots.quotes import ASK, BID, Rules
from bots.roster import MarketPlan, Trader

log = logging.getLogger(__name__)

WAIT_SECONDS = (0.2, 1.0)
LOOK_EVERY_ORDERS = 12
# Sizes are drawn between these parts of a market's size.
SMALLEST, LARGEST = Decimal("0.05"), Decimal("1.5")


async def take(client: Client, me: Trader, plans: tuple[MarketPlan, ...]) -> None:
    """Cross the spread in one market after another until a call fails."""
    chance = random.Random()  # noqa: S311 - which order comes next is no secret
    await client.set_clock()
    rules = await read_rules(client)
    account = Account({}, {})
    orders = 0
    log.info("The taker trades in %s.", ", ".join(plan.symbol for plan in plans))
    while True:
        if orders % LOOK_EVERY_ORDERS == 0:
            account = await read_account(client)
        plan = chance.choice(plans)
        if plan.symbol in rules:
            side = choose_side(account.lean(plan, me.home), chance)
            await _trade(client, rules[plan.symbol], side, draw_quantity(plan, chance))
        orders += 1
        await asyncio.sleep(chance.uniform(*WAIT_SECONDS))


async def _trade(client: Client, rules: Rules, side: str, quantity: Decimal) -> None:
    steps = max(int(quantity / rules.step), int(rules.minimum / rules.step), 1)
    body = {
        "orderType": "Market",
        "quantity": format(rules.step * steps, "f"),
        "side": side,
        "symbol": rules.symbol,
    }
    try:
        await client.send("POST", "/api/v1/order", "orderExecute", body)
    except ApiRefused as refusal:
        log.debug("%s: %s", rules.symbol, refusal)


def draw_quantity(plan: MarketPlan, chance: random.Random) -> Decimal:
    """Draw a size, small ones more often."""
    draw = Decimal(chance.randint(0, 1000)) / 1000
    return plan.size * (SMALLEST + (LARGEST - SMALLEST) * draw**3)


def choose_side(lean: Decimal, chance: random.Random) -> str:
    """Toss a coin which favours the side that brings the inventory home."""
    sell_permille = 500 + int(max(Decimal(-1), min(Decimal(1), lean)) * 450)
    return ASK if chance.randint(1, 1000) <= sell_permille else BID
