"""What somebody did with an account, in a sentence: from the command as it was journaled."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from accounts.assets import decimals_of
from accounts.rights import RIGHTS
from engine import commands as c
from engine.units import MAX_ATOMS
from engine.vocabulary import Side
from gateway.decimals import format_decimal, group_digits
from trading.catalog import market_named

MICROS_DECIMALS = 6
# Acts that are no commands, with the words of `details` which they carry.
_SPOKEN: Final[Mapping[str, str]] = {
    "CreateSubAccount": "Opened the account {name}",
    "RenameAccount": "Renamed the account from {before} to {after}",
    "CreateKey": "Made the API key {key} ({scopes})",
    "RevokeKey": "Revoked the API key {key}",
    "InviteMember": "Invited {member} as {role} ({rights}){limits}",
    "AcceptInvitation": "Accepted the invitation, as {role}",
    "DeclineInvitation": "Declined the invitation",
    "ChangeRights": "Changed what {member} may do: {role} ({rights}){limits}",
    "TakeBackRights": "Took all rights back from {member}",
    "SetExpiry": "Set the end of the membership of {member}: {expires}",
    "EndMembership": "Cut {member} off",
    "LeaveTeam": "Left the team",
    "CreateSweep": "Added a rule: {rule}",
    "EndSweep": "Ended a rule: {rule}",
    "SetApprovalThreshold": "Set the threshold of approvals: {usd}",
    "ApproveWithdrawal": "Approved withdrawal {withdrawal}",
    "TakeBackWithdrawal": "Took withdrawal {withdrawal} back",
    "TurnDownWithdrawal": "Turned withdrawal {withdrawal} down",
}
_TRIED: Final[Mapping[str, str]] = {
    "view": "Look at the account",
    "trade_spot": "Trade spot",
    "trade_perp": "Trade perpetual futures",
    "lend": "Lend",
    "borrow": "Borrow",
    "deposit": "Deposit",
    "withdraw": "Withdraw",
    "transfer": "Transfer",
    "manage_keys": "Make or change an API key",
    "manage_members": "Manage members",
    "manage_accounts": "Manage the account",
    "guard": "Change how withdrawals are guarded",
}


def spoken(action: str, details: str) -> str:
    """Return an act that was no command as a sentence; `details` is JSON, or empty."""
    told: dict[str, Any] = json.loads(details) if details else {}
    told["rights"] = ", ".join(RIGHTS.get(one, one).lower() for one in told.get("rights", ()))
    told["scopes"] = ", ".join(told.get("scopes", ()))
    limits = [
        f"{_usd(told[name])} a day to {word}"
        for name, word in (("spend_micros", "spend"), ("loss_micros", "lose"))
        if told.get(name) is not None
    ]
    told["limits"] = f", at most {' and '.join(limits)}" if limits else ""
    micros = told.get("micros")
    told["usd"] = "none" if micros is None else _usd(micros)
    return _SPOKEN[action].format(**told) if action in _SPOKEN else action


def tried(permission: str) -> str:
    """Return what was denied, in words."""
    return _TRIED.get(permission, f"Call with the scope {permission}")


def command_words(command: Any) -> str:
    """Return what a command asked for, as a sentence."""
    write = _WORDS.get(type(command))
    if write is not None:
        return write(command)
    name = type(command).__name__
    words = "".join(f" {one.lower()}" if one.isupper() else one for one in name).strip()
    where = getattr(command, "market", None) or getattr(command, "asset", None)
    return f"{words.capitalize()}{f': {where}' if where else ''}"


def _order(command: c.PlaceOrder) -> str:
    listed = market_named(command.market)
    does = "Buy" if command.side is Side.BID else "Sell"
    what = listed.market.base
    if command.lots is not None:
        what = f"{listed.quantity_text(command.lots)} {what}"
    elif command.quote_atoms is not None:
        what = f"{what} for {listed.quote_text(command.quote_atoms)} {listed.market.quote}"
    price = command.price_ticks
    where = "at the market" if price is None else f"at {listed.price_text(price)}"
    reduces = ", reduce only" if command.reduce_only else ""
    waits = ", conditional" if command.conditions is not None else ""
    return f"{does} {what} {where} in {command.market}{reduces}{waits}"


def _strategy(command: c.CreateStrategy) -> str:
    listed = market_named(command.market)
    does = "Buy" if command.side is Side.BID else "Sell"
    quantity = f"{listed.quantity_text(command.lots)} {listed.market.base}"
    return f"{does} {quantity} in {command.slices} parts in {command.market}"


def _cancel(command: c.CancelOrder) -> str:
    named = command.order_id if command.order_id is not None else f"client {command.client_id}"
    return f"Cancel order {named} in {command.market}"


def _cancel_all(command: c.CancelAllOrders) -> str:
    return f"Cancel all orders{f' in {command.market}' if command.market else ''}"


def _of_money(verb: str) -> Callable[[Any], str]:
    def words(command: Any) -> str:
        return f"{verb} {_amount(command.asset, command.amount_atoms)}"

    return words


def _transfer(command: c.TransferFunds) -> str:
    amount = _amount(command.asset, command.amount_atoms)
    return f"Transfer {amount} from account {command.source} to {command.destination}"


def _basket(command: c.TransferBasket) -> str:
    amounts = ", ".join(_amount(asset, atoms) for asset, atoms in command.amounts.items())
    return f"Transfer {amounts} from account {command.source} to {command.destination}"


def _sweep(command: c.SweepFunds) -> str:
    kept = _amount(command.asset, command.keep_atoms)
    return f"Sweep to account {command.other}, keeping {kept}"


def _withdrawal(command: c.RequestWithdrawal) -> str:
    amount = _amount(command.asset, command.amount_atoms)
    return f"Withdraw {amount} (withdrawal {command.withdrawal})"


def _freeze(command: c.FreezeAccount) -> str:
    return "Freeze the account" if command.frozen else "Unfreeze the account"


def _settings(command: c.UpdateAccount) -> str:
    switches = {
        "Auto Lend": command.auto_lend,
        "Auto-Repay": command.auto_repay_borrows,
        "Auto-Borrow": command.auto_borrow_settlements,
        "Auto-Realize": command.auto_realize_pnl,
    }
    told = [f"{name} {'on' if on else 'off'}" for name, on in switches.items() if on is not None]
    if command.leverage_limit is not None:
        told.append(f"leverage limit {command.leverage_limit}")
    return f"Change settings: {', '.join(told)}"


def _terms(command: c.SetLendTerms) -> str:
    cap = command.cap_atoms
    most = "" if cap is None or cap >= MAX_ATOMS else f", at most {_amount(command.asset, cap)}"
    return f"Set lend terms of {command.asset}{most}"


def _amount(asset: str, atoms: int) -> str:
    return f"{format_decimal(atoms, decimals_of(asset))} {asset}"


def _usd(micros: int) -> str:
    return f"${group_digits(format_decimal(micros, MICROS_DECIMALS))}"


_WORDS: Final[Mapping[type, Callable[[Any], str]]] = {
    c.PlaceOrder: _order,
    c.CreateStrategy: _strategy,
    c.CancelOrder: _cancel,
    c.CancelAllOrders: _cancel_all,
    c.Lend: _of_money("Lend"),
    c.Redeem: _of_money("Redeem"),
    c.Borrow: _of_money("Borrow"),
    c.Repay: _of_money("Repay"),
    c.TransferFunds: _transfer,
    c.TransferBasket: _basket,
    c.SweepFunds: _sweep,
    c.RequestWithdrawal: _withdrawal,
    c.FreezeAccount: _freeze,
    c.UpdateAccount: _settings,
    c.SetLendTerms: _terms,
}
