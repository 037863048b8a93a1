"""The ASGI front: one port for bots, browsers and sockets. May not write anything itself."""
