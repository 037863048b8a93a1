"""Handlers of scheduled strategies: create, cancel, cancel all; and the slice whose time has come.

A strategy of `lots` places an order at once and one every interval, each for what is left divided
by the slices left. What one did not execute is so spread over the rest; what of it rests in the
book is cancelled when the next is due. Slices which pass while the exchange stands still are not
made up for at once: what they would have traded is spread too.
"""

from hashlib import blake2b

from engine import allowances, orders, resting
from engine.answers import Events, rejected
from engine.catalog import Market
from engine.commands import CancelAllStrategies, CancelStrategy, CreateStrategy, PlaceOrder
from engine.events import CommandRejected
from engine.intake import MAX_CLIENT_ID, intake_refusal
from engine.kinds import StrategyStatus, StrategyTerms
from engine.listed_market import ListedMarket
from engine.order_events import OrderPlaced, StrategiesCancelled, StrategyCreated
from engine.orders import Origin
from engine.reasons import reason_of
from engine.rejects import Reject
from engine.schedule import Work
from engine.state import Account, State
from engine.strategy import Strategy
from engine.units import MAX_ATOMS, PPM, OrderId
from engine.vocabulary import Conditions, OrderType

# One account's running strategies.
MAX_STRATEGIES = 50
MIN_INTERVAL_MS = 1_000
MAX_DURATION_MS = 7 * 24 * 3_600 * 1_000
MILLISECOND_NS = 1_000_000
# How much smaller or larger a randomized slice is at most.
VARIATION_PPM = 200_000

# What refuses one slice, but not the next, perhaps.
_PASSING = frozenset(
    {
        Reject.MARKET_CLOSED,
        Reject.MARKET_CANCEL_ONLY,
        Reject.MARKET_LIMIT_ONLY,
        Reject.MARKET_POST_ONLY,
        Reject.MARKET_AUCTION,
        Reject.NO_PRICE,
        Reject.PRICE_DEGRADED,
        Reject.PRICE_OUT_OF_BAND,
    }
)


