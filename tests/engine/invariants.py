"""What must be true of the exchange after every command. Each function names one truth.

Facts come from the mirror (the events alone) and are compared with the engine's own sums, so a sum
which drifts from what it sums, and an event which does not tell what happened, are both found.
"""

from collections import defaultdict

from engine import danger
from engine.catalog import MarketState, PriceState, StateReason
from engine.invariants import (
    check_account_states,
    check_allowances,
    check_bands,
    check_clearing,
    check_funding,
    check_market_state,
    check_owners_apart,
    check_rfqs,
    check_schedule,
    check_strategies,
    check_triggers,
)
from engine.maintenance import maintenance
from engine.margin import MarginType, health, standing
from engine.market_states import SHUT, is_crossed, until_ns
from engine.state import State
from engine.units import HOUR_NS, RAY, div_ceil
from engine.vocabulary import Side
from tests.engine.mirror import Mirror, OpenOrder


def check_all(state: State, mirror: Mirror) -> None:
    """Assert every invariant which holds at any time."""
    ledger_sums_to_zero(state, mirror)
    nothing_is_below_zero(mirror)
    pools_are_exact(mirror)
    perpetuals_are_zero_sum(state, mirror)
    books_are_told_and_uncrossed(state, mirror)
    waiting_orders_are_told_and_watched(state, mirror)
    holds_are_explained_by_open_orders(state, mirror)
    position_sums_are_explained_by_open_orders(state, mirror)
    kept_margin_is_margin_recomputed(state)
    strategies_are_told(state, mirror)
    requests_and_quotes_are_told(state, mirror)
    market_states_are_told(state, mirror)
    funding_is_paid_once_and_whole(state, mirror)
    check_allowances(state)
    account_states_are_told(state, mirror)


def account_states_are_told(state: State, mirror: Mirror) -> None:
    """Frozen and closed is who events said is; the closed own nothing, the frozen open nothing."""
    check_account_states(state)
    assert {number: one.state for number, one in state.accounts.items()} == mirror.account_states


def funding_is_paid_once_and_whole(state: State, mirror: Mirror) -> None:
    """I7: of an hour that all have paid, Σ payments is dust: less than one atom a position."""
    check_schedule(state)
    for (symbol, ends_ns), payments in mirror.funded.items():
        listed = state.markets[symbol]
        owing = [
            position
            for position in listed.perp_clearing().positions.values()
            if position.lots and position.funded_hour * HOUR_NS < ends_ns
        ]
        dust = -sum(payments.values())
        if not owing:
            assert 0 <= dust < len(payments), f"{symbol} {ends_ns}: {dust} of {payments}"


def requests_and_quotes_are_told(state: State, mirror: Mirror) -> None:
    """Open requests and live quotes are those which events told of, and all end by themselves."""
    check_rfqs(state)
    assert {number: rfq.expires_ns for number, rfq in state.rfqs.items()} == mirror.rfqs
    live = {
        quote.terms.quote: quote.terms
        for rfq in state.rfqs.values()
        for quote in rfq.quotes.values()
    }
    assert live == mirror.quotes


def market_states_are_told(state: State, mirror: Mirror) -> None:
    """What a market accepts is what was told, and no more than its prices allow."""
    for symbol, listed in state.markets.items():
        check_market_state(state, listed)
        check_bands(state, listed)
        if is_crossed(listed):
            check_owners_apart(listed)
        told, market = mirror.states[symbol], mirror.markets[symbol]
        assert (told.state, told.reason) == (listed.state, listed.reason), symbol
        assert told.until_ns == until_ns(listed), symbol
        assert listed.market == market, symbol
        prices = {mirror.price_states[market.base], mirror.price_states[market.quote]}
        if prices & {PriceState.STALE, PriceState.HALT}:
            assert told.state in SHUT, f"{symbol} has no price"
        elif PriceState.DEGRADED in prices:
            assert told.state is not MarketState.OPEN, f"the price of {symbol} is not certain"


