"""Who lives in the demo, what they own, and what the bots quote."""

from typing import Final

import msgspec


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A demo customer. Amounts are decimal texts in whole units of the asset."""

    email: str
    country: str = "CH"
    # 1 is identity, which spot needs; 2 is what perpetuals and lending need.
    tier: int = 2
    deposits: dict[str, str] = {}
    borrows: dict[str, str] = {}
    auto_lend: bool = False


STAFF_EMAIL: Final = "ops@demo.example"

_TRADER: Final = {"USDC": "250000", "BTC": "2", "ETH": "20", "SOL": "50"}

# Carol before dave: what she lends is what he borrows.
PEOPLE: Final = (
    Person(email="alice@demo.example", deposits=_TRADER),
    Person(email="bob@demo.example", deposits=_TRADER),
    Person(
        email="carol@demo.example",
        country="SG",
        deposits={"USDC": "1500000", "USDT": "300000", "BTC": "15", "ETH": "400", "SOL": "6000"},
        auto_lend=True,
    ),
    # A borrower, so that the pools have a rate.
    Person(
        email="dave@demo.example",
        country="BR",
        deposits={"BTC": "20"},
        borrows={"USDC": "650000", "ETH": "120", "SOL": "2500"},
    ),
    # A resident of the United States: spot only.
    Person(
        email="erin@demo.example",
        country="US",
        deposits={"USDC": "100000", "BTC": "1"},
    ),
)

# The maker, then the taker.
BOTS: Final = (
    Person(
        email="maker@demo.example",
        deposits={
            "USDC": "60000000",
            "USDT": "5000000",
            "BTC": "200",
            "ETH": "4000",
            "SOL": "60000",
        },
    ),
    Person(
        email="taker@demo.example",
        deposits={"USDC": "10000000", "USDT": "1000000", "BTC": "40", "ETH": "800", "SOL": "12000"},
    ),
)

# Whose sub-accounts are the hedging desks.
HOUSE: Final = Person(email="desk@demo.example", deposits={"USDC": "4000000"})


def _plan(symbol: str, size: str, **more: str) -> dict[str, str | None]:
    base = symbol.split("_", maxsplit=1)[0]
    index = None if "par" in more else f"{base}_USDC_PERP"
    return {"symbol": symbol, "index": index, "size": size, **more}


# Some $5,000 at the best level of spot and $10,000 of perpetuals; levels grow away from it.
MARKET_PLANS: Final = (
    _plan("BTC_USDC", "0.06"),
    _plan("ETH_USDC", "1.8"),
    _plan("SOL_USDC", "40"),
    _plan("USDT_USDC", "20000", par="0.9996"),
    _plan("BTC_USDC_PERP", "0.12", position_limit="60"),
    _plan("ETH_USDC_PERP", "3.5", position_limit="1500"),
    _plan("SOL_USDC_PERP", "75", position_limit="30000"),
)
