"""Log files of the programs: appended to, bounded in size, and quoted when a program fails."""

import shutil
from pathlib import Path
from typing import IO

LIMIT_BYTES = 8 * 1024 * 1024  # one older copy is kept, so each program has at most twice this
QUOTED_LINES = 12
QUOTED_BYTES = 16 * 1024


class Log:
    """One program's log file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> IO[bytes]:
        """Open for appending: a program's writes go to the end even after `bound` cut the file."""
        return self.path.open("ab", buffering=0)

    def bound(self) -> None:
        """Move the content to `<name>.log.1` once it is larger than the limit.

        The program keeps its file open, so the file is copied and cut, not renamed.
        """
        if self.path.exists() and self.path.stat().st_size > LIMIT_BYTES:
            shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
            with self.path.open("r+b") as file:
                file.truncate(0)

    def last_lines(self) -> str:
        """Return the end of the file, indented, for a person to read."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - QUOTED_BYTES))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(f"    {line}" for line in text.splitlines()[-QUOTED_LINES:])