def ledger_sums_to_zero(state: State, mirror: Mirror) -> None:
    """I1, I13: per asset all ledger accounts sum to zero, and say what the balances say."""
    sums: defaultdict[str, int] = defaultdict(int)
    for (asset, name), atoms in mirror.ledger.items():
        sums[asset] += atoms
        if not name.startswith("custody:"):
            assert atoms >= 0, f"{name} is at {atoms}"
    assert not any(sums.values()), dict(sums)
    for (account, asset), balance in mirror.balances.items():
        name = f"account:{account}"
        assert mirror.ledger[asset, f"{name}:available"] == balance.available_atoms
        assert mirror.ledger[asset, f"{name}:locked"] == balance.locked_atoms
    for asset in mirror.assets:
        outside = mirror.withdrawn[asset] - mirror.deposited[asset] - mirror.insured[asset]
        assert mirror.ledger[asset, f"custody:{asset}"] == outside
        in_flight = sum(w.amount_atoms for w in state.withdrawals.values() if w.asset == asset)
        assert mirror.ledger[asset, f"in_flight:{asset}"] == in_flight


def nothing_is_below_zero(mirror: Mirror) -> None:
    """I5: no negative balance; nobody lends and owes the same asset."""
    for balance in mirror.balances.values():
        amounts = (balance.available_atoms, balance.locked_atoms)
        assert min(*amounts, balance.lend_scaled, balance.debt_scaled) >= 0, balance
        assert not (balance.lend_scaled and balance.debt_scaled), balance


