"""A whole exchange on loopback: orders over REST, as clients meet them."""

import json
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import uvloop

from bench.load import Result, Signer, run
from bench.report import line, percentiles
from tests.live import LiveExchange

CONNECTIONS = 64
# How many orders, by how many there are to a request.
ORDERS = {1: 12_800, 10: 12_800, 50: 32_000}
# The demo's first users hold SOL as well as USDC.
TRADERS = 3
SYMBOL = "SOL_USDC"


@contextmanager
def running_exchange() -> Iterator[LiveExchange]:
    """Yield a whole exchange of its own, without limits a minute."""
    with tempfile.TemporaryDirectory(prefix="satchel-bench-") as folder:
        # The embedded PostgreSQL runs as a user of its own and must reach its data.
        Path(folder).chmod(0o755)
        # One account sends here what thousands would: the limit a minute would be what is measured.
        os.environ["SIGNED_REQUESTS_PER_MINUTE"] = str(10**9)
        os.environ["UNSIGNED_REQUESTS_PER_MINUTE"] = str(10**9)
        exchange = LiveExchange(Path(folder) / "data")
        try:
            exchange.start()
            yield exchange
        finally:
            exchange.stop()


def measure_rest() -> None:
    """Print the REST lines, with the demo's bots halted and with them at work."""
    with running_exchange() as exchange:
        mid = mid_price(exchange)
        for size, count in ORDERS.items():
            for with_bots in (False, True):
                _measure_orders(exchange, mid, size=size, count=count, with_bots=with_bots)


def _measure_orders(
    exchange: LiveExchange, mid: float, *, size: int, count: int, with_bots: bool
) -> None:
    signers = [Signer(user, exchange["rest"]) for user in exchange["users"][:TRADERS]]
    # An account may have only so many orders open.
    ended = uvloop.run(run(exchange["rest"], [[one.cancel_all(SYMBOL)] for one in signers]))
    assert not ended.errors, ended.example
    orders = small_orders(mid, count)
    requests: list[list[bytes]] = [[] for _ in range(CONNECTIONS)]
    for number in range(count // size):
        slot = number % CONNECTIONS
        signer = signers[slot % len(signers)]
        part = orders[number * size : (number + 1) * size]
        requests[slot].append(signer.order(part[0]) if size == 1 else signer.batch(part))
    what = "REST single orders" if size == 1 else f"REST batches of {size}"
    with nullcontext() if with_bots else halted(exchange.pid("bots")):
        cpu = Cpu(exchange)
        result = uvloop.run(run(exchange["rest"], requests))
        beside = "bots beside it" if with_bots else "no bots"
        _print(f"{what}, {CONNECTIONS} connections, {beside}", result, count, cpu)


@contextmanager
def halted(pid: int) -> Iterator[None]:
    os.killpg(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(pid, signal.SIGCONT)


def mid_price(exchange: LiveExchange) -> float:
    """Return the middle of the book, once it has two sides."""
    url = f"{exchange['rest']}/api/v1/depth?symbol={SYMBOL}"
    while True:
        with urlopen(url) as answer:  # noqa: S310 -- loopback
            depth = json.load(answer)
        if depth["bids"] and depth["asks"]:
            return (float(depth["bids"][-1][0]) + float(depth["asks"][0][0])) / 2
        time.sleep(0.5)


def small_orders(mid: float, count: int) -> list[dict[str, Any]]:
    """Return small orders: a fifth rest far below, the others take or find nothing and end."""
    rng = random.Random(count)
    orders = []
    for number in range(count):
        resting = number % 5 == 0
        side = rng.choice(("Bid", "Ask"))
        factor = 0.8 + rng.random() / 10 if resting else (1.02 if side == "Bid" else 0.98)
        orders.append(
            {
                "symbol": SYMBOL,
                "side": "Bid" if resting else side,
                "orderType": "Limit",
                "price": f"{mid * factor:.2f}",
                "quantity": "0.01",
                "timeInForce": "GTC" if resting else "IOC",
                # Equal orders signed in one millisecond would be one request, sent again.
                "clientId": number + 1,
            }
        )
    return orders


class Cpu:
    """The CPU time of the exchange's processes, by name."""

    NAMES = ("edge", "engine", "postgres")

    def __init__(self, exchange: LiveExchange) -> None:
        self.pids = {name: exchange.pid(name) for name in self.NAMES}
        self.before = {name: _tree_seconds(pid) for name, pid in self.pids.items()}

    def spent(self) -> dict[str, float]:
        """Return the seconds since this was made."""
        return {n: _tree_seconds(pid) - self.before[n] for n, pid in self.pids.items()}


def _tree_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and its children, the ended ones included."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = path.read_text().split(" ", 1)
        except OSError:
            continue
        fields = rest.rsplit(")", 1)[1].split()
        if int(number) == pid:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _print(what: str, result: Result, orders: int, cpu: Cpu) -> None:
    spent = cpu.spent()
    parts = " + ".join(f"{n} {seconds / orders * 1e6:.0f}" for n, seconds in spent.items())
    refused = f"; {result.errors} refused, such as {result.example}" if result.errors else ""
    line(
        what,
        rate=orders / result.wall,
        cpu_us=sum(spent.values()) / orders * 1e6,
        latency=percentiles(result.seconds),
        includes=(
            f"signature, permission, engine, commit before the reply; {parts}, for whatever they "
            f"do meanwhile; the load generator runs on the same cores{refused}"
        ),
    )
