"""What the lending page shows of the pools and of one account. Reads only.

Numbers are text for people. They stand as of each pool's last accrual, a minute ago at most, and
at the latest prices: the engine decides by the moment, and says so when it refuses.
"""

import time
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import NamedTuple

from accounts.assets import percent_text
from engine.conversion import dollar_of, dust_of
from engine.funds import lend_room, redeemable
from engine.ledger import Holding
from engine.loans import is_over_limit
from engine.margin import MarginType, health
from engine.pools import Pool
from engine.state import Account, State
from engine.units import PPB, RAY, div_ceil
from gateway.decimals import format_decimal, group_digits
from lending.rates import compounded_ppb
from lending.sentences import dollars
from trading import account_states

# How much of its equity an account may use before the gauge warns: of initial margin all, of
# maintenance margin four fifths.
WARNS_AT_PERCENT = 80
SIZE_DECIMALS = 4


class PoolRow(NamedTuple):
    symbol: str
    name: str
    state: str
    lend_apr: str
    lend_apy: str
    borrow_apr: str
    borrow_apy: str
    utilization: str
    used_percent: int
    size: str
    borrowed: str


class MineRow(NamedTuple):
    """What the account has to do with one pool; plain numbers are for the forms."""

    available: str
    lendable: str
    lendable_plain: str
    lent: str
    redeemable: str
    redeemable_plain: str
    lend_rate: str
    at_work: str
    owed: str
    owed_plain: str
    max_borrow: str
    max_borrow_plain: str
    must_redeem: bool


class DustRow(NamedTuple):
    symbol: str
    quantity: str
    received: str


class Gauge(NamedTuple):
    """How much of the equity is used. `level` is calm, busy or high; `words` says it in words."""

    equity: str
    free: str
    initial: str
    maintenance: str
    maintenance_percent: int
    level: str
    words: str


def load(account_id: int) -> tuple[State, Account]:
    """Return the account with pools and prices, as of now for the valves of the pools."""
    state, account = account_states.load(account_id)
    state.at_ns = time.time_ns()
    return state, account


