"""Handlers of money that moves between the accounts of one owner: one asset, several, or a sweep.

Who gives must keep its initial margin. Nothing goes to an account that is being liquidated: it
would be sold there; before that begins, money is what helps.
"""

from typing import NamedTuple

from engine import allowances, funds
from engine.answers import Events, rejected
from engine.commands import SweepFunds, TransferBasket, TransferFunds
from engine.events import FundsSwept, FundsTransferred
from engine.gate import closed_refusal
from engine.kinds import ACCOUNT_OPEN, AccountState
from engine.ledger import Holding
from engine.outflow import amount_refusal, give_refusal, largest_gift, make_available
from engine.rejects import Reject
from engine.search import largest_of
from engine.state import Account, State
from engine.units import MAX_ATOMS, AccountId

# A basket is one command, so its size is bounded.
MAX_BASKET = 50


class Pair(NamedTuple):
    """Two accounts of one owner."""

    source: Account
    destination: Account


def transfer_funds(state: State, command: TransferFunds) -> Events:
    """Move an amount of one asset."""
    pair = pair_of(state, command.source, command.destination)
    if not isinstance(pair, Pair):
        return pair
    return _move(state, pair, {command.asset: command.amount_atoms}, command.actor)


def transfer_basket(state: State, command: TransferBasket) -> Events:
    """Move several assets, all or none; each is told by itself."""
    pair = pair_of(state, command.source, command.destination)
    if not isinstance(pair, Pair):
        return pair
    if not 0 < len(command.amounts) <= MAX_BASKET:
        return rejected(
            Reject.INVALID_PARAMETER, f"name from 1 to {MAX_BASKET} assets", most=MAX_BASKET
        )
    return _move(state, pair, command.amounts, command.actor)


def sweep_funds(state: State, command: SweepFunds) -> Events:
    """Move what an account has beyond what it keeps, or what it lacks; as much as may move."""
    pair = pair_of(state, command.account, command.other)
    if not isinstance(pair, Pair):
        return pair
    if command.asset not in state.assets:
        return _unknown_asset(command.asset)
    if not 0 <= command.keep_atoms <= MAX_ATOMS:
        return rejected(Reject.INVALID_AMOUNT, "the amount to keep must not be negative")
    holding = funds.accrue_holding(state, pair.source, command.asset)
    pool = state.pools[command.asset]
    held = holding.available.atoms + pool.lend_atoms(holding.lend_scaled, holding.bucket)
    wanted = held - command.keep_atoms
    if wanted < 0:
        pair = Pair(pair.destination, pair.source)
        wanted = -wanted if command.top_up else 0
    if wanted:
        refusal = destination_refusal(pair)
        if refusal:
            return refusal
    # Past this line it succeeds, whatever may move.
    amount = _largest_move(state, pair, command.asset, wanted, actor=command.actor)
    gifts = _gifts(state, pair, {command.asset: amount})
    moved = _moved(state, pair, gifts, command.actor) if amount else ()
    swept = FundsSwept(
        account=command.account,
        source=pair.source.account_id,
        destination=pair.destination.account_id,
        asset=command.asset,
        wanted_atoms=wanted,
        amount_atoms=amount,
    )
    return (swept, *moved)


def pair_of(state: State, first: AccountId, second: AccountId) -> Pair | Events:
    """Return two accounts between which money may move, or the refusal."""
    for number in (first, second):
        if number not in state.accounts:
            return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {number}")
    if first == second:
        return rejected(Reject.SAME_ACCOUNT, "choose another account as the destination")
    pair = Pair(state.accounts[first], state.accounts[second])
    if pair.source.owner != pair.destination.owner:
        return rejected(Reject.OTHER_OWNER, "you can transfer between your own accounts only")
    for account in pair:
        if account.state is AccountState.CLOSED:
            return closed_refusal(account)
    return pair


def transfer_refusal(state: State, pair: Pair, amounts: dict[str, int], actor: int) -> Events:
    """Refuse to move amounts by asset: for what they are, where they go, or what must stay.

    A member may not move more than may be spent.

    Nothing changes but interest that was due.
    """
    for asset, amount in amounts.items():
        if asset not in state.assets:
            return _unknown_asset(asset)
        refusal = amount_refusal(amount)
        if refusal:
            return refusal
    return (
        destination_refusal(pair)
        or allowances.spending_refusal(state, pair.source, actor, amounts)
        or give_refusal(state, pair.source, _gifts(state, pair, amounts))
    )


def destination_refusal(pair: Pair) -> Events:
    """Refuse to give to an account that is being liquidated."""
    if pair.destination.liquidation is None:
        return ()
    return rejected(
        Reject.DESTINATION_LIQUIDATING,
        "the destination is being liquidated: wait until that has ended, or deposit into it",
        account=pair.destination.account_id,
    )


def _gifts(state: State, pair: Pair, amounts: dict[str, int]) -> dict[Holding, int]:
    """Return the amounts by what the source holds, with interest up to now."""
    funds.accrue_account(state, pair.source)
    return {
        funds.accrue_holding(state, pair.source, asset): amount for asset, amount in amounts.items()
    }


def _move(state: State, pair: Pair, amounts: dict[str, int], actor: int) -> Events:
    refusal = transfer_refusal(state, pair, amounts, actor)
    # Past this line the transfer must succeed.
    return refusal or _moved(state, pair, _gifts(state, pair, amounts), actor)


def _moved(state: State, pair: Pair, gifts: dict[Holding, int], actor: int) -> Events:
    """Move what was checked, and put it to use at the destination: repay → lend → available."""
    amounts = {holding.asset: amount for holding, amount in gifts.items()}
    allowances.note_outgoing(state, pair.source, actor, amounts)
    allowances.note_incoming(state, pair.destination, amounts)
    make_available(state, gifts)
    told = []
    for giving, amount in gifts.items():
        taking = pair.destination.holding(giving.asset)
        state.ledger.transfer(giving.available, taking.available, amount, kind="transfer")
        funds.credit(state, pair.destination, taking, amount)
        told.append(
            FundsTransferred(
                source=pair.source.account_id,
                destination=pair.destination.account_id,
                asset=giving.asset,
                amount_atoms=amount,
            )
        )
    return tuple(told)


def _largest_move(state: State, pair: Pair, asset: str, most: int, *, actor: int) -> int:
    """Return how much of `most` the source may give, within the limits of a member who asks.

    Nothing while it is frozen or liquidated.
    """
    source = pair.source
    if not most or source.state is not ACCOUNT_OPEN or source.liquidation is not None:
        return 0
    if allowances.has_lost_enough(state, source, actor):
        return 0
    (holding,) = _gifts(state, pair, {asset: most})
    amount = largest_gift(state, source, holding, most)

    def accepts(amount: int) -> bool:
        return not allowances.spending_refusal(state, source, actor, {asset: amount})

    return largest_of(accepts, amount)


def _unknown_asset(asset: str) -> Events:
    return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {asset}")
