#!/usr/bin/env python
"""Run a Django command: `./manage.py migrate`, `./manage.py run_engine`, ..."""

import os
import sys
from pathlib import Path

# platform/ is a source folder, not a package: a package of that name would shadow
# Python's own `platform` module, which uuid, Celery and many others import.
sys.path.insert(1, str(Path(__file__).resolve().parent / "platform"))


def main() -> None:
    # The path it needs has only now been set.
    from launcher.compiled import use_if_asked  # noqa: PLC0415

    use_if_asked()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Only now: Django reads the settings module from the environment.
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
