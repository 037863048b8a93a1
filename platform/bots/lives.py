"""A bot that never dies: each life ends with a failed call, the next begins after a pause."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bots.client import ApiAway, ApiRefused, Client, Pace
from bots.maker import make
from bots.roster import MarketPlan, Roster, Trader
from bots.taker import take

log = logging.getLogger(__name__)

PAUSE_SECONDS_FIRST = 0.5
PAUSE_SECONDS_MOST = 15.0
# A life as long as this was a good one: the next failure starts again with a short pause.
GOOD_LIFE_SECONDS = 30.0

Bot = Callable[[Client, Trader, tuple[MarketPlan, ...]], Awaitable[None]]


async def run(roster: Roster) -> None:
    """Run maker and taker side by side until cancelled."""
    pace = Pace(roster.requests_per_second)
    async with asyncio.TaskGroup() as group:
        group.create_task(live(make, roster.maker, roster, pace))
        group.create_task(live(take, roster.taker, roster, pace))


async def live(bot: Bot, me: Trader, roster: Roster, pace: Pace) -> None:
    """Begin again after each failure, with pauses that grow while it goes on failing."""
    pause = PAUSE_SECONDS_FIRST
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            async with Client(roster.rest, me.secret, pace) as client:
                await bot(client, me, roster.markets)
        except (ApiAway, ApiRefused) as error:
            reason = str(error)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            # An answer of another shape than the contract's: an old or half started server.
            reason = f"an answer it does not understand ({error!r})"
        if loop.time() - began > GOOD_LIFE_SECONDS:
            pause = PAUSE_SECONDS_FIRST
        log.warning("%s begins again in %.1f s: %s", bot.__name__, pause, reason)
        await asyncio.sleep(pause)
        pause = min(PAUSE_SECONDS_MOST, pause * 2)
