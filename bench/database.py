"""Django and an empty database for the parts of the benchmark which commit."""

import os
import sys

import django
from django.apps import apps
from django.core.management import call_command


def prepare() -> None:
    """Set Django up and migrate; exit if there is no database, or one in which somebody lives."""
    if not os.environ.get("DATABASE_URL"):
        sys.exit("commit: run `make bench`, or set DATABASE_URL to an empty database")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    django.setup()
    call_command("migrate", verbosity=0)
    if apps.get_model("sequencer", "JournalEntry").objects.exists():
        sys.exit("commit: this database has a journal already; the benchmark needs an empty one")


def empty() -> None:
    """Empty every table again, for the part that follows."""
    call_command("flush", verbosity=0, interactive=False)
