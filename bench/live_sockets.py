"""A whole exchange on loopback: orders over WebSocket, and market data to many clients."""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from multiprocessing import get_context

import uvloop

from bench.live import SYMBOL, TRADERS, Cpu, halted, mid_price, running_exchange, small_orders
from bench.load import Signer, run
from bench.report import line, percentiles
from bench.sockets import Answers, listen, place, trade_steadily
from tests.live import LiveExchange

IN_FLIGHT = 4
# Connections, orders, and whether the demo's bots trade beside them.
ENTRIES = ((16, 25_600, False), (64, 25_600, False), (64, 25_600, True))
# The clients of one process must not be what is measured.
GENERATORS = 2
CLIENTS = 1_000
CHANGES_A_SECOND = 50
SECONDS = 20
CONNECT_SECONDS = 10.0


def measure() -> None:
    """Print the lines of order entry and of the fan-out."""
    with running_exchange() as exchange, _generators() as generators:
        mid = mid_price(exchange)
        for connections, count, with_bots in ENTRIES:
            with nullcontext() if with_bots else halted(exchange.pid("bots")):
                _measure_entry(exchange, generators, mid, connections=connections, count=count)
        with halted(exchange.pid("bots")):
            _measure_fan_out(exchange, generators)


@contextmanager
def _generators() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(GENERATORS, mp_context=get_context("spawn")) as pool:
        yield pool


def _measure_entry(
    exchange: LiveExchange,
    generators: ProcessPoolExecutor,
    mid: float,
    *,
    connections: int,
    count: int,
) -> None:
    users = exchange["users"][:TRADERS]
    # An account may have only so many orders open.
    cancels = [[Signer(user, exchange["rest"]).cancel_all(SYMBOL)] for user in users]
    assert not uvloop.run(run(exchange["rest"], cancels)).errors
    orders = small_orders(mid, count)
    cpu = Cpu(exchange)
    parts = [
        generators.submit(
            place,
            exchange["ws"],
            users,
            orders[part::GENERATORS],
            connections // GENERATORS,
            IN_FLIGHT,
        )
        for part in range(GENERATORS)
    ]
    answers = [part.result() for part in parts]
    spent = cpu.spent()
    shares = " + ".join(f"{name} {seconds / count * 1e6:.0f}" for name, seconds in spent.items())
    wall = max(one.ended for one in answers) - min(one.began for one in answers)
    line(
        f"WebSocket orders, {connections} connections × {IN_FLIGHT}",
        rate=count / wall,
        cpu_us=sum(spent.values()) / count * 1e6,
        latency=percentiles([seconds for one in answers for seconds in one.seconds]),
        includes=f"permission, engine, commit before the answer; {shares}{_refused(answers)}",
    )


def _refused(answers: list[Answers]) -> str:
    errors = sum(one.errors for one in answers)
    example = next((one.example for one in answers if one.example), "")
    return f"; {errors} refused, such as {example}" if errors else ""


def _measure_fan_out(exchange: LiveExchange, generators: ProcessPoolExecutor) -> None:
    """Have many clients listen to one market, and time each event's way to each of them."""
    streams, start = [f"depth.{SYMBOL}", f"trade.{SYMBOL}"], time.time() + CONNECT_SECONDS
    each = CLIENTS // GENERATORS
    parts = [
        generators.submit(listen, exchange["ws"], streams, each, start, SECONDS)
        for _ in range(GENERATORS)
    ]
    time.sleep(start - time.time())
    cpu, changes = Cpu(exchange), CHANGES_A_SECOND * SECONDS
    price = f"{mid_price(exchange):.2f}"
    uvloop.run(
        trade_steadily(
            exchange["ws"],
            exchange["users"],
            price,
            symbol=SYMBOL,
            changes=changes,
            a_second=CHANGES_A_SECOND,
        )
    )
    spent = cpu.spent()["edge"]
    delivered = [part.result() for part in parts]
    received = sum(sum(one.counts) for one in delivered)
    fewest = min(min(one.counts) for one in delivered)
    most = max(max(one.counts) for one in delivered)
    line(
        f"{CLIENTS:,} WebSocket clients, depth + trade of a market",
        rate=received / SECONDS,
        cpu_us=spent / received * 1e6,
        latency=percentiles([us / 1e6 for one in delivered for us in one.microseconds]),
        includes=(
            f"messages delivered, {fewest} to {most} a client; latency from the engine's time to "
            f"the client; {CHANGES_A_SECOND} book changes a second, whose work is in the CPU of "
            f"the edge; offered load, not the most it can do"
        ),
    )
