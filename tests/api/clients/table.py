"""docs/clients.md: client × method × result, as the survey finds it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.api.clients.expected import NOT_COVERED
from tests.api.clients.survey import BPX, CCXT, PRO, SDK, SOCKET, Finding

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "clients.md"
# Each: its title, its clients with the heads of their columns.
TABLES: tuple[tuple[str, dict[str, str]], ...] = (
    ("ccxt", CCXT),
    ("ccxt.pro", PRO),
    ("bpx-py", BPX),
    ("backpack-exchange-sdk", {SDK: "result"}),
    ("backpack-exchange-sdk, WebSocket", {SOCKET: "result"}),
)
_HEAD = """\
# Clients

Which method of which unmodified client does what on this exchange. `make clients` writes this page:
it starts an exchange, asks each client everything it can ask, and compares what it hands back with
what the exchange says without it. `make test` does the same and fails if this page says something
else. How to point a client at an exchange: docs/api.md.

* pass: the client does it, and the values are right.
* refused: the exchange refuses it, and why.
* the client's fault: the client fails by itself, at every exchange.
* awaited: the case is written, the exchange does not serve it yet.
* –: the client has no such method.
"""


def written(found: Iterable[Finding]) -> str:
    """Return the page."""
    findings = list(found)
    parts = [_HEAD.rstrip()]
    for title, clients in TABLES:
        parts += [f"\n## {title}\n", *_rows(findings, clients)]
    return "\n".join(parts) + "\n"


def _rows(findings: Sequence[Finding], clients: dict[str, str]) -> list[str]:
    results = {(f.client, f.method, f.asks): f.result for f in findings}
    asked = dict.fromkeys((f.method, f.asks) for f in findings if f.client in clients)
    reasons = {
        (method, ""): ""
        for client, method in NOT_COVERED
        if client in clients and (client, method, "") not in results
    }
    lines = [_line("method", "asks", *clients.values()), _line(*["---"] * (2 + len(clients)))]
    for method, asks in sorted([*asked, *(row for row in reasons if row not in asked)]):
        cells = [
            results.get((client, method, asks)) or _reason(client, method) for client in clients
        ]
        lines.append(_line(f"`{method}`", f"`{asks}`" if asks else "", *cells))
    return lines


def _reason(client: str, method: str) -> str:
    why = NOT_COVERED.get((client, method))
    return f"not covered: {why}" if why else "–"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
