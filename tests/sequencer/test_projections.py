"""What the events say is what the tables hold."""

import json
from datetime import date
from typing import Any

import msgspec
import pytest

from accounts.models import (
    AccountSettings,
    Balance,
    Deposit,
    LedgerTransfer,
    MemberAllowance,
    Transfer,
    Withdrawal,
)
from engine.catalog import MarketKind, MarketState, PoolState, StateReason
from engine.commands import (
    AcceptQuote,
    AccrueInterest,
    AdvanceTime,
    AutoRealize,
    Borrow,
    CancelAllOrders,
    CancelQuoteRequest,
    CloseAccount,
    CreateStrategy,
    CreditDeposit,
    FreezeAccount,
    Lend,
    ListAsset,
    OpenAccount,
    RefreshQuoteRequest,
    ReopenAccount,
    RequestQuote,
    RequestWithdrawal,
    SetAllowance,
    SetLendTerms,
    SetMarketState,
    SetPoolState,
    SettleWithdrawal,
    SubmitQuote,
    TransferBasket,
    TransferFunds,
    UpdateAccount,
    UpdatePrices,
)
from engine.events import (
    AccountOpened,
    AssetListed,
    AssetUpdated,
    CommandRejected,
    Event,
    MarketListed,
    MarketStateChanged,
    MarketUpdated,
    PositionChanged,
    PositionClosed,
    PricesUpdated,
)
from engine.order_events import OrderPlaced, QuoteSubmitted, RfqFilled, RfqSubmitted
from engine.units import HOUR_NS, SECOND_NS, AccountId
from engine.vocabulary import ExecutionMode, Side
from gateway.client import submit
from gateway.tables import Rows
from lending.models import (
    BorrowLendMovement,
    BorrowLendPosition,
    LendTerms,
    Pool,
    PoolHour,
    PoolLends,
    PoolRate,
)
from sequencer.commit import commit_sql
from sequencer.inline import InlineEngine
from sequencer.models import JournalEntry
from sequencer.projections import project
from tests.engine.driver import ALICE, BOB, Exchange
from tests.engine.listings import USDC
from tests.engine_fixture import assert_tables_agree
from tests.sequencer.market import ACCOUNTS, PERP, PRICE_TICKS, SPOT, asset, market, order, set_up
from trading.candle_models import Candle, PriceCandle, PricePoint
from trading.history_projections import CLOSED_INTEREST, CLOSED_POSITIONS, PRICE_CANDLES
from trading.models import Asset, ClosedPosition, Fill, Market, Order, Position, Strategy, Trade
from trading.projections import ASSETS, MARKETS
from trading.refusals import refusal_of
from trading.rfq_models import RfqFill, RfqQuote, RfqRequest
from trading.rfq_projections import QUOTE_CHANGES, QUOTES, RFQ_CHANGES, RFQS
from trading.settlement_models import Clearing, PositionInterest, Settlement

A, B, C = map(AccountId, ACCOUNTS)


@pytest.fixture
def exchange(live_engine: InlineEngine) -> InlineEngine:
    set_up(submit)
    return live_engine


def test_a_trade_leaves_two_fills_one_print_one_candle_and_two_orders(
    exchange: InlineEngine,
) -> None:
    submit(order(B, Side.ASK, 5, 30))
    submit(order(B, Side.ASK, 7, 30))
    taker = submit(order(A, Side.BID, 10, 50)).answer
    assert not isinstance(taker, CommandRejected)
    fills = Fill.objects.values_list("is_maker", "account_id", "price_ticks", "lots")
    expected = [(False, A, 5, 30), (False, A, 7, 20), (True, B, 5, 30), (True, B, 7, 20)]
    found = [(maker, who, price - PRICE_TICKS, lots) for maker, who, price, lots in fills]
    assert sorted(found) == expected
    assert Trade.objects.filter(market=SPOT).count() == 2
    candle = Candle.objects.get()
    prices = (candle.open_ticks, candle.high_ticks, candle.low_ticks, candle.close_ticks)
    assert tuple(price - PRICE_TICKS for price in prices) == (5, 7, 5, 7)
    assert int(candle.lots) == 50
    assert candle.trades == 2
    assert candle.start.second == candle.start.microsecond == 0
    states = Order.objects.order_by("id").values_list("status", "lots_open", "executed_lots")
    assert list(states) == [("Filled", 0, 30), ("PartiallyFilled", 10, 20), ("Filled", 0, 50)]


