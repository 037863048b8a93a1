"""The embedded PostgreSQL: made, stopped, killed and found again."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from launcher import postgres
from launcher.environment import Site, open_site
from launcher.failure import CannotRun
from launcher.postgres import Postgres
from launcher.processes import wait_until
from launcher.supervisor import Supervisor
from tests.live import ROOT


class Server:
    """A supervised PostgreSQL of its own."""

    def __init__(self, site: Site) -> None:
        self.postgres: Postgres = postgres.prepare(site)
        self.url = postgres.url(self.postgres)
        self.said: list[str] = []
        self.supervisor = Supervisor(
            log_folder=site.logs, say=self.said.append, on_change=lambda: None
        )
        self.supervisor.add([postgres.program(self.postgres, os.environ)])
        self.supervisor.wait_until_all_answer()

    @property
    def pid(self) -> int:
        pid = self.supervisor.children["postgres"].pid
        assert pid is not None
        return pid

    def stop(self) -> None:
        self.supervisor.stop([("postgres",)])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = open_site(tmp_path / "data")
    (made.data.parent).chmod(0o700)  # as below /root: its system user cannot walk here
    yield made
    shutil.rmtree(made.sockets)


def test_it_is_durable_listens_on_no_port_and_asks_for_the_password(site: Site) -> None:
    server = Server(site)
    try:
        with psycopg.connect(server.url) as connection:
            names = ("fsync", "synchronous_commit", "data_checksums", "listen_addresses")
            shown = [connection.execute(f"SHOW {name}").fetchone() for name in names]
            locale = connection.execute(
                "SELECT datcollate FROM pg_database WHERE datname = 'satchel'"
            )
            assert shown == [("on",), ("on",), ("on",), ("",)]
            assert locale.fetchone() == ("C.UTF-8",)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url.replace(site.postgres_password, "guess"))
        assert os.stat(f"/proc/{server.pid}").st_uid != 0
    finally:
        server.stop()


def test_rows_survive_kill_9_and_a_second_start(site: Site) -> None:
    server = Server(site)
    try:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        killed = server.pid
        os.kill(killed, signal.SIGKILL)

        def back() -> bool:
            server.supervisor.tick()
            return server.supervisor.children["postgres"].answered

        server.supervisor.tick()
        assert wait_until(lambda: back() and server.pid != killed, seconds=30), server.said
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    finally:
        server.stop()
    again = Server(site)
    try:
        with psycopg.connect(again.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    finally:
        again.stop()


def test_a_lock_file_which_names_some_other_live_process_does_not_stop_it(site: Site) -> None:
    Server(site).stop()
    (site.data / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n/elsewhere\n1\n5432\n")
    server = Server(site)
    server.stop()
    assert server.said == []


def test_a_server_whose_supervisor_was_killed_ends_and_the_next_start_goes_on(site: Site) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tests.launcher.test_postgres import *\n"
        "server = Server(open_site(Path(sys.argv[1])))\n"
        "print(server.pid, flush=True); time.sleep(600)"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code, str(site.data)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "platform")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    orphan = int(first.stdout.readline())
    first.kill()
    first.wait()
    server = Server(site)
    assert server.pid != orphan
    server.stop()
    assert server.said == []


def test_a_folder_of_another_major_version_is_one_sentence(site: Site) -> None:
    folder = site.data / "postgres"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("12\n")
    with pytest.raises(CannotRun, match=r"made by PostgreSQL 12 and this version carries 18: "):
        postgres.prepare(site)
    assert (folder / "PG_VERSION").read_text() == "12\n"


def test_a_creation_that_was_interrupted_is_begun_anew(site: Site) -> None:
    part = site.data / "postgres.part"
    part.mkdir()
    (part / "PG_VERSION").write_text("18\n")
    Server(site).stop()
    assert not part.exists()


def test_a_database_url_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"^DATABASE_URL is set, but that PostgreSQL does not"):
        postgres.check_external(f"postgresql:///x?host={tmp_path}")
