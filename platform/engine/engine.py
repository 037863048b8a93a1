"""The engine: one command in, what happened out. Everything else is a function of that.

    state, events = apply(state, sequence, at_ns, command)

Replaying the same commands with the same numbers and times gives the same state to the bit.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from engine import (
    account_states,
    adl,
    allowances,
    clock,
    conversion,
    funding,
    lending,
    limits,
    liquidation,
    listing,
    member_limits,
    orders,
    outlook,
    pooling,
    previews,
    pricing,
    rfq,
    settlement,
    strategies,
    terms,
    transfers,
    treasury,
)
from engine import commands as c
from engine import questions as q
from engine.allowance import Allowance
from engine.answers import rejected
from engine.book import Level
from engine.events import (
    BalanceChanged,
    CommandRejected,
    CommandRepeated,
    Event,
    PoolChanged,
    PositionChanged,
)
from engine.gate import STOPPED, gate_refusal
from engine.ledger import Holding
from engine.order_events import BookChanged
from engine.pools import Pool
from engine.positions import Position
from engine.record import Record
from engine.rejects import Reject
from engine.state import State
from engine.strategy import Strategy
from engine.units import AccountId

# How many command ids are remembered; the oldest are forgotten first.
COMMAND_IDS_KEPT = 1_000_000

Handler = Callable[[State, Any], tuple[Event, ...]]

HANDLERS: dict[type[c.Command], Handler] = {
    c.ListAsset: listing.list_asset,
    c.ListMarket: listing.list_market,
    c.UpdateAsset: listing.update_asset,
    c.UpdateMarket: listing.update_market,
    c.SetMarketState: listing.set_market_state,
    c.UpdatePrices: pricing.update_prices,
    c.OpenAccount: listing.open_account,
    c.UpdateAccount: listing.update_account,
    c.FreezeAccount: account_states.freeze_account,
    c.CloseAccount: account_states.close_account,
    c.ReopenAccount: account_states.reopen_account,
    c.SetAllowance: member_limits.set_allowance,
    c.CreditDeposit: treasury.credit_deposit,
    c.RequestWithdrawal: treasury.request_withdrawal,
    c.SettleWithdrawal: treasury.settle_withdrawal,
    c.TransferFunds: transfers.transfer_funds,
    c.TransferBasket: transfers.transfer_basket,
    c.SweepFunds: transfers.sweep_funds,
    c.PlaceOrder: orders.place_order,
    c.CancelOrder: orders.cancel_order,
    c.CancelAllOrders: orders.cancel_all_orders,
    c.CreateStrategy: strategies.create_strategy,
    c.CancelStrategy: strategies.cancel_strategy,
    c.CancelAllStrategies: strategies.cancel_all_strategies,
    c.RequestQuote: rfq.request_quote,
    c.SubmitQuote: rfq.submit_quote,
    c.AcceptQuote: rfq.accept_quote,
    c.RefreshQuoteRequest: rfq.refresh_quote_request,
    c.CancelQuoteRequest: rfq.cancel_quote_request,
    c.Lend: lending.lend,
    c.Redeem: lending.redeem,
    c.Borrow: lending.borrow,
    c.Repay: lending.repay,
    c.AutoLend: lending.auto_lend,
    c.SetLendTerms: terms.set_lend_terms,
    c.ConvertDust: conversion.convert_dust,
    c.AccrueInterest: pooling.accrue_interest,
    c.SetPoolState: pooling.set_pool_state,
    c.FundInsurance: pooling.fund_insurance,
    c.WriteOffDebt: pooling.write_off_debt,
    c.AutoRealize: settlement.auto_realize,
    c.SetBackstop: liquidation.set_backstop,
    c.PayFunding: funding.pay_funding,
    c.AdvanceTime: clock.advance_time,
}

Answerer = Callable[[State, Any, int], q.AnyAnswer]

ANSWERERS: dict[type[q.Question], Answerer] = {
    q.AccountRisk: outlook.account_risk,
    q.AskAdlRanks: adl.adl_ranks,
    q.MaxBorrow: limits.max_borrow,
    q.MaxOrder: limits.max_order,
    q.MaxTransfer: limits.max_transfer,
    q.MaxWithdrawal: limits.max_withdrawal,
    q.PreviewOrder: previews.preview_order,
    q.SupposePrices: outlook.suppose_prices,
}


class Depth(NamedTuple):
    """A book by levels, best first: (price_ticks, lots)."""

    update_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


class Engine:
    """Holds the state and applies commands to it, one after the other."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self._encode = msgspec.msgpack.Encoder().encode

    def apply(
        self, *, sequence: int, at_ns: int, command_id: str, command: c.Command
    ) -> tuple[Event, ...]:
        """Apply one command and return its events; the first answers the caller.

        `sequence` must be the next number and `at_ns` not before the last. A repeated command id
        changes nothing, and its `sequence` stays free.
        """
        state = self.state
        assert sequence == state.sequence + 1, f"{sequence} does not follow {state.sequence}"
        assert at_ns >= state.at_ns, "time went backwards"
        fingerprint = blake2b(self._encode(command), digest_size=8).digest()
        known = state.command_ids.get(command_id)
        if known is not None:
            return _repeated(command_id, known, fingerprint)
        state.sequence, state.at_ns = sequence, at_ns
        _remember(state, command_id, (sequence, fingerprint))
        record = state.record
        record.is_neutral = False
        answer: tuple[Event, ...] = ()
        if state.liquidations or state.shut or command.actor:
            answer = _stopped_refusal(state, command)
        answer = answer or HANDLERS[type(command)](state, command)
        if type(answer[0]) is CommandRejected:
            # Accruing what was due is all that a refused command may have done.
            assert not record.events, f"{command} was refused after {record.events}"
        if record.balances or record.positions or record.pools:
            _tell_holdings(state)
        if record.strategies:
            _tell_strategies(record)
        if record.allowances:
            _tell_allowances(record)
        if record.hours:
            record.events += record.hours
            record.hours.clear()
        if record.levels:
            _tell_books(state)
        if not record.events:
            return answer
        events = (*answer, *record.events)
        record.events.clear()
        return events

    @property
    def due_ns(self) -> int | None:
        """When the engine next wants an AdvanceTime; None while it has nothing to do by itself."""
        return self.state.schedule.next_ns

    def ask(self, question: q.AnyQuestion, *, at_ns: int) -> q.AnyAnswer:
        """Answer a question as of `at_ns`, which is not before the last command; change nothing."""
        return ANSWERERS[type(question)](self.state, question, at_ns)

    def depth(self, market: str) -> Depth:
        """Return the levels of a book."""
        book = self.state.markets[market].book
        return Depth(
            book.update_id,
            tuple((level.price, level.lots) for level in book.bids.from_best()),
            tuple((level.price, level.lots) for level in book.asks.from_best()),
        )


