"""What must always be true, recomputed from scratch: the engine's own proof, for tests and audits.

Each check raises AssertionError with the numbers that disagree.
"""

from collections import defaultdict

from engine import allowances, market_states
from engine.bands import find_taker_band, limit_band
from engine.catalog import OPEN, PriceState
from engine.clearing import Clearing
from engine.kinds import ACCOUNT_OPEN, AccountState
from engine.ledger import NOT_OPEN
from engine.listed_market import ListedMarket
from engine.margin import MarginType, health, standing, unrealized
from engine.positions import Position
from engine.quotes import MAX_QUOTES, MAX_RFQS
from engine.resting import paying_asset, reserve_of
from engine.schedule import Work
from engine.state import Account, State
from engine.units import MAX_ATOMS, RAY


def check(state: State) -> None:
    """Check everything, and change nothing."""
    check_ledger(state)
    check_pools(state)
    check_markets(state)
    check_triggers(state)
    check_strategies(state)
    for account in state.accounts.values():
        check_account(state, account)
    check_account_states(state)
    check_rfqs(state)
    check_price_ages(state)
    check_schedule(state)
    check_allowances(state)


def check_schedule(state: State) -> None:
    """The engine wakes up by the end of the running hour, if it has a perpetual."""
    ends = [due.at_ns for due in state.schedule.live() if due.work is Work.FUNDING]
    perps = [one.funding for one in state.markets.values() if one.funding is not None]
    assert len(ends) == bool(perps), f"ends of hours: {ends}"
    for funding in perps:
        assert ends[0] <= funding.ends_ns, f"an hour ends at {ends[0]}, not {funding.ends_ns}"


def check_allowances(state: State) -> None:
    """What members have open is within what they may yet spend; each base is taken anew in time."""
    today = allowances.day_of(state)
    awaited = [due.subject for due in state.schedule.live() if due.work is Work.DAY]
    assert sorted(awaited) == sorted(state.loss_limited), f"days begin for {awaited}"
    for number, account in state.accounts.items():
        for member, one in account.allowances.items():
            assert (one.account_id, one.member) == (number, member), f"{number}: {member} is mixed"
            assert one.spent_micros >= 0 and one.day <= today, f"{number}: {member}'s day"
            limited = one.loss_micros is not None
            assert not limited or number in state.loss_limited, f"{number}: {member} has no day"
            assert limited or (one.base_micros is None and not one.is_stopped), f"{member}'s base"
            kept = {quote: atoms for quote, atoms in one.open_atoms.items() if atoms}
            found = allowances.atoms_in_books(state, account, member)
            assert kept == found, f"{number}: {member} has {found} open, not {kept}"
            opened = allowances.open_micros(state, account, member)
            assert not (one.is_stopped and opened), f"{number}: {member} is stopped, not ended"


def check_triggers(state: State) -> None:
    """Every waiting order is known to its account, and watched by its market or due."""
    watched = {order_id for listed in state.markets.values() for order_id in listed.watch.ids()}
    waiting = {order_id for order_id, order in state.triggers.items() if not order.is_due}
    assert watched == waiting, f"watched {watched}, waiting {waiting}"
    due = {one.subject for one in state.schedule.entries if one.work is Work.TRIGGER}
    for order_id, order in state.triggers.items():
        assert not order.is_due or order_id in due, f"order {order_id} is due but not entered"
        assert order.lots_open > 0 or order.trigger.share_ppb, f"order {order_id} waits for nothing"
    known = [one for account in state.accounts.values() for one in account.triggers]
    assert sorted(known) == sorted(state.triggers), "waiting orders of accounts"
    entries = state.schedule.entries
    assert state.schedule.next_ns == (min(entries).at_ns if entries else None), "the schedule"


def check_strategies(state: State) -> None:
    """What runs is known to its account, and at most one order of it is in the book: its child."""
    children: dict[int, int] = {}
    for order_id, order in state.orders.items():
        if order.terms.strategy is not None:
            assert order.terms.strategy not in children, f"two orders of {order.terms.strategy}"
            children[order.terms.strategy] = order_id
    live = state.schedule.live()
    due = {one.subject: one.number for one in live if one.work is Work.STRATEGY}
    for strategy_id, strategy in state.strategies.items():
        known = state.accounts[strategy.terms.command.account].strategies
        assert known[strategy_id] is strategy, f"strategy {strategy_id}"
        assert 0 <= strategy.executed_lots <= strategy.terms.command.lots, f"{strategy_id} did more"
        assert children.pop(strategy_id, strategy.child) == strategy.child, f"{strategy_id} child"
        assert due.pop(strategy_id, None) == strategy.due, f"strategy {strategy_id} is not due"
    assert not due, f"due of strategies that have ended: {due}"
    assert not children, f"orders of strategies that have ended: {children}"
    assert sum(len(one.strategies) for one in state.accounts.values()) == len(state.strategies)


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
        debt, lends = 0, [0] * len(pool.buckets)
        for account in state.accounts.values():
            holding = account.holdings.get(symbol)
            if holding is not None:
                lends[holding.bucket] += holding.lend_scaled
                debt += holding.debt_scaled
        for listed in state.markets.values():
            if listed.clearing is not None and listed.market.quote == symbol:
                lends[0] += listed.clearing.lend_scaled
                debt += listed.clearing.debt_scaled
        held = [bucket.scaled for bucket in pool.buckets]
        assert (lends, debt) == (held, pool.debt_scaled), f"pool {symbol} members"
        assert pool.live == [bucket for bucket in pool.buckets if bucket.scaled], symbol
        active = sum(bucket.active_ray for bucket in pool.live)
        assert active == pool.active_ray, f"pool {symbol} at work"
        assert all(0 <= b.active_ray <= b.lent_ray for b in pool.live), f"pool {symbol} at work"


