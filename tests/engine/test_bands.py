"""Price bands: how far limit prices may be, how far takers go; open interest and positions."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import bands
from engine import commands as c
from engine import vocabulary as v
from engine.catalog import Band, Market, MarketState
from engine.invariants import check
from engine.questions import MaxOrder
from engine.rejects import ExpiryReason, Reject
from engine.units import MAX_ATOMS, PPB, AccountId
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, DAVE, Exchange, limit
from tests.engine.listings import BTC_PERP, SOL_PERP, SOL_USDC
from tests.engine.test_limits import check_order
from tests.engine.test_vectors import VECTORS, scaled

SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
WIDE: dict[str, Any] = {"max_impact_ppb": 2 * PPB, "min_impact_ppb": PPB // 2}
TYPES: dict[str, dict[str, Any]] = {
    "market": {"type": v.OrderType.MARKET, "price_ticks": None},
    "ioc": {"time_in_force": v.IOC},
    "fok": {"time_in_force": v.FOK},
    "gtc": {},
}


def funded(*markets: Market) -> Exchange:
    """All four have plenty of dollars and SOL."""
    exchange = Exchange(markets=markets or (SOL_USDC, SOL_PERP, BTC_PERP))
    for account in (ALICE, BOB, CAROL, DAVE):
        exchange.deposit(account, "USDC", 10**12)
        exchange.deposit(account, "SOL", 10**13)
    return exchange


def ladder(market: str = PERP, **changes: Any) -> Exchange:
    """Bob offers 10 SOL each at 100, 104, 108, and bids 10 each at 99, 95, 91; the mark is 100."""
    exchange = funded(replace(SOL_PERP if market == PERP else SOL_USDC, **changes))
    for price in (10_000, 10_400, 10_800):
        exchange.limit(BOB, ASK, 1_000, price, market)
    for price in (9_900, 9_500, 9_100):
        exchange.limit(BOB, BID, 1_000, price, market)
    return exchange


def take(exchange: Exchange, side: v.Side, market: str = PERP, kind: str = "gtc") -> Any:
    """Have Alice take up to 40 SOL, at up to 109 or down to 90."""
    price = 10_900 if side is BID else 9_000
    order = limit(ALICE, side, lots=4_000, price_ticks=price, market=market)
    return exchange.accept(replace(order, **TYPES[kind]))


def test_the_limit_price_and_takers_caps_are_those_of_the_published_example() -> None:
    inputs, expected = VECTORS["D8"]["inputs"], VECTORS["D8"]["expected"]
    market = replace(
        SOL_PERP,
        max_impact_ppb=1_010_000_000,
        min_impact_ppb=990_000_000,
        mean_mark_band=Band(900_000_000, 1_100_000_000),
    )
    mean_mark = scaled(inputs["mean_mark_5m"], 10**8)
    exchange = funded(market)
    exchange.accept(c.UpdatePrices(prices_e8={"SOL": mean_mark}))
    exchange.wait(300)
    exchange.accept(c.UpdatePrices(prices_e8={"SOL": mean_mark}))
    exchange.limit(BOB, BID, 100, scaled(inputs["bid"], 100), PERP)
    exchange.limit(BOB, ASK, 100, scaled(inputs["last"], 100), PERP)
    exchange.limit(ALICE, BID, 100, scaled(inputs["last"], 100), PERP)
    exchange.limit(BOB, ASK, 100, scaled(inputs["ask"], 100), PERP)
    state = exchange.engine.state
    listed = state.markets[PERP]
    assert bands.active_ticks(listed) == scaled(expected["active"], 100)
    highest, lowest = (scaled(expected[name], 100) for name in ("limit_max", "limit_min"))
    assert bands.limit_band(state, listed) == (lowest, highest)
    # A cap between two ticks is rounded to the taker's side of it.
    assert bands.find_taker_band(state, listed)[1] == scaled(
        expected["taker_buy_meanmark_cap"], 100
    )
    cap = scaled(expected["taker_buy_cap"], 1_000) // 10
    assert bands.worst_for_taker(state, listed, BID) == cap
    index, premium = scaled(inputs["index"], 10**8), scaled(inputs["mean_premium_5m"], PPB)
    most = bands.premium_band_e8(index, premium, tolerance_ppb=PPB // 20)[1]
    assert most == scaled(expected["taker_buy_premium_cap"], 10**8)


@pytest.mark.parametrize(
    ("bid", "ask", "last", "lowest", "highest"),
    [
        # Without two sides the mark of 100 is the measure.
        (None, None, None, 2_500, 20_000),
        (9_000, None, None, 2_500, 20_000),
        (None, 12_000, None, 2_500, 20_000),
        # The median of bid, ask and last; before any trade the bid stands for it.
        (8_000, 12_000, None, 2_000, 16_000),
        (8_000, 12_000, 9_001, 2_251, 18_002),
        (8_000, 12_000, 14_000, 3_000, 24_000),
        (8_000, 12_000, 6_000, 2_000, 16_000),
    ],
)
def test_a_limit_price_is_measured_by_the_active_price(
    bid: int | None, ask: int | None, last: int | None, lowest: int, highest: int
) -> None:
    exchange = funded()
    if last is not None:
        exchange.limit(BOB, ASK, 10, last, PERP)
        exchange.limit(ALICE, BID, 10, last, PERP)
    for side, price in ((BID, bid), (ASK, ask)):
        if price is not None:
            exchange.limit(BOB, side, 10, price, PERP)
    for price, accepted in (
        (lowest - 1, False),
        (lowest, True),
        (highest, True),
        (highest + 1, False),
    ):
        order = limit(CAROL, BID if price == lowest else ASK, lots=10, price_ticks=price)
        order = replace(order, market=PERP)
        if accepted:
            placed = exchange.accept(order)
            if placed.terms.order_id in exchange.mirror.orders:
                exchange.cancel(CAROL, placed.terms.order_id, PERP)
        else:
            assert exchange.refuse(order) is Reject.PRICE_OUT_OF_BAND, price
        check(exchange.engine.state)


@pytest.mark.parametrize("market", [SPOT, PERP])
@pytest.mark.parametrize(
    ("kind", "filled", "reason"),
    [
        ("market", 2_000, ExpiryReason.PRICE_IMPACT),
        ("ioc", 2_000, ExpiryReason.PRICE_IMPACT),
        # What is left of it would cross the book: it ends as well.
        ("gtc", 2_000, ExpiryReason.PRICE_IMPACT),
        ("fok", 0, ExpiryReason.FILL_OR_KILL),
    ],
)
def test_nobody_takes_beyond_the_impact_band(
    market: str, kind: str, filled: int, reason: ExpiryReason
) -> None:
    for side in (BID, ASK):
        exchange = ladder(market)
        placed = take(exchange, side, market, kind)
        # 100 × 1.05 and 99 × 0.95: the third level is beyond both.
        assert (placed.executed_lots, placed.reason) == (filled, reason)
        check(exchange.engine.state)


def test_an_order_rests_if_nothing_it_crosses_is_left() -> None:
    exchange = ladder(max_impact_ppb=PPB + PPB // 10, min_impact_ppb=PPB - PPB // 10)
    placed = take(exchange, BID)
    assert (placed.status, placed.executed_lots) == ("PartiallyFilled", 3_000)
    assert exchange.engine.depth(PERP).bids[0] == (10_900, 1_000)


@pytest.mark.parametrize(
    ("changes", "bought", "sold"),
    [
        # Mean mark 100: up to 104 and down to 96; or to 103.99, which is below the second level.
        ({"mean_mark_band": Band(960_000_000, 1_040_000_000)}, 2_000, 1_000),
        ({"mean_mark_band": Band(950_000_000, 1_039_900_000)}, 1_000, 2_000),
        # The mark is the index, so the mean premium is 0.
        ({"premium_tolerance_ppb": 40_000_000}, 2_000, 1_000),
        ({"premium_tolerance_ppb": 90_000_000}, 3_000, 3_000),
    ],
    ids=str,
)
def test_nobody_takes_beyond_mean_mark_and_mean_premium(
    changes: dict[str, Any], bought: int, sold: int
) -> None:
    for side, lots in ((BID, bought), (ASK, sold)):
        for kind in ("market", "ioc", "gtc"):
            exchange = ladder(**WIDE, **changes)
            assert take(exchange, side, PERP, kind).executed_lots == lots


def test_the_mean_of_the_mark_not_the_mark_of_the_moment_holds_takers() -> None:
    exchange = ladder(SPOT, **WIDE, mean_mark_band=Band(960_000_000, 1_040_000_000))
    # The index has been 100 for five minutes, and is 110 for ten seconds.
    exchange.wait(290)
    exchange.prices(SOL=110 * 10**8)
    exchange.wait(10)
    exchange.prices(SOL=110 * 10**8)
    # Mean (290 × 100 + 10 × 110) / 300 = 100.33; 104 % of it is 104.34.
    assert take(exchange, BID, SPOT).executed_lots == 2_000


def test_a_premium_that_lasts_moves_its_band() -> None:
    rules = replace(SOL_PERP.mark, depth_micros=1, warm_ms=0)
    exchange = ladder(**WIDE, premium_tolerance_ppb=20_000_000, mark=rules)
    assert take(exchange, BID).executed_lots == 1_000
    exchange.accept(c.CancelAllOrders(account=BOB))
    # Others' perpetuals and the book stand at 104 while the index is 100.
    exchange.limit(BOB, BID, 1_000, 10_390, PERP)
    exchange.limit(BOB, ASK, 1_000, 10_410, PERP)
    for _ in range(400):
        exchange.wait(1)
        prices = {"SOL": 100 * 10**8}
        exchange.accept(c.UpdatePrices(prices_e8=prices, perps_e8={PERP: 104 * 10**8}))
    exchange.limit(BOB, ASK, 1_000, 10_590, PERP)
    # Index 100 × (1 + nearly 0.04 + 0.02), where it was 102 before.
    assert take(exchange, BID, PERP, "ioc").executed_lots == 2_000


def test_own_orders_that_give_way_do_not_measure_the_impact() -> None:
    exchange = ladder(mean_mark_band=None)
    exchange.accept(c.CancelAllOrders(account=BOB))
    exchange.limit(ALICE, ASK, 10, 9_000, PERP)
    exchange.limit(BOB, ASK, 10, 10_000, PERP)
    order = limit(ALICE, BID, lots=10, price_ticks=10_000, market=PERP)
    stopped = exchange.accept(replace(order, self_trade_prevention=v.REJECT_MAKER))
    assert stopped.status == "Filled"


def limited(**changes: Any) -> Exchange:
    """At most 10 SOL open interest, or what is said; Alice is 4 long of Bob."""
    exchange = funded(replace(SOL_PERP, **{"open_interest_limit_lots": 1_000, **changes}))
    exchange.limit(BOB, ASK, 400, 10_000, PERP)
    exchange.limit(ALICE, BID, 400, 10_000, PERP)
    return exchange


@pytest.mark.parametrize(
    ("account", "side", "lots", "accepted"),
    [
        (CAROL, BID, 600, True),
        (CAROL, BID, 601, False),
        (CAROL, ASK, 601, False),
        # To close opens nothing; to turn opens what is beyond.
        (ALICE, ASK, 400, True),
        (ALICE, ASK, 1_000, True),
        (ALICE, ASK, 1_001, False),
        (ALICE, BID, 601, False),
        (BOB, BID, 1_000, True),
    ],
)
def test_open_interest_counts_what_an_order_opens(
    account: AccountId, side: v.Side, lots: int, accepted: bool
) -> None:
    order = limit(account, side, lots=lots, price_ticks=10_000, market=PERP)
    # At rest, and taking from a book that gives enough.
    for maker in (None, DAVE):
        exchange = limited()
        if maker is not None:
            other = ASK if side is BID else BID
            exchange.accept(c.UpdateMarket(market=replace(SOL_PERP)))
            exchange.limit(maker, other, 2_000, 10_000, PERP)
            market = replace(SOL_PERP, open_interest_limit_lots=1_000)
            exchange.accept(c.UpdateMarket(market=market))
        if accepted:
            exchange.accept(order)
        else:
            assert exchange.refuse(order) is Reject.OPEN_INTEREST_LIMIT
        assert exchange.engine.state.markets[PERP].perp_clearing().long_lots <= 1_000


def test_the_largest_order_knows_both_limits() -> None:
    exchange = limited(position_limit_micros=500 * 10**6)
    for account, side, lots in (
        (CAROL, BID, 500),
        (ALICE, BID, 100),
        (ALICE, ASK, 900),
        (BOB, BID, 900),
    ):
        price = 10_000
        question = MaxOrder(account=account, market=PERP, side=side, price_ticks=price)
        assert check_order(exchange, question) == lots
    exchange.accept(c.UpdateAccount(account=CAROL, position_limit_micros=10**12))
    question = MaxOrder(account=CAROL, market=PERP, side=BID, price_ticks=10_000)
    assert check_order(exchange, question) == 600
    # Beyond a band nothing comes to rest, so that any quantity is taken.
    exchange.accept(c.UpdateMarket(market=replace(SOL_PERP, max_impact_ppb=PPB)))
    for price in (10_000, 10_100):
        exchange.limit(BOB, ASK, 10, price, PERP)
    question = MaxOrder(account=CAROL, market=PERP, side=BID, price_ticks=10_100)
    assert check_order(exchange, question) == SOL_PERP.max_lots


def test_makers_and_quotes_count_too() -> None:
    exchange = limited()
    exchange.limit(CAROL, BID, 600, 9_900, PERP)
    # Her first order could open all that is left.
    more = limit(CAROL, BID, lots=1, price_ticks=9_900, market=PERP)
    assert exchange.refuse(more) is Reject.OPEN_INTEREST_LIMIT
    asked = exchange.accept(c.RequestQuote(account=DAVE, market=PERP, side=BID, lots=601))
    quote = {"rfq": asked.terms.rfq, "bid_ticks": 9_990, "ask_ticks": 10_000}
    quoted = exchange.accept(c.SubmitQuote(account=BOB, **quote))
    accept = c.AcceptQuote(account=DAVE, rfq=asked.terms.rfq, quote=quoted.terms.quote)
    assert exchange.refuse(accept) is Reject.OPEN_INTEREST_LIMIT
    # The reduce-only order of one who is long closes whatever the limit.
    exchange.accept(c.UpdateMarket(market=replace(SOL_PERP, open_interest_limit_lots=0)))
    exchange.limit(ALICE, ASK, 400, 9_900, PERP, reduce_only=True)
    assert exchange.position(ALICE)[0] == 0


@pytest.mark.parametrize(
    ("own", "accepted", "refused"),
    [
        # 10 SOL at a mark of 100 are 1,000 USD.
        (None, 1_000, 1_001),
        (MAX_ATOMS, 1_000, 1_001),
        (250 * 10**6, 250, 251),
        (2_000 * 10**6, 2_000, 2_001),
        (0, 0, 1),
    ],
)
def test_a_position_is_limited_by_the_market_or_the_accounts_own_limit(
    own: int | None, accepted: int, refused: int
) -> None:
    exchange = funded(replace(SOL_PERP, position_limit_micros=1_000 * 10**6))
    told = exchange.accept(c.UpdateAccount(account=ALICE, position_limit_micros=own))
    assert told.position_limit_micros == (MAX_ATOMS if own is None else own)
    for side in (BID, ASK):
        price = 9_900 if side is BID else 10_100
        order = limit(ALICE, side, lots=refused, price_ticks=price, market=PERP)
        assert exchange.refuse(order) is Reject.POSITION_LIMIT
        if accepted:
            exchange.limit(ALICE, side, accepted, price, PERP)
            assert exchange.refuse(replace(order, lots=1)) is Reject.POSITION_LIMIT
    bad = c.UpdateAccount(account=ALICE, position_limit_micros=-1)
    assert exchange.refuse(bad) is Reject.INVALID_PARAMETER


def test_a_position_above_its_limit_may_be_reduced() -> None:
    exchange = limited(open_interest_limit_lots=None)
    exchange.accept(c.UpdateAccount(account=ALICE, position_limit_micros=100 * 10**6))
    exchange.limit(BOB, BID, 500, 10_000, PERP)
    turn = limit(ALICE, ASK, lots=501, price_ticks=10_000, market=PERP)
    assert exchange.refuse(turn) is Reject.POSITION_LIMIT
    exchange.accept(replace(turn, lots=300))
    assert exchange.position(ALICE)[0] == 100


@pytest.mark.parametrize(
    "changes",
    [
        # A typo of 0.9, in each band.
        {"mean_mark_band": Band(90_000_000, 1_100_000_000)},
        {"min_impact_ppb": 90_000_000},
        {"min_multiplier_ppb": 90_000_000},
        {"min_multiplier_ppb": 90_000_000, "max_multiplier_ppb": 1_100_000_000},
        {"max_multiplier_ppb": 11 * PPB},
        {"max_impact_ppb": 5 * PPB},
        {"mean_mark_band": Band(900_000_000, 1_010_000_000 - 1)},
        {"mean_mark_band": Band(PPB, 1_100_000_000)},
        {"premium_tolerance_ppb": 0},
        {"premium_tolerance_ppb": 5 * PPB},
        {"open_interest_limit_lots": -1},
        {"position_limit_micros": -1},
        {"auction_ms": -1},
        {"max_price_ticks": 0},
        {"taker_delay_ms": -1},
        {"tick_e8": 2_000_000},
        {"lot_atoms": 20_000_000},
        {"base": "BTC"},
        {"imf": None},
    ],
    ids=str,
)
def test_update_market_refuses_what_makes_no_sense(changes: dict[str, Any]) -> None:
    command = c.UpdateMarket(market=replace(SOL_PERP, **changes))
    exchange = funded()
    assert exchange.refuse(command) is Reject.INVALID_PARAMETER
    assert exchange.engine.state.markets[PERP].market == SOL_PERP


def test_a_spot_market_has_no_premium_and_no_positions() -> None:
    exchange = funded()
    changes: dict[str, Any]
    for changes in ({"premium_tolerance_ppb": 10**7}, {"position_limit_micros": 1}):
        command = c.UpdateMarket(market=replace(SOL_USDC, **changes))
        assert exchange.refuse(command) is Reject.INVALID_PARAMETER
    unknown = c.UpdateMarket(market=replace(SOL_USDC, symbol="XRP_USDC"))
    assert exchange.refuse(unknown) is Reject.UNKNOWN_MARKET


def test_changed_parameters_act_from_the_next_command() -> None:
    exchange = ladder()
    fraction = replace(SOL_PERP.imf, base_ppb=500_000_000)  # type: ignore[type-var]
    changed = replace(
        SOL_PERP,
        imf=fraction,
        taker_fee_ppm=1_000,
        max_multiplier_ppb=PPB + PPB // 10,
        min_multiplier_ppb=PPB - PPB // 10,
    )
    before = limit(CAROL, ASK, lots=10, price_ticks=15_000, market=PERP)
    exchange.accept(before)
    told = exchange.accept(c.UpdateMarket(market=changed))
    assert told.market == changed
    check(exchange.engine.state)
    assert exchange.refuse(before) is Reject.PRICE_OUT_OF_BAND
    # Half of 1,000 is margin now, and 0.1 % of it a fee.
    exchange.accept(c.OpenAccount(account=AccountId(77), owner=AccountId(77)))
    exchange.deposit(AccountId(77), "USDC", 500 * 10**6)
    order = limit(AccountId(77), BID, lots=1_000, price_ticks=10_000, market=PERP)
    assert exchange.refuse(order) is Reject.INSUFFICIENT_MARGIN
    assert exchange.accept(replace(order, lots=998)).status == "Filled"
    check(exchange.engine.state)
    exchange.accept(c.SetMarketState(market=PERP, state=MarketState.CLOSED))
    exchange.accept(c.UpdateMarket(market=SOL_PERP))
    assert exchange.engine.state.markets[PERP].state is MarketState.CLOSED