def test_a_later_trade_of_the_minute_widens_its_candle(exchange: InlineEngine) -> None:
    for ticks in (5, 9, 1):
        submit(order(B, Side.ASK, ticks, 10))
        submit(order(A, Side.BID, ticks, 10))
    candles = list(Candle.objects.order_by("start"))
    assert candles[0].open_ticks == PRICE_TICKS + 5
    assert candles[-1].close_ticks == PRICE_TICKS + 1
    assert max(candle.high_ticks for candle in candles) == PRICE_TICKS + 9
    assert min(candle.low_ticks for candle in candles) == PRICE_TICKS + 1
    assert sum(candle.trades for candle in candles) == 3


def test_a_position_that_turns_keeps_one_row(exchange: InlineEngine) -> None:
    submit(order(B, Side.ASK, 0, 10, PERP))
    submit(order(A, Side.BID, 0, 10, PERP))
    first = Position.objects.get(account_id=A).position_id
    submit(order(B, Side.BID, 0, 25, PERP))
    submit(order(A, Side.ASK, 0, 25, PERP))
    turned = Position.objects.get(account_id=A)
    assert turned.lots == -15
    assert turned.position_id != first


def test_a_position_that_is_over_gets_a_row_of_its_own(exchange: InlineEngine) -> None:
    """Interest of the last hour is posted by the next settlement, when the position is closed."""
    submit(UpdateAccount(account=A, auto_realize_pnl=False, borrow_limit_micros=10**15))
    for command in (
        Lend(account=B, asset="USDC", amount_atoms=10**11),
        Borrow(account=C, asset="USDC", amount_atoms=9 * 10**10),
    ):
        answer = submit(command).answer
        assert not isinstance(answer, CommandRejected), answer
    for buyer, seller, lots in ((A, B, 1_000), (B, A, 400)):
        submit(order(seller, Side.ASK, 0, lots, PERP))
        submit(order(buyer, Side.BID, 0, lots, PERP))
    assert not ClosedPosition.objects.exists()
    held = Position.objects.get(account_id=A)
    assert held.closed_lots == 400
    assert held.closed_quote_atoms == 400 * PRICE_TICKS
    submit(UpdatePrices(prices_e8={"BTC": 85_000 * 10**8}))
    submit(AutoRealize(market=PERP))
    exchange.ahead_ns += HOUR_NS
    submit(order(A, Side.ASK, 0, 600, PERP))
    submit(order(B, Side.BID, 0, 600, PERP))
    closed = ClosedPosition.objects.get(account_id=A)
    assert (closed.position_id, closed.lots) == (held.position_id, 1_000)
    assert closed.entry_quote_atoms == closed.closed_quote_atoms == 1_000 * PRICE_TICKS
    assert closed.opened_at == held.opened_at
    assert closed.interest_atoms == 0
    # The first charges interest for the hour, the next one posts it.
    for _ in range(2):
        exchange.ahead_ns += HOUR_NS
        submit(AutoRealize(market=PERP))
    posted = PositionInterest.objects.filter(position_id=closed.position_id)
    closed.refresh_from_db()
    assert closed.interest_atoms == sum(row.amount_atoms for row in posted) < 0


def test_interest_is_taken_up_by_a_position_closed_in_the_same_batch() -> None:
    rows = Rows()
    facts: dict[str, Any] = {
        "account": A,
        "market": PERP,
        "position_id": 7,
        "fees_atoms": 1,
        "opened_at_ns": 1,
    }
    closed = PositionClosed(
        **facts,
        lots=5,
        entry_quote_atoms=10,
        closed_quote_atoms=12,
        realized_atoms=2,
        interest_atoms=0,
        closed_at_ns=2,
    )
    flat: dict[str, Any] = {
        "lots": 0,
        "quote_atoms": 0,
        "entry_quote_atoms": 0,
        "realized_atoms": 2,
    }
    project(rows, [closed], sequence=1, at_ns=2)
    changed = PositionChanged(**facts, **flat, interest_atoms=-3)
    project(rows, [changed], sequence=2, at_ns=3)
    assert CLOSED_INTEREST not in rows.by_key
    row = dict(zip(CLOSED_POSITIONS.columns, rows.by_key[CLOSED_POSITIONS][7], strict=True))
    assert (row["interest_atoms"], row["realized_atoms"], row["closed_at"]) == (-3, 2, 2)


