"""What an owner may let the members of a team do with one account: single rights, and roles.

A role is a name for a usual set of rights; only the rights are kept.
"""

from typing import Final

VIEW: Final = "view"
TRADE_SPOT: Final = "trade_spot"
TRADE_PERP: Final = "trade_perp"
LEND_BORROW: Final = "lend_borrow"
TRANSFER: Final = "transfer"
WITHDRAW_WHITELISTED: Final = "withdraw_whitelisted"
MANAGE_KEYS: Final = "manage_keys"
MANAGE_MEMBERS: Final = "manage_members"

# In the order in which they are shown.
RIGHTS: Final = {
    VIEW: "See balances, orders and history",
    TRADE_SPOT: "Trade spot",
    TRADE_PERP: "Trade perpetual futures",
    LEND_BORROW: "Lend and borrow",
    TRANSFER: "Transfer between accounts",
    WITHDRAW_WHITELISTED: "Withdraw to addresses of the owner's book",
    MANAGE_KEYS: "Make API keys of their own",
    MANAGE_MEMBERS: "Invite members and change their rights",
}
ROLES: Final[dict[str, tuple[str, ...]]] = {
    "Viewer": (VIEW,),
    "Trader": (VIEW, TRADE_SPOT, TRADE_PERP),
    "Bot operator": (VIEW, TRADE_SPOT, TRADE_PERP, MANAGE_KEYS),
    "Treasurer": (VIEW, LEND_BORROW, TRANSFER, WITHDRAW_WHITELISTED),
    "Manager": tuple(RIGHTS),
}

# Which right a member needs for each permission; None: it is the owner's alone.
RIGHT_OF: Final[dict[str, str | None]] = {
    "view": VIEW,
    "deposit": VIEW,
    "trade_spot": TRADE_SPOT,
    "trade_perp": TRADE_PERP,
    "lend": LEND_BORROW,
    "borrow": LEND_BORROW,
    "transfer": TRANSFER,
    "withdraw": WITHDRAW_WHITELISTED,
    "manage_keys": MANAGE_KEYS,
    "manage_members": MANAGE_MEMBERS,
    "manage_accounts": None,
    "guard": None,
}


def role_of(rights: tuple[str, ...] | list[str]) -> str:
    """Return the role which has exactly these rights; "Custom" if none has.

    >>> role_of(["trade_perp", "view", "trade_spot"]), role_of(["view", "transfer"])
    ('Trader', 'Custom')
    """
    given = frozenset(rights)
    return next((name for name, one in ROLES.items() if given == frozenset(one)), "Custom")