def create_strategy(state: State, command: CreateStrategy) -> Events:
    """Have an order placed in slices; what each needs is looked at when it is due."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    listed = state.markets.get(command.market)
    if listed is None:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no market {command.market}")
    refusal = (
        _plan_refusal(listed.market, command)
        # The smallest slice stands for all of them.
        or intake_refusal(state, account, listed, _order(command, listed.market.min_lots))
        or _account_refusal(account, command)
        or _member_refusal(state, account, listed, command)
    )
    if refusal:
        return refusal
    # Past this line it must succeed.
    strategy_id = OrderId(state.next_order_id)
    state.next_order_id += 1
    terms = StrategyTerms(strategy_id=strategy_id, command=command, created_at_ns=state.at_ns)
    strategy = state.strategies[strategy_id] = account.strategies[strategy_id] = Strategy(terms)
    strategy.due = state.schedule.add(state.at_ns, Work.STRATEGY, strategy_id)
    return (StrategyCreated(terms=terms),)


def _plan_refusal(market: Market, command: CreateStrategy) -> Events:
    """Refuse a schedule or a quantity that is out of bounds."""
    if command.interval_ms < MIN_INTERVAL_MS:
        return rejected(
            Reject.INVALID_STRATEGY, f"the interval must be at least {MIN_INTERVAL_MS} ms"
        )
    if not command.interval_ms <= command.duration_ms <= MAX_DURATION_MS:
        return rejected(
            Reject.INVALID_STRATEGY,
            f"the duration must be at least the interval and at most {MAX_DURATION_MS} ms",
        )
    if command.lots <= 0:
        return rejected(Reject.INVALID_QUANTITY, "the quantity must be above zero")
    if command.lots < market.min_lots:
        return rejected(
            Reject.QUANTITY_TOO_SMALL,
            "the quantity is below the market's minimum",
            min_lots=market.min_lots,
        )
    most = min(market.max_lots * command.slices, MAX_ATOMS)
    if command.lots > most:
        return rejected(
            Reject.QUANTITY_TOO_LARGE,
            "the quantity is above the market's maximum for each order; use more of them",
            max_lots=most,
        )
    return ()


def _account_refusal(account: Account, command: CreateStrategy) -> Events:
    client_id = command.client_id
    if client_id is not None:
        if not 0 <= client_id <= MAX_CLIENT_ID:
            return rejected(
                Reject.INVALID_STRATEGY, f"a client id is a whole number up to {MAX_CLIENT_ID}"
            )
        if _named(account, client_id) is not None:
            return rejected(
                Reject.DUPLICATE_CLIENT_ID, f"client id {client_id} is in use by a running strategy"
            )
    if len(account.strategies) >= MAX_STRATEGIES:
        return rejected(
            Reject.STRATEGY_LIMIT, f"at most {MAX_STRATEGIES} strategies may run; cancel one first"
        )
    return ()


def _member_refusal(
    state: State, account: Account, listed: ListedMarket, command: CreateStrategy
) -> Events:
    if not command.actor or command.reduce_only:
        return ()
    atoms = allowances.quote_atoms_of(state, listed, command.lots, command.price_ticks)
    return allowances.spending_refusal(state, account, command.actor, {listed.market.quote: atoms})


def _named(account: Account, client_id: int) -> Strategy | None:
    for strategy in account.strategies.values():
        if strategy.terms.command.client_id == client_id:
            return strategy
    return None


def _order(command: CreateStrategy, lots: int) -> PlaceOrder:
    """Return the order which a slice places."""
    slippage = command.slippage
    return PlaceOrder(
        account=command.account,
        market=command.market,
        side=command.side,
        type=OrderType.MARKET if command.price_ticks is None else OrderType.LIMIT,
        price_ticks=command.price_ticks,
        lots=lots,
        time_in_force=command.time_in_force,
        self_trade_prevention=command.self_trade_prevention,
        post_only=command.post_only,
        reduce_only=command.reduce_only,
        auto_lend=command.auto_lend,
        auto_lend_redeem=command.auto_lend_redeem,
        auto_borrow=command.auto_borrow,
        auto_borrow_repay=command.auto_borrow_repay,
        conditions=None if slippage is None else Conditions(slippage=slippage),
        actor=command.actor,
    )


def cancel_strategy(state: State, command: CancelStrategy) -> Events:
    """End one running strategy of the account; another account's is unknown to it."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if (command.strategy_id is None) == (command.client_id is None):
        return rejected(Reject.INVALID_STRATEGY, "name the strategy by its id or by its client id")
    if command.strategy_id is not None:
        strategy = account.strategies.get(command.strategy_id)
    else:
        assert command.client_id is not None
        strategy = _named(account, command.client_id)
    if strategy is None or strategy.terms.command.market != command.market:
        return rejected(Reject.UNKNOWN_STRATEGY, "there is no such running strategy in this market")
    _end(state, strategy, StrategyStatus.CANCELLED)
    return (strategy.changed(),)