def test_prices_of_a_minute_are_one_candle(exchange: InlineEngine) -> None:
    for dollars in (87_000, 85_000, 86_500):
        submit(UpdatePrices(prices_e8={"BTC": dollars * 10**8}))
    exchange.ahead_ns += 60 * 10**9
    submit(UpdatePrices(prices_e8={"BTC": 90_000 * 10**8}))
    for kind, symbol in (("index", "BTC"), ("mark", PERP)):
        candles = list(PriceCandle.objects.filter(kind=kind, symbol=symbol).order_by("start"))
        *before, last = candles
        assert before[0].start.second == before[0].start.microsecond == 0
        assert before[-1].close_e8 == 86_500 * 10**8
        assert max(candle.high_e8 for candle in before) == 87_000 * 10**8
        assert min(candle.low_e8 for candle in before) == 85_000 * 10**8
        assert last.open_e8 == last.close_e8 == last.low_e8 == 90_000 * 10**8
    assert {row.symbol for row in PriceCandle.objects.all()} == {"BTC", "USDC", PERP}


def test_prices_of_one_batch_are_one_row_a_minute() -> None:
    rows = Rows()
    for price, second in ((5, 0), (9, 1), (2, 59), (4, 60)):
        event = PricesUpdated(index_e8={"BTC": price}, mark_e8={})
        project(rows, [event], sequence=1, at_ns=second * 10**9)
    assert list(rows.by_key[PRICE_CANDLES].values()) == [
        ("BTC", "index", 0, 5, 9, 2, 2),
        ("BTC", "index", 60 * 10**9, 4, 4, 4, 4),
    ]


def test_settings_begin_as_the_engine_opens_them_and_keep_their_owner(
    exchange: InlineEngine,
) -> None:
    child = AccountId(5050)
    submit(OpenAccount(account=child, owner=A))
    assert AccountSettings.objects.get(pk=child).auto_repay_borrows
    submit(UpdateAccount(account=child, auto_lend=True, leverage_limit=3))
    settings = AccountSettings.objects.get(pk=child)
    assert (settings.owner_id, settings.auto_lend, settings.leverage_limit) == (A, True, 3)
    submit(TransferFunds(source=A, destination=child, asset="USDC", amount_atoms=70))
    transfer = Transfer.objects.get()
    assert (transfer.source_id, transfer.destination_id) == (A, child)
    assert int(transfer.amount) == 70


def test_the_state_of_an_account_is_a_column_and_late_money_its_main_accounts(
    exchange: InlineEngine,
) -> None:
    child = AccountId(5050)
    submit(OpenAccount(account=child, owner=A))
    amounts = {"USDC": 70, "BTC": 3}
    assert not isinstance(
        submit(TransferBasket(source=A, destination=child, amounts=amounts)).answer, CommandRejected
    )
    moved = Transfer.objects.order_by("id")
    assert [(row.asset, int(row.amount)) for row in moved] == [("USDC", 70), ("BTC", 3)]
    assert {(row.source_id, row.destination_id) for row in moved} == {(A, child)}

    def state() -> str:
        return AccountSettings.objects.get(pk=child).state

    assert state() == "Open"
    submit(FreezeAccount(account=child))
    assert state() == "Frozen"
    submit(UpdateAccount(account=child, leverage_limit=3))
    assert state() == "Frozen"
    submit(FreezeAccount(account=child, frozen=False))
    submit(TransferBasket(source=child, destination=A, amounts=amounts))
    submit(CloseAccount(account=child))
    settings = AccountSettings.objects.get(pk=child)
    assert (settings.state, settings.owner_id, settings.leverage_limit) == ("Closed", A, 3)
    submit(CreditDeposit(account=child, asset="USDC", amount_atoms=9, arrival=77))
    late = Deposit.objects.get(arrival_id=77)
    assert (late.account_id, int(late.amount)) == (A, 9)
    submit(ReopenAccount(account=child))
    assert state() == "Open"


