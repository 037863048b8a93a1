"""The engine's tests choose their hypothesis profile here; they need no database and no Django."""

from tests.engine import profiles

profiles.load()
