"""A report in words: what the console's page and the command print, in the same order.

Dollars are rounded to cents, towards minus infinity; amounts of assets are exact.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from engine.units import MICROS, PPM, PRICE_SCALE
from gateway.decimals import format_decimal, format_padded, group_digits
from stress.report import AccountLine, Balance, Report, TakerLine
from stress.spoken import percent, say

# What is less than a cent in dollars is not worth a line.
CENT_MICROS = 10_000
STAGE_NAMES = {
    "collateral": "Collateral sold on the spot books",
    "book": "Positions closed on the book",
    "backstop": "Taken over by backstops",
    "adl": "Closed against the other side (ADL)",
}
ROLE_NAMES = {
    "liquidated": "liquidated accounts",
    "maker": "the market maker of the copy",
    "deleveraged": "deleveraged accounts",
    "backstops": "backstops",
    "others": "all other accounts",
}


class Figure(NamedTuple):
    """A headline; `is_bad` where somebody else than the liquidated has lost."""

    title: str
    value: str
    more: str = ""
    is_bad: bool = False


class Table(NamedTuple):
    """A table to read: titles of the columns, and rows of texts; `more` explains it."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    more: str = ""

    def cut(self, most: int) -> "Table":
        """Return it with at most so many rows, and a word about the others."""
        left = len(self.rows) - most
        if left <= 0:
            return self
        more = f"{self.more} {left:,} more rows are in the report's JSON.".strip()
        return self._replace(rows=self.rows[:most], more=more)