def pools_are_exact(mirror: Mirror) -> None:
    """I2, I3: cash × ray + S_b × I_b == S_l × I_l + R; scaled sums agree; lenders are covered."""
    for asset, pool in mirror.pools.items():
        owned = pool.cash_atoms * RAY + pool.debt_scaled * pool.debt_index_ray
        owed = sum(x.lend_scaled * x.lend_index_ray for x in pool.lends) + pool.reserve_ray
        assert owned == owed, f"{asset}: {owned - owed}"
        assert pool.reserve_ray >= 0 <= pool.cash_atoms, pool
        assert mirror.ledger[asset, f"pool:{asset}"] == pool.cash_atoms
        holders = [b for (_, symbol), b in mirror.balances.items() if symbol == asset]
        clearings = [
            clearing
            for market, clearing in mirror.clearings.items()
            if mirror.markets[market].quote == asset
        ]
        index = {lends.bucket: lends.lend_index_ray for lends in pool.lends}
        for lent in pool.lends:
            scaled = sum(b.lend_scaled for b in holders if b.bucket == lent.bucket)
            if lent.bucket == 0:
                scaled += sum(clearing.lend_scaled for clearing in clearings)
            assert scaled == lent.lend_scaled, f"{asset} bucket {lent.bucket}"
        debt = sum(b.debt_scaled for b in holders) + sum(c.debt_scaled for c in clearings)
        assert debt == pool.debt_scaled, asset
        lends = sum(b.lend_scaled * index[b.bucket] // RAY for b in holders if b.lend_scaled)
        lends += sum(c.lend_scaled * index[0] // RAY for c in clearings)
        debts = sum(div_ceil(b.debt_scaled * pool.debt_index_ray, RAY) for b in holders)
        debts += sum(div_ceil(c.debt_scaled * pool.debt_index_ray, RAY) for c in clearings)
        assert lends <= pool.cash_atoms + debts


def perpetuals_are_zero_sum(state: State, mirror: Mirror) -> None:
    """I6: Σ lots = 0; Σ quote + dust + interest + funding = settled; longs are open interest."""
    for symbol, listed in state.markets.items():
        if listed.clearing is None:
            continue
        positions = [p for (_, market), p in mirror.positions.items() if market == symbol]
        assert sum(position.lots for position in positions) == 0, symbol
        cash = mirror.ledger[listed.market.quote, f"clearing:{symbol}"]
        quote = sum(position.quote_atoms for position in positions)
        claims = listed.clearing.dust + listed.clearing.interest + listed.clearing.funding
        assert quote + claims == listed.clearing.settled, f"{symbol}: {quote}"
        assert cash == listed.clearing.cash.atoms >= 0 <= listed.clearing.dust
        check_clearing(state, listed, listed.clearing)
        longs = sum(max(position.lots, 0) for position in positions)
        assert listed.clearing.long_lots == longs
        for position in positions:
            kept = state.accounts[position.account].positions[symbol]
            assert (kept.lots, kept.quote) == (position.lots, position.quote_atoms)
            assert kept.funding == position.funding_atoms
        check_funding(listed, [*listed.clearing.positions.values()])


def books_are_told_and_uncrossed(state: State, mirror: Mirror) -> None:
    """The book is what its orders are, what BookChanged said, and best bid < best ask."""
    for symbol, listed in state.markets.items():
        for side, book in ((Side.BID, listed.book.bids), (Side.ASK, listed.book.asks)):
            expected: defaultdict[int, int] = defaultdict(int)
            for order in mirror.orders.values():
                if order.terms.market == symbol and order.terms.side is side:
                    assert order.terms.price_ticks is not None
                    assert order.lots_open > 0
                    expected[order.terms.price_ticks] += order.lots_open
            assert mirror.books[symbol][side] == expected, f"{symbol} {side}"
            assert {level.price: level.lots for level in book.from_best()} == expected
        bids, asks = mirror.books[symbol][Side.BID], mirror.books[symbol][Side.ASK]
        told = mirror.states[symbol]
        collects = told.reason is StateReason.AUCTION or told.state in SHUT
        assert collects or not bids or not asks or max(bids) < min(asks), f"{symbol} is crossed"
    kept = {order_id: order.lots_open for order_id, order in state.orders.items()}
    assert kept == {order_id: order.lots_open for order_id, order in mirror.orders.items()}


def waiting_orders_are_told_and_watched(state: State, mirror: Mirror) -> None:
    """What waits is what the events said, watched by its market or due; exits fit a position."""
    told = {order_id: order.lots_open for order_id, order in mirror.waiting.items()}
    assert {order_id: order.lots_open for order_id, order in state.triggers.items()} == told
    check_triggers(state)
    for order_id, order in mirror.waiting.items():
        assert order_id in state.accounts[order.terms.account].triggers
        if order.terms.related is not None:
            position = mirror.positions[order.terms.account, order.terms.market]
            assert position.lots < 0 if order.terms.side is Side.BID else position.lots > 0


def _needs(mirror: Mirror, order: OpenOrder) -> tuple[str, int]:
    """Return what a spot order pays if it fills: the asset and the most it can be, in atoms."""
    market = mirror.markets[order.terms.market]
    if order.terms.side is Side.ASK:
        return market.base, order.lots_open * market.lot_atoms
    assert order.terms.price_ticks is not None
    per_lot = order.terms.price_ticks * mirror.quote_atoms_per_tick[market.symbol]
    return market.quote, order.lots_open * per_lot


def holds_are_explained_by_open_orders(state: State, mirror: Mirror) -> None:
    """What is locked, and what may still be borrowed, is exactly what the open spot orders need."""
    needed: defaultdict[tuple[int, str], int] = defaultdict(int)
    borrow: defaultdict[tuple[int, str], int] = defaultdict(int)
    loss: defaultdict[int, int] = defaultdict(int)
    for order_id, order in mirror.orders.items():
        if mirror.markets[order.terms.market].mmf is not None:
            continue
        asset, atoms = _needs(mirror, order)
        kept = state.orders[order_id]
        assert kept.locked + kept.borrow == atoms, f"order {order_id} holds {kept.locked}"
        assert kept.may_borrow or not kept.borrow, f"order {order_id} may not borrow"
        needed[order.terms.account, asset] += atoms
        borrow[order.terms.account, asset] += kept.borrow
        loss[order.terms.account] += kept.loss_micros
    for key, balance in mirror.balances.items():
        assert balance.locked_atoms == needed[key] - borrow[key], balance
    for account_id, account in state.accounts.items():
        pending = {a: n for (owner, a), n in borrow.items() if owner == account_id and n}
        assert account.pending_borrow == pending, account_id
        assert account.spot_loss_micros == loss[account_id], account_id


def position_sums_are_explained_by_open_orders(state: State, mirror: Mirror) -> None:
    """Margin's sums of open perpetual orders are those orders, recomputed."""
    for account_id, account in state.accounts.items():
        for symbol, position in account.positions.items():
            orders = mirror.orders_of(account_id, symbol)
            free = [order for order in orders if not order.terms.reduce_only]
            for side, kept in ((Side.BID, position.bids), (Side.ASK, position.asks)):
                by_price: defaultdict[int, int] = defaultdict(int)
                for order in free:
                    if order.terms.side is side:
                        by_price[order.terms.price_ticks or 0] += order.lots_open
                assert kept.by_price == by_price, f"{account_id} {symbol} {side}"
                assert kept.prices == sorted(by_price)
                assert kept.lots == sum(by_price.values())
            ticks = sum(order.lots_open * (order.terms.price_ticks or 0) for order in free)
            assert position.order_ticks == ticks
            reducing = sum(order.lots_open for order in orders if order.terms.reduce_only)
            assert position.reduce_lots == reducing <= abs(position.lots), f"{account_id} {symbol}"
            for order in orders:
                closing = Side.ASK if position.lots > 0 else Side.BID
                assert not order.terms.reduce_only or order.terms.side is closing


def kept_margin_is_margin_recomputed(state: State) -> None:
    """I8: the standing which orders ask is the health computed from scratch."""
    for account in state.accounts.values():
        found = health(state, account, MarginType.INITIAL)
        needed = found.margin + found.open_loss + found.fee_reserve
        assert standing(state, account) == (found.equity, needed), account.account_id


def nobody_in_danger_is_overlooked(state: State) -> None:
    """Whoever is not to be looked at is above the margin, and is liquidated, suspect or watched."""
    waiting = {*state.guards.urgent, *state.guards.changed, *state.guards.suspects}
    for number, account in state.accounts.items():
        assert (account.liquidation is not None) == (number in state.liquidations)
        if number in waiting or number in state.liquidations:
            continue
        found = maintenance(state, account)
        assert found.is_met, f"{number}: {found.equity} is below {found.margin}"
        least_ppm = dict(danger.LEVELS).get(account.margin_status, 10**6)
        assert found.equity * 10**6 >= found.margin * least_ppm, account.margin_status


def strategies_are_told(state: State, mirror: Mirror) -> None:
    """What runs is what events said runs, with the sum of its fills; one order of it may rest."""
    check_strategies(state)
    assert list(state.strategies) == list(mirror.strategies)
    for strategy_id, strategy in state.strategies.items():
        done = (strategy.executed_lots, strategy.executed_quote)
        assert done == mirror.filled_for[strategy_id], strategy_id


def margin_is_met(state: State, account_id: int, *, slack_micros: int) -> None:
    """I9: who was allowed to take risk has the initial margin for it right after."""
    account = state.accounts[account_id]  # type: ignore[index]
    risky = [position for position in account.positions.values() if not position.idle]
    owing = [holding for holding in account.holdings.values() if holding.debt_scaled]
    if risky or owing or account.pending_borrow:
        free = health(state, account, MarginType.INITIAL).free
        assert free >= -slack_micros, f"{account_id} is {free} micros short"
        assert health(state, account, MarginType.MAINTENANCE).free >= free
