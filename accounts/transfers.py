"""Money between accounts of one owner: one asset, several at once, and how much of it may go.

A `command_id` names one very transfer: asked for again, it happens once.
"""

from collections.abc import Mapping
from typing import Final

from accounts.access import Access
from accounts.api.errors import Refused, ask_answered, require, submit_accepted
from engine.commands import TransferBasket, TransferFunds
from engine.questions import MaxAmount, MaxTransfer
from engine.units import AccountId

OTHER_OWNER: Final = "You can only transfer between accounts of one owner"


def transfer_funds(
    source: Access,
    destination: Access,
    *,
    asset: str,
    amount_atoms: int,
    command_id: str | None = None,
) -> None:
    """Move money of one asset, at once.

    Raises Refused without the right, EngineRefused if the source cannot spare it, and the gateway's
    errors.
    """
    _require_transfer(source, destination)
    command = TransferFunds(
        source=AccountId(source.account),
        destination=AccountId(destination.account),
        actor=source.actor,
        asset=asset,
        amount_atoms=amount_atoms,
    )
    submit_accepted(command, command_id=command_id)


def transfer_basket(
    source: Access,
    destination: Access,
    *,
    amounts: Mapping[str, int],
    command_id: str | None = None,
) -> None:
    """Move money of several assets, all of it or none. Raises as `transfer_funds`.

    Args:
        amounts: atoms by asset.
    """
    _require_transfer(source, destination)
    command = TransferBasket(
        source=AccountId(source.account),
        destination=AccountId(destination.account),
        actor=source.actor,
        amounts=dict(amounts),
    )
    submit_accepted(command, command_id=command_id)


def max_transfer(source: Access, destination: Access, asset: str) -> int:
    """Return the largest transfer of an asset that would be accepted now, in atoms."""
    if transfer_denial(source, destination) is not None:
        return 0
    answer = ask_answered(
        MaxTransfer(
            account=AccountId(source.account),
            destination=AccountId(destination.account),
            asset=asset,
        )
    )
    assert isinstance(answer, MaxAmount)
    return answer.amount_atoms


def transfer_denial(source: Access, destination: Access) -> str | None:
    """Return why somebody may not transfer between these two accounts, for pages; else None."""
    if source.owner != destination.owner:
        return OTHER_OWNER
    return source.refusal("transfer") or destination.refusal("transfer", reduces=True)


def _require_transfer(source: Access, destination: Access) -> None:
    if source.owner != destination.owner:
        raise Refused(403, "FORBIDDEN", OTHER_OWNER)
    require(source, "transfer")
    # A member who may not move money of the one may not gather it there; a freeze takes it in.
    require(destination, "transfer", reduces=True)
