"""Where an exchange lives on this machine: its data folder, secrets, sockets and environment."""

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from launcher.failure import CannotRun

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
# A new PostgreSQL folder takes 50 MB and its write-ahead log 80 MB before it is recycled.
FREE_BYTES_TO_START = 300 * 1024 * 1024
# Below this the run stops in order, while PostgreSQL can still write its last checkpoint.
FREE_BYTES_TO_GO_ON = 48 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Site:
    """One exchange: where its files and sockets are, and what only it knows."""

    data: Path
    sockets: Path
    secret_key: str
    postgres_password: str

    @property
    def logs(self) -> Path:
        """The folder of the programs' logs."""
        return self.data / "log"

    @property
    def engine_address(self) -> str:
        """Where its engine listens, as ENGINE_ADDRESS says it."""
        return f"unix:{self.sockets / 'engine.sock'}"


def open_site(data: Path) -> Site:
    """Make or find the data folder with its secrets, and a short folder for its sockets."""
    folder = data.absolute()
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        (folder / "log").mkdir(exist_ok=True)
        check_free_space(folder, FREE_BYTES_TO_START)
        known = _secrets(folder / "secrets.json")
    except OSError as error:
        raise unwritable(data, error) from error
    return Site(
        data=folder,
        sockets=_socket_folder(folder),
        secret_key=known["secret_key"],
        postgres_password=known["postgres_password"],
    )


def lock(data: Path) -> IO[str]:
    """Take the data folder for this process, until the file which is returned is closed."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = (data / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise unwritable(data, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        raise CannotRun(
            f"Another run (process {holder}) uses the data folder {data}: "
            f"stop it, or give this one its own folder with make run DATA={data.name}2 PORT=8001."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def check_port(port: int) -> None:
    """Raise CannotRun when something listens on `port` already, or when we may not use it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                reason = "is taken by another program"
            else:
                reason = f"cannot be used ({getattr(error, 'strerror', None) or error})"
            raise CannotRun(
                f"Port {port} {reason}: choose another one, for example make run PORT=8001."
            ) from error


def check_free_space(folder: Path, bytes_needed: int) -> None:
    """Raise CannotRun when the disk under `folder` has less than `bytes_needed` free."""
    free = shutil.disk_usage(folder).free
    if free < bytes_needed:
        raise CannotRun(
            f"The disk of {folder} is full ({_megabytes(free)} free, {_megabytes(bytes_needed)} "
            "needed): make room or choose a folder on another disk with make run DATA=...; "
            "what was acknowledged is kept."
        )


def unwritable(path: Path, error: OSError) -> CannotRun:
    """Return the sentence for a file or folder which refuses to be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return CannotRun(
            f"The disk of {path} is full: make room or choose a folder on another disk with "
            "make run DATA=...; what was acknowledged is kept."
        )
    return CannotRun(
        f"Cannot write in {path} ({error.strerror or error}): "
        "give this user the folder, or choose another one with make run DATA=..."
    )


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by this user only."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def program_environment(site: Site, *, database_url: str, redis_url: str) -> dict[str, str]:
    """Return the environment in which every Python program of the exchange runs."""
    broker = redis_url
    if redis_url.startswith("unix://"):
        broker = redis_url.replace("unix://", "redis+socket://", 1)
    defaults = {"SECRET_KEY": site.secret_key, "CELERY_BROKER_URL": broker}
    given = {name: value for name, value in os.environ.items() if value}
    return {
        **defaults,
        **given,
        "PYTHONPATH": str(ROOT / "platform"),
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA": str(site.data),
    }


def _secrets(path: Path) -> dict[str, str]:
    """Return the folder's secrets; the first run makes them."""
    if not path.exists():
        fresh = {
            "secret_key": secrets.token_urlsafe(50),
            "postgres_password": secrets.token_urlsafe(32),
        }
        write_private(path, json.dumps(fresh, indent=2) + "\n")
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {name: str(known[name]) for name in ("secret_key", "postgres_password")}
    except (ValueError, KeyError, TypeError):
        raise CannotRun(
            f"{path} is damaged: restore it from a backup, or start with an empty folder."
        ) from None


def _socket_folder(data: Path) -> Path:
    """Return a folder whose path is short: a Unix socket's path may have 107 bytes at most."""
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:10]
    folder = Path(f"/tmp/satchel-{os.getuid()}-{name}")  # noqa: S108 (owner and mode are checked)
    # As root, PostgreSQL's own user passes through to its socket; nobody can list the folder.
    mode = 0o711 if os.getuid() == 0 else 0o700
    try:
        folder.mkdir(mode=mode, exist_ok=True)
        state = folder.lstat()
        if state.st_uid != os.getuid() or folder.is_symlink():
            raise CannotRun(f"{folder} belongs to another user: remove it and start again.")
        folder.chmod(mode)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def _megabytes(count: int) -> str:
    return f"{count // (1024 * 1024)} MB"
