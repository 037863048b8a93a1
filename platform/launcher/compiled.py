"""The engine compiled ahead of time by mypyc, for who asks for it; else it is plain Python.

`make compiled` builds it beside the sources, never among them. What was built says which sources
it was built from and refuses to be imported when they have changed since: an old binary cannot
stand in for newer code.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from launcher.environment import ROOT
from launcher.failure import CannotRun

SOURCES = ROOT / "platform" / "engine"
FOLDER = ROOT / ".build" / "compiled"
# msgspec makes these classes itself, and enums are Python's: compiling them gains nothing.
INTERPRETED = frozenset(
    {
        *("__init__", "vocabulary", "catalog", "kinds", "rejects", "questions"),
        *("commands", "house_commands", "trader_commands"),
        *("events", "order_events", "risk_events", "settlement_events", "any_event"),
    }
)

_SETUP = """\
from mypyc.build import mypycify
from setuptools import setup

names = {paths!r}
setup(name="engine", ext_modules=mypycify(["--config-file", "mypy.ini", *names], opt_level="3"))
"""
_INIT = '''\
"""The engine, compiled; built by `make compiled`."""

from launcher.compiled import verify

verify({sources!r}, {digest!r})
'''


def digest_of(sources: Path) -> str:
    """Return a SHA-256 over the names and texts of the modules in a folder."""
    digest = hashlib.sha256()
    for path in sorted(sources.glob("*.py")):
        text = path.read_bytes()
        digest.update(f"{path.name} {len(text)} ".encode() + text)
    return digest.hexdigest()


def verify(sources: str, digest: str) -> None:
    """Raise ImportError if `sources` are no longer what was compiled."""
    if digest_of(Path(sources)) != digest:
        raise ImportError(
            f"{sources} has changed since it was compiled: run `make compiled` again, "
            "or leave COMPILED_ENGINE out"
        )


def use_if_asked() -> None:
    """Put the compiled engine before the plain one if COMPILED_ENGINE is set; exit without one."""
    if not os.environ.get("COMPILED_ENGINE"):
        return
    if not (FOLDER / "engine").is_dir():
        sys.exit("COMPILED_ENGINE is set, but there is no compiled engine: run `make compiled`")
    # Before `platform`, wherever that stands.
    sys.path.insert(1, str(FOLDER))


def build(sources: Path = SOURCES, into: Path = FOLDER) -> None:
    """Compile the package `sources` into the folder `into`. Raises CannotRun."""
    package = sources.name
    new = into.with_name(f"{into.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(sources, new / package, ignore=shutil.ignore_patterns("__pycache__"))
    digest = digest_of(new / package)
    modules = sorted(path for path in (new / package).glob("*.py") if path.stem not in INTERPRETED)
    paths = [str(path.relative_to(new)) for path in modules]
    (new / "setup.py").write_text(_SETUP.format(paths=paths))
    (new / "mypy.ini").write_text("[mypy]\nstrict = true\n")
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=new, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun(
            "The engine could not be compiled; it needs a C compiler, Python's headers and the "
            f"packages of requirements-dev.txt.\n{(done.stderr or done.stdout)[-2000:]}"
        )
    for path in (*modules, new / "setup.py", new / "mypy.ini"):
        path.unlink()
    shutil.rmtree(new / "build")
    shutil.rmtree(new / ".mypy_cache", ignore_errors=True)
    init = _INIT.format(sources=str(sources.resolve()), digest=digest)
    (new / package / "__init__.py").write_text(init)
    shutil.rmtree(into, ignore_errors=True)
    new.rename(into)
