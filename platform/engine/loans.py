"""Whether an account may owe more: the pool's valves, and the account's own limit."""

from engine.answers import Events, rejected
from engine.catalog import POOL_OPEN
from engine.ledger import Holding
from engine.margin import debts_micros
from engine.price_states import out_refusal
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import MAX_ATOMS


def loan_refusal(
    state: State, account: Account, holding: Holding, *, amount: int, redeemed: int = 0
) -> Events:
    """Refuse a loan of `amount` atoms that the pool cannot give or the account's limit forbids.

    `redeemed` is what the account takes back of its own lend before it borrows. Margin is asked
    elsewhere. The pool must have been accrued.
    """
    symbol, pool = holding.asset, state.pools[holding.asset]
    if pool.state is not POOL_OPEN:
        return rejected(
            Reject.BORROWING_CLOSED,
            f"{symbol} cannot be borrowed now; use what you hold, or try again later",
            asset=symbol,
        )
    uncertain = out_refusal(state, symbol)
    if uncertain:
        return uncertain
    room = pool.borrowable(state.at_ns, redeemed_atoms=redeemed)
    if amount > room:
        return rejected(
            Reject.INSUFFICIENT_SUPPLY,
            f"the {symbol} pool cannot lend that much now; reduce the size",
            asset=symbol,
            borrowable=room,
            needed=amount,
        )
    if not state.prices[symbol].now_e8:
        return rejected(
            Reject.NO_PRICE,
            f"{symbol} has no price yet, so what you would owe cannot be valued; try again later",
            asset=symbol,
        )
    if is_over_limit(state, account, symbol, amount):
        return rejected(
            Reject.BORROW_LIMIT,
            "you would owe more than your account may; repay first, or borrow less",
            owed_micros=debts_micros(state, account),
            limit_micros=account.borrow_limit_micros,
        )
    return ()


def limit_room(state: State, account: Account, asset: str) -> int:
    """Return how many atoms more the account may owe by its own limit, rounded down."""
    limit = account.borrow_limit_micros
    if limit >= MAX_ATOMS:
        return MAX_ATOMS
    room, price_e8 = limit - debts_micros(state, account), state.prices[asset].high_e8
    if room <= 0 or not price_e8:
        return 0
    atoms: int = room * 10 ** (state.assets[asset].decimals + 2) // price_e8
    return atoms


def is_over_limit(state: State, account: Account, asset: str, amount: int) -> bool:
    """Tell whether `amount` atoms more would lift all debts above the account's limit."""
    limit = account.borrow_limit_micros
    return limit < MAX_ATOMS and debts_micros(state, account, asset, amount) > limit
