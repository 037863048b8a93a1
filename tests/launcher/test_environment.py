"""What stops a start: each has one sentence which says what to do."""

import errno
import json
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher import environment
from launcher.environment import check_free_space, check_port, lock, open_site, unwritable
from launcher.failure import CannotRun


@pytest.fixture(autouse=True)
def _socket_folders_vanish(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made: list[Path] = []
    make = environment._socket_folder

    def remember(data: Path) -> Path:
        made.append(make(data))
        return made[-1]

    monkeypatch.setattr(environment, "_socket_folder", remember)
    yield
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_taken_port_is_one_sentence_with_a_way_out() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(CannotRun, match=rf"Port {port} is taken .* make run PORT=8001\.$"):
            check_port(port)
    check_port(port)


def test_a_port_which_does_not_exist_is_refused() -> None:
    with pytest.raises(CannotRun, match="Port 70000 cannot be used"):
        check_port(70000)


def test_a_second_run_on_the_same_folder_is_refused_and_names_the_first(tmp_path: Path) -> None:
    refusal = rf"process {os.getpid()}.* uses the data folder"
    with lock(tmp_path), pytest.raises(CannotRun, match=refusal):
        lock(tmp_path)
    lock(tmp_path).close()


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"is full \(\d+ MB free, \d+ MB needed\): make room"):
        check_free_space(tmp_path, 1 << 62)
    check_free_space(tmp_path, 1)
    full = unwritable(tmp_path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert "is full: make room" in str(full)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for blocked in (tmp_path / "file", tmp_path / "file" / "var", Path("/proc/satchel")):
        with pytest.raises(CannotRun, match=r"^Cannot write in .*: give this user the folder"):
            open_site(blocked)


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first, second = open_site(tmp_path / "a"), open_site(tmp_path / "a")
    other = open_site(tmp_path / "b")
    assert first == second
    assert first.secret_key != other.secret_key
    assert first.sockets != other.sockets
    file = tmp_path / "a" / "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(json.loads(file.read_text())) == {"secret_key", "postgres_password"}


def test_damaged_secrets_are_not_silently_replaced(tmp_path: Path) -> None:
    open_site(tmp_path)
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(CannotRun, match=r"secrets\.json is damaged"):
        open_site(tmp_path)


def test_socket_paths_stay_short_however_long_the_data_folder_is(tmp_path: Path) -> None:
    site = open_site(tmp_path / ("long" * 30) / ("longer" * 30))
    assert len(str(site.sockets / "postgres" / ".s.PGSQL.5432.lock")) < 107
    assert stat.S_IMODE(site.sockets.stat().st_mode) & 0o066 == 0


def test_an_empty_variable_counts_as_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "")
    monkeypatch.setenv("CELERY_BROKER_URL", "")
    site = open_site(tmp_path)
    made = environment.program_environment(
        site, database_url="postgresql://x", redis_url="unix:///tmp/x.sock"
    )
    assert made["SECRET_KEY"] == site.secret_key
    assert made["CELERY_BROKER_URL"] == "redis+socket:///tmp/x.sock"
