"""An account stands for itself alone, whatever its owner's other accounts do.

(a) Nothing but trades and their fees changes what an owner has over all accounts: what moves
    between them is there and not here, to the atom (`World.apply` sees to it after each command).
(b) What becomes of a sub-account is told by its own commands and by the market alone. The run is
    replayed for each of them with nobody else but the house and the maker; where a sibling gave
    it money, that comes as a deposit. Holdings, positions, orders, status and margin are then the
    same to the atom, although the siblings were liquidated and went bankrupt in the other run.

That siblings meet each other through nothing but a bottomless maker is what makes (b) a fair
question: on a real market each trade moves the price for the next one, whoever owns it, and a pool
which one of them empties has less for the others. Such effects are the market's, not the owner's.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from msgspec.structs import asdict

from engine import commands as c
from engine import cover, danger, funds, transfers
from engine import events as e
from engine import order_events as oe
from engine import risk_events as re
from engine.engine import Engine
from engine.invariants import check
from engine.kinds import OrderTerms
from engine.ledger import Holding
from engine.maintenance import maintenance
from engine.margin import MarginType, health, standing
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import AccountId
from tests.engine.siblings import BANKRUPT, HOUSE, RECOVERED, SUBS, Entry, World

# Whole runs over: counting what is covered doubles the time.
pytestmark = pytest.mark.no_cover
SECONDS = 120
TOLD = (
    *(re.MarginStatusChanged, re.LiquidationStarted, re.LiquidationFeeCharged, re.InsurancePaid),
    *(e.WithdrawalRequested, e.AccountStateChanged, e.AccountUpdated),
)


class Portrait(NamedTuple):
    """All that is an account's own: numbers of commands, orders, positions are the exchange's."""

    settings: tuple[Any, ...]
    holdings: dict[str, tuple[int, ...]]
    positions: dict[str, tuple[int, ...]]
    orders: list[tuple[Any, ...]]
    status: tuple[Any, ...]
    margin: tuple[Any, ...]


def portrait(state: State, account: Account) -> Portrait:
    """Return how an account stands."""
    case = account.liquidation
    return Portrait(
        (account.state, account.owner, account.auto_lend, account.auto_repay_borrows),
        {
            asset: (one.available.atoms, one.locked.atoms, one.lend_scaled, one.debt_scaled)
            for asset, one in account.holdings.items()
            if one.available.atoms or one.locked.atoms or one.lend_scaled or one.debt_scaled
        },
        {
            market: (one.lots, one.quote, one.entry_quote, one.realized, one.fees, one.due)
            for market, one in account.positions.items()
            if one.position_id
        },
        [_open(one.terms, one.lots_open) for one in account.orders.values()]
        + [_open(one.terms, one.lots_open) for one in account.triggers.values()],
        (
            account.margin_status,
            None if case is None else (case.started_ns, case.relieved_ns, case.best_ppm),
        ),
        (
            *(health(state, account, kind) for kind in MarginType),
            standing(state, account),
            maintenance(state, account)[:3],
        ),
    )


def _open(terms: OrderTerms, lots: int) -> tuple[Any, ...]:
    return (terms.market, terms.side, terms.price_ticks, lots)


@cache
def world(seed: int) -> World:
    """Return what they have lived through; whoever wants more than one look shares it."""
    made = World(seed)
    made.live(SECONDS)
    check(made.engine.state)
    return made


def steps(entry: Entry, sub: AccountId) -> list[c.AnyCommand]:
    """Return what a replay for one account does for an entry of the journal."""
    command, first = entry.command, entry.events[0]
    named = _named(command)
    if isinstance(command, c.OpenAccount) or named <= HOUSE | {sub}:
        return [command]
    if sub not in named:
        return []
    moved = [one for one in entry.events if isinstance(one, e.FundsTransferred)]
    if isinstance(first, e.CommandRejected):
        # For the sibling's state it is refused there, for the account's own here as well.
        is_own = first.details.get("account", sub) == sub
        return [command] if is_own and getattr(command, "source", None) == sub else []
    if all(one.destination == sub for one in moved):
        return [
            c.CreditDeposit(account=sub, asset=one.asset, amount_atoms=one.amount_atoms)
            for one in moved
        ]
    if isinstance(command, c.SweepFunds) and command.account != sub:
        # How much the sibling lacked is the sibling's.
        (one,) = moved
        return [c.TransferFunds(**asdict(one))]
    return [command]


def _named(command: c.AnyCommand) -> set[AccountId]:
    names = ("account", "source", "destination", "other")
    return {getattr(command, name) for name in names if hasattr(command, name)}


def replay_for(sub: AccountId, entries: list[Entry]) -> State:
    """Live through it all with nobody else, and see that it is the same life."""
    engine = Engine()
    for entry in entries:
        told: list[e.Event] = []
        for command in steps(entry, sub):
            sequence = engine.state.sequence + 1
            events = engine.apply(
                sequence=sequence, at_ns=entry.at_ns, command_id=str(sequence), command=command
            )
            told += events
            if command is entry.command and sub in _named(command):
                assert _outcome(events[0]) == _outcome(entry.events[0]), command
            elif not isinstance(command, c.SettleWithdrawal):
                # What the house and the maker do works as it did; of withdrawals only its own.
                refused = isinstance(entry.events[0], e.CommandRejected)
                assert isinstance(events[0], e.CommandRejected) == refused, command
        assert _told(told, sub) == _told(entry.events, sub), f"{sub} was told otherwise"
    return engine.state


def _told(events: Iterable[e.Event], sub: AccountId) -> list[str]:
    """Return what an account was told of its risk and its state, in no order: assets have none."""
    return sorted(str(one) for one in events if isinstance(one, TOLD) and one.account == sub)


def _outcome(answer: e.Event) -> tuple[Any, ...]:
    """Return what an answer says, but for numbers that the exchange gives, and order of words."""
    if isinstance(answer, e.CommandRejected):
        left = str(answer.details.get("left", ""))
        return (answer.code, sorted(left.split(", ")))
    if isinstance(answer, oe.OrderPlaced):
        return (answer.status, answer.executed_lots, answer.executed_quote_atoms, answer.reason)
    if isinstance(answer, e.BorrowLendMoved):
        return (answer.kind, answer.amount_atoms, answer.lend_scaled, answer.debt_scaled)
    if isinstance(answer, oe.OrdersCancelled):
        return (len(answer.orders),)
    return () if isinstance(answer, oe.TriggerPlaced) else (answer,)


def assert_is_alone(sub: AccountId, lived: World) -> None:
    """Assert that an account stands as it would had it had no siblings."""
    state = lived.engine.state
    alone = replay_for(sub, lived.entries)
    assert portrait(alone, alone.accounts[sub]) == portrait(state, state.accounts[sub]), sub


@pytest.mark.parametrize("seed", range(3))
def test_what_becomes_of_a_sub_account_is_its_own_doing(seed: int) -> None:
    lived = world(seed)
    for sub in SUBS:
        assert_is_alone(sub, lived)


def test_they_have_lived_through_all_that_could_have_hurt_a_sibling() -> None:
    seen = sum((world(seed).seen for seed in range(3)), Counter[str]())
    for what, least in {
        BANKRUPT: 10,
        RECOVERED: 5,
        "LiquidationStarted": 50,
        "PositionTakenOver": 5,
        "InsurancePaid": 20,
        "FundsTransferred": 500,
        "FundsSwept": 200,
        "TradeExecuted": 500,
        "OrderTriggered": 10,
        Reject.ACCOUNT_FROZEN: 50,
        Reject.ACCOUNT_LIQUIDATING: 5,
        Reject.DESTINATION_LIQUIDATING: 5,
        Reject.ACCOUNT_CLOSED: 20,
        Reject.ACCOUNT_NOT_EMPTY: 20,
        Reject.INSUFFICIENT_MARGIN: 50,
        Reject.INSUFFICIENT_FUNDS: 50,
    }.items():
        assert seen[what] >= least, f"{what}: {seen[what]}"
    # Nobody was made to bear what another could not pay.
    assert not seen["LossShared"] and not seen["DebtWrittenOff"]


def siblings_carry_new_risk(patch: pytest.MonkeyPatch) -> None:
    """An order is asked for margin out of what all accounts of the owner have."""

    def shared(state: State, account: Account) -> tuple[int, int]:
        equity, needed = standing(state, account)
        for other in _siblings(state, account):
            equity += max(0, health(state, other, MarginType.INITIAL).equity)
        return equity, needed

    patch.setattr(cover, "standing", shared)


def siblings_keep_each_other_from_being_liquidated(patch: pytest.MonkeyPatch) -> None:
    """An account that is short of margin is spared while a sibling has enough."""

    def shared(state: State, account: Account, **more: Any) -> Any:
        found = maintenance(state, account, **more)
        spare = sum(max(0, maintenance(state, one).equity) for one in _siblings(state, account))
        return found._replace(equity=found.equity + spare)

    patch.setattr(danger, "maintenance", shared)


def _siblings(state: State, account: Account) -> list[Account]:
    others = (one for one in state.accounts.values() if one.owner == account.owner)
    return [one for one in others if one is not account]


@pytest.mark.parametrize(
    "leak", [siblings_carry_new_risk, siblings_keep_each_other_from_being_liquidated]
)
def test_a_leak_between_siblings_is_found(
    leak: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    leak(monkeypatch)
    lived = World(0)
    lived.live(40)
    found = 0
    for sub in SUBS:
        try:
            assert_is_alone(sub, lived)
        except AssertionError:
            found += 1
    assert found >= 3, f"only {found} of {len(SUBS)} accounts show it"


def test_an_atom_that_a_transfer_costs_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def costly(state: State, account: Account, holding: Holding, amount: int) -> None:
        dust = state.ledger.house_account("dust", holding.asset)
        state.ledger.transfer(holding.available, dust, 1, kind="dust")
        funds.credit(state, account, holding, amount - 1)

    broken = SimpleNamespace(
        accrue_account=funds.accrue_account, accrue_holding=funds.accrue_holding, credit=costly
    )
    monkeypatch.setattr(transfers, "funds", broken)
    with pytest.raises(AssertionError, match="has cost"):
        World(0).live(20)
