"""Lend, redeem, borrow, repay, lend terms, dust: each is one command to the engine.

It decides the amounts. A `command_id` names one very act: asked for again, it happens once.
"""

from typing import NamedTuple

from accounts.access import Access
from accounts.api.errors import ask_answered, require, submit_accepted
from accounts.models import Balance
from engine.any_event import AnyEvent
from engine.catalog import Asset
from engine.commands import Borrow, ConvertDust, Lend, Redeem, Repay, SetLendTerms
from engine.questions import MaxAmount, MaxBorrow
from engine.units import RAY, AccountId, div_ceil
from lending.selectors import pool_of


class Terms(NamedTuple):
    """On which terms an account lends an asset; without any, at every rate and all of it."""

    min_rate_ppb: int = 0
    cap_atoms: int | None = None
    keep_atoms: int = 0
    as_collateral: bool = True


# A debt grows while a request travels: this much more than the row says still means "all".
SLACK_PPM = 1_000


def lend(
    access: Access, asset: str, amount_atoms: int, *, command_id: str | None = None
) -> AnyEvent:
    """Lend money which the account has at hand."""
    require(access, "lend")
    command = Lend(account=_id(access), actor=access.actor, asset=asset, amount_atoms=amount_atoms)
    return submit_accepted(command, command_id=command_id)


def redeem(
    access: Access, asset: str, amount_atoms: int, *, command_id: str | None = None
) -> AnyEvent:
    """Take lent money back; whoever may lend always may."""
    require(access, "lend", reduces=True)
    command = Redeem(
        account=_id(access), actor=access.actor, asset=asset, amount_atoms=amount_atoms
    )
    return submit_accepted(command, command_id=command_id)


def borrow(
    access: Access, asset: str, amount_atoms: int, *, command_id: str | None = None
) -> AnyEvent:
    """Borrow money against the account's collateral."""
    require(access, "borrow")
    command = Borrow(
        account=_id(access), actor=access.actor, asset=asset, amount_atoms=amount_atoms
    )
    return submit_accepted(command, command_id=command_id)


def max_borrow(access: Access, asset: str) -> int:
    """Return the largest loan of an asset that would be accepted now, in atoms."""
    if access.refusal("borrow"):
        return 0
    answer = ask_answered(MaxBorrow(account=_id(access), asset=asset))
    assert isinstance(answer, MaxAmount)
    return answer.amount_atoms


def repay(
    access: Access, asset: str, amount_atoms: int, *, command_id: str | None = None
) -> AnyEvent:
    """Pay back what is owed, all of it if the amount is larger; whoever may borrow always may."""
    require(access, "borrow", reduces=True)
    command = Repay(account=_id(access), actor=access.actor, asset=asset, amount_atoms=amount_atoms)
    return submit_accepted(command, command_id=command_id)


def set_lend_terms(
    access: Access, asset: str, terms: Terms, *, command_id: str | None = None
) -> AnyEvent:
    """Say on which terms the account lends an asset; they act at once."""
    require(access, "lend")
    return submit_accepted(
        SetLendTerms(
            account=_id(access),
            actor=access.actor,
            asset=asset,
            min_rate_ppb=terms.min_rate_ppb,
            cap_atoms=terms.cap_atoms,
            keep_atoms=terms.keep_atoms,
            as_collateral=terms.as_collateral,
        ),
        command_id=command_id,
    )


def convert_dust(
    access: Access, asset: str | None = None, *, command_id: str | None = None
) -> AnyEvent:
    """Sell small balances to the house for dollars: of one asset, or of all."""
    require(access, "trade_spot")
    command = ConvertDust(account=_id(access), actor=access.actor, asset=asset)
    return submit_accepted(command, command_id=command_id)


def borrow_or_lend(access: Access, *, asset: Asset, is_borrow: bool, amount_atoms: int) -> AnyEvent:
    """Move the account's net lend of an asset down (borrow) or up (lend) by an amount.

    Down redeems while something is lent, up repays while something is owed. The engine refuses
    an amount which would cross zero: a lend and a debt are two acts.
    """
    lent, owed, lost = _held(access.account, asset)
    if is_borrow:
        act = borrow
        if lent and amount_atoms <= lent + lost:
            act, amount_atoms = redeem, min(amount_atoms, lent)
    else:
        act = repay if owed and amount_atoms <= owed + owed * SLACK_PPM // 1_000_000 else lend
    return act(access, asset.symbol, amount_atoms)


def _held(account: int, asset: Asset) -> tuple[int, int, int]:
    """Return what the account lends and owes of the asset, as of the pool's last accrual.

    And how much less a lend can be worth at once than what was lent: it is rounded down to a whole
    unit of the index, then to an atom.
    """
    row = Balance.objects.filter(account_id=account, asset=asset.symbol).first()
    if row is None:
        return 0, 0, 0
    pool = pool_of(asset)
    lent = pool.lend_atoms(int(row.lend_scaled), row.lend_bucket)
    lost = div_ceil(pool.buckets[row.lend_bucket].index, RAY)
    return lent, pool.debt_atoms(int(row.debt_scaled)), lost


def _id(access: Access) -> AccountId:
    return AccountId(access.account)
