"""Where the engine is: an address of a socket, or this very process in tests."""

import asyncio
import itertools
import os
import secrets
import socket
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from engine.any_event import AnyEvent
from engine.commands import Command
from engine.questions import AnyAnswer, AnyQuestion

INLINE = "inline"


class Outcome(msgspec.Struct, frozen=True):
    """A committed answer: accepted, or CommandRejected with its code.

    `repeated` says that the command id was known before this caller sent it.
    """

    sequence: int
    at_ns: int
    answer: AnyEvent
    repeated: bool = False


class Address(msgspec.Struct, frozen=True):
    """A Unix socket's path, or a TCP host and port."""

    path: str | None = None
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"tcp:{self.host}:{self.port}"

    def connect(self, timeout_seconds: float) -> socket.socket:
        """Open a blocking connection. Raises OSError."""
        if self.path is None:
            return socket.create_connection((self.host, self.port), timeout_seconds)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_seconds)
        try:
            connection.connect(self.path)
        except OSError:
            connection.close()
            raise
        return connection

    async def open(self, protocol: Callable[[], asyncio.Protocol]) -> asyncio.Protocol:
        """Open a connection of the running event loop; return its protocol. Raises OSError."""
        loop = asyncio.get_running_loop()
        if self.path is not None:
            return (await loop.create_unix_connection(protocol, self.path))[1]
        return (await loop.create_connection(protocol, self.host, self.port))[1]


def parse_address(text: str) -> Address:
    """Return the address which `unix:/path` or `tcp:host:port` says. Raises ValueError."""
    scheme, _, rest = text.strip().partition(":")
    if scheme == "unix" and rest:
        return Address(path=rest)
    host, _, port = rest.rpartition(":")
    if scheme == "tcp" and host and port.isdecimal():
        return Address(host=host.strip("[]"), port=int(port))
    raise ValueError(f"ENGINE_ADDRESS must be unix:/path or tcp:host:port, not {text!r}")


def parse_addresses(text: str) -> tuple[Address, ...]:
    """Return the addresses of a comma-separated list: the leader's and its stand-bys'."""
    return tuple(parse_address(part) for part in text.split(","))


# Drawn once in a process, and counted on from there: a draw for each command is a system call.
_numbers = itertools.count()
_origin = [secrets.token_hex(8)]


def _draw_origin() -> None:
    _origin[0] = secrets.token_hex(8)


os.register_at_fork(after_in_child=_draw_origin)


def new_command_id() -> str:
    """Return an id nobody else has. It begins with the time: index pages are filled in order."""
    return f"{time.time_ns() // 1_000_000:011x}{_origin[0]}{next(_numbers):x}"


class InlineEngine(Protocol):
    """An engine in this process."""

    def __call__(self, command: Command, command_id: str) -> Outcome:
        """Return the outcome of a command."""

    def ask(self, question: AnyQuestion) -> AnyAnswer:
        """Return the answer to a question."""


_inline: list[InlineEngine] = []


def install_inline(engine: InlineEngine | None) -> None:
    """Answer commands in this process while ENGINE_ADDRESS is "inline"; None ends it."""
    _inline[:] = [] if engine is None else [engine]


def submit_inline(command: Command, command_id: str) -> Outcome:
    """Give a command to the engine of this process."""
    return _installed()(command, command_id)


def ask_inline(question: AnyQuestion) -> AnyAnswer:
    """Ask the engine of this process."""
    return _installed().ask(question)


def _installed() -> InlineEngine:
    if not _inline:
        raise RuntimeError('ENGINE_ADDRESS is "inline" but no engine is installed in this process')
    return _inline[0]
