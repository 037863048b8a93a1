"""What is printed of a report: rounded to cents, complete, and the same after a database."""

import json
import random
from typing import Any

import pytest

from stress import shown
from stress.charts import price_plot
from stress.report import Report, from_data, to_data
from stress.scenario import Books, Scenario, straight
from stress.simulate import simulate
from tests.stress.world import BACKED, BORROWER, RUINED, World

SCENARIO = Scenario(others=straight(-400_000, 3_600))


@pytest.fixture(scope="module")
def report() -> Report:
    return simulate(World(insurance=3).copy(), SCENARIO)


def shuffled(data: Any, order: random.Random) -> Any:
    """Return data with the keys of its objects in another order, as a database gives them back."""
    if isinstance(data, dict):
        keys = sorted(data)
        order.shuffle(keys)
        return {key: shuffled(data[key], order) for key in keys}
    return [shuffled(one, order) for one in data] if isinstance(data, list) else data


def table(report: Report, title: str) -> shown.Table:
    return next(one for one in shown.tables(report) if one.title == title)


def test_what_is_shown_does_not_hang_on_the_order_of_keys(report: Report) -> None:
    data = json.loads(json.dumps(to_data(report)))
    for seed in range(5):
        again = from_data(shuffled(data, random.Random(seed)))
        assert again == report
        assert shown.tables(again) == shown.tables(report)
        assert shown.headline(again) == shown.headline(report)
        assert price_plot(again) == price_plot(report)


def test_each_number_stands_under_its_title(report: Report) -> None:
    told = table(report, "Liquidated accounts")
    rows = {row[0]: dict(zip(told.columns, row, strict=True)) for row in told.rows}
    for account, stage in ((BACKED, "Backstop"), (RUINED, "ADL")):
        row = rows[str(account)]
        assert row[stage].startswith("9,0"), row
        assert {row[other] for other in ("Collateral", "Book", "Backstop", "ADL")} == {
            row[stage],
            "0.00",
        }
    assert rows[str(BORROWER)]["Lost, USD"] == "3,000.00"
    assert rows[str(BORROWER)]["End"] == "Bankrupt"
    lenders = table(report, "Debts that were written off")
    (line,) = report.lenders
    assert lenders.rows[0][0] == "USDC"
    assert lenders.rows[0][-1] == f"{line.lenders_atoms / 10**6:,.6f} USDC"
    prices = table(report, "Prices, USD")
    assert ("BTC", "50,000", "30,000", "50,000", "30,000", "−40 %") in prices.rows
    assert [row[0] for row in prices.rows][:3] == ["BTC", "ETH", "SOL"]


def test_the_headline_says_what_is_bad(report: Report) -> None:
    bad = {figure.title: figure.is_bad for figure in shown.headline(report)}
    assert bad["Accounts liquidated"]
    assert bad["Lenders' loss, USD"]
    assert bad["Deleveraged (ADL)"]
    assert not bad["Losses shared by winners, USD"]
    quiet = simulate(World().copy(), Scenario(others=straight(-1_000, 5), books=Books.EMPTIED))
    assert not any(figure.is_bad for figure in shown.headline(quiet))
    titles = [one.title for one in shown.tables(quiet)]
    assert titles == ["By stage", "Who has won and lost, by asset", "Prices, USD"]


def test_a_long_table_says_how_much_is_left_out() -> None:
    long = shown.Table("Accounts", ("Account",), [(str(number),) for number in range(7)], "All.")
    assert long.cut(7) is long
    assert long.cut(5).rows == long.rows[:5]
    assert long.cut(5).more == "All. 2 more rows are in the report's JSON."


def test_the_chart_draws_what_moved(report: Report) -> None:
    plot = price_plot(report)
    assert plot is not None
    assert [line.asset for line in plot.lines] == ["BTC", "ETH", "SOL"]
    assert [text for _, text in plot.y_marks] == ["-40 %", "-20 %", "0 %"]
    xs, ys = zip(
        *(map(float, point.split(",")) for point in plot.lines[0].points.split()), strict=True
    )
    assert (xs[0], xs[-1], ys[0], ys[-1]) == (44, 350, 12, 164)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys)
