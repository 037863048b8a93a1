"""Each file in scenarios/ is a story in the words of the trade; the engine must tell the same."""

from pathlib import Path

import pytest

from tests.engine.stories import Story

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_story_holds(path: Path) -> None:
    Story().run(path.read_text())


def test_a_story_which_does_not_hold_names_its_line() -> None:
    with pytest.raises(AssertionError, match="line 2"):
        Story().run("deposit alice 5 USDC\nalice bid 1 at\n")