def usd(micros: int) -> str:
    """Return micros as dollars and cents.

    >>> usd(1_234_567_890), usd(-5_000)
    ('1,234.56', '-0.01')
    """
    return group_digits(format_padded(micros // 10_000, 2))


def amount(report: Report, asset: str, atoms: int) -> str:
    """Return atoms of an asset as a plain decimal with its name."""
    return f"{group_digits(format_decimal(atoms, report.decimals[asset]))} {asset}"


def headline(report: Report) -> list[Figure]:
    """Return what is looked at first."""
    before = sum(line.before_micros for line in report.insurance)
    after = sum(line.after_micros for line in report.insurance)
    lenders = sum(line.lenders_micros for line in report.lenders)
    shared = sum(line.shared_micros for line in report.lines)
    adl = {line.account for line in report.deleveraged}
    open_ = sum(line.ended is None for line in report.lines)
    return [
        Figure(
            "Accounts liquidated",
            f"{report.liquidated} of {report.accounts}",
            f"{report.bankrupt} of them bankrupt, {open_} still under way; "
            f"{report.called} more came to a margin call",
            is_bad=bool(report.bankrupt or open_),
        ),
        Figure(
            "Insurance fund, USD",
            f"{usd(before)} → {usd(after)}",
            f"{usd(after - before)} of change, the prices of what it holds included",
            is_bad=after < before,
        ),
        Figure(
            "Lenders' loss, USD",
            usd(lenders),
            "debts that nobody could pay, less reserve and insurance",
            is_bad=lenders > 0,
        ),
        Figure(
            "Deleveraged (ADL)",
            f"{len(adl)} accounts",
            f"{usd(sum(line.traded_micros for line in report.deleveraged))} USD closed, "
            f"{usd(-sum(line.gained_micros for line in report.deleveraged))} USD given up "
            "against the mark",
            is_bad=bool(adl),
        ),
        Figure(
            "Losses shared by winners, USD",
            usd(shared),
            f"{len({line.account for line in report.shared})} accounts",
            is_bad=shared > 0,
        ),
    ]


def began(report: Report) -> str:
    """Return of when the copy is, and what was done to it."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(report.at_ns // 10**9))
    return (
        f"{say(report.scenario)}. A copy of the exchange after command {report.sequence:,} "
        f"({at} UTC); {report.seconds:,} seconds were lived through."
    )


def tables(report: Report) -> list[Table]:
    """Return the tables that have rows, in the order of reading."""
    found = [
        stages(report),
        accounts(report),
        takers(report, report.backstops, "What backstops took over"),
        takers(report, report.deleveraged, "Who was deleveraged"),
        Table(
            "What winners gave up",
            ("Account", "Market", "Amount"),
            [
                (str(line.account), line.market, amount(report, line.asset, line.lost_atoms))
                for line in report.shared
            ],
        ),
        lenders(report),
        insurance(report),
        Table(
            "Who has won and lost, by asset",
            ("Asset", "Who", "Amount"),
            [row for balance in report.balances for row in balance_rows(report, balance)],
            "Positions at the mark; each asset sums to zero, to the atom. Assets of which less "
            "than a cent has moved are left out.",
        ),
        prices(report),
        Table(
            "What markets accepted, and how far prices were to be relied on",
            ("Second", "Market or asset", "From then on"),
            [(str(second), subject, words) for second, subject, words in report.notes],
        ),
        Table(
            "Orders of the market maker that were refused",
            ("Why", "Orders"),
            [(code, f"{count:,}") for code, count in sorted(report.refused.items())],
        ),
    ]
    return [table for table in found if table.rows]


def stages(report: Report) -> Table:
    """Return what was traded at each stage, and what the insolvent could not pay."""
    # Databases keep the keys of JSON in an order of their own: it is never gone by.
    rows = [(name, usd(report.traded_micros[stage]), "") for stage, name in STAGE_NAMES.items()]
    parts = {
        "paid by the insurance fund and the house's fees": "paid_micros",
        "given up by winners": "shared_micros",
        "written off of debts": "written_off_micros",
    }
    sums = {
        words: sum(getattr(line, name) for line in report.lines) for words, name in parts.items()
    }
    told = ", ".join(f"{usd(micros)} {words}" for words, micros in sums.items() if micros)
    rows.append((f"Insolvent: {report.bankrupt} accounts", usd(sum(sums.values())), told))
    left = sum(line.left_micros for line in report.lines)
    rows.append(("Left of the insolvent, to the insurance fund", usd(left), ""))
    rows.append(("Fees of liquidation, to the insurance fund", usd(report.fee_micros), ""))
    return Table("By stage", ("Stage", "USD", "By whom"), rows)


def accounts(report: Report) -> Table:
    """Return the accounts that were liquidated, those who lost most first."""
    columns = (
        *("Account", "Status", "From s", "To s", "End", "Had, USD", "Lost, USD"),
        *("Collateral", "Book", "Backstop", "ADL", "Fee", "Paid for it"),
    )
    rows = [_account_row(line) for line in report.lines]
    more = "Had and lost: at full value, over the whole run. By stage: USD that were traded."
    if report.liquidated > len(rows):
        more += f" {report.liquidated - len(rows):,} more are not shown."
    return Table("Liquidated accounts", columns, rows, more)


def _account_row(line: AccountLine) -> tuple[str, ...]:
    borne = line.paid_micros + line.shared_micros + line.written_off_micros
    end = line.end if line.times == 1 else f"{line.end} ({line.times} times)"
    return (
        *(str(line.account), line.status, str(line.began)),
        *("-" if line.ended is None else str(line.ended), end),
        *(usd(line.before_micros), usd(line.lost_micros)),
        *(usd(line.traded_micros[stage]) for stage in STAGE_NAMES),
        *(usd(line.fee_micros), usd(borne)),
    )


def takers(report: Report, lines: tuple[TakerLine, ...], title: str) -> Table:
    """Return who took over how much of which market."""
    rows = [
        (
            *(str(line.account), line.market, amount(report, line.asset, line.atoms)),
            *(usd(line.traded_micros), usd(line.gained_micros)),
        )
        for line in lines
    ]
    return Table(title, ("Account", "Market", "Bought", "USD", "Against the mark, USD"), rows)


def lenders(report: Report) -> Table:
    """Return which debts were written off, and who bore them."""
    rows = [
        (
            line.asset,
            *(
                amount(report, line.asset, atoms)
                for atoms in (
                    *(line.debts_atoms, line.reserve_atoms),
                    *(line.insured_atoms, line.lenders_atoms),
                )
            ),
        )
        for line in report.lenders
    ]
    columns = ("Pool", "Debts", "Reserve", "Insurance fund", "Lenders")
    return Table("Debts that were written off", columns, rows)


def insurance(report: Report) -> Table:
    """Return the insurance fund by asset."""
    rows = [
        (
            *(amount(report, line.asset, line.before_atoms),),
            *(amount(report, line.asset, line.after_atoms), usd(line.after_micros)),
        )
        for line in report.insurance
        if max(line.before_micros, line.after_micros) >= CENT_MICROS
    ]
    columns = ("Before", "After", "After, USD")
    return Table("Insurance fund", columns, rows, "With what positions owe it.")


def balance_rows(report: Report, balance: Balance) -> list[tuple[str, ...]]:
    """Return an asset's balance, line by line; none if it has hardly moved."""
    price_e8 = report.path[-1].index_e8.get(balance.asset, 0)
    unit = PRICE_SCALE * 10 ** report.decimals[balance.asset]
    most = max(balance.won_atoms, balance.lost_atoms, abs(balance.insurance_atoms))
    if most * price_e8 * MICROS < CENT_MICROS * unit:
        return []
    lines = {name: balance.roles_atoms[role] for role, name in ROLE_NAMES.items()}
    lines |= {
        "insurance fund": balance.insurance_atoms,
        "fees of the house": balance.fees_atoms,
        "on its way, and rounding": balance.carried_atoms,
        "from outside": balance.outside_atoms,
    }
    return [
        (balance.asset, words, amount(report, balance.asset, atoms))
        for words, atoms in lines.items()
        if atoms
    ]


def prices(report: Report) -> Table:
    """Return where each index and mark began, was lowest and highest, and ended."""
    first = report.path[0]
    rows = []
    names = (*sorted(first.index_e8), *sorted(first.mark_e8))
    for name in names:
        begun = first.index_e8.get(name) or first.mark_e8.get(name, 0)
        found = [point.index_e8.get(name, point.mark_e8.get(name, 0)) for point in report.path]
        if begun and len(set(found)) > 1:
            low, high = min(found), max(found)
            moved = ((found[-1] - begun) * PPM // begun + 50) // 100 * 100
            rows.append(
                (
                    *(name, _price(begun), _price(low), _price(high), _price(found[-1])),
                    percent(moved),
                )
            )
    columns = ("Index or mark", "Began", "Lowest", "Highest", "Ended", "Moved")
    return Table("Prices, USD", columns, rows)


def _price(price_e8: int) -> str:
    return group_digits(format_decimal(price_e8, 8))
