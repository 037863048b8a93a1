"""Money on its way out of an account: what it may let go, and making that available.

A withdrawal takes one asset, and may borrow; a transfer takes several at once. Margin is asked
once, with all of it gone.
"""

from collections.abc import Mapping

from engine import funds
from engine.answers import Events, rejected
from engine.kinds import MovementSource
from engine.ledger import Holding
from engine.loans import loan_refusal
from engine.margin import MarginType, health
from engine.price_states import out_refusal
from engine.rejects import Reject
from engine.search import largest_of
from engine.state import Account, State
from engine.units import MAX_ATOMS, RAY, div_ceil


def amount_refusal(amount: int) -> Events:
    """Refuse an amount that nobody can move."""
    if 0 < amount <= MAX_ATOMS:
        return ()
    return rejected(Reject.INVALID_AMOUNT, "the amount must be above zero")


def take_out_refusal(
    state: State, account: Account, holding: Holding, amount: int, *, redeem: bool, borrow: bool
) -> Events:
    """Refuse to let go what is not there, cannot be had, or is needed as margin.

    Nothing changes. The account's pools must have been accrued.
    """
    room = funds.redeemable(state, holding) if redeem else 0
    short = max(0, amount - holding.available.atoms - room)
    refusal = _reach_refusal(state, holding, amount, redeem=redeem, borrow=borrow)
    if not refusal and short:
        refusal = loan_refusal(state, account, holding, amount=short, redeemed=room)
    return refusal or _margin_refusal(state, account, {holding: amount}, borrowed=short)


def give_refusal(state: State, account: Account, gifts: Mapping[Holding, int]) -> Events:
    """Refuse to let go of several assets at once, out of what is available and lent; as above."""
    for holding, amount in gifts.items():
        refusal = _reach_refusal(state, holding, amount, redeem=True, borrow=False)
        if refusal:
            return refusal
    return _margin_refusal(state, account, gifts)


def largest_gift(state: State, account: Account, holding: Holding, most: int) -> int:
    """Return the largest amount up to `most` that `give_refusal` lets go, 0 if none."""
    reach = holding.available.atoms + funds.redeemable(state, holding)

    def accepts(amount: int) -> bool:
        return not give_refusal(state, account, {holding: amount})

    return largest_of(accepts, min(most, reach, MAX_ATOMS))


def make_available(state: State, amounts: Mapping[Holding, int]) -> None:
    """Redeem, and then borrow, until all of it is available. The caller has checked."""
    for holding, amount in amounts.items():
        funds.raise_available(state, holding, amount, MovementSource.WITHDRAWAL)


def _reach_refusal(
    state: State, holding: Holding, amount: int, *, redeem: bool, borrow: bool
) -> Events:
    """Refuse an asset whose price is not trusted, or more of it than can be had."""
    asset = holding.asset
    uncertain = out_refusal(state, asset)
    if uncertain:
        return uncertain
    own = holding.available.atoms
    lent = state.pools[asset].lend_atoms(holding.lend_scaled, holding.bucket) if redeem else 0
    room = funds.redeemable(state, holding) if redeem else 0
    short = max(0, amount - own - room)
    if short and lent > room and amount <= own + lent:
        return rejected(
            Reject.UTILIZATION_LIMIT,
            "the pool cannot give back all that you lend now; ask for less or wait",
            asset=asset,
            available=own,
            redeemable=room,
            lent=lent,
        )
    if short and (not borrow or lent > room or (holding.lend_scaled and not redeem)):
        return rejected(
            Reject.INSUFFICIENT_FUNDS,
            "there is not enough available; ask for at most the available amount",
            asset=asset,
            available=own + room,
            requested=amount,
        )
    return ()


def _margin_refusal(
    state: State, account: Account, amounts: Mapping[Holding, int], *, borrowed: int = 0
) -> Events:
    """Refuse if what stays after giving all of it, of which `borrowed` is new debt, is too little.

    What must stay is the larger of initial margin and a tenth of all exposure, besides what open
    orders need. Weights fall with size, so the account is valued anew without the amounts. Only
    who gives a single asset may borrow of it.
    """
    gone = []
    for holding, amount in amounts.items():
        debt = div_ceil(borrowed * RAY, state.pools[holding.asset].debt_index)
        given = amount - borrowed
        if not holding.terms.as_collateral:
            # What is taken out of such a lend backed nothing.
            given = min(given, holding.available.atoms)
        gone.append((holding, given, debt))
    for holding, given, debt in gone:
        holding.available.atoms -= given
        holding.debt_scaled += debt
    after = health(state, account, MarginType.INITIAL)
    for holding, given, debt in gone:
        holding.available.atoms += given
        holding.debt_scaled -= debt
    needed = max(after.margin, after.exposure // 10) + after.open_loss + after.fee_reserve
    if after.equity >= needed or not (after.margin or borrowed or account.has_positions):
        return ()
    return rejected(
        Reject.INSUFFICIENT_MARGIN,
        "what stays would not carry your positions, loans and orders; close some or take less",
        equity_micros=after.equity,
        needed_micros=needed,
    )
