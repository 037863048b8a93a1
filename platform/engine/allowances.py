"""What members of a team may do in an account: what their limits refuse, and what is used of them.

    spent + open + asked ≤ spending limit        in USD micros, each rounded up

`spent` are the day's fills of orders that are not reduce-only, loans, and money that went out;
`open` is what the member's orders, waiting orders and strategies here could still fill. An order is
counted at its own price, what waits for the market's price at its trigger or the reference.

    base − worth > loss limit                    then the member only reduces until the day is over

`worth` is what the account owns and lends at its full index value, plus open profit, less what it
owes. `base` is that at the beginning of the day, and moves with the money that comes and goes.

A member without limits in the account may do anything here. Checks change nothing.
"""

from collections.abc import Mapping

from engine import funds
from engine.allowance import Allowance
from engine.answers import Events, rejected
from engine.book import Order
from engine.commands import Command, PlaceOrder
from engine.kinds import OrderTerms
from engine.listed_market import ListedMarket
from engine.margin import unrealized, value_ceil, value_floor
from engine.questions import MaxBorrow, MaxOrder, MaxTransfer, MaxWithdrawal
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import DAY_NS, AccountId

# By asset, in atoms.
Amounts = Mapping[str, int]
_NOBODY = AccountId(0)


def day_of(state: State) -> int:
    """Return the UTC day of the command, counted from 1970."""
    return state.at_ns // DAY_NS


def spending_refusal(
    state: State, account: Account, member: int, amounts: Amounts, *, strategy: int | None = None
) -> Events:
    """Refuse a member what would lift the day's spending above the limit.

    `strategy` is the one of whose rest the amounts are a part.
    """
    allowance = account.allowances.get(member)
    if allowance is None or allowance.spend_micros is None:
        return ()
    for symbol in amounts:
        if not state.prices[symbol].now_e8:
            return rejected(
                Reject.NO_PRICE,
                f"{symbol} has no price yet, so it cannot be counted against your limit; "
                "try again later",
                asset=symbol,
            )
    asked = value_micros(state, amounts)
    spent = allowance.spent_on(day_of(state))
    opened = open_micros(state, account, member, apart_from=strategy)
    if not asked or spent + opened + asked <= allowance.spend_micros:
        return ()
    return rejected(
        Reject.MEMBER_SPENDING_LIMIT,
        "this is more than you may still spend today in this account; cancel open orders, ask for "
        "less, or wait until 00:00 UTC: its owner may raise your limit",
        limit_micros=allowance.spend_micros,
        spent_micros=spent,
        open_micros=opened,
        asked_micros=asked,
    )


def order_refusal(
    state: State, account: Account, listed: ListedMarket, terms: OrderTerms, quote_atoms: int
) -> Events:
    """Refuse a member's order that fills and rests for `quote_atoms` together; reducing is free."""
    if terms.reduce_only:
        return ()
    amounts = {listed.market.quote: quote_atoms}
    return spending_refusal(state, account, terms.actor, amounts, strategy=terms.strategy)


def exceeds(state: State, listed: ListedMarket, order: Order, *, lots: int, price: int) -> bool:
    """Tell whether a resting order may not trade at a price that is better than its own.

    An auction sells at more than was asked: that much may be more than the member may spend.
    """
    terms = order.terms
    if terms.reduce_only or price <= order.price:
        return False
    account, quote = state.accounts[terms.account], listed.market.quote
    more = listed.quote_atoms(price - order.price, lots)
    return bool(spending_refusal(state, account, terms.actor, {quote: more}))


def loss_refusal(
    state: State, asked: Command | MaxBorrow | MaxOrder | MaxTransfer | MaxWithdrawal
) -> Events:
    """Refuse a member who has reached the loss limit what does not reduce.

    Of two accounts it is the limit in the one that gives.
    """
    if getattr(asked, "reduce_only", False):
        return ()
    for name in ("account", "source"):
        account = state.accounts.get(getattr(asked, name, _NOBODY))
        if account is None:
            continue
        allowance = account.allowances.get(asked.actor)
        if allowance is not None and has_lost_enough(state, account, asked.actor):
            return rejected(
                Reject.MEMBER_LOSS_LIMIT,
                "the account has lost more today than your limit: reduce positions, cancel and "
                "repay only, or wait until 00:00 UTC; its owner may raise your limit",
                limit_micros=allowance.loss_micros or 0,
                lost_micros=lost_micros(state, account, allowance),
            )
    return ()


def has_lost_enough(state: State, account: Account, member: int) -> bool:
    """Tell whether a member has reached the loss limit in an account."""
    allowance = account.allowances.get(member)
    if allowance is None or allowance.loss_micros is None:
        return False
    return allowance.is_stopped or lost_micros(state, account, allowance) > allowance.loss_micros


def lost_micros(state: State, account: Account, allowance: Allowance) -> int:
    """Return what the account has lost since the base was taken; below zero is a gain."""
    if allowance.base_micros is None or allowance.day != day_of(state):
        # A day has begun, and its base is about to be taken.
        return 0
    return allowance.base_micros - worth_micros(state, account)


