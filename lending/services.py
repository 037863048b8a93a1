"""Lend, redeem, borrow and repay: each is one command to the engine, which decides the amounts."""

from accounts.access import Access
from accounts.api.errors import ask_answered, require, submit_accepted
from accounts.models import Balance
from engine.catalog import Asset
from engine.commands import Borrow, Lend, Redeem, Repay
from engine.events import AnyEvent
from engine.questions import MaxAmount, MaxBorrow
from engine.units import AccountId
from lending.selectors import pool_of

# A debt grows while a request travels: this much more than the row says still means "all".
SLACK_PPM = 1_000


def lend(access: Access, asset: str, amount_atoms: int) -> AnyEvent:
    """Lend money which the account has at hand."""
    require(access, "lend")
    return submit_accepted(Lend(account=_id(access), asset=asset, amount_atoms=amount_atoms))


def redeem(access: Access, asset: str, amount_atoms: int) -> AnyEvent:
    """Take lent money back; always allowed."""
    return submit_accepted(Redeem(account=_id(access), asset=asset, amount_atoms=amount_atoms))


def borrow(access: Access, asset: str, amount_atoms: int) -> AnyEvent:
    """Borrow money against the account's collateral."""
    require(access, "borrow")
    return submit_accepted(Borrow(account=_id(access), asset=asset, amount_atoms=amount_atoms))


def max_borrow(access: Access, asset: str) -> int:
    """Return the largest loan of an asset that would be accepted now, in atoms."""
    if access.refusal("borrow"):
        return 0
    answer = ask_answered(MaxBorrow(account=_id(access), asset=asset))
    assert isinstance(answer, MaxAmount)
    return answer.amount_atoms


def repay(access: Access, asset: str, amount_atoms: int) -> AnyEvent:
    """Pay back what is owed, or all of it if the amount is larger; always allowed."""
    return submit_accepted(Repay(account=_id(access), asset=asset, amount_atoms=amount_atoms))


def borrow_or_lend(access: Access, *, asset: Asset, is_borrow: bool, amount_atoms: int) -> AnyEvent:
    """Move the account's net lend of an asset down (borrow) or up (lend) by an amount.

    Down redeems while something is lent, up repays while something is owed. The engine refuses
    an amount which would cross zero: a lend and a debt are two acts.
    """
    lent, owed = _held(access.account, asset)
    if is_borrow:
        act = redeem if 0 < amount_atoms <= lent else borrow
    else:
        act = repay if owed and amount_atoms <= owed + owed * SLACK_PPM // 1_000_000 else lend
    return act(access, asset.symbol, amount_atoms)


def _held(account: int, asset: Asset) -> tuple[int, int]:
    """Return what the account lends and owes of the asset, as of the pool's last accrual."""
    row = Balance.objects.filter(account_id=account, asset=asset.symbol).first()
    if row is None:
        return 0, 0
    pool = pool_of(asset)
    lent = pool.lend_atoms(int(row.lend_scaled), row.lend_bucket)
    return lent, pool.debt_atoms(int(row.debt_scaled))


def _id(access: Access) -> AccountId:
    return AccountId(access.account)
