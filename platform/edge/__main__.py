"""Run the front: `python -m edge --port 8000`. How it serves is said here, once for every host."""

import argparse
import os

import uvicorn
from django.conf import settings

from edge.protocol import Protocol

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# The rhythm which the API's clients expect, and how long a silent one is kept.
PING_SECONDS = 60.0
PONG_SECONDS = 120.0
GOODBYE_SECONDS = 3


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
        loop="uvloop",
        http=Protocol,
        ws="websockets-sansio",
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PONG_SECONDS,
        # Compressing each message would cost more CPU than the bytes are worth.
        ws_per_message_deflate=False,
        # Anybody can send these headers: only what our own proxies say is an address.
        proxy_headers=bool(settings.TRUSTED_PROXIES),
        forwarded_allow_ips=settings.TRUSTED_PROXIES,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
    )


if __name__ == "__main__":
    main()