def test_the_limits_of_a_member_are_a_row_with_what_is_used_of_them(
    exchange: InlineEngine,
) -> None:
    def set_allowance(spend: int | None, loss: int | None) -> None:
        command = SetAllowance(account=AccountId(A), member=7, spend_micros=spend, loss_micros=loss)
        assert not isinstance(submit(command).answer, CommandRejected)

    def row() -> tuple[int | None, int | None, int, bool]:
        kept = MemberAllowance.objects.get(account_id=A, member_id=7)
        return kept.spend_micros, kept.loss_micros, int(kept.spent_micros), kept.is_stopped

    set_allowance(10**12, 10**9)
    submit(msgspec.structs.replace(order(A, Side.BID, 0, 10, PERP), actor=7))
    assert row() == (10**12, 10**9, 0, False)
    filled = submit(order(B, Side.ASK, 0, 4, PERP)).answer
    assert isinstance(filled, OrderPlaced)
    assert row() == (10**12, 10**9, filled.executed_quote_atoms, False)
    assert filled.executed_quote_atoms > 0
    assert_tables_agree(exchange)
    submit(UpdatePrices(prices_e8={"BTC": 50_000 * 10**8}))
    assert row()[3]
    refused = submit(Borrow(account=A, asset="USDC", amount_atoms=1, actor=7)).answer
    assert isinstance(refused, CommandRejected)
    assert refusal_of(refused, {}).status == 403
    set_allowance(None, 1)
    assert_tables_agree(exchange)
    kept = MemberAllowance.objects.get()
    assert kept.base_micros is not None
    assert kept.date.toordinal() - date(1970, 1, 1).toordinal() == kept.day
    set_allowance(None, None)
    assert row() == (None, None, filled.executed_quote_atoms, False)
    assert_tables_agree(exchange)


def test_a_withdrawal_is_pending_until_it_is_settled_or_returned(exchange: InlineEngine) -> None:
    for number in (1, 2):
        submit(RequestWithdrawal(account=A, asset="USDC", amount_atoms=60, withdrawal=number))
    assert set(Withdrawal.objects.values_list("status", flat=True)) == {"pending"}
    asked = Withdrawal.objects.get(pk=1).requested_at
    submit(SettleWithdrawal(withdrawal=1))
    submit(SettleWithdrawal(withdrawal=2, returned=True))
    settled = Withdrawal.objects.get(pk=1)
    assert (settled.status, settled.requested_at) == ("settled", asked)
    assert settled.settled_at is not None
    assert Withdrawal.objects.get(pk=2).status == "returned"
    assert Balance.objects.get(account_id=A, asset="USDC").available == 10**12 - 60


def test_an_accrual_sets_the_pools_rates_and_adds_to_their_history(exchange: InlineEngine) -> None:
    submit(Lend(account=A, asset="USDC", amount_atoms=10**9))
    assert Pool.objects.get(asset="USDC").cash == 10**9
    submit(AccrueInterest(asset="USDC"))
    pool = Pool.objects.get(asset="USDC")
    assert pool.utilization_ppb == 0
    assert PoolRate.objects.get().lent == 10**9
    submit(Lend(account=B, asset="USDC", amount_atoms=10**9))
    assert Pool.objects.get(asset="USDC").utilization_ppb == 0
    assert BorrowLendMovement.objects.count() == 2


def test_a_market_listed_and_closed_in_one_batch_is_closed() -> None:
    rows = Rows()
    listed = market(SPOT, MarketKind.SPOT)
    events = (
        MarketListed(market=listed, quote_atoms_per_tick=1),
        MarketStateChanged(market=SPOT, state=MarketState.CLOSED, reason=StateReason.PRICES),
        MarketUpdated(market=msgspec.structs.replace(listed, auction_ms=5)),
        AccountOpened(account=A, owner=A),
    )
    project(rows, events, sequence=1, at_ns=1)
    row = dict(zip(MARKETS.columns, rows.by_key[MARKETS][SPOT], strict=True))
    assert (row["state"], row["state_reason"]) == ("Closed", "Prices")
    assert json.loads(row["spec"])["auction_ms"] == 5
    assert len(rows.by_key) == 2