def check_markets(state: State) -> None:
    """I6: every perpetual is zero-sum, and no book is crossed."""
    for symbol, listed in state.markets.items():
        if market_states.is_crossed(listed):
            assert listed.auction_ns or listed.state in market_states.SHUT, f"{symbol} is crossed"
            check_owners_apart(listed)
        for side in (listed.book.bids, listed.book.asks):
            for level in side.from_best():
                lots = sum(order.lots_open for order in level)
                assert lots == level.lots > 0, f"{symbol} level {level.price}"
        check_market_state(state, listed)
        check_bands(state, listed)
        if listed.clearing is None:
            continue
        clearing = listed.clearing
        positions = list(clearing.positions.values())
        assert sum(p.lots for p in positions) == 0, f"{symbol} is not zero-sum in lots"
        claims = clearing.dust + clearing.interest + clearing.funding - clearing.settled
        quote = sum(p.quote for p in positions) + claims
        assert quote == 0, f"{symbol} is off by {quote} in quote"
        assert clearing.long_lots == sum(max(p.lots, 0) for p in positions), symbol
        check_clearing(state, listed, clearing)
        mark = state.mark_e8(listed)
        total = sum(unrealized(p, listed, mark) for p in positions)
        owed = clearing.settled - clearing.dust - clearing.interest
        # Each position's profit is rounded down by less than one atom, its funding up.
        owed -= check_funding(listed, positions)
        assert owed - len(positions) <= total <= owed, f"{symbol} profit {total} of {owed}"


def check_owners_apart(listed: ListedMarket) -> None:
    """No two orders of one owner cross while they are collected for an auction."""
    asked: dict[int, int] = {}
    for level in listed.book.asks.from_best():
        for order in level:
            asked.setdefault(order.owner, order.price)
    for level in listed.book.bids.from_best():
        for order in level:
            least = asked.get(order.owner, MAX_ATOMS)
            assert order.price < least, f"{listed.market.symbol}: {order.owner} meets itself"


def check_market_state(state: State, listed: ListedMarket) -> None:
    """What a market accepts is the strictest that is ordered, and what ends by itself will end."""
    symbol, market = listed.market.symbol, listed.market
    by_prices = market_states.ordered_by_prices(state, listed)
    ordered, reason = market_states.strictest(listed, by_prices)
    if not listed.auction_ns:
        assert (listed.state, listed.reason) == (ordered, reason), f"{symbol} is {listed.state}"
    assert not listed.auction_ns or ordered not in market_states.SHUT, f"{symbol} is in auction"
    uncertain = any(
        state.prices[asset].state is not PriceState.OK for asset in (market.base, market.quote)
    )
    assert listed.is_limited == (listed.has_limits or uncertain), f"{symbol} limits"
    breaker = listed.breaker
    if breaker.state is not OPEN:
        due = (Work.BREAKER, listed.number, breaker.until_ns)
        assert _is_entered(state, due), f"{symbol} stays held up"
    if listed.auction_ns:
        due = (Work.AUCTION, listed.number, listed.auction_ns)
        assert _is_entered(state, due), f"{symbol} never opens"


def _is_entered(state: State, due: tuple[Work, int, int]) -> bool:
    return any((one.work, one.subject, one.at_ns) == due for one in state.schedule.entries)


def check_bands(state: State, listed: ListedMarket) -> None:
    """Bands that are kept are those found from scratch."""
    symbol, kept = listed.market.symbol, limit_band(state, listed)
    listed.band_key = 0
    assert kept == limit_band(state, listed), f"{symbol} keeps limit band {kept}"
    if listed.taker_version == state.price_version:
        found = find_taker_band(state, listed)
        assert listed.taker_band == found, f"{symbol} keeps taker band {listed.taker_band}"


def check_price_ages(state: State) -> None:
    """An index that may grow old is looked at in time."""
    due = {one.subject for one in state.schedule.entries if one.work is Work.PRICE_AGE}
    for number, (symbol, price) in enumerate(state.prices.items()):
        assert price.is_watched == (number in due), f"nobody looks at the age of {symbol}"
        limited = state.assets[symbol].stale_ms is not None and price.now_e8
        assert not limited or price.is_watched or price.state is not PriceState.OK, symbol


