"""What leaves a connection of the edge, and when."""

import asyncio
from collections.abc import Callable

import pytest

from edge.protocol import JOIN_BYTES, JoinedWrites

LONG = b"x" * (JOIN_BYTES + 1)


class Wire(asyncio.Transport):
    """Remembers what was written to it, and how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said.append(bytes(data))

    def close(self) -> None:
        self.said.append("closed")

    def abort(self) -> None:
        self.said.append("aborted")

    def is_closing(self) -> bool:
        return bool(self.said) and self.said[-1] in {"closed", "aborted"}


def say(*parts: bytes) -> Callable[[JoinedWrites, Wire], None]:
    def act(joined: JoinedWrites, _: Wire) -> None:
        for part in parts:
            joined.write(part)

    return act


def leave(joined: JoinedWrites, wire: Wire) -> None:
    joined.write(b"a")
    wire.close()


def say_and_close(joined: JoinedWrites, _: Wire) -> None:
    joined.write(b"a")
    joined.close()


def say_and_abort(joined: JoinedWrites, _: Wire) -> None:
    joined.write(b"a")
    joined.abort()


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        (say(b"head", b"body"), [b"headbody"]),
        (say(b"a", LONG, b"b"), [b"a" + LONG, b"b"]),
        (say_and_close, [b"a", "closed"]),
        (say_and_abort, ["aborted"]),
        (leave, ["closed"]),
    ],
)
def test_what_is_said_in_one_turn_is_one_write(
    acts: Callable[[JoinedWrites, Wire], None], expected: list[bytes | str]
) -> None:
    async def turn() -> list[bytes | str]:
        wire = Wire()
        acts(JoinedWrites(wire, asyncio.get_running_loop()), wire)
        await asyncio.sleep(0)
        return wire.said

    assert asyncio.run(turn()) == expected
