"""Market data beside a busy engine: how long /depth and /ticker take while orders are matched."""

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import uvloop

from bench.live import SYMBOL, TRADERS, Cpu, mid_price, running_exchange, small_orders
from bench.load import Signer, run
from bench.report import line, percentiles

RATE = 200
SECONDS = 20
CONNECTIONS = 16
PATHS = (f"/api/v1/depth?symbol={SYMBOL}", f"/api/v1/ticker?symbol={SYMBOL}")
# Orders a second beside it; they are sent in portions, as many at a time as there are portions.
ORDER_RATES = (0, 1_000, 2_000)
PORTIONS_A_SECOND = 50


def measure() -> None:
    """Print a line for each path and each load of orders."""
    with running_exchange() as exchange:
        mid = mid_price(exchange)
        for rate in ORDER_RATES:
            uvloop.run(_measure(exchange, mid, rate))


async def _measure(exchange: Any, mid: float, order_rate: int) -> None:
    rest = exchange["rest"]
    signers = [Signer(user, rest) for user in exchange["users"][:TRADERS]]
    await run(rest, [[one.cancel_all(SYMBOL)] for one in signers])
    # A market that has never traded has no ticker.
    await run(rest, [[signers[0].batch(small_orders(mid, 50))]])
    orders = small_orders(mid, order_rate * SECONDS)
    cpu = Cpu(exchange)
    latencies, ordered = await asyncio.gather(_ask(rest), _place(rest, signers, orders))
    spent = cpu.spent()["edge"]
    for path, seconds in latencies.items():
        line(
            f"{path.split('?')[0]}, {RATE // len(PATHS)} a second, {ordered} orders/s beside it",
            rate=RATE / len(PATHS),
            cpu_us=spent / (RATE * SECONDS) * 1e6,
            latency=percentiles(seconds),
            includes="timed from when it was due, asked or not; CPU is all of the edge's",
        )


async def _ask(rest: str) -> dict[str, list[float]]:
    """Ask each path in turn, at the rate; return how long each took from when it was due."""
    address = urlsplit(rest)
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection(address.hostname, address.port))
    latencies: dict[str, list[float]] = {path: [] for path in PATHS}

    async def one(path: str, due: float) -> None:
        reader, writer = await free.get()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        latencies[path].append(time.perf_counter() - due)
        free.put_nowait((reader, writer))

    began, asked = time.perf_counter(), []
    for number in range(RATE * SECONDS):
        due = began + number / RATE
        await asyncio.sleep(max(0, due - time.perf_counter()))
        asked.append(asyncio.ensure_future(one(PATHS[number % len(PATHS)], due)))
    await asyncio.gather(*asked)
    while not free.empty():
        free.get_nowait()[1].close()
    return latencies


async def _place(rest: str, signers: list[Signer], orders: list[dict[str, Any]]) -> int:
    """Place the orders over the time that the questions take; return how many a second it was."""
    portions = SECONDS * PORTIONS_A_SECOND
    size = len(orders) // portions
    if not size:
        return 0
    requests: list[list[bytes]] = []
    for number in range(portions):
        signer = signers[number % len(signers)]
        part = orders[number * size : (number + 1) * size]
        requests.append([signer.batch(part)])
    began, placed = time.perf_counter(), 0
    for number, request in enumerate(requests):
        await asyncio.sleep(max(0, began + number / PORTIONS_A_SECOND - time.perf_counter()))
        result = await run(rest, [request])
        assert not result.errors, result.example
        placed += size
    return round(placed / (time.perf_counter() - began))