def check_funding(listed: ListedMarket, positions: list[Position]) -> int:
    """I7: all payments of an hour together are what rounding left; return that for all hours."""
    funding = listed.perp_funding()
    hours = [one.hour for one in funding.unpaid]
    assert hours == sorted(set(hours)), f"{listed.market.symbol} hours {hours}"
    assert funding.last_hour == (hours[-1] if hours else 0), f"{listed.market.symbol} last hour"
    assert all(p.funded_hour <= funding.closed_hour for p in positions), listed.market.symbol
    rest = listed.perp_clearing().funding + sum(listed.owed_funding(p) for p in positions)
    most = len(hours) * max(0, len(positions) - 1)
    assert 0 <= rest <= most, f"{listed.market.symbol}: {rest} of {most} atoms of funding"
    return rest


def check_clearing(state: State, listed: ListedMarket, clearing: Clearing) -> None:
    """I6 and I12: what stands behind positions is there, and interest never costs the house."""
    symbol, pool = listed.market.symbol, state.pools[listed.market.quote]
    positions = clearing.positions.values()
    cash, lend, debt = clearing.cash.atoms, clearing.lend_scaled, clearing.debt_scaled
    assert min(cash, lend, debt, clearing.dust) >= 0, f"{symbol} clearing below zero"
    assert sum(p.interest_ray for p in positions) == clearing.unposted_ray, f"{symbol} unposted"
    losses = -sum(p.sample for p in positions if p.sample < 0)
    gains = sum(p.sample for p in positions if p.sample > 0)
    assert losses == clearing.losses_scaled, f"{symbol} losses sampled"
    assert gains == clearing.gains_scaled, f"{symbol} gains sampled"
    running = losses * (pool.debt_index - clearing.sampled_debt_index)
    house = clearing.house_ray(pool) + running
    assert house > -RAY, f"{symbol}: interest has cost the house {-house / RAY} atoms"


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


def check_account_states(state: State) -> None:
    """Who is frozen has nothing open but what reduces; who is closed has nothing at all."""
    for number, account in state.accounts.items():
        assert (account.state is not ACCOUNT_OPEN) == (number in state.shut), f"{number} is shut"
        if account.state is ACCOUNT_OPEN:
            continue
        terms = [order.terms for order in account.orders.values()]
        terms += [order.terms for order in account.triggers.values()]
        opens: list[int] = [one.order_id for one in terms if not one.reduce_only]
        opens += [*account.strategies, *account.rfqs]
        assert not opens, f"account {number} is {account.state}, and has {opens}"
        offers = [market for market, backing in state.backstops.items() if number in backing]
        assert not offers, f"account {number} is {account.state}, and backs {offers}"
        quotes = [rfq for rfq, asked in state.rfqs.items() if number in asked.quotes]
        assert not quotes, f"account {number} is {account.state}, and quotes {quotes}"
        if account.state is AccountState.CLOSED:
            _check_is_empty(state, account)


def _check_is_empty(state: State, account: Account) -> None:
    number = account.account_id
    assert account.owner != number, f"main account {number} is closed"
    assert number not in state.liquidations, f"closed account {number} is liquidated"
    held = [
        holding.asset
        for holding in account.holdings.values()
        if holding.available.atoms or holding.locked.atoms or holding.lend_scaled
    ]
    assert not held and not account.bearing, f"closed account {number} holds {held}"
    for symbol, position in account.positions.items():
        left = (position.lots, position.quote, position.due, position.sample, position.interest_ray)
        assert not any(left), f"closed account {number} is in {symbol}: {left}"
    waits = [*account.orders, *account.triggers]
    assert not waits, f"closed account {number} has orders {waits}"
    flying = [w.withdrawal for w in state.withdrawals.values() if w.account_id == number]
    assert not flying, f"closed account {number} waits for {flying}"


def check_rfqs(state: State) -> None:
    """Each open request is its account's, within its limits, and ends by itself in time."""
    due = {entry.subject: entry.at_ns for entry in state.schedule.entries if entry.work is Work.RFQ}
    for number, rfq in state.rfqs.items():
        account = state.accounts[rfq.terms.account]
        assert account.rfqs.get(number) is rfq, f"request {number} is not its account's"
        assert rfq.submission_ns <= rfq.expires_ns, f"request {number} takes quotes too long"
        assert due.get(number, MAX_ATOMS) <= rfq.next_end_ns, f"request {number} would not end"
        assert len(rfq.quotes) <= MAX_QUOTES, f"request {number} has {len(rfq.quotes)} quotes"
        for maker, quote in rfq.quotes.items():
            assert quote.terms.account == maker, f"quote {quote.terms.quote} has another maker"
            assert state.accounts[maker].owner != rfq.owner, f"request {number} quotes itself"
    counts = [len(account.rfqs) for account in state.accounts.values()]
    assert sum(counts) == len(state.rfqs), "requests of accounts are not all known"
    assert max(counts, default=0) <= MAX_RFQS, "an account has too many open requests"


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
    opened = [h for h in account.holdings.values() if h.opened != NOT_OPEN]
    assert opened == bearing, f"account {account.account_id} has opened {opened}"
    assert set(bearing) == set(account.bearing), f"account {account.account_id} bears interest"
    assert set(bearing) == set(kept.stale), f"account {account.account_id} is asked of too little"
