"""Run the front: `python -m edge --port 8000`. How it serves is said here, once for every host."""

import argparse
import os
from typing import Any, Final

import uvicorn
from django.conf import settings

from edge.protocol import Protocol
from edge.wire import SHUTDOWN_SECONDS, Wire

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

OPTIONS: Final[dict[str, Any]] = {
    "loop": "uvloop",
    "http": Protocol,
    "ws": Wire,
    # The rhythm which the API's clients expect, and how long a silent one is kept.
    "ws_ping_interval": 60.0,
    "ws_ping_timeout": 120.0,
    # The wire has its own, which does not compress anew for each client.
    "ws_per_message_deflate": False,
    # What nobody sensible says is not even collected; a long batch of orders is far below.
    "ws_max_size": 256 * 1024,
    "access_log": False,
    "server_header": False,
    # After the sockets have ended, what they leave to do (edge/entry.py) is done.
    "timeout_graceful_shutdown": int(SHUTDOWN_SECONDS) + 3,
}


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m edge", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    uvicorn.run(
        "edge.app:application",
        host=given.host,
        port=given.port,
        # Anybody can send these headers: only what our own proxies say is an address.
        proxy_headers=bool(settings.TRUSTED_PROXIES),
        forwarded_allow_ips=settings.TRUSTED_PROXIES,
        **OPTIONS,
    )


if __name__ == "__main__":
    main()
