"""Nothing of the engine's vocabulary may be without a handler, a door or a test."""

import re
import typing
from pathlib import Path

from engine.any_event import AnyEvent
from engine.commands import AnyCommand, Command
from engine.engine import ANSWERERS
from engine.events import Event
from engine.questions import Answer, AnyAnswer, AnyQuestion, Question
from engine.rejects import ExpiryReason, Reject

ROOT = Path(__file__).resolve().parents[2]
DOORS = ("platform", "accounts", "trading", "lending", "compliance")


def _sources(*folders: str, beside: tuple[str, ...] = ()) -> str:
    files = (file for folder in folders for file in sorted((ROOT / folder).rglob("*.py")))
    return "\n".join(
        file.read_text(encoding="utf-8")
        for file in files
        if "tests" not in file.relative_to(ROOT).parts[1:] and file.name not in beside
    )


def _without(text: str, names: set[str]) -> set[str]:
    return {name for name in names if not re.search(rf"\b{name}\b", text)}


def _names(union: object) -> set[str]:
    return {member.__name__ for member in typing.get_args(union)}


def test_every_command_and_event_is_in_its_union() -> None:
    assert _names(AnyCommand) == {kind.__name__ for kind in Command.__subclasses__()}
    assert _names(AnyEvent) == {kind.__name__ for kind in Event.__subclasses__()}


def test_every_question_and_answer_is_in_its_union_and_can_be_asked() -> None:
    assert _names(AnyQuestion) == {kind.__name__ for kind in Question.__subclasses__()}
    assert _names(AnyAnswer) == {kind.__name__ for kind in Answer.__subclasses__()}
    assert set(ANSWERERS) == set(typing.get_args(AnyQuestion))
    apps = _sources(*(folder for folder in DOORS if folder != "platform"))
    assert _without(apps, _names(AnyQuestion)) == set()


def test_every_command_has_a_handler_in_the_engine() -> None:
    engine = _sources("platform/engine", beside=("commands.py",))
    assert _without(engine, _names(AnyCommand)) == set()


def test_every_command_has_a_door_outside_the_engine() -> None:
    doors = "\n".join(
        file.read_text(encoding="utf-8")
        for folder in DOORS
        for file in sorted((ROOT / folder).rglob("*.py"))
        if "engine" not in file.relative_to(ROOT).parts[:2]
    )
    assert _without(doors, _names(AnyCommand)) == set()


def test_every_reject_is_given_by_the_engine() -> None:
    engine = _sources("platform/engine", beside=("rejects.py",))
    assert _without(engine, {reject.name for reject in Reject}) == set()
    assert _without(engine, {reason.name for reason in ExpiryReason}) == set()


def test_every_reject_is_tested() -> None:
    tests = _sources("tests/engine", "tests/sequencer")
    assert _without(tests, {reject.name for reject in Reject}) == set()