def _stopped_refusal(state: State, command: c.Command) -> tuple[Event, ...]:
    """Refuse what the state of an account does not allow, or a member's loss limit."""
    answer = gate_refusal(state, command)
    if command.actor and not answer and isinstance(command, STOPPED):
        answer = allowances.loss_refusal(state, command)
    return answer


def _repeated(command_id: str, known: tuple[int, bytes], fingerprint: bytes) -> tuple[Event, ...]:
    sequence, first_fingerprint = known
    if first_fingerprint == fingerprint:
        return (CommandRepeated(sequence=sequence),)
    return rejected(
        Reject.DUPLICATE_ID_WITH_OTHER_TERMS,
        f"command id {command_id} was used before with other terms; use a new id",
        sequence=sequence,
    )


def _remember(state: State, command_id: str, entry: tuple[int, bytes]) -> None:
    state.command_ids[command_id] = entry
    state.command_order.append(command_id)
    if len(state.command_order) > COMMAND_IDS_KEPT:
        del state.command_ids[state.command_order.popleft()]


def _tell_holdings(state: State) -> None:
    """Record the balances, positions and pools that were touched, with their final values.

    Whose they are is looked at with the next prices.
    """
    record, tell = state.record, state.record.events.append
    changed: dict[AccountId, None] = {} if record.is_neutral else state.guards.changed
    if record.balances:
        for holding in record.balances:
            assert type(holding) is Holding
            changed[holding.account_id] = None
            tell(_balance_changed(holding))
        record.balances.clear()
    if record.positions:
        for position in record.positions:
            assert type(position) is Position
            changed[position.account_id] = None
            tell(_position_changed(position))
        record.positions.clear()
    if record.pools:
        for pool in record.pools:
            assert type(pool) is Pool
            tell(_pool_changed(pool))
        record.pools.clear()


