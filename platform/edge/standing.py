"""What only the database tells of accounts that somebody listens to: margin, interest by the hour.

One thread reads for all sockets of the process, a bounded number of accounts a second, in turn;
when nobody listens nothing is read.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from django.db import OperationalError, close_old_connections

from accounts.api.fields import UtcText
from edge.clients import Client
from edge.frames import Message
from edge.topics import BORROW_LEND, MARGIN, Topics, message, now_us
from lending import history
from lending.history import InterestRow
from trading import account_states, portfolio
from trading.portfolio import MarginSummary

ROUND_SECONDS: Final = 1.0
# Each costs a few milliseconds of one thread. With more listeners each is told less often.
ACCOUNTS_A_ROUND: Final = 25
# Lines come once an hour; the job that writes them runs every few minutes.
INTEREST_EVERY_ROUNDS: Final = 15
Fields = dict[str, object]
_Found = TypeVar("_Found")
_log = logging.getLogger(__name__)


class Standing:
    """Tells the listeners of margin and interest."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="standing")
        # What each account with a listener was last told.
        self._margins: dict[int, Fields] = {}
        self._last_asked = 0
        self._last_line: int | None = None

    async def follow(self) -> None:
        """Tell what has changed, until cancelled."""
        rounds = 0
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            rounds += 1
            try:
                await self.tell_margins()
                if rounds % INTEREST_EVERY_ROUNDS == 0:
                    await self.tell_interest()
            except OperationalError as error:
                _log.warning("PostgreSQL is away (%s); margins are not told", error)

    def welcome(self, client: Client, name: str, account: int) -> None:
        """Tell a newcomer what the others know; who is the first hears with the next round."""
        known = self._margins.get(account)
        if name == MARGIN and known is not None:
            client.push(_margin_message(known))

    async def tell_margins(self) -> None:
        """Tell the margin of the accounts whose turn it is, if it has changed."""
        heard = sorted(self.topics.accounts(MARGIN))
        self._margins = {
            account: self._margins[account] for account in heard if account in self._margins
        }
        turn = self._turn(heard)
        if not turn:
            return
        for account, fields in (await self._read(lambda: _margins(turn))).items():
            topic = self.topics.find(MARGIN, account)
            if topic is not None and self._margins.get(account) != fields:
                self._margins[account] = fields
                said = _margin_message(fields)
                for listener in topic.listeners:
                    listener.push(said)

    async def tell_interest(self) -> None:
        """Tell the lines of interest that were written since the last time."""
        heard, last = self.topics.accounts(BORROW_LEND), self._last_line
        if not heard:
            self._last_line = None
        elif last is None:
            self._last_line = await self._read(history.last_interest)
        else:
            for number, account, row in await self._read(
                lambda: history.interest_since(heard, last)
            ):
                self._last_line = number
                topic = self.topics.find(BORROW_LEND, account)
                if topic is not None:
                    topic.send(interest_fields(row))

    def _turn(self, heard: list[int]) -> list[int]:
        """Return the accounts after the last one asked about, and then from the beginning."""
        after = [account for account in heard if account > self._last_asked]
        turn = (after + heard[: len(heard) - len(after)])[:ACCOUNTS_A_ROUND]
        if turn:
            self._last_asked = turn[-1]
        return turn

    async def _read(self, work: Callable[[], _Found]) -> _Found:
        def read() -> _Found:
            close_old_connections()
            return work()

        return await asyncio.get_running_loop().run_in_executor(self._thread, read)


def _margins(accounts: list[int]) -> dict[int, Fields]:
    state = account_states.market_state()
    found = {}
    for number in accounts:
        account = account_states.add_account(state, number)
        found[number] = margin_fields(portfolio.margin_of(state, account))
    return found


def margin_fields(summary: MarginSummary) -> Fields:
    """Return an account's margin under the names of GET /api/v1/capital/collateral, in USD."""
    return {
        "assetsValue": summary.assets_value,
        "borrowLiability": summary.liabilities,
        "imf": summary.imf,
        "liabilitiesValue": summary.liabilities,
        "marginFraction": summary.margin_fraction,
        "mmf": summary.mmf,
        "netEquity": summary.net_equity,
        "netEquityAvailable": summary.net_equity_available,
        "netEquityLocked": summary.net_equity_locked,
        "netExposureFutures": summary.net_exposure_futures,
        "pnlUnrealized": summary.pnl_unrealized,
        "unsettledEquity": summary.unsettled_equity,
    }


def interest_fields(row: InterestRow) -> Fields:
    """Return a line of interest under the names of GET /wapi/v1/history/interest."""
    now = now_us()
    return {
        "e": "interest",
        "E": now,
        "T": int(row.at.timestamp()) * 1_000_000,
        "interestRate": row.rate,
        "interval": row.interval_ms,
        "marketSymbol": row.market,
        "paymentType": row.kind,
        "positionId": row.position_id,
        "quantity": row.quantity,
        "symbol": row.symbol,
        "timestamp": UtcText().to_representation(row.at),
    }


def _margin_message(fields: Fields) -> Message:
    now = now_us()
    return message(MARGIN, {"e": "margin", "E": now, "T": now, **fields})
