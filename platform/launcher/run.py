"""`make run`: bring a demo exchange up, say where it is, keep it up, take it down."""

import json
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from launcher import programs
from launcher.environment import (
    FREE_BYTES_TO_GO_ON,
    HOST,
    Site,
    check_free_space,
    check_port,
    lock,
    open_site,
    write_private,
)
from launcher.failure import CannotRun
from launcher.processes import signal_group
from launcher.supervisor import TICK_SECONDS, Supervisor

HOUSEKEEPING_SECONDS = 2.0


def run(*, port: int, data: Path, feed: str) -> None:
    """Run a demo exchange until SIGINT or SIGTERM. Raises CannotRun, after stopping everything."""
    began = time.monotonic()
    check_port(port)
    with lock(data):
        site = open_site(data)
        (site.data / "demo.json").unlink(missing_ok=True)
        say(f"Starting the exchange on {data} (logs: {data / 'log'}) ...")
        supervisor = supervise(site, say)
        try:
            found = programs.services(site)
            supervisor.add(found.programs)
            supervisor.add(programs.demo(site, found, port=port, feed=feed))
            supervisor.wait_until_all_answer()
            if not supervisor.stopping:
                facts = write_facts(site, port)
                say(f"Everything answers after {time.monotonic() - began:.1f} s.\n")
                say(describe(facts, site))
            _watch(supervisor, site)
        except CannotRun:
            # A full disk explains whatever failed on it.
            check_free_space(site.data, FREE_BYTES_TO_GO_ON)
            raise
        finally:
            if supervisor.children:
                say("Stopping ...")
            (site.data / "demo.json").unlink(missing_ok=True)
            supervisor.stop(programs.STOP_ORDER)
            shutil.rmtree(site.sockets, ignore_errors=True)
        say("Everything has stopped; the data is kept.")


def say(sentence: str) -> None:
    """Tell the person at the terminal; one that has gone away is no reason to stop."""
    try:
        print(sentence, flush=True)
    except OSError:
        return


def supervise(site: Site, tell: Callable[[str], None]) -> Supervisor:
    """Return a supervisor which SIGINT and SIGTERM stop; a second signal kills what is left."""

    def note_processes() -> None:
        running = {name: child.pid for name, child in supervisor.children.items() if child.pid}
        with suppress(OSError):  # a full disk must not keep anything from being stopped
            write_private(site.data / "processes.json", json.dumps(running, indent=2) + "\n")

    def stop(number: int, frame: object) -> None:
        if supervisor.stopping:
            for child in supervisor.children.values():
                if child.process is not None:
                    signal_group(child.process, signal.SIGKILL)
        supervisor.stopping = True

    supervisor = Supervisor(log_folder=site.logs, say=tell, on_change=note_processes)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, stop)
    return supervisor


def write_facts(site: Site, port: int) -> dict[str, Any]:
    """Write demo.json: where the exchange is and who may sign in. `seed_demo` made the accounts."""
    accounts = json.loads((site.data / "demo-accounts.json").read_text(encoding="utf-8"))
    web = f"http://{HOST}:{port}"
    facts = {
        "web": web,
        "rest": web,
        "ws": f"ws://{HOST}:{port}",
        "users": accounts["users"],
        "staff": {**accounts["staff"], "url": f"{web}/ops/"},
    }
    write_private(site.data / "demo.json", json.dumps(facts, indent=2) + "\n")
    return facts


def describe(facts: dict[str, Any], site: Site) -> str:
    """Return what is printed when the exchange is up."""
    lines = [
        f"  Web         {facts['web']}",
        f"  REST        {facts['rest']}/api/v1/",
        f"  WebSocket   {facts['ws']}",
        f"  Operations  {facts['staff']['url']}",
        "",
        "  Sign in (demo only)",
    ]
    for person in (*facts["users"], facts["staff"]):
        lines.append(f"    {person['email']:<22} {person['password']}")
    lines += ["", "  API keys (demo only; ED25519, base64)"]
    for user in facts["users"]:
        lines.append(f"    {user['email']:<22} key {user['apiKey']}  secret {user['secret']}")
    lines += [
        "",
        f"  The same in {site.data / 'demo.json'}; mail is written to {site.data / 'mail'}.",
        "  Ctrl-C stops everything; starting again goes on with the same data.",
    ]
    return "\n".join(lines)


def _watch(supervisor: Supervisor, site: Site) -> None:
    """Keep everything running until told to stop."""
    next_housekeeping = 0.0
    while not supervisor.stopping:
        supervisor.tick()
        if time.monotonic() >= next_housekeeping:
            supervisor.bound_logs()
            check_free_space(site.data, FREE_BYTES_TO_GO_ON)
            next_housekeeping = time.monotonic() + HOUSEKEEPING_SECONDS
        time.sleep(TICK_SECONDS)
