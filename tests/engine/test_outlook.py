"""The liquidation price: exact to 1e-8 USD, an end of one interval, and true when it comes."""

import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine import commands as c
from engine import questions as q
from engine.catalog import Fraction, Haircut
from engine.kinds import MarginStatus
from engine.maintenance import maintenance
from engine.outlook import HIGHEST_MULTIPLE, _spare, safe_prices
from engine.prices import MAX_PRICE_E8
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import MICROS, PPB, RAY, AccountId
from tests.engine import listings
from tests.engine.driver import ALICE, ASK, BID, BOB, Exchange
from tests.engine.foresight import ends_are_ends, risk
from tests.engine.test_vectors import VECTORS, near, scaled

PERP = "SOL_USDC_PERP"
USD = 10**8


def ask(exchange: Exchange, question: q.AnyQuestion) -> Any:
    """Ask, and look at everything there is before and after: nothing may have changed."""
    before = pickle.dumps(exchange.engine.state)
    answer = exchange.engine.ask(question, at_ns=exchange.at_ns)
    assert pickle.dumps(exchange.engine.state) == before, f"{question} left a trace"
    return answer


def report(exchange: Exchange, account: AccountId = ALICE) -> q.RiskReport:
    answer = ask(exchange, q.AccountRisk(account=account))
    assert isinstance(answer, q.RiskReport)
    return answer


def ends(exchange: Exchange, asset: str = "SOL") -> tuple[int | None, int | None]:
    (one,) = (one for one in report(exchange).assets if one.asset == asset)
    return one.lower_e8, one.upper_e8


def open_position(exchange: Exchange, lots: int, market: str = PERP, price: int = 10_000) -> None:
    """Have alice open a position (negative: short) with bob, at one price."""
    side, other = (BID, ASK) if lots > 0 else (ASK, BID)
    exchange.limit(BOB, other, abs(lots), price, market)
    exchange.limit(ALICE, side, abs(lots), price, market)


