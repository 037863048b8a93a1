"""The switches which an account's owner may set. The engine keeps them, but for e-mails."""

from accounts.access import Access
from accounts.api.errors import invalid_request, require, submit_accepted
from accounts.models import Account
from engine.commands import UpdateAccount
from engine.units import AccountId
from gateway.decimals import DecimalError, parse_decimal

LEVERAGE_MAX = 1000


def update_settings(
    access: Access,
    *,
    auto_lend: bool | None = None,
    auto_repay_borrows: bool | None = None,
    auto_borrow_settlements: bool | None = None,
    auto_realize_pnl: bool | None = None,
    leverage_limit: int | None = None,
) -> None:
    """Change the settings that are given and leave the others as they are.

    `auto_realize_pnl` is for the pages only: the contract's API shows it but does not change it.

    Raises Refused if a switch is turned on for something which compliance does not allow, or is not
    a member's to change.
    """
    if auto_lend is not None:
        require(access, "lend", reduces=not auto_lend)
    if auto_borrow_settlements is not None:
        require(access, "borrow", reduces=not auto_borrow_settlements)
    if auto_repay_borrows is not None:
        require(access, "borrow", reduces=True)
    if auto_realize_pnl is not None or leverage_limit is not None:
        require(access, "trade_perp", reduces=True)
    submit_accepted(
        UpdateAccount(
            account=AccountId(access.account),
            actor=access.actor,
            auto_lend=auto_lend,
            auto_repay_borrows=auto_repay_borrows,
            auto_borrow_settlements=auto_borrow_settlements,
            auto_realize_pnl=auto_realize_pnl,
            leverage_limit=leverage_limit,
        )
    )


def choose_risk_mails(account: Account, *, wanted: bool) -> None:
    """Set whether the owner gets e-mails about margin calls and liquidations of the account."""
    Account.objects.filter(pk=account.pk).update(risk_mails=wanted)


def choose_backstop_right(number: int, *, allowed: bool) -> bool:
    """Set whether an account's owner may offer backstops, and return whether it has an owner.

    What is offered already stays until its owner or staff end it.
    """
    return bool(Account.objects.filter(pk=number).update(may_backstop=allowed))


def parse_leverage(text: str | None) -> int | None:
    """Read a leverage limit, a whole number of times. Raises Refused for anything else."""
    if text is None:
        return None
    try:
        limit = parse_decimal(text, 0)
    except DecimalError:
        limit = 0
    if not 1 <= limit <= LEVERAGE_MAX:
        raise invalid_request("leverageLimit must be a whole number, such as 10")
    return limit
