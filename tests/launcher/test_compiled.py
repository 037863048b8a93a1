"""A compiled package stands in for its sources, and only while they are what was compiled."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from launcher import compiled
from launcher.environment import ROOT
from launcher.failure import CannotRun

ASK = "from house import rooms; print(rooms.__file__, rooms.double(2**70))"

pytestmark = pytest.mark.skipif(
    not shutil.which("cc") and not shutil.which("gcc"), reason="there is no C compiler"
)


def ask(*path: Path) -> subprocess.CompletedProcess[str]:
    """Import the package in a process whose path begins with `path`."""
    names = os.pathsep.join(str(folder) for folder in (*path, ROOT / "platform"))
    return subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, "PYTHONPATH": names},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_was_compiled_is_used_until_its_sources_change(tmp_path: Path) -> None:
    sources, into = tmp_path / "house", tmp_path / "compiled"
    sources.mkdir()
    (sources / "__init__.py").write_text('"""A package."""\n')
    rooms = sources / "rooms.py"
    rooms.write_text("def double(number: int) -> int:\n    return 2 * number\n")
    compiled.build(sources, into)

    found = ask(into, tmp_path)
    assert found.stdout.split() == [str(next(into.glob("house/rooms.*.so"))), str(2**71)]
    assert ask(tmp_path).stdout.split() == [str(rooms), str(2**71)]

    rooms.write_text("def double(number: int) -> int:\n    return number + number\n")
    refused = ask(into, tmp_path)
    assert refused.returncode == 1
    assert "run `make compiled` again" in refused.stderr

    rooms.write_text("def double(number: int) -> int:\n    return 'twice'\n")
    with pytest.raises(CannotRun, match="could not be compiled"):
        compiled.build(sources, into)
    assert not list(sources.glob("*.so")), "nothing is ever built among the sources"


def test_asking_for_a_compiled_engine_that_is_not_there_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "FOLDER", tmp_path)
    monkeypatch.setenv("COMPILED_ENGINE", "1")
    with pytest.raises(SystemExit, match="run `make compiled`"):
        compiled.use_if_asked()
    monkeypatch.setenv("COMPILED_ENGINE", "")
    path = list(sys.path)
    compiled.use_if_asked()
    assert sys.path == path
