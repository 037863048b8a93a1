"""The table of what an exchange runs: each program, what it needs first, and how it answers."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import environ

from launcher import postgres, probes, valkey
from launcher.environment import HOST, ROOT, Site, program_environment
from launcher.processes import Program

# Stopped in this order, each group at once: first what asks, then what answers, then what keeps.
STOP_ORDER = (
    ("migrate", "seed", "bots", "feed", "beat", "desk"),
    ("worker", "edge"),
    ("engine",),
    ("postgres", "valkey"),
)
# Tasks wait for the engine, so threads do; nothing is asked of other workers at the start.
WORKER_OPTIONS = ("--pool", "threads", "--concurrency", "4", "--without-mingle", "--without-gossip")
SEED_WAIT_SECONDS = "80"


@dataclass(frozen=True, kw_only=True)
class Services:
    """PostgreSQL and Valkey: what we start for them, and the environment that follows."""

    programs: tuple[Program, ...]
    environment: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """What must answer before anything else starts."""
        return tuple(program.name for program in self.programs)


def services(site: Site) -> Services:
    """Return the services: embedded, or those which DATABASE_URL and REDIS_URL name."""
    environ.Env.read_env(ROOT / ".env")
    programs = []
    database_url = os.environ.get("DATABASE_URL", "")
    if database_url:
        postgres.check_external(database_url)
    else:
        server = postgres.prepare(site)
        database_url = postgres.url(server)
        programs.append(postgres.program(server, os.environ))
    redis_url = os.environ.get("REDIS_URL", "")
    if redis_url:
        valkey.check_external(redis_url)
    else:
        redis_url = valkey.url(site)
        programs.append(valkey.program(site, os.environ))
    environment = program_environment(site, database_url=database_url, redis_url=redis_url)
    return Services(programs=tuple(programs), environment=environment)


def demo(site: Site, found: Services, *, port: int, feed: str) -> list[Program]:
    """Return the programs of a live demo exchange on top of its services."""
    mail = site.data / "mail"
    mail.mkdir(exist_ok=True)
    environment = {
        "HEDGE_VENUES_FILE": str(site.data / "venues.json"),
        **found.environment,
        "ENGINE_ADDRESS": site.engine_address,
        "DEMO": "1",
        "SECURE_COOKIES": "0",
        "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "EMAIL_FILE_PATH": str(mail),
        "FEED": feed,
        "PORT": str(port),
    }
    line = partial(Program, environment=environment, folder=ROOT)
    return [
        line(
            name="migrate",
            command=_manage("migrate", "--no-input", "--skip-checks"),
            needs=found.names,
            once=True,
        ),
        *_core(site, line, found.names, port),
        line(
            name="worker",
            command=_celery("worker", "--hostname", probes.WORKER, *WORKER_OPTIONS),
            needs=("migrate", *found.names),
            answers=probes.WorkerProbe(environment["CELERY_BROKER_URL"]),
        ),
        _beat(site, line, found.names),
        line(
            name="seed",
            command=_manage("seed_demo"),
            # It starts beside the engine to save time, and waits for it as every caller does.
            environment={**environment, "ENGINE_TIMEOUT_SECONDS": SEED_WAIT_SECONDS},
            needs=("migrate", *found.names),
            once=True,
        ),
        line(
            name="feed",
            command=_manage("run_feed"),
            needs=("engine", "seed"),
            answers=lambda: probes.prices_answer(port),
        ),
        line(name="desk", command=_manage("run_desk"), needs=("engine", "seed")),
        line(
            name="bots",
            command=_manage("run_bots"),
            needs=("edge", "seed"),
            answers=lambda: probes.books_answer(port),
        ),
    ]


def _core(
    site: Site, line: Callable[..., Program], services_needed: tuple[str, ...], port: int
) -> list[Program]:
    return [
        line(
            name="engine",
            command=_manage("run_engine"),
            needs=("migrate", *services_needed),
            answers=lambda: probes.engine_answers(site.engine_address),
        ),
        line(
            name="edge",
            command=_edge(port),
            needs=("migrate", *services_needed),
            answers=lambda: probes.web_answers(port),
        ),
    ]


def _beat(site: Site, line: Callable[..., Program], services_needed: tuple[str, ...]) -> Program:
    folder = site.data / "beat"
    folder.mkdir(exist_ok=True)
    probe = probes.BeatProbe(site.logs / "beat.log")
    return line(
        name="beat",
        command=_celery("beat", "--schedule", str(folder / "schedule"), "--pidfile="),
        needs=("migrate", *services_needed),
        before=probe.remember,
        answers=probe,
    )


def _manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(ROOT / "manage.py"), *arguments)


def _celery(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "--app", "config", *arguments, "--loglevel", "INFO")


def _edge(port: int) -> tuple[str, ...]:
    return (sys.executable, "-m", "edge", "--host", HOST, "--port", str(port))