def test_an_asset_listed_and_changed_in_one_batch_keeps_when_it_was_listed() -> None:
    rows = Rows()
    changed = msgspec.structs.replace(USDC, fee_ppm=5)
    project(rows, (AssetListed(asset=USDC),), sequence=1, at_ns=1)
    project(rows, (AssetUpdated(asset=changed),), sequence=2, at_ns=2)
    symbol, spec, listed_at = rows.by_key[ASSETS]["USDC"]
    assert (symbol, json.loads(spec)["fee_ppm"], listed_at) == ("USDC", 5, 1)


def test_a_markets_state_changes_in_place(exchange: InlineEngine) -> None:
    submit(SetMarketState(market=SPOT, state=MarketState.CANCEL_ONLY))
    states = dict(Market.objects.values_list("symbol", "state"))
    assert states == {SPOT: "CancelOnly", PERP: "Open"}
    assert Market.objects.get(symbol=SPOT).spec["lot_atoms"] == 1000
    kinds = dict(PricePoint.objects.values_list("symbol", "kind"))
    assert kinds == {"USDC": "index", "BTC": "index", PERP: "mark"}


@pytest.mark.parametrize(
    "name", ['"', "\\", 'a","b', "{NULL}", "NULL", "a,b", "'; DROP TABLE x; --", "é€"]
)
def test_text_of_any_shape_arrives_as_it_is(live_engine: InlineEngine, name: str) -> None:
    submit(ListAsset(asset=asset("ODD", 6, name=name)), command_id='a "quoted\\" id')
    assert Asset.objects.get(symbol="ODD").spec["name"] == name
    assert JournalEntry.objects.get().command_id == 'a "quoted\\" id'


def test_a_refused_command_leaves_a_journal_entry_and_nothing_else(
    exchange: InlineEngine,
) -> None:
    before = (LedgerTransfer.objects.count(), Deposit.objects.count(), Order.objects.count())
    refused = submit(CreditDeposit(account=A, asset="NONE", amount_atoms=5))
    assert isinstance(refused.answer, CommandRejected)
    after = (LedgerTransfer.objects.count(), Deposit.objects.count(), Order.objects.count())
    assert after == before
    entry = JournalEntry.objects.get(pk=refused.sequence)
    assert msgspec.msgpack.decode(bytes(entry.answer))["code"] == "UNKNOWN_ASSET"


