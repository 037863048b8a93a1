"""What a loan or a lend that is not made yet would lead to, by the engine's own functions."""

from typing import NamedTuple

from accounts.api.errors import Refused
from engine.catalog import Asset
from engine.ledger import Holding
from engine.pools import Pool
from engine.units import RAY, div_ceil
from gateway.decimals import format_decimal
from trading import account_states, portfolio


class LoanEstimate(NamedTuple):
    """`price` is the asset's price at which the account would be liquidated; "0" if at none."""

    price: str
    mark: str


def estimate_loan(
    account_id: int, *, asset: Asset, is_borrow: bool, amount_atoms: int
) -> LoanEstimate:
    """Return where the account would be liquidated after borrowing or lending an amount.

    What is lent is redeemed before anything is borrowed, what is owed is repaid before anything is
    lent. Raises Refused for more than the account has.
    """
    state, account = account_states.load(account_id)
    holding, pool = account.holding(asset.symbol), state.pools[asset.symbol]
    if is_borrow:
        _borrow(holding, pool, amount_atoms)
    elif amount_atoms > holding.available.atoms:
        have = format_decimal(holding.available.atoms, asset.decimals)
        message = f"lend or repay at most what is available ({have} {asset.symbol})"
        raise Refused(400, "INSUFFICIENT_FUNDS", message)
    else:
        _lend(holding, pool, amount_atoms)
    holding.note_interest()
    owes = holding.debt_scaled > 0
    return LoanEstimate(
        price=portfolio.liquidation_price(state, account, asset.symbol, falls=not owes),
        mark=format_decimal(state.prices[asset.symbol].now_e8, portfolio.PRICE_DECIMALS),
    )


def _borrow(holding: Holding, pool: Pool, amount_atoms: int) -> None:
    lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
    redeemed = min(amount_atoms, lent)
    index = pool.buckets[holding.bucket].index
    holding.lend_scaled = (lent - redeemed) * RAY // index
    holding.debt_scaled += div_ceil((amount_atoms - redeemed) * RAY, pool.debt_index)
    holding.available.atoms += amount_atoms


def _lend(holding: Holding, pool: Pool, amount_atoms: int) -> None:
    owed = pool.debt_atoms(holding.debt_scaled)
    repaid = min(amount_atoms, owed)
    holding.debt_scaled = div_ceil((owed - repaid) * RAY, pool.debt_index)
    holding.lend_scaled += (amount_atoms - repaid) * RAY // pool.buckets[holding.bucket].index
    holding.available.atoms -= amount_atoms
