"""Assets, markets, prices, accounts: each refusal once, by precedence, then what works."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine.catalog import Fraction, MarketState, PoolLimits
from engine.rejects import Reject
from engine.units import PPB, AccountId
from tests.engine.driver import ALICE, BOB, DAVE, START_NS, Exchange
from tests.engine.listings import BTC, SOL_PERP, SOL_USDC, USDC

ETH = replace(BTC, symbol="ETH", decimals=9)
WBTC_PERP = replace(SOL_PERP, symbol="NEW_PERP")


# What makes no sense, of an asset that is listed as of one that is changed.
WRONG: tuple[dict[str, Any], ...] = (
    {"curve": replace(BTC.curve, optimal_ppb=0)},
    {"curve": replace(BTC.curve, optimal_ppb=PPB)},
    {"curve": replace(BTC.curve, slope2_ppb=-1)},
    {"curve": replace(BTC.curve, base_ppb=101 * PPB)},
    {"haircut": replace(BTC.haircut, weight_ppb=PPB + 1)},
    {"haircut": replace(BTC.haircut, factor_ppb=-1)},
    {"haircut": replace(BTC.haircut, numerator_ppb=0)},
    {"borrow_imf": Fraction(PPB + 1)},
    {"borrow_mmf": Fraction(-1)},
    {"borrow_mmf": replace(BTC.borrow_imf, base_ppb=BTC.borrow_imf.base_ppb + 1)},
    {"limits": PoolLimits(max_utilization_ppb=PPB + 1)},
    {"limits": PoolLimits(throttle_bound_ppb=990_000_000)},
    {"limits": PoolLimits(throttle_threshold_ppb=0)},
    {"limits": PoolLimits(throttle_fraction_ppb=-1)},
    {"limits": PoolLimits(size_limit_atoms=-1)},
    {"name": ""},
    {"name": "Bit\0coin"},
    {"fee_ppm": 1_000_001},
    {"insurance_ppm": -1},
    {"min_lend_atoms": -1},
    {"dust_micros": 2**63},
    {"stale_ms": 0},
)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "BTC", "decimals": 10}, Reject.ASSET_EXISTS),
        ({"decimals": 10}, Reject.INVALID_PARAMETER),
        ({"lend_rates_ppb": (0, 2, 1)}, Reject.INVALID_PARAMETER),
        *((changes, Reject.INVALID_PARAMETER) for changes in WRONG),
    ],
)
def test_list_asset_refuses(changes: dict[str, Any], code: Reject) -> None:
    assert Exchange().refuse(c.ListAsset(asset=replace(ETH, **changes))) is code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "XRP", "decimals": 9}, Reject.UNKNOWN_ASSET),
        ({"decimals": 9}, Reject.INVALID_PARAMETER),
        ({"lend_rates_ppb": (0,)}, Reject.INVALID_PARAMETER),
        *((changes, Reject.INVALID_PARAMETER) for changes in WRONG),
    ],
)
def test_update_asset_refuses(changes: dict[str, Any], code: Reject) -> None:
    exchange = Exchange()
    assert exchange.refuse(c.UpdateAsset(asset=replace(BTC, **changes))) is code
    assert exchange.engine.state.assets["BTC"] == BTC


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "SOL_USDC", "base": "XRP"}, Reject.MARKET_EXISTS),
        ({"base": "XRP", "tick_e8": 1}, Reject.UNKNOWN_ASSET),
        ({"quote": "XRP", "tick_e8": 1}, Reject.UNKNOWN_ASSET),
        ({"base": "USDC", "tick_e8": 1}, Reject.UNKNOWN_ASSET),
        # 1e-8 × 0.01 × 10^6 is not a whole number of USDC atoms; nor is a tick of nothing.
        ({"tick_e8": 1, "min_lots": 0}, Reject.LISTING_RULE),
        ({"tick_e8": 0}, Reject.LISTING_RULE),
        ({"min_lots": 0}, Reject.INVALID_PARAMETER),
        ({"min_lots": 2, "max_lots": 1}, Reject.INVALID_PARAMETER),
        ({"taker_fee_ppm": -1}, Reject.INVALID_PARAMETER),
        ({"max_multiplier_ppb": 10**9}, Reject.INVALID_PARAMETER),
        ({"min_impact_ppb": 10**9 + 1}, Reject.INVALID_PARAMETER),
        ({"imf": None}, Reject.INVALID_PARAMETER),
        ({"imf": Fraction(base_ppb=1)}, Reject.INVALID_PARAMETER),
    ],
)
def test_list_market_refuses(changes: dict[str, Any], code: Reject) -> None:
    assert Exchange().refuse(c.ListMarket(market=replace(WBTC_PERP, **changes))) is code


def test_a_perpetual_settles_in_a_dollar_of_six_decimals() -> None:
    exchange = Exchange()
    exchange.accept(c.ListAsset(asset=replace(USDC, symbol="DAI", decimals=9)))
    market = replace(WBTC_PERP, quote="DAI")
    assert exchange.refuse(c.ListMarket(market=market)) is Reject.INVALID_PARAMETER


def test_a_listing_says_what_a_lot_costs_per_tick() -> None:
    listed = Exchange().accept(c.ListMarket(market=WBTC_PERP))
    assert (listed.market, listed.quote_atoms_per_tick) == (WBTC_PERP, 100)


def test_market_state_is_set_for_known_markets() -> None:
    exchange = Exchange()
    unknown = c.SetMarketState(market="XRP_USDC", state=MarketState.CLOSED)
    assert exchange.refuse(unknown) is Reject.UNKNOWN_MARKET
    changed = exchange.accept(c.SetMarketState(market="SOL_USDC", state=MarketState.CLOSED))
    closed = MarketState.CLOSED
    assert changed == e.MarketStateChanged(market="SOL_USDC", state=closed, ordered=closed)


@pytest.mark.parametrize(
    ("prices", "code"),
    [
        ({"XRP": 0}, Reject.UNKNOWN_ASSET),
        ({"SOL": 0}, Reject.INVALID_PRICE),
        ({"SOL": -1}, Reject.INVALID_PRICE),
        ({"BTC": 10**8, "SOL": 0}, Reject.INVALID_PRICE),
    ],
)
def test_update_prices_takes_all_or_nothing(prices: dict[str, int], code: Reject) -> None:
    exchange = Exchange()
    assert exchange.refuse(c.UpdatePrices(prices_e8=prices)) is code
    assert exchange.engine.state.prices["BTC"].now_e8 == 50_000 * 10**8


def test_initial_prices_are_the_worse_of_index_and_five_minute_average() -> None:
    exchange = Exchange()
    exchange.wait(150)
    exchange.prices(SOL=100 * 10**8)
    exchange.wait(150)
    exchange.prices(SOL=200 * 10**8)
    price = exchange.engine.state.prices["SOL"]
    assert (price.now_e8, price.low_e8, price.high_e8) == (200 * 10**8, 100 * 10**8, 200 * 10**8)
    exchange.wait(150)
    exchange.prices(SOL=40 * 10**8)
    # Half of the window at 100, half at 200.
    assert (price.low_e8, price.high_e8) == (40 * 10**8, 150 * 10**8)
    exchange.wait(300)
    exchange.prices(SOL=40 * 10**8)
    assert (price.low_e8, price.high_e8) == (40 * 10**8, 40 * 10**8)


@pytest.mark.parametrize(
    ("account", "owner", "code"),
    [
        (ALICE, DAVE, Reject.ACCOUNT_EXISTS),
        (2_001, 9_999, Reject.UNKNOWN_ACCOUNT),
        (2_001, 3_001, Reject.OTHER_OWNER),
    ],
)
def test_open_account_refuses(account: int, owner: int, code: Reject) -> None:
    exchange = Exchange()
    exchange.accept(c.OpenAccount(account=AccountId(3_001), owner=BOB))
    command = c.OpenAccount(account=AccountId(account), owner=AccountId(owner))
    assert exchange.refuse(command) is code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": AccountId(9_999), "leverage_limit": 0}, Reject.UNKNOWN_ACCOUNT),
        ({"leverage_limit": 0}, Reject.INVALID_PARAMETER),
        ({"leverage_limit": 101}, Reject.INVALID_PARAMETER),
    ],
)
def test_update_account_refuses(changes: dict[str, Any], code: Reject) -> None:
    command = replace(c.UpdateAccount(account=ALICE), **changes)
    assert Exchange().refuse(command) is code


def test_update_account_changes_what_it_names_only() -> None:
    exchange = Exchange()
    before = exchange.accept(c.UpdateAccount(account=ALICE))
    after = exchange.accept(c.UpdateAccount(account=ALICE, auto_lend=True, leverage_limit=3))
    assert after == replace(before, auto_lend=True, leverage_limit=3)
    assert exchange.accept(c.UpdateAccount(account=ALICE, auto_lend=False)) == replace(
        after, auto_lend=False
    )


def test_a_repeated_command_answers_where_its_outcome_stands_and_changes_nothing() -> None:
    exchange = Exchange()
    deposit = c.CreditDeposit(account=ALICE, asset="USDC", amount_atoms=5)
    exchange.apply(deposit, command_id="deposit:1")
    at = exchange.sequence
    assert exchange.apply(deposit, command_id="deposit:1") == (e.CommandRepeated(sequence=at),)
    assert exchange.available(ALICE, "USDC") == 5
    other = replace(deposit, amount_atoms=6)
    answer = exchange.apply(other, command_id="deposit:1")[0]
    assert isinstance(answer, e.CommandRejected)
    assert answer.code is Reject.DUPLICATE_ID_WITH_OTHER_TERMS
    assert exchange.available(ALICE, "USDC") == 5


def test_a_refused_command_is_refused_again_under_its_id() -> None:
    exchange = Exchange()
    withdrawal = c.RequestWithdrawal(account=ALICE, asset="USDC", amount_atoms=5, withdrawal=1)
    assert exchange.refuse(withdrawal) is Reject.INSUFFICIENT_FUNDS
    exchange.deposit(ALICE, "USDC", 5)
    exchange.apply(withdrawal, command_id="again")
    assert exchange.available(ALICE, "USDC") == 0


def test_time_is_what_the_sequencer_said() -> None:
    exchange = Exchange()
    exchange.wait(7)
    exchange.deposit(ALICE, "USDC", 5)
    assert exchange.engine.state.at_ns == START_NS + 7 * 10**9
    assert exchange.engine.state.sequence == exchange.sequence
    assert SOL_USDC.symbol in exchange.engine.state.markets