def cancel_all_strategies(state: State, command: CancelAllStrategies) -> Events:
    """End all running strategies of the account, oldest first."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if command.market is not None and command.market not in state.markets:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no market {command.market}")
    ended = []
    for strategy in list(account.strategies.values()):
        if command.market is None or strategy.terms.command.market == command.market:
            _end(state, strategy, StrategyStatus.CANCELLED)
            ended.append(strategy.changed())
    answer: Events = (StrategiesCancelled(strategies=tuple(ended)),)
    return answer + tuple(ended)


def place_slice(state: State, strategy_id: int) -> None:
    """Place the slice whose time has come; what became of it is recorded."""
    strategy = state.strategies[OrderId(strategy_id)]
    strategy.due = None
    command, created_ns = strategy.terms.command, strategy.terms.created_at_ns
    interval_ns = command.interval_ms * MILLISECOND_NS
    number = (state.at_ns - created_ns) // interval_ns
    _withdraw_child(state, strategy)
    if not strategy.rest or number >= command.slices:
        _complete(state, strategy)
        return
    lots = slice_lots(state.markets[command.market].market, strategy, number)
    refused = _place(state, strategy, lots) if lots else None
    if refused is not None and refused.code not in _PASSING:
        strategy.reason = reason_of(refused.code)
        _end(state, strategy, StrategyStatus.TERMINATED)
        state.record.strategies[strategy] = None
    elif not strategy.rest or (number + 1 == command.slices and strategy.child is None):
        _complete(state, strategy)
    else:
        next_ns = created_ns + (number + 1) * interval_ns
        strategy.due = state.schedule.add(next_ns, Work.STRATEGY, strategy_id)


def slice_lots(market: Market, strategy: Strategy, number: int) -> int:
    """Return the lots of a slice; 0 if that is too little for an order and goes with the next.

    rest × (1 + joined) // (slices left + joined), which is all of the rest at the end. It leaves
    nothing behind that is below the market's minimum.
    """
    command, rest, least = strategy.terms.command, strategy.rest, market.min_lots
    slices_left = command.slices - number
    lots = rest * (1 + strategy.joined) // (slices_left + strategy.joined)
    if lots < least:
        strategy.joined += 1
        return 0
    strategy.joined = 0
    if command.randomized and slices_left > 1:
        lots = max(least, min(rest, _varied(lots, strategy.terms.strategy_id, number)))
    lots = min(lots, market.max_lots)
    if 0 < rest - lots < least:
        lots = rest - least if rest >= 2 * least else rest
    return min(lots, market.max_lots)


def _varied(lots: int, strategy_id: OrderId, number: int) -> int:
    """Return `lots` times 0.8 to 1.2: the same in every replay, for the engine has no chance."""
    hashed = blake2b(b"%d %d" % (strategy_id, number), digest_size=8).digest()
    part = int.from_bytes(hashed, "big") % (2 * VARIATION_PPM + 1)
    return lots * (PPM - VARIATION_PPM + part) // PPM


def _place(state: State, strategy: Strategy, lots: int) -> CommandRejected | None:
    """Place the order of a slice; return why not, if it was refused."""
    terms = strategy.terms
    order = _order(terms.command, lots)
    account, listed = state.accounts[order.account], state.markets[order.market]
    told = state.record.events
    first = len(told)
    answer = intake_refusal(state, account, listed, order) or orders.enter(
        state, account, listed, order, Origin(strategy=terms.strategy_id)
    )
    placed = answer[0]
    if isinstance(placed, CommandRejected):
        return placed
    assert isinstance(placed, OrderPlaced), f"{placed} answers no order"
    # That it was placed is told before its fills.
    told.insert(first, placed)
    if placed.terms.order_id in state.orders:
        strategy.child = placed.terms.order_id
    return None


def _withdraw_child(state: State, strategy: Strategy) -> None:
    """Cancel what rests of the slice before."""
    child = None if strategy.child is None else state.orders.get(strategy.child)
    strategy.child = None
    if child is not None:
        listed = state.markets[child.terms.market]
        state.record.events.append(resting.cancel(state, listed, child))


def _complete(state: State, strategy: Strategy) -> None:
    _end(state, strategy, StrategyStatus.COMPLETED)
    state.record.strategies[strategy] = None


def _end(state: State, strategy: Strategy, status: StrategyStatus) -> None:
    """Forget a strategy, with what rests of it; the caller tells."""
    _withdraw_child(state, strategy)
    if strategy.due is not None:
        state.schedule.drop(strategy.due)
        strategy.due = None
    strategy.status = status
    terms = strategy.terms
    del state.strategies[terms.strategy_id]
    del state.accounts[terms.command.account].strategies[terms.strategy_id]
