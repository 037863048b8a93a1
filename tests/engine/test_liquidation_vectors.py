"""The examples in tests/vectors/mechanics.json which apply to liquidations."""

from decimal import Decimal

from engine.fines import fine_of
from engine.liquidation_sales import bankruptcy_atoms, notional_to_target
from engine.maintenance import Maintenance, Risk, closing_of
from engine.positions import Position
from engine.takeover import takeover_atoms
from engine.units import MICROS, PPM, AccountId
from tests.engine.test_vectors import VECTORS, near, scaled


def test_the_bankruptcy_price_is_that_of_dydx() -> None:
    vector = VECTORS["F1"]
    for row, expected in zip(vector["inputs"], vector["expected"], strict=True):
        notional, margin = abs(int(row["DNNV"])), abs(int(row["DMMR"]))
        position = Position(AccountId(1), "BTC_USDC_PERP", {})
        position.lots = 1 if int(row["DNNV"]) < 0 else -1
        risk = Risk("mark:BTC_USDC_PERP", 1, 0, margin, notional=notional)
        found = Maintenance(0, int(row["TMMR"]), 0, (risk,))
        worst = bankruptcy_atoms(position, found, risk, real=int(row["TNC"]))
        assert worst * position.lots == int(expected), row["case"]


def test_the_closing_margin() -> None:
    vector = VECTORS["F3"]
    for fraction, expected in zip(vector["inputs"]["mmf"], vector["expected"], strict=True):
        assert closing_of(scaled(fraction, MICROS), MICROS) == scaled(expected, MICROS)


def test_a_backstop_pays_two_thirds_of_the_way() -> None:
    vector = VECTORS["F5"]
    quantity = int(vector["inputs"]["qty"])
    notional = int(vector["inputs"]["mark"]) * quantity * MICROS
    worst = scaled(vector["expected"]["zp"], MICROS) * quantity
    paid = Decimal(takeover_atoms(worst, notional)) / MICROS
    assert near(paid / quantity, vector["expected"]["blp_price"], "0.01")
    assert near(paid - Decimal(worst) / MICROS, vector["expected"]["to_fund"], "0.01")
    assert near(Decimal(notional) / MICROS - paid, vector["expected"]["to_blp"], "0.01")


def test_how_much_is_closed_to_reach_the_target() -> None:
    vector = VECTORS["F8"]
    notional = int(vector["inputs"]["notional"]) * MICROS
    margin = notional * scaled(vector["inputs"]["mmf"], PPM) // PPM
    risk = Risk("mark:SOL_USDC_PERP", 1, 0, margin, notional=notional)
    found = Maintenance(int(vector["inputs"]["equity"]) * MICROS, margin, 0, (risk,))
    closed = Decimal(notional_to_target(found, risk)) / MICROS
    assert near(closed, vector["expected"]["close_notional"], vector["tolerance"])


def test_the_fine_takes_no_more_than_is_there() -> None:
    vector = VECTORS["F9"]
    nothing_before = Maintenance(0, 0, 0, ())
    for row, expected in zip(vector["inputs"], vector["expected"], strict=True):
        traded = int(row["fill_notional"]) * MICROS
        after = Maintenance(int(row["equity_after_fill"]) * MICROS, 0, 0, ())
        fine = fine_of(traded, before=nothing_before, after=after)
        assert fine == int(expected) * MICROS


def test_the_fine_is_at_most_half_of_what_the_trade_has_won() -> None:
    before = Maintenance(95 * MICROS, 128 * MICROS, 0, ())
    # It has set free an eighth of the margin, and cost three dollars.
    after = Maintenance(92 * MICROS, 112 * MICROS, 0, ())
    assert fine_of(1_000 * MICROS, before=before, after=after) == 4_437_500
    # A trade that has won nothing costs nothing more.
    after = Maintenance(80 * MICROS, 112 * MICROS, 0, ())
    assert fine_of(1_000 * MICROS, before=before, after=after) == 0