@pytest.fixture
def exchange() -> Exchange:
    """Bob has plenty, and lends; perpetuals cost no fee and need a fortieth at every size."""
    perp = replace(
        listings.SOL_PERP,
        taker_fee_ppm=0,
        maker_fee_ppm=0,
        imf=Fraction(base_ppb=50_000_000),
        mmf=Fraction(base_ppb=25_000_000),
    )
    made = Exchange(markets=(listings.SOL_USDC, listings.BTC_USDC, listings.BTC_PERP, perp))
    for asset, atoms in (("USDC", 10**13), ("SOL", 10**14), ("BTC", 10**11)):
        made.deposit(BOB, asset, atoms)
        made.accept(c.Lend(account=BOB, asset=asset, amount_atoms=atoms // 2))
    return made


def test_the_liquidation_price_of_a_single_position_is_the_published_one(
    exchange: Exchange,
) -> None:
    vector = VECTORS["F13"]
    inputs = vector["inputs"]
    exchange.deposit(ALICE, "USDC", scaled(inputs["account_value"], MICROS))
    open_position(exchange, scaled(inputs["size"], 100), price=scaled(inputs["price"], 100))
    (position,) = report(exchange).positions
    assert position.liquidation_e8 is not None
    price = Decimal(position.liquidation_e8) / USD
    assert near(price, vector["expected"]["liq_price"], vector["tolerance"])
    supposed = ask(
        exchange, q.SupposePrices(account=ALICE, prices_e8={"SOL": position.liquidation_e8})
    )
    for told, name in (
        (supposed.figures.equity_micros, "check_equity"),
        (supposed.figures.maintenance_micros, "check_mm"),
    ):
        assert near(Decimal(told) / MICROS, vector["expected"][name], vector["tolerance"])


@pytest.mark.parametrize(
    ("deposits", "lots", "loan", "lower", "upper"),
    [
        # 1,000 + 50 (p − 100) = 0.025 × 50 p
        ({"USDC": 1_000}, 5_000, 0, "82.05128205", None),
        # 1,000 − 50 (p − 100) = 0.025 × 50 p
        ({"USDC": 1_000}, -5_000, 0, None, "117.07317073"),
        # 5,000 dollars pay for 50 SOL whatever they cost.
        ({"USDC": 6_000}, 5_000, 0, None, None),
        # 90 SOL's worth of collateral, at 0.9: 0.9 × 10 p + 50 (p − 100) = 0.025 × 50 p
        ({"SOL": 10}, 5_000, 0, "86.58008658", None),
        # What is owned loses with a fall what the short wins: 0.9 × 10 p − 10 (p − 100) > 0.25 p
        ({"SOL": 10}, -1_000, 0, None, "800.00000000"),
        # A debt of 10 SOL against 1,500 dollars: 1,500 + 0.9 × 10 p − 10 p = 0.1 × 10 p
        ({"USDC": 1_500}, 0, 10, None, "750.00000000"),
        ({"USDC": 1_000}, 0, 0, None, None),
        ({"SOL": 10}, 0, 0, None, None),
    ],
)
def test_the_ends_can_be_told_by_hand(
    exchange: Exchange,
    deposits: dict[str, int],
    lots: int,
    loan: int,
    lower: str | None,
    upper: str | None,
) -> None:
    for asset, whole in deposits.items():
        exchange.deposit(ALICE, asset, whole * {"USDC": 10**6, "SOL": 10**9}[asset])
    if lots:
        open_position(exchange, lots)
    if loan:
        exchange.accept(c.Borrow(account=ALICE, asset="SOL", amount_atoms=loan * 10**9))
    if not lots and "SOL" not in deposits and not loan:
        assert [one.asset for one in report(exchange).assets] == ["USDC"]
        return
    for found, expected in zip(ends(exchange), (lower, upper), strict=True):
        if expected is None:
            assert found is None
        else:
            assert found is not None
            # The weight and the fraction are whole parts of 1e9: the eighth digit may be theirs.
            assert abs(found - scaled(expected, USD)) <= 40, found
    ends_are_ends(exchange.engine, ALICE, exchange.at_ns)


def test_each_position_has_the_end_on_its_losing_side(exchange: Exchange) -> None:
    exchange.deposit(ALICE, "USDC", 3_000 * 10**6)
    exchange.deposit(ALICE, "SOL", 20 * 10**9)
    open_position(exchange, 20_000)
    open_position(exchange, -30_000, "BTC_USDC_PERP", 500_000)
    told = report(exchange)
    by_market = {one.market: one for one in told.positions}
    by_asset = {one.asset: one for one in told.assets}
    assert list(by_asset) == ["BTC", "SOL", "USDC"]
    assert by_market[PERP].liquidation_e8 == by_asset["SOL"].lower_e8 is not None
    assert by_market["BTC_USDC_PERP"].liquidation_e8 == by_asset["BTC"].upper_e8 is not None
    assert by_asset["SOL"].owned_atoms == 20 * 10**9
    assert (by_asset["BTC"].owned_atoms, by_asset["BTC"].lower_e8) == (0, None)
    ends_are_ends(exchange.engine, ALICE, exchange.at_ns)


@pytest.mark.parametrize("nearer", [0, 1])
def test_at_its_price_an_account_is_liquidated_and_one_unit_nearer_it_is_not(
    exchange: Exchange, nearer: int
) -> None:
    exchange.deposit(ALICE, "USDC", 1_000 * 10**6)
    open_position(exchange, 5_000)
    exchange.prices(SOL=100 * USD)
    lower, _ = ends(exchange)
    assert lower is not None
    for _ in range(6):
        exchange.wait(1)
        exchange.prices(SOL=lower + nearer, USDC=USD, BTC=50_000 * USD)
    begun = exchange.engine.state.accounts[ALICE].liquidation is not None
    assert begun is (nearer == 0)
    told = report(exchange)
    assert told.status is (MarginStatus.MARGIN_CALL if nearer else MarginStatus.LIQUIDATING)
    assert told.figures.is_met is (nearer == 1)
    if not nearer:
        assert ends(exchange) == (None, None), "it is there already"


def test_what_is_supposed_is_what_comes(exchange: Exchange) -> None:
    exchange.deposit(ALICE, "USDC", 40_000 * 10**6)
    exchange.deposit(ALICE, "SOL", 50 * 10**9)
    open_position(exchange, 40_000)
    open_position(exchange, -30_000, "BTC_USDC_PERP", 500_000)
    exchange.accept(c.Borrow(account=ALICE, asset="BTC", amount_atoms=10**7))
    exchange.wait(60)
    exchange.prices(SOL=100 * USD, BTC=50_000 * USD)
    before = report(exchange)
    told = ask(
        exchange,
        q.SupposePrices(account=ALICE, prices_e8={"SOL": 91 * USD}, moves_ppm={"BTC": 100_000}),
    )
    exchange.prices(SOL=91 * USD, BTC=55_000 * USD)
    real = report(exchange)
    assert told == real
    assert before.status is MarginStatus.HEALTHY
    assert real.figures.equity_micros < before.figures.equity_micros
    (sol,) = (one for one in real.positions if one.market == PERP)
    assert sol.pnl_atoms == 400 * -9 * 10**6


def test_a_crash_that_is_supposed_says_that_it_would_liquidate(exchange: Exchange) -> None:
    exchange.deposit(ALICE, "USDC", 1_000 * 10**6)
    open_position(exchange, 5_000)
    told = ask(exchange, q.SupposePrices(account=ALICE, moves_ppm={"SOL": -200_000}))
    assert not told.figures.is_met
    assert told.status is MarginStatus.MARGIN_CALL
    assert told.figures.equity_micros == 0
    assert risk(exchange.engine, ALICE, exchange.at_ns).figures.is_met


@pytest.mark.parametrize(
    ("supposed", "code"),
    [
        ({"prices_e8": {"NONE": USD}}, Reject.UNKNOWN_ASSET),
        ({"moves_ppm": {"NONE": 0}}, Reject.UNKNOWN_ASSET),
        ({"prices_e8": {"SOL": 0}}, Reject.INVALID_PRICE),
        ({"prices_e8": {"SOL": -1}}, Reject.INVALID_PRICE),
        ({"prices_e8": {"SOL": MAX_PRICE_E8 + 1}}, Reject.INVALID_PRICE),
        ({"moves_ppm": {"SOL": -1_000_000}}, Reject.INVALID_PRICE),
        ({"moves_ppm": {"SOL": 2**62}}, Reject.INVALID_PRICE),
        ({"prices_e8": {"SOL": USD}, "moves_ppm": {"SOL": 1}}, Reject.INVALID_PARAMETER),
        ({"prices_e8": {f"A{number}": USD for number in range(101)}}, Reject.INVALID_PARAMETER),
        ({"account": AccountId(9)}, Reject.UNKNOWN_ACCOUNT),
    ],
)
def test_what_cannot_be_supposed_says_why(
    exchange: Exchange, supposed: dict[str, Any], code: Reject
) -> None:
    answer = ask(exchange, q.SupposePrices(**({"account": ALICE} | supposed)))
    assert isinstance(answer, q.Unanswerable)
    assert (answer.why.code, bool(answer.why.message)) == (code, True)


def test_an_asset_without_a_price_has_no_end_and_cannot_be_supposed() -> None:
    exchange = Exchange(index_e8={"USDC": USD})
    exchange.deposit(ALICE, "SOL", 10**9)
    assert ends(exchange) == (None, None)
    answer = ask(exchange, q.SupposePrices(account=ALICE, prices_e8={"SOL": USD}))
    assert isinstance(answer, q.Unanswerable)
    assert answer.why.code is Reject.NO_PRICE
    nobody = ask(exchange, q.AccountRisk(account=AccountId(9)))
    assert nobody.why.code is Reject.UNKNOWN_ACCOUNT


FRACTIONS = st.builds(
    Fraction,
    base_ppb=st.integers(min_value=1_000_000, max_value=200_000_000),
    factor_ppb=st.sampled_from([0, 0, 36_000, 100_000, 1_000_000]),
)
HAIRCUTS = st.builds(
    Haircut,
    weight_ppb=st.integers(min_value=0, max_value=PPB),
    factor_ppb=st.sampled_from([0, 50_000, 1_000_000]),
)
ATOMS = st.integers(min_value=0, max_value=10**15)


@st.composite
def hanging_accounts(draw: st.DrawFn) -> tuple[State, Account]:
    """An account that owns, owes and holds positions of SOL, with everything else fixed."""
    state = State()
    sol = replace(
        listings.SOL, haircut=draw(HAIRCUTS), borrow_mmf=draw(FRACTIONS), borrow_imf=Fraction(PPB)
    )
    perp = replace(listings.SOL_PERP, mmf=draw(FRACTIONS), imf=Fraction(PPB))
    for asset in (listings.USDC, sol):
        state.list_asset(asset)
    state.prices["USDC"].update(USD, 0)
    index = draw(st.integers(min_value=1, max_value=10**13))
    state.prices["SOL"].update(index, 0)
    state.list_market(perp, 100)
    mark = state.markets[PERP].perp_mark()
    mark.set(max(1, index * draw(st.integers(min_value=95, max_value=105)) // 100), 0)
    account = Account(ALICE, ALICE)
    account.holding("USDC").available.atoms = draw(ATOMS)
    account.holding("SOL").available.atoms = draw(ATOMS)
    account.holding("SOL").debt_scaled = draw(st.one_of(st.just(0), ATOMS))
    account.holding("USDC").debt_scaled = draw(st.one_of(st.just(0), ATOMS))
    position = state.position(account, state.markets[PERP])
    position.lots = draw(st.integers(min_value=-(10**9), max_value=10**9))
    position.quote = draw(st.integers(min_value=-(10**15), max_value=10**15))
    assert state.pools["SOL"].debt_index == RAY
    return state, account


def spare_at(state: State, account: Account, price_e8: int, index_e8: int, mark_e8: int) -> int:
    """Return equity less margin by the engine's own function, at other prices."""
    state.prices["SOL"].now_e8 = price_e8
    state.markets[PERP].perp_mark().price.now_e8 = mark_e8 * price_e8 // index_e8
    found = maintenance(state, account)
    return found.equity - found.margin


@given(drawn=hanging_accounts(), prices=st.lists(st.integers(1, 10**15), min_size=3, max_size=3))
def test_equity_less_margin_is_concave_in_a_price(
    drawn: tuple[State, Account], prices: list[int]
) -> None:
    state, account = drawn
    spare = _spare(state, account, "SOL", maintenance(state, account))
    low, middle, high = sorted(prices)
    chord = spare(low) * (high - middle) + spare(high) * (middle - low)
    # Weights and fractions are rounded to 1e-9 of what they weigh, marks to a unit of the price.
    found = maintenance(state, account)
    weighed = sum(abs(risk.notional) + abs(risk.equity) for risk in found.risks)
    scale = weighed * high // state.prices["SOL"].now_e8 // PPB
    lots_a_unit = abs(account.positions[PERP].lots) // 10**4
    slack = 50 + 8 * scale + 4 * lots_a_unit
    assert spare(middle) * (high - low) >= chord - slack * (high - low)


@given(drawn=hanging_accounts(), probe=st.integers(1, 10**6))
def test_the_safe_prices_are_one_interval_whose_ends_are_exact(
    drawn: tuple[State, Account], probe: int
) -> None:
    state, account = drawn
    index, mark = state.prices["SOL"].now_e8, state.mark_e8(state.markets[PERP])
    found = maintenance(state, account)
    told = safe_prices(state, account, "SOL", found)
    if not found.is_met:
        assert told == (None, None)
        return
    highest = min(index * HIGHEST_MULTIPLE, MAX_PRICE_E8)
    for end, unit, last in ((told.lower_e8, 1, 1), (told.upper_e8, -1, highest)):
        if end is None:
            assert spare_at(state, account, last, index, mark) >= 0
            inside = index + (last - index) * probe // 10**6
        else:
            assert spare_at(state, account, end, index, mark) < 0
            assert spare_at(state, account, end + unit, index, mark) >= 0
            inside = end + unit + (index - end - unit) * probe // 10**6
        # Roundings may have it short by so much where it hangs by a thread.
        slack = 50 + 8 * (found.equity + sum(risk.notional for risk in found.risks)) // PPB
        slack *= max(1, inside // index + 1)
        slack += 4 * abs(account.positions[PERP].lots) // 10**4
        assert spare_at(state, account, inside, index, mark) >= -slack
