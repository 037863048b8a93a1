"""The story of one trader's hour, `manage.py demo capital`: each of its lines adds up."""

import re
from decimal import Decimal
from io import StringIO

from django.core.management import call_command

SUM = re.compile(r"  = (\w+): opening 0, (.+): closing (-?[\d.]+)")


def story() -> str:
    told = StringIO()
    call_command("demo", "capital", stdout=told)
    return told.getvalue()


def movements(line: str) -> dict[str, Decimal]:
    parts = (part.rsplit(" ", 1) for part in line.split(", "))
    return {kind: Decimal(amount) for kind, amount in parts}


def test_both_hours_add_up_to_the_atom() -> None:
    on, off = story().split("Auto-Realize off")
    for told in (on, off):
        sums = {asset: (movements(parts), Decimal(end)) for asset, parts, end in SUM.findall(told)}
        assert set(sums) == {"BTC", "SOL", "USDC"}
        for parts, closing in sums.values():
            assert sum(parts.values()) == closing
        assert sums["SOL"][0]["interest"] > 0
    realized = movements(SUM.findall(on)[-1][1])
    assert realized["realized"] == 500
    assert realized["interest"] > 0, "the realized profit is lent on"
    open_profit = movements(SUM.findall(off)[-1][1])
    assert "realized" not in open_profit
    assert open_profit["interest"] < 0, "the loan is not repaid"
    earned = re.search(r"interest on it so far (0\.\d+) USDC\n.*equity", off)
    assert earned is not None
    assert Decimal(earned[1]) > 0


def test_the_deposit_works_in_four_places() -> None:
    told = story()
    for line in (
        "deposits 100 SOL; Auto Lend lends it at once",
        "SOL: available 0, lent 100\n",
        "the lent SOL is its margin",
        "USDC: available 0, owed 402.5",
        "it repays the loan, the rest is lent",
    ):
        assert line in told