def _tell_strategies(record: Record) -> None:
    for strategy in record.strategies:
        assert type(strategy) is Strategy
        record.events.append(strategy.changed())
    record.strategies.clear()


def _tell_allowances(record: Record) -> None:
    for allowance in record.allowances:
        assert type(allowance) is Allowance
        record.events.append(allowance.changed())
    record.allowances.clear()


def _balance_changed(holding: Holding) -> BalanceChanged:
    return BalanceChanged(
        account=holding.account_id,
        asset=holding.asset,
        available_atoms=holding.available.atoms,
        locked_atoms=holding.locked.atoms,
        lend_scaled=holding.lend_scaled,
        debt_scaled=holding.debt_scaled,
        bucket=holding.bucket,
    )


def _position_changed(position: Position) -> PositionChanged:
    return PositionChanged(
        account=position.account_id,
        market=position.market,
        position_id=position.position_id,
        lots=position.lots,
        quote_atoms=position.quote,
        entry_quote_atoms=position.entry_quote,
        realized_atoms=position.realized,
        fees_atoms=position.fees,
        interest_atoms=position.interest,
        funding_atoms=position.funding,
        funded_hour=position.funded_hour,
        opened_at_ns=position.opened_at_ns,
        closed_lots=position.closed_lots,
        closed_quote_atoms=position.closed_quote,
    )


def _pool_changed(pool: Pool) -> PoolChanged:
    return PoolChanged(
        asset=pool.asset.symbol,
        state=pool.state,
        cash_atoms=pool.cash.atoms,
        lends=pool.tell_lends(),
        debt_scaled=pool.debt_scaled,
        debt_index_ray=pool.debt_index,
        reserve_ray=pool.reserve,
        accrued_at_ns=pool.accrued_at_ns,
    )


def _tell_books(state: State) -> None:
    """Record one BookChanged per touched book, levels in the order they were touched."""
    record = state.record
    if len(record.levels) == 1:
        # Most commands touch one level.
        (market, is_bid, price), level = record.levels.popitem()
        assert type(level) is Level
        told = ((price, level.lots),)
        record.events.append(
            _book_changed(state, market, told if is_bid else (), () if is_bid else told)
        )
        return
    touched: dict[str, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {}
    for (market, is_bid, price), level in record.levels.items():
        assert type(level) is Level
        bids, asks = touched.setdefault(market, ([], []))
        (bids if is_bid else asks).append((price, level.lots))
    for market, (bids, asks) in touched.items():
        record.events.append(_book_changed(state, market, tuple(bids), tuple(asks)))
    record.levels.clear()


def _book_changed(
    state: State, market: str, bids: tuple[tuple[int, int], ...], asks: tuple[tuple[int, int], ...]
) -> BookChanged:
    book = state.markets[market].book
    book.update_id += 1
    return BookChanged(market=market, update_id=book.update_id, bids=bids, asks=asks)
