"""`platform/` must never become a package: it would shadow Python's own `platform` module."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_platform_is_a_folder_and_not_a_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()


def test_a_fresh_interpreter_in_the_root_gets_pythons_own_platform_module() -> None:
    environment = {**os.environ, "PYTHONPATH": "platform"}
    answer = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.system())"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == os.uname().sysname


def test_every_test_folder_is_a_package_so_that_it_cannot_shadow_an_app() -> None:
    folders = {file.parent for file in (ROOT / "tests").rglob("*.py")}
    assert {folder for folder in folders if not (folder / "__init__.py").exists()} == set()
