"""From a run's tally and state to its report."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from engine.margin import value_floor
from engine.state import State
from engine.units import RAY, AccountId
from stress.maker import Maker
from stress.proof import Before
from stress.report import (
    MOST_LINES,
    OPEN,
    OPEN_INSOLVENT,
    AccountLine,
    Balance,
    InsuranceLine,
    LenderLine,
    PathPoint,
    Report,
    SharedLine,
    TakerLine,
)
from stress.scenario import Scenario
from stress.tally import COLLATERAL, Case, Part, Tally
from stress.worth import house_of, micros_of, worth_of

STAGES = (COLLATERAL, Part.BOOK, Part.BACKSTOP, Part.ADL)
# Whose is what in the balance of each asset; an account has the first role that fits it.
LIQUIDATED, MAKER, DELEVERAGED = "liquidated", "maker", "deleveraged"
BACKSTOPS, OTHERS = "backstops", "others"
ROLES = (LIQUIDATED, MAKER, DELEVERAGED, BACKSTOPS, OTHERS)


class Lived(NamedTuple):
    """What a run has left behind."""

    tally: Tally
    state: State
    before: Before
    maker: Maker | None


def report_of(
    lived: Lived,
    scenario: Scenario,
    *,
    began: tuple[int, int],
    path: Iterable[PathPoint],
    failure: str,
) -> Report:
    """Return what a run tells. AssertionError if what is told does not add up.

    `began`: the number and the time of the last command of the journal that the copy holds.
    """
    tally, state, before, maker = lived
    cases = [tally.cases[number] for number in sorted(tally.cases)]
    traded = {str(stage): sum(case.traded_micros[stage] for case in cases) for stage in STAGES}
    lines = sorted(
        (_account_line(case, state, before) for case in cases),
        key=lambda line: (-line.lost_micros, line.account),
    )
    return Report(
        scenario=scenario,
        sequence=began[0],
        at_ns=began[1],
        seconds=tally.second,
        failure=failure,
        is_settled=not state.liquidations,
        accounts=len(before.worth) - (maker is not None),
        liquidated=len(cases),
        bankrupt=sum(case.bankrupt > 0 or _is_insolvent(state, case) for case in cases),
        called=len(tally.called - tally.cases.keys()),
        traded_micros=traded,
        fee_micros=sum(case.fee_micros for case in cases),
        insurance=tuple(_insurance_lines(state, before)),
        lines=tuple(lines[:MOST_LINES]),
        backstops=tuple(_taker_lines(tally, state, Part.TOOK_BACKSTOP)),
        deleveraged=tuple(_taker_lines(tally, state, Part.TOOK_ADL)),
        shared=tuple(
            SharedLine(account=account, market=market, asset=asset, lost_atoms=atoms)
            for (account, market, asset), atoms in sorted(tally.shared.items())[:MOST_LINES]
        ),
        lenders=tuple(_lender_lines(tally, state)),
        balances=tuple(_balances(lived, is_proved=not failure)),
        path=tuple(path),
        notes=tuple(tally.notes),
        refused=dict(sorted(maker.refused.items())) if maker is not None else {},
        decimals={symbol: asset.decimals for symbol, asset in state.assets.items()},
    )


def _is_insolvent(state: State, case: Case) -> bool:
    """Tell whether an account is being liquidated that cannot pay what it owes."""
    under_way = state.liquidations.get(case.account)
    return under_way is not None and under_way.is_bankrupt


def _account_line(case: Case, state: State, before: Before) -> AccountLine:
    account = state.accounts[case.account]
    was = before.micros[case.account]
    return AccountLine(
        account=case.account,
        status=account.margin_status.value,
        began=case.began,
        ended=case.ended,
        end=case.end or (OPEN_INSOLVENT if _is_insolvent(state, case) else OPEN),
        times=case.times,
        traded_micros={str(stage): case.traded_micros[stage] for stage in STAGES},
        fee_micros=case.fee_micros,
        before_micros=was,
        lost_micros=was - micros_of(state, worth_of(state, account)),
        paid_micros=case.paid_micros,
        left_micros=case.left_micros,
        shared_micros=case.shared_micros,
        written_off_micros=case.written_off_micros,
    )


def _taker_lines(tally: Tally, state: State, part: Part) -> Iterator[TakerLine]:
    found = sorted(key for key, parts in tally.moves.items() if part in parts)
    for account, market in found[:MOST_LINES]:
        listed, moved = state.markets[market], tally.moves[account, market][part]
        yield TakerLine(
            account=account,
            market=market,
            asset=listed.market.base,
            atoms=listed.base_atoms(moved.lots),
            traded_micros=moved.traded_micros,
            gained_micros=moved.gained_micros,
        )


def _insurance_lines(state: State, before: Before) -> Iterator[InsuranceLine]:
    after = house_of(state).insurance
    for symbol, asset in state.assets.items():
        was, now = before.house.insurance[symbol] // RAY, after[symbol] // RAY
        if was or now:
            price_e8 = state.prices[symbol].now_e8
            yield InsuranceLine(
                asset=symbol,
                before_atoms=was,
                after_atoms=now,
                before_micros=value_floor(was, before.prices_e8[symbol], asset),
                after_micros=value_floor(now, price_e8, asset),
            )


def _lender_lines(tally: Tally, state: State) -> Iterator[LenderLine]:
    for symbol, sums in sorted(tally.written_off.items()):
        price_e8, asset = state.prices[symbol].now_e8, state.assets[symbol]
        yield LenderLine(
            asset=symbol,
            debts_atoms=sums.debts,
            reserve_atoms=sums.reserve,
            insured_atoms=sums.insured,
            lenders_atoms=sums.lenders,
            lenders_micros=value_floor(sums.lenders, price_e8, asset),
        )


def _balances(lived: Lived, *, is_proved: bool) -> Iterator[Balance]:
    """Yield who has won and lost of each asset; what is told of it sums to zero in atoms."""
    tally, state, before, maker = lived
    roles: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(ROLES, 0))
    won: dict[str, int] = defaultdict(int)
    for number, account in state.accounts.items():
        role = _role(number, tally, maker)
        now, was = worth_of(state, account), before.worth.get(number, {})
        for asset in {**now, **was}:
            ray = now.get(asset, 0) - was.get(asset, 0)
            roles[asset][role] += ray
            won[asset] += max(0, ray)
    house = house_of(state)
    for asset in state.assets:
        insurance, fees, carried, outside = (
            (now[asset] - was[asset]) // RAY for now, was in zip(house, before.house, strict=True)
        )
        told = {role: ray // RAY for role, ray in roles[asset].items()}
        of_accounts = sum(told.values())
        rest = -(of_accounts + insurance + fees + outside)
        # Each part is rounded down: the atoms that makes are with what is carried.
        is_close = abs(rest - carried) <= len(ROLES)
        assert is_close or not is_proved, f"{asset}: {rest} atoms are left, {carried} are carried"
        if any(told.values()) or insurance or fees:
            yield Balance(
                asset=asset,
                won_atoms=won[asset] // RAY,
                lost_atoms=won[asset] // RAY - of_accounts,
                roles_atoms=told,
                insurance_atoms=insurance,
                fees_atoms=fees,
                carried_atoms=rest,
                outside_atoms=outside,
            )


def _role(number: AccountId, tally: Tally, maker: Maker | None) -> str:
    if number in tally.cases:
        return LIQUIDATED
    if maker is not None and number == maker.account:
        return MAKER
    for part, role in ((Part.TOOK_ADL, DELEVERAGED), (Part.TOOK_BACKSTOP, BACKSTOPS)):
        if (number, part) in tally.takers:
            return role
    return OTHERS