def worth_micros(state: State, account: Account) -> int:
    """Return what the account is worth: Σ value owned and lent + Σ open profit − Σ owed.

    Not the equity of margin, whose weights would make a loss of buying, and of lending without
    counting it as collateral. Rounded down.
    """
    funds.accrue_account(state, account)
    worth = 0
    for symbol, holding in account.holdings.items():
        pool, asset, price_e8 = state.pools[symbol], state.assets[symbol], state.prices[symbol]
        owned = holding.available.atoms + holding.locked.atoms
        if holding.lend_scaled:
            owned += pool.lend_atoms(holding.lend_scaled, holding.bucket)
        worth += value_floor(owned, price_e8.now_e8, asset)
        if holding.debt_scaled:
            worth -= value_ceil(pool.debt_atoms(holding.debt_scaled), price_e8.now_e8, asset)
    for position in account.positions.values():
        listed = state.markets[position.market]
        worth += unrealized(position, listed, state.mark_e8(listed))
    return worth


def open_micros(
    state: State, account: Account, member: int, *, apart_from: int | None = None
) -> int:
    """Return what the member's open orders could still fill, whole, in micros rounded up.

    A running strategy is counted by its rest, of which its own order in the book is a part.
    """
    allowance = account.allowances.get(member)
    amounts = {} if allowance is None else {**allowance.open_atoms}
    for waiting in account.triggers.values():
        command = waiting.command
        if command.actor == member and not command.reduce_only:
            listed = state.markets[command.market]
            _add(amounts, listed, trigger_atoms(listed, command, waiting.lots_open))
    for strategy_id, strategy in account.strategies.items():
        asked = strategy.terms.command
        if asked.actor == member and not asked.reduce_only and strategy_id != apart_from:
            listed = state.markets[asked.market]
            rest = quote_atoms_of(state, listed, strategy.rest, asked.price_ticks)
            _add(amounts, listed, rest)
    return value_micros(state, amounts)


def note_open(account: Account, listed: ListedMarket, order: Order, lots: int) -> None:
    """Note that a member's order has `lots` more in the book; below zero: fewer."""
    terms = order.terms
    allowance = account.allowances.get(terms.actor)
    if allowance is not None and is_open_by_itself(terms):
        _add(allowance.open_atoms, listed, listed.quote_atoms(order.price, lots))


def atoms_in_books(state: State, account: Account, member: int) -> dict[str, int]:
    """Return what the member's orders in the books come to, by quote asset, from scratch."""
    amounts: dict[str, int] = {}
    for order in account.orders.values():
        if order.terms.actor == member and is_open_by_itself(order.terms):
            listed = state.markets[order.terms.market]
            _add(amounts, listed, listed.quote_atoms(order.price, order.lots_open))
    return amounts


def is_open_by_itself(terms: OrderTerms) -> bool:
    """Tell whether an order in the book counts: not if it only reduces, or its strategy counts."""
    return terms.strategy is None and not terms.reduce_only


def _add(amounts: dict[str, int], listed: ListedMarket, quote_atoms: int) -> None:
    quote = listed.market.quote
    amounts[quote] = amounts.get(quote, 0) + quote_atoms


def quote_atoms_of(state: State, listed: ListedMarket, lots: int, price_ticks: int | None) -> int:
    """Return what `lots` come to at a price or, without one, at the market's reference."""
    if price_ticks is not None:
        return listed.quote_atoms(price_ticks, lots)
    # Rounded up: the floor of the negative.
    return -listed.notional(-lots, state.reference_e8(listed))


def trigger_atoms(listed: ListedMarket, command: PlaceOrder, lots: int) -> int:
    """Return what a waiting order of `lots` comes to: at its limit, else where it is triggered."""
    price, conditions = command.price_ticks, command.conditions
    if price is None:
        assert conditions is not None and conditions.trigger is not None, f"{command} waits not"
        price = conditions.trigger.price_ticks
    return listed.quote_atoms(price, lots)


def value_micros(state: State, amounts: Amounts) -> int:
    """Return what amounts are worth at their index, each rounded up."""
    return sum(
        value_ceil(atoms, state.prices[symbol].now_e8, state.assets[symbol])
        for symbol, atoms in amounts.items()
    )


def count_fill(
    state: State, account: Account, listed: ListedMarket, terms: OrderTerms, quote_atoms: int
) -> None:
    """Count what a member's order has traded, unless that is free."""
    if not terms.reduce_only:
        count_spending(state, account, terms.actor, {listed.market.quote: quote_atoms})


def count_spending(state: State, account: Account, member: int, amounts: Amounts) -> None:
    """Count what a member has spent; nobody without limits is counted."""
    allowance = account.allowances.get(member)
    if allowance is not None:
        allowance.roll(day_of(state))
        allowance.spent_micros += value_micros(state, amounts)
        state.record.allowances[allowance] = None


def note_incoming(state: State, account: Account, amounts: Amounts) -> None:
    """Have money that comes in be no gain: every base rises by its value, rounded down."""
    for symbol, atoms in amounts.items():
        value = value_floor(atoms, state.prices[symbol].now_e8, state.assets[symbol])
        _move_bases(state, account, value)


def note_outgoing(state: State, account: Account, member: int, amounts: Amounts) -> None:
    """Count money that a member lets go, and have it be no loss: every base falls by its value."""
    count_spending(state, account, member, amounts)
    _move_bases(state, account, -value_micros(state, amounts))


def _move_bases(state: State, account: Account, micros: int) -> None:
    for allowance in account.allowances.values():
        if allowance.base_micros is not None:
            allowance.base_micros += micros
            state.record.allowances[allowance] = None
