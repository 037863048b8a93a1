"""What the bots are told: where the exchange is, whose keys they hold, what they quote."""

import json
import os
from decimal import Decimal
from pathlib import Path

import msgspec


class RosterError(Exception):
    """The roster cannot be read; the message says what to do."""


class MarketPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One market to quote.

    `index` names the perpetual market whose index leads the price; without one the price is `par`.
    `size` is the quantity of the best level, `position_limit` the most of a perpetual to hold.
    """

    symbol: str
    index: str | None
    size: Decimal
    par: Decimal = Decimal(1)
    position_limit: Decimal = Decimal(1)


class Trader(msgspec.Struct, frozen=True, kw_only=True):
    """One bot: the base64 seed of its key, and how much of each asset is neutral for it."""

    secret: str
    home: dict[str, Decimal]


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """The bots' file."""

    rest: str
    maker: Trader
    taker: Trader
    markets: tuple[MarketPlan, ...]
    # Of both bots together: a two-core machine stays quick with it.
    requests_per_second: int = 15


def read_roster(path: Path | None = None) -> Roster:
    """Read `path`, or $BOTS_FILE, or $DATA/bots.json; $BOTS_REST overrides the address in it.

    Raises RosterError.
    """
    chosen = path or Path(os.environ.get("BOTS_FILE") or _data_folder() / "bots.json")
    try:
        roster = msgspec.convert(json.loads(chosen.read_text()), Roster)
    except FileNotFoundError as error:
        raise RosterError(f"There is no {chosen}; `manage.py seed_demo` writes it.") from error
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise RosterError(f"{chosen} cannot be used: {error}") from error
    rest = os.environ.get("BOTS_REST")
    return msgspec.structs.replace(roster, rest=rest) if rest else roster


def _data_folder() -> Path:
    return Path(os.environ.get("DATA") or "var")