def pool_row(pool: Pool) -> PoolRow:
    """Return what anyone may see of a pool."""
    asset, lend, borrow = pool.asset, pool.lend_rate_ppb, pool.rate_ppb
    used = pool.utilization_ppb
    return PoolRow(
        symbol=asset.symbol,
        name=asset.name,
        state=pool.state.value if asset.lendable else "Closed",
        lend_apr=percent_text(lend),
        lend_apy=percent_text(compounded_ppb(lend, rounding=ROUND_FLOOR)),
        borrow_apr=percent_text(borrow),
        borrow_apy=percent_text(compounded_ppb(borrow, rounding=ROUND_CEILING)),
        utilization=percent_text(used),
        used_percent=min(100, used * 100 // PPB),
        size=_size(pool.lent_ray // RAY, pool),
        borrowed=_size(pool.debt_atoms(pool.debt_scaled), pool),
    )


def mine_row(state: State, account: Account, symbol: str) -> MineRow:
    """Return what the account has of an asset, lends and owes of it, and could still do."""
    holding, pool = account.holding(symbol), state.pools[symbol]
    available, owed = holding.available.atoms, pool.debt_atoms(holding.debt_scaled)
    lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
    back, most = redeemable(state, holding), max_borrow(state, account, symbol)
    spare = 0 if owed else lend_room(state, holding)
    return MineRow(
        available=_amount(available, pool),
        lendable=_amount(spare, pool),
        lendable_plain=_plain(spare, pool),
        lent=_amount(lent, pool),
        redeemable=_amount(back, pool),
        redeemable_plain=_plain(back, pool),
        lend_rate=percent_text(pool.bucket_rate_ppb(holding.bucket)) if lent else "",
        at_work=_at_work(pool, holding) if lent else "",
        owed=_amount(owed, pool),
        owed_plain=_plain(owed, pool),
        max_borrow=_amount(most, pool),
        max_borrow_plain=_plain(most, pool),
        must_redeem=bool(holding.lend_scaled),
    )


def max_borrow(state: State, account: Account, symbol: str) -> int:
    """Return the most that the account can borrow of an asset: by pool, own limit and margin.

    Nothing while it lends that asset: a lend and a debt exclude each other.
    """
    holding, pool = account.holding(symbol), state.pools[symbol]
    if holding.lend_scaled or not state.prices[symbol].now_e8:
        return 0
    low, high = 0, pool.borrowable(state.at_ns)
    while low < high:
        middle = (low + high + 1) // 2
        if _carries_loan(state, account, holding, middle):
            low = middle
        else:
            high = middle - 1
    return low


def _carries_loan(state: State, account: Account, holding: Holding, amount: int) -> bool:
    if is_over_limit(state, account, holding.asset, amount):
        return False
    debt = div_ceil(amount * RAY, state.pools[holding.asset].debt_index)
    holding.available.atoms += amount
    holding.debt_scaled += debt
    free = health(state, account, MarginType.INITIAL).free
    holding.available.atoms -= amount
    holding.debt_scaled -= debt
    return free >= 0


def _at_work(pool: Pool, holding: Holding) -> str:
    bucket = pool.buckets[holding.bucket]
    part = bucket.active_ray * 100 // bucket.lent_ray if bucket.lent_ray else 0
    return "all at work" if part >= 100 else f"{part}% at work"


def terms_sentences(state: State, account: Account, symbol: str) -> list[str]:
    """Return what the account's terms for an asset come to now, in plain sentences."""
    holding, pool = account.holding(symbol), state.pools[symbol]
    terms, asset = holding.terms, pool.asset
    rate = asset.lend_rates_ppb[terms.bucket]
    said = [f"You lend {symbol} at any rate."]
    if rate:
        asked = percent_text(rate)
        earned = percent_text(pool.lend_rate_ppb)
        said = [f"You lend {symbol} at {asked} a year or more; lenders earn {earned} now."]
        opens = pool.buckets[terms.bucket].opens_ppb
        if opens is None:
            said.append("Borrowers of this pool never pay that much: nothing of yours is lent on.")
        elif opens:
            said.append(f"Your money goes to work from {percent_text(opens)} utilization on.")
    if terms.cap_atoms is not None:
        said.append(f"At most {_amount(terms.cap_atoms, pool)} {symbol} is lent.")
    if terms.keep_atoms:
        said.append(f"{_amount(terms.keep_atoms, pool)} {symbol} always stays available.")
    if not terms.as_collateral:
        said.append("The lend is no collateral: it backs nothing, and is never taken.")
    if not account.auto_lend:
        said.append("Auto Lend is off: nothing is lent unless you lend it.")
    return said


def dust_rows(state: State, account: Account) -> list[DustRow]:
    """Return what a conversion of dust would sell, and for how much."""
    quote = dollar_of(state)
    if quote is None:
        return []
    rows = []
    for symbol, holding in account.holdings.items():
        if symbol == quote:
            continue
        atoms, paid = dust_of(state, holding, quote)
        if atoms:
            rows.append(
                DustRow(
                    symbol,
                    _amount(atoms, state.pools[symbol]),
                    f"{_amount(paid, state.pools[quote])} {quote}",
                )
            )
    return rows


def gauge(state: State, account: Account) -> Gauge:
    """Return how much of its equity the account has to keep, by both margins."""
    initial = health(state, account, MarginType.INITIAL)
    kept = health(state, account, MarginType.MAINTENANCE)
    first = _percent(initial.equity - initial.free, initial.equity)
    last = _percent(kept.margin, kept.equity)
    level, words = "calm", "room for more"
    if initial.free <= 0 and initial.equity != initial.free:
        level, words = "busy", "no new risk can be taken"
    if last >= WARNS_AT_PERCENT:
        level, words = "high", "near liquidation: repay, deposit or reduce"
    return Gauge(
        equity=dollars(kept.equity),
        free=dollars(max(0, initial.free)),
        initial=f"{first}%",
        maintenance=f"{last}%",
        maintenance_percent=min(100, last),
        level=level,
        words=words,
    )


def _percent(part: int, whole: int) -> int:
    """Return part / whole in per cent, rounded up; with nothing behind it, any part is all."""
    if not part:
        return 0
    return min(999, div_ceil(part * 100, whole)) if whole > 0 else 100


def _size(atoms: int, pool: Pool) -> str:
    """Return a size to look at: what lies beyond some decimals is cut off."""
    hidden = 10 ** max(0, pool.asset.decimals - SIZE_DECIMALS)
    return _amount(atoms - atoms % hidden, pool)


def _plain(atoms: int, pool: Pool) -> str:
    return format_decimal(atoms, pool.asset.decimals)


def _amount(atoms: int, pool: Pool) -> str:
    return group_digits(_plain(atoms, pool))
