"""`make run` as a person meets it: starts, stops, kills, second starts and wrong starts."""

import socket
import subprocess
from pathlib import Path

import pytest

from launcher.processes import wait_until
from tests.live import LAUNCHER, ROOT, LiveExchange, exchange_environment, free_port

pytestmark = pytest.mark.live

SECOND_START_SECONDS = 15.0


def launch(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the launcher to its end."""
    return subprocess.run(
        [*LAUNCHER, *arguments],
        cwd=ROOT,
        env=exchange_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def processes_of(data: Path) -> list[str]:
    """Return the command lines of all processes which work for the exchange in `data`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            if f"DATA={data}\0".encode() in environment or _works_in(process, data):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def _works_in(process: Path, data: Path) -> bool:
    return data in (process / "cwd").readlink().parents


def test_it_says_where_it_is_and_writes_the_same_facts(exchange: LiveExchange) -> None:
    facts = exchange.facts
    assert set(facts) == {"web", "rest", "ws", "users", "staff"}
    assert set(facts["staff"]) == {"email", "password", "url"}
    for user in facts["users"]:
        assert set(user) == {"email", "password", "apiKey", "secret", "subaccountId"}
        assert user["password"] in exchange.said()
        assert user["secret"] in exchange.said()
    assert facts["web"] in exchange.said()
    assert (exchange.data / "demo.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "name", ["engine", "edge", "postgres", "valkey", "worker", "beat", "bots", "desk"]
)
def test_a_killed_part_heals_by_itself_and_says_so(exchange: LiveExchange, name: str) -> None:
    said = exchange.said().count(f"{name} answers again")
    exchange.wait_for_restart(name, exchange.kill(name))
    assert wait_until(lambda: exchange.said().count(f"{name} answers again") > said, seconds=40), (
        exchange.said()
    )
    assert f"{name} was killed by SIGKILL; it starts again in" in exchange.said()


def test_two_instances_live_side_by_side_and_one_stops_starts_and_dies_alone(
    exchange: LiveExchange, tmp_path: Path
) -> None:
    other = LiveExchange(tmp_path / "var")
    other.start()
    first = other.facts
    assert first["web"] != exchange["web"]

    refused = launch("run", "--port", str(free_port()), "--data", str(other.data))
    assert refused.returncode == 1
    assert "uses the data folder" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1

    assert other.stop() == 0
    assert processes_of(other.data) == []
    assert not (other.data / "demo.json").exists()

    seconds = other.start()
    assert other.facts == first
    assert seconds < SECOND_START_SECONDS

    other.kill("launcher")
    assert wait_until(lambda: processes_of(other.data) == [], seconds=15), processes_of(other.data)
    other.start()
    assert other.facts == first
    assert other.stop() == 0
    assert len(processes_of(exchange.data)) > 0


def test_a_taken_port_is_one_sentence_and_exit_code_1(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        answer = launch("run", "--port", port, "--data", str(tmp_path / "var"))
    assert answer.returncode == 1
    assert answer.stderr == (
        f"Port {port} is taken by another program: choose another one, "
        "for example make run PORT=8001.\n"
    )
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(("option", "value"), [("--port", "abc"), ("--feed", "oracle")])
def test_an_option_that_makes_no_sense_is_one_sentence(
    tmp_path: Path, option: str, value: str
) -> None:
    answer = launch("run", "--data", str(tmp_path / "var"), option, value)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 1
    assert value in answer.stderr


def test_services_for_a_command_vanish_with_it_and_its_exit_code_comes_back() -> None:
    code = "import os, sys; print(os.environ['DATABASE_URL'], os.environ['DATA']); sys.exit(7)"
    answer = launch("services", "--", LAUNCHER[0], "-c", code)
    assert answer.returncode == 7
    _, data = answer.stdout.split()
    assert not Path(data).exists()
    assert processes_of(Path(data)) == []