def test_after_a_busy_hour_every_table_agrees_with_the_engine(exchange: InlineEngine) -> None:
    for number in range(60):
        symbol = (SPOT, PERP)[number % 2]
        side = (Side.BID, Side.ASK)[number // 2 % 2]
        submit(order(ACCOUNTS[number % 3], side, number * 7 % 23 - 11, 1 + number % 9, symbol))
    _lend_borrow_and_settle(exchange)
    _ask_and_quote(exchange)
    submit(CancelAllOrders(account=A))
    for interval_ms in (1_000, 3_600_000):
        submit(
            CreateStrategy(
                account=B,
                market=SPOT,
                side=Side.ASK,
                lots=7,
                duration_ms=4 * interval_ms,
                interval_ms=interval_ms,
                price_ticks=PRICE_TICKS,
            )
        )
    exchange.ahead_ns += 5 * SECOND_NS
    submit(AdvanceTime())
    assert set(Strategy.objects.values_list("status", flat=True)) == {"Running", "Completed"}
    assert Position.objects.exists()
    for model in (
        BorrowLendPosition,
        ClosedPosition,
        Clearing,
        LendTerms,
        PoolLends,
        PoolHour,
        PositionInterest,
        Settlement,
    ):
        assert model.objects.exists(), model
    assert_tables_agree(exchange)


def _ask_and_quote(exchange: InlineEngine) -> None:
    """Leave requests and quotes, open and ended in each way."""
    submit(UpdatePrices(prices_e8={"BTC": 86_000 * 10**8}))
    price = PRICE_TICKS
    numbers = []
    for symbol in (SPOT, PERP, SPOT, PERP):
        asked = submit(RequestQuote(account=A, market=symbol, side=Side.ASK, lots=5)).answer
        assert isinstance(asked, RfqSubmitted), asked
        numbers.append(asked.terms.rfq)
        for maker in (B, C):
            quoted = submit(
                SubmitQuote(
                    account=maker, rfq=asked.terms.rfq, bid_ticks=price, ask_ticks=price + 1
                )
            ).answer
            assert isinstance(quoted, QuoteSubmitted), quoted
            quote = quoted.terms.quote
    filled = submit(AcceptQuote(account=A, rfq=numbers[-1], quote=quote)).answer
    assert isinstance(filled, RfqFilled), filled
    submit(CancelQuoteRequest(account=A, rfq=numbers[0]))
    exchange.ahead_ns += 50 * SECOND_NS
    submit(RefreshQuoteRequest(account=A, rfq=numbers[1]))
    exchange.ahead_ns += 10 * SECOND_NS
    submit(AdvanceTime())
    last = submit(SubmitQuote(account=B, rfq=numbers[1], bid_ticks=price, ask_ticks=price)).answer
    assert isinstance(last, QuoteSubmitted), last
    statuses = dict(RfqRequest.objects.values_list("id", "status"))
    ended = ("Cancelled", "New", "Expired", "Filled")
    assert statuses == dict(zip(numbers, ended, strict=True))
    assert set(RfqQuote.objects.values_list("status", flat=True)) == set(ended)
    assert RfqFill.objects.count() == 2


def test_a_request_and_its_quote_that_end_in_their_own_batch_are_whole_rows() -> None:
    rows, exchange = Rows(), Exchange()
    exchange.deposit(ALICE, "USDC", 10**9)
    exchange.deposit(BOB, "SOL", 10**10)
    told: list[Event] = []
    told += exchange.apply(
        RequestQuote(
            account=ALICE,
            market="SOL_USDC",
            side=Side.BID,
            lots=100,
            price_ticks=10_000,
            mode=ExecutionMode.IMMEDIATE,
        )
    )
    rfq = next(iter(exchange.mirror.rfqs))
    told += exchange.apply(SubmitQuote(account=BOB, rfq=rfq, bid_ticks=10_000, ask_ticks=10_000))
    project(rows, tuple(told), sequence=1, at_ns=1)
    (request,) = rows.by_key[RFQS].values()
    (quote,) = rows.by_key[QUOTES].values()
    assert RFQ_CHANGES not in rows.by_key
    assert QUOTE_CHANGES not in rows.by_key
    for table, row in ((RFQS, request), (QUOTES, quote)):
        named = dict(zip(table.columns, row, strict=True))
        assert (named["status"], named["market"]) == ("Filled", "SOL_USDC")


def _lend_borrow_and_settle(exchange: InlineEngine) -> None:
    """Leave rows in every table of lending and settlement."""
    submit(UpdateAccount(account=A, auto_realize_pnl=False, borrow_limit_micros=10**15))
    submit(SetLendTerms(account=B, asset="USDC", min_rate_ppb=40_000_000, cap_atoms=10**11))
    for account in (A, B):
        submit(Lend(account=account, asset="USDC", amount_atoms=10**11))
    submit(Borrow(account=C, asset="USDC", amount_atoms=10**11))
    submit(UpdatePrices(prices_e8={"BTC": 90_000 * 10**8}))
    for _ in range(3):
        exchange.ahead_ns += HOUR_NS
        for command in (AutoRealize(market=PERP), AccrueInterest(asset="USDC")):
            answer = submit(command).answer
            assert not isinstance(answer, CommandRejected), answer
    submit(SetPoolState(asset="BTC", state=PoolState.REPAY_ONLY))


def test_one_statement_is_made_for_each_set_of_tables() -> None:
    tables = (MARKETS,)
    assert commit_sql(tables) is commit_sql((MARKETS,))
    assert commit_sql(()).count("INSERT") == 1
    assert commit_sql(tables).count("INSERT") == 2
