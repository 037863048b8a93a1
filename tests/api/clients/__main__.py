"""Start an exchange, ask every client everything and write docs/clients.md: make clients."""

import sys
import tempfile
from pathlib import Path

from tests.api.clients.survey import survey
from tests.api.clients.table import DOCUMENT, written
from tests.live import running


def main() -> int:
    """Write the table; what is not as expected is printed, and the code is 1."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as exchange:
        found = survey(exchange).findings
    troubles = [finding for finding in found if finding.trouble]
    for finding in troubles:
        print(f"{finding.client} {finding.method} {finding.asks}: {finding.trouble}")
    DOCUMENT.write_text(written(found), encoding="utf-8")
    return min(len(troubles), 1)


if __name__ == "__main__":
    sys.exit(main())
