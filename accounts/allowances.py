"""How much of an account a member may risk in a UTC day: the engine keeps to it (docs/risk.md)."""

from accounts.api.errors import submit_accepted
from engine.commands import SetAllowance
from engine.units import AccountId


def set_allowance(
    account: int, member: int, spend_micros: int | None, loss_micros: int | None
) -> None:
    """Have the engine hold a member to these limits in an account; None is no limit.

    Args:
        member: the user.
        spend_micros: what they may trade, borrow and take out in a UTC day, in USD × 1e6.
        loss_micros: what the account may lose in a UTC day before they may only reduce.

    Raises EngineRefused and the gateway's errors: then nothing has changed.
    """
    submit_accepted(
        SetAllowance(
            account=AccountId(account),
            member=member,
            spend_micros=spend_micros,
            loss_micros=loss_micros,
        )
    )
