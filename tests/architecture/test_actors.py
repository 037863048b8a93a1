"""Whoever asks for a command of an account is named in it, wherever the command is made."""

import ast
from collections.abc import Iterator
from pathlib import Path

from engine import trader_commands
from engine.commands import Command

ROOT = Path(__file__).resolve().parents[2]
# Staff act through the console, where the journal's id names the record of the trail.
CONSOLE = ("admin", "stress", "hedging")
OF_TRADERS = {
    name
    for name, value in vars(trader_commands).items()
    if isinstance(value, type) and issubclass(value, Command) and value is not Command
}


def made() -> Iterator[tuple[str, str, set[str | None]]]:
    """Yield where each command of a trader is made: the file, its name, the words it is given."""
    for app in ("accounts", "trading", "lending"):
        for file in sorted((ROOT / app).rglob("*.py")):
            if file.name.startswith(CONSOLE):
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in OF_TRADERS:
                    where = f"{file.relative_to(ROOT)}:{node.lineno}"
                    yield where, name, {keyword.arg for keyword in node.keywords}


def test_every_command_says_who_asked_for_it() -> None:
    found = list(made())
    assert {name for _, name, _ in found} == OF_TRADERS, "each command has a door"
    assert [where for where, _, words in found if "actor" not in words] == []
