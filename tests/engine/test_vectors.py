"""The published and computed examples in tests/vectors/mechanics.json which apply to the engine."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import order_events as oe
from engine import vocabulary as v
from engine.catalog import Asset, Fraction, Haircut, RateCurve
from engine.fees import fee_of
from engine.interest import Base, apy_ppb, borrow_rate, growth, lend_rate
from engine.margin import MarginType, fraction_ppb, health, weight_ppb
from engine.pools import Pool
from engine.record import Record
from engine.units import MICROS, PPB, PPM, RAY, SECOND_NS, YEAR_NS, div_ceil
from tests.engine.driver import ALICE, BOB, CAROL, Exchange, limit
from tests.engine.listings import BTC_PERP, SOL_PERP, USDC

FILE = Path(__file__).parent.parent / "vectors" / "mechanics.json"
VECTORS = {vector["id"]: vector for vector in json.loads(FILE.read_text())["vectors"]}
MICRO = Decimal("0.000001")

# Examples of what other venues do and this one does not.
OF_OTHERS = {
    "C1": "a rate curve of three segments with a rate at no utilization; ours has one kink",
    "C4": "a rate curve of six segments beyond its kink",
    "C6": "compounding by a Taylor series; ours compounds hour by hour, which is exact",
    "G4": "settlement limited by the health of spot balances; ours leaves what cannot be paid open",
}


def scaled(text: str, scale: int) -> int:
    """Return a decimal text times `scale`, which must come out whole."""
    number = Decimal(text) * scale
    assert number == int(number)
    return int(number)


def near(actual: Decimal, expected: str, tolerance: Decimal | str) -> bool:
    """Tell whether two numbers differ by at most `tolerance`."""
    return abs(actual - Decimal(expected)) <= Decimal(tolerance)


@pytest.mark.parametrize("name", ["A1-SOL", "A1-ETH"])
def test_margin_grows_with_the_square_root_of_the_notional(name: str) -> None:
    vector = VECTORS[name]
    for kind in ("imf", "mmf"):
        inputs = vector["inputs"][kind]
        fraction = Fraction(scaled(inputs["base"], PPB), scaled(inputs["factor"], PPB))
        margin_of = {"imf": "initial_margin", "mmf": "maintenance_margin"}[kind]
        for row in vector["expected"]:
            notional = scaled(row["notional"], MICROS)
            ppb = fraction_ppb(fraction, notional)
            assert near(Decimal(ppb) / PPB, row[kind], vector["tolerance"])
            # The fraction is carried to 1e-9 and rounded up, so the margin is that much above.
            margin = Decimal(div_ceil(notional * ppb, PPB)) / MICROS
            excess = Decimal(row["notional"]) / PPB + Decimal(vector["tolerance"])
            assert near(margin, row[margin_of], excess)
            assert margin >= Decimal(row[margin_of]) - MICRO


def test_the_square_root_takes_over_where_base_and_factor_cross() -> None:
    vector = VECTORS["A2"]
    for kind in ("imf", "mmf"):
        base, factor = (scaled(text, PPB) for text in vector["inputs"][kind])
        crossover = vector["expected"][f"{kind}_crossover"]
        below = int((Decimal(crossover) - Decimal("0.01")) * MICROS)
        above = int((Decimal(crossover) + 1) * MICROS)
        assert fraction_ppb(Fraction(base, factor), below) == base
        assert fraction_ppb(Fraction(base, factor), above) > base


def test_collateral_weight_falls_with_size() -> None:
    vector = VECTORS["A3"]
    for case, expected in zip(vector["inputs"]["cases"], vector["expected"], strict=True):
        weight = case.get("initial_asset_weight", vector["inputs"]["initial_asset_weight"])
        # Weights are in 1e-4; the penalty is imf × 1e-6 × √(size × 10^10) / 10^5 there.
        haircut = Haircut(weight_ppb=int(weight) * 100_000, factor_ppb=int(case["imf"]) * 1_000)
        micros = int(case["size_tokens"]) * MICROS
        assert weight_ppb(haircut, micros) // 100_000 == int(expected)
    vector = VECTORS["A5"]
    for row in vector["expected"]:
        haircut = Haircut(scaled(row["w0"], PPB), scaled(row["imf"], PPB))
        weight_of = Decimal(weight_ppb(haircut, scaled(row["qty"], MICROS))) / PPB
        assert near(weight_of, row["weight"], vector["tolerance"])


def test_initial_margin_rounds_up() -> None:
    vector = VECTORS["A8"]
    plain = [row for row in vector["inputs"] if "imf_ppm" in row]
    assert len(plain) == 3, "the fourth row scales by open interest, which has no parameter here"
    for row, expected in zip(plain, vector["expected"], strict=False):
        assert div_ceil(int(row["N"]) * int(row["imf_ppm"]), PPM) == int(expected)


def test_open_orders_count_at_their_worst() -> None:
    vector = VECTORS["B2"]
    for row, expected in zip(vector["inputs"], vector["expected"], strict=True):
        exchange = Exchange()
        for account in (ALICE, BOB):
            exchange.deposit(account, "USDC", 10**12)
        lots = int(row["pos"])
        if lots:
            first, second = (BOB, ALICE) if lots > 0 else (ALICE, BOB)
            exchange.limit(first, v.Side.ASK, abs(lots), 10_000, SOL_PERP.symbol)
            exchange.limit(second, v.Side.BID, abs(lots), 10_000, SOL_PERP.symbol)
        for number, text in enumerate(row["bids"]):
            if int(text):
                exchange.limit(ALICE, v.Side.BID, int(text), 9_000 - number, SOL_PERP.symbol)
        for number, text in enumerate(row["asks"]):
            if int(text):
                exchange.limit(ALICE, v.Side.ASK, int(text), 11_000 + number, SOL_PERP.symbol)
        held = exchange.engine.state.accounts[ALICE]
        assert held.positions[SOL_PERP.symbol].worst_lots() == int(expected)


def test_an_order_is_accepted_if_equity_carries_margin_loss_and_fee() -> None:
    vector = VECTORS["B3"]
    base, factor = (scaled(text, PPB) for text in vector["inputs"]["imf"])
    market = replace(BTC_PERP, imf=Fraction(base, factor))
    index = {"USDC": 10**8, "BTC": scaled(vector["inputs"]["mark"], 10**8), "SOL": 10**10}
    for equity, accepted in (("13000", True), ("9000", True), ("7467", False)):
        exchange = Exchange(markets=(market,), index_e8=index)
        exchange.accept(c.UpdateAccount(account=ALICE, leverage_limit=50))
        exchange.deposit(ALICE, "USDC", scaled(equity, 10**6))
        order = limit(ALICE, v.Side.BID, lots=200_000, price_ticks=1_010_000, market=market.symbol)
        answer = exchange.apply(order)[0]
        assert isinstance(answer, oe.OrderPlaced) is accepted, answer
    exchange = Exchange(markets=(market,), index_e8=index)
    exchange.accept(c.UpdateAccount(account=ALICE, leverage_limit=50))
    exchange.deposit(ALICE, "USDC", 13_000 * 10**6)
    exchange.accept(order)
    state = exchange.engine.state
    found = health(state, state.accounts[ALICE], MarginType.INITIAL)
    expected = vector["expected"]
    # The fraction is rounded up at 1e-9 of the 200,000 notional.
    assert near(Decimal(found.margin) / MICROS, expected["im"], "0.0003")
    assert near(Decimal(found.open_loss) / MICROS, expected["open_loss"], vector["tolerance"])
    assert near(Decimal(found.fee_reserve) / MICROS, expected["fee_reserve"], vector["tolerance"])


def test_a_withdrawal_leaves_a_tenth_of_the_positions_behind() -> None:
    vector = VECTORS["B5"]["inputs"]
    exchange = Exchange(markets=(SOL_PERP,))
    notional = scaled(vector["total_position_notional"], 10**6)
    lots = notional // 10**6
    exchange.deposit(BOB, "USDC", 10**12)
    # The maker pays a fee of 0.02 %: what is left is the account value of the example.
    fee = fee_of(notional, SOL_PERP.maker_fee_ppm)
    exchange.deposit(ALICE, "USDC", scaled(vector["account_value"], 10**6) + fee)
    exchange.limit(ALICE, v.Side.BID, lots, 10_000, SOL_PERP.symbol)
    exchange.limit(BOB, v.Side.ASK, lots, 10_000, SOL_PERP.symbol)
    most = scaled(VECTORS["B5"]["expected"]["max_transfer"], 10**6)

    def withdraw(amount: int, number: int) -> c.RequestWithdrawal:
        return c.RequestWithdrawal(
            account=ALICE, asset="USDC", amount_atoms=amount, withdrawal=number
        )

    assert exchange.refuse(withdraw(most + 2, 1)) == "INSUFFICIENT_MARGIN"
    exchange.accept(withdraw(most - 2, 2))


def test_interest_compounds_into_the_published_index() -> None:
    vector = VECTORS["C2"]
    index, step = RAY, int(vector["inputs"]["step_s"]) * SECOND_NS
    rate = scaled(vector["inputs"]["rate"], RAY)
    for _ in range(int(vector["inputs"]["duration_s"]) * SECOND_NS // step):
        index += growth(Base(RAY, index, (), 0, rate, 0), step).debt_index
    assert near(Decimal(index) / RAY, vector["expected"]["index_ratio"], vector["tolerance"])


def _curve(inputs: dict[str, Any]) -> RateCurve:
    return RateCurve(
        base_ppb=scaled(inputs["r0"], PPB),
        slope1_ppb=scaled(inputs["s1"], PPB),
        slope2_ppb=scaled(inputs["s2"], PPB),
        optimal_ppb=scaled(inputs["optimal"], PPB),
    )


def test_the_rate_curve_has_its_kink() -> None:
    vector = VECTORS["C5"]
    curve = _curve(vector["inputs"])
    fee_ppm = scaled(vector["inputs"]["fee"], PPM)
    for row in vector["expected"]:
        borrow = borrow_rate(curve, scaled(row["util"], RAY))
        assert borrow == scaled(row["borrow"], RAY)
        # 0.5236875 and the like: whole at 1e-9, so nothing is lost to rounding.
        rates = (scaled(row["borrow"], PPB), scaled(row["util"], PPB))
        assert lend_rate(*rates, fee_ppm) == scaled(row["supply"], PPB)


def test_a_pool_accrues_a_year_to_the_atom() -> None:
    vector = VECTORS["C8"]
    curve = _curve(VECTORS["C5"]["inputs"])
    asset: Asset = replace(USDC, curve=curve, fee_ppm=100_000)
    # A whole hour, so that hourly accrual falls on the hours at which interest compounds.
    now = 1_790_000_000 // 3600 * 3600 * SECOND_NS
    pool = Pool(asset, Record(), now)
    alice, carol = pool.lend(1_000_000 * 10**6), pool.lend(500_000 * 10**6)
    bob = pool.borrow(900_000 * 10**6)
    for _ in range(int(vector["inputs"]["steps"])):
        now += int(vector["inputs"]["dt_s"]) * SECOND_NS
        pool.accrue(now)
    expected = vector["expected"]
    assert pool.debt_index == int(expected["I_b"])
    assert pool.buckets[0].index == int(expected["I_l"])
    assert pool.debt_atoms(bob) == int(expected["debt_bob"])
    assert pool.lend_atoms(alice) == int(expected["bal_alice"])
    assert pool.lend_atoms(carol) == int(expected["bal_carol"])
    assert pool.reserve // RAY == int(expected["reserve_atoms"])
    utilization = Decimal(pool.borrowed_ray) / Decimal(pool.lent_ray)
    assert near(utilization, expected["final_utilization"], "1e-12")


def test_an_hour_of_interest_is_amount_times_rate_over_8760() -> None:
    vector = VECTORS["C11"]
    rate = scaled(vector["inputs"]["apr"], RAY)
    grown = growth(Base(RAY, RAY, (), 0, rate, 0), 3600 * SECOND_NS)
    hourly = Decimal(vector["inputs"]["amount"]) * grown.debt_index / RAY
    assert near(hourly, vector["expected"]["hourly"], vector["tolerance"])
    assert YEAR_NS == 8760 * 3600 * SECOND_NS


def test_a_yearly_yield_compounds_the_rate_by_the_hour() -> None:
    vector = VECTORS["C13"]
    for rate, expected in zip(vector["inputs"]["apr"], vector["expected"], strict=True):
        found = Decimal(apy_ppb(scaled(rate, PPB))) / PPB
        # Rounded down, to a billionth.
        assert 0 <= Decimal(expected) - found < Decimal("1e-9") + Decimal(vector["tolerance"])
    yields = [apy_ppb(rate) for rate in (0, 1, 1_000, 10**6, 10**9, 10**12)]
    assert yields == sorted(yields)
    assert yields[0] == 0


def test_every_example_of_lending_and_settlement_is_tested_or_another_venues() -> None:
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    for name in VECTORS:
        used = f'VECTORS["{name}"]' in tests
        assert used is not (name in OF_OTHERS) or name[0] not in "CG", name
    assert set(OF_OTHERS) <= set(VECTORS)


def test_settlement_is_zero_sum() -> None:
    vector = VECTORS["G1"]
    exchange = Exchange(markets=(SOL_PERP,))
    accounts = dict(zip("abc", (ALICE, BOB, CAROL), strict=True))
    for account in accounts.values():
        exchange.deposit(account, "USDC", 10**12)
    exchange.prices(SOL=100 * 10**8)
    # A bought 1 SOL at 99.70, C bought 1 at 100.20, B sold both: a hundredth of the example's size.
    exchange.limit(BOB, v.Side.ASK, 100, 9_970, SOL_PERP.symbol)
    exchange.limit(ALICE, v.Side.BID, 100, 9_970, SOL_PERP.symbol)
    exchange.limit(BOB, v.Side.ASK, 100, 10_020, SOL_PERP.symbol)
    exchange.limit(CAROL, v.Side.BID, 100, 10_020, SOL_PERP.symbol)
    for name, account in accounts.items():
        lots, quote = exchange.position(account)
        assert lots == int(vector["inputs"]["base"][name])
        assert quote == int(vector["inputs"]["quote"][name]) * 10**4
        upnl = lots * 100 * 10**4 + quote
        assert upnl == int(vector["expected"]["upnl"][name]) * 10**4
    exchange.accept(c.AutoRealize(market=SOL_PERP.symbol))
    for name, account in accounts.items():
        assert exchange.position(account)[1] == int(vector["expected"]["quote_after"][name]) * 10**4


def test_fees_are_rounded_up() -> None:
    vector = VECTORS["G5"]
    notional = scaled(vector["inputs"]["notional"], 10**6)
    rates = {"spot_maker": 800, "spot_taker": 1_000, "futures_maker": 200, "futures_taker": 500}
    for name, fee_ppm in rates.items():
        assert near(
            Decimal(fee_of(notional, fee_ppm)) / 10**6,
            vector["expected"][name],
            vector["tolerance"],
        )


@pytest.mark.parametrize("kind", ["GTC", "IOC", "FOK", "POST_ONLY"])
def test_time_in_force(kind: str) -> None:
    vector = VECTORS["I3"]
    exchange = Exchange()
    exchange.deposit(ALICE, "SOL", 10**12)
    exchange.deposit(BOB, "USDC", 10**12)
    for price, quantity in vector["inputs"]["book"]:
        exchange.limit(ALICE, v.Side.ASK, int(quantity) * 100, int(price) * 100)
    terms: dict[str, Any] = (
        {"post_only": True} if kind == "POST_ONLY" else {"time_in_force": v.TimeInForce(kind)}
    )
    answer = exchange.apply(limit(BOB, v.Side.BID, lots=1_000, price_ticks=10_100, **terms))[0]
    expected = vector["expected"][kind]
    filled = answer.executed_lots if isinstance(answer, oe.OrderPlaced) else 0
    assert filled == int(expected["filled"]) * 100
    bids = tuple(exchange.engine.depth("SOL_USDC").bids)
    resting = f"{bids[0][1] // 100}@{bids[0][0] // 100}" if bids else None
    assert resting == expected.get("resting")
    if kind == "POST_ONLY":
        assert isinstance(answer, oe.OrderPlaced)
        assert answer.reason == "PostOnlyTaker"
