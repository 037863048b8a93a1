"""What must always be true, recomputed from scratch: the engine's own proof, for tests and audits.

Each check raises AssertionError with the numbers that disagree.
"""

from collections import defaultdict

from engine.intake import price_band
from engine.margin import MarginType, health, standing, unrealized
from engine.resting import paying_asset, reserve_of
from engine.state import Account, State
from engine.units import RAY


def check(state: State) -> None:
    """Check everything, and change nothing."""
    check_ledger(state)
    check_pools(state)
    check_markets(state)
    for account in state.accounts.values():
        check_account(state, account)


def ledger_sums(state: State) -> dict[str, int]:
    """Return the sum of all ledger accounts per asset; each must be zero."""
    sums: dict[str, int] = defaultdict(int)
    for account in state.ledger.house.values():
        sums[account.asset] += account.atoms
    for symbol, pool in state.pools.items():
        sums[symbol] += pool.cash.atoms
    for listed in state.markets.values():
        if listed.clearing is not None:
            sums[listed.market.quote] += listed.clearing.cash.atoms
    for account_ in state.accounts.values():
        for symbol, holding in account_.holdings.items():
            sums[symbol] += holding.available.atoms + holding.locked.atoms
    return dict(sums)


def check_ledger(state: State) -> None:
    """I1: money is neither made nor lost, and only custody is below zero."""
    for symbol, total in ledger_sums(state).items():
        assert total == 0, f"the ledger of {symbol} sums to {total}"
    for account in state.ledger.house.values():
        assert account.atoms >= 0 or account.name.startswith("custody:"), account.name
    in_flight: dict[str, int] = defaultdict(int)
    for withdrawal in state.withdrawals.values():
        in_flight[withdrawal.asset] += withdrawal.amount_atoms
    for symbol in state.assets:
        account_ = state.ledger.house.get(f"in_flight:{symbol}")
        held = account_.atoms if account_ is not None else 0
        assert held == in_flight[symbol], f"{symbol} in flight: {held}, not {in_flight[symbol]}"


def check_pools(state: State) -> None:
    """I2 and I3: the identity of each pool, exactly, and its members' sums."""
    for symbol, pool in state.pools.items():
        left = pool.cash.atoms * RAY + pool.borrowed_ray
        right = pool.lent_ray + pool.reserve
        assert left == right, f"pool {symbol}: {left} != {right}"
        assert pool.reserve >= 0 <= pool.cash.atoms, f"pool {symbol} below zero"
        lend = debt = 0
        for account in state.accounts.values():
            holding = account.holdings.get(symbol)
            if holding is not None:
                lend += holding.lend_scaled
                debt += holding.debt_scaled
        assert (lend, debt) == (pool.lend_scaled, pool.debt_scaled), f"pool {symbol} members"


def check_markets(state: State) -> None:
    """I6: every perpetual is zero-sum, and no book is crossed."""
    for symbol, listed in state.markets.items():
        best_bid, best_ask = listed.book.bids.best(), listed.book.asks.best()
        if best_bid is not None and best_ask is not None:
            assert best_bid.price < best_ask.price, f"{symbol} is crossed"
        for side in (listed.book.bids, listed.book.asks):
            for level in side.from_best():
                lots = sum(order.lots_open for order in level)
                assert lots == level.lots > 0, f"{symbol} level {level.price}"
        kept = (listed.band, listed.band_version)
        listed.band_version = -1
        band = price_band(state, listed)
        assert kept[1] != state.price_version or kept[0] == band, f"{symbol} keeps band {kept[0]}"
        listed.band, listed.band_version = kept
        if listed.clearing is None:
            continue
        clearing = listed.clearing
        positions = list(clearing.positions.values())
        assert sum(p.lots for p in positions) == 0, f"{symbol} is not zero-sum in lots"
        quote = sum(p.quote for p in positions) + clearing.dust - clearing.cash.atoms
        assert quote == 0, f"{symbol} is off by {quote} in quote"
        assert clearing.long_lots == sum(max(p.lots, 0) for p in positions), symbol
        assert clearing.cash.atoms >= 0 <= clearing.dust, f"{symbol} clearing below zero"
        mark = state.mark_e8(listed)
        total = sum(unrealized(p, listed, mark) for p in positions)
        owed = clearing.cash.atoms - clearing.dust
        # Each position's profit is rounded down by less than one atom.
        assert owed - len(positions) <= total <= owed, f"{symbol} profit {total} of {owed}"


def check_account(state: State, account: Account) -> None:
    """I5: nothing below zero, no asset both lent and owed, and holds explained by open orders."""
    locked: dict[str, int] = defaultdict(int)
    borrow: dict[str, int] = defaultdict(int)
    loss = 0
    perps: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for order_id, order in account.orders.items():
        assert state.orders[order_id] is order and order.lots_open > 0, f"order {order_id}"
        listed = state.markets[order.terms.market]
        if listed.is_perp:
            sums = perps[order.terms.market]
            if order.terms.reduce_only:
                sums[3] += order.lots_open
            else:
                sums[0 if order.is_bid else 1] += order.lots_open
                sums[2] += order.price * order.lots_open
            continue
        assert order.locked + order.borrow == reserve_of(listed, order), f"order {order_id} holds"
        locked[paying_asset(listed, is_bid=order.is_bid)] += order.locked
        if order.borrow:
            borrow[paying_asset(listed, is_bid=order.is_bid)] += order.borrow
        loss += order.loss_micros
    assert dict(borrow) == account.pending_borrow, f"account {account.account_id} pending borrow"
    assert loss == account.spot_loss_micros, f"account {account.account_id} spot loss"
    for symbol, holding in account.holdings.items():
        name = f"account {account.account_id} {symbol}"
        assert holding.available.atoms >= 0, f"{name} available below zero"
        assert holding.locked.atoms == locked[symbol], f"{name} locked is not explained"
        assert holding.lend_scaled >= 0 <= holding.debt_scaled, f"{name} below zero"
        assert not (holding.lend_scaled and holding.debt_scaled), f"{name} lent and owed"
    for symbol, position in account.positions.items():
        ticks, reduce_lots = position.order_ticks, position.reduce_lots
        sums = [position.bids.lots, position.asks.lots, ticks, reduce_lots]
        assert sums == perps[symbol], f"account {account.account_id} {symbol} order sums"
        assert position.reduce_lots <= abs(position.lots), f"{symbol} reduce-only exceeds position"
    check_standing(state, account)


def check_standing(state: State, account: Account) -> None:
    """I8: what margin found part by part is what it finds from scratch."""
    whole = health(state, account, MarginType.INITIAL)
    found = standing(state, account)
    expected = (whole.equity, whole.margin + whole.open_loss + whole.fee_reserve)
    assert found == expected, f"account {account.account_id} stands at {found}, not {expected}"
    kept = account.standing
    parts = [holding.part for holding in account.holdings.values()]
    parts += [position.part for position in account.positions.values()]
    sums = (sum(equity for equity, _ in parts), sum(needed for _, needed in parts))
    assert sums == (kept.equity, kept.needed), f"account {account.account_id} parts sum to {sums}"
    bearing = [h for h in account.holdings.values() if h.lend_scaled or h.debt_scaled]
    assert set(bearing) == set(account.bearing), f"account {account.account_id} bears interest"
    assert set(bearing) == set(kept.stale), f"account {account.account_id} is asked of too little"
