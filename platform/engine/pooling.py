"""Handlers of the pools themselves: interest and its fees, their state, bad debt, insurance."""

from engine import funds, realizing
from engine.answers import Events, rejected
from engine.catalog import PoolState
from engine.commands import AccrueInterest, FundInsurance, SetPoolState, WriteOffDebt
from engine.events import DebtWrittenOff, InsuranceFunded, InterestAccrued, PoolStateChanged
from engine.kinds import BorrowLendKind, MovementSource
from engine.ledger import Holding
from engine.listed_market import ListedMarket
from engine.margin import value_floor
from engine.pools import Pool
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import HOUR_NS, MAX_ATOMS, PPM, RAY, div_ceil

# What always stays in the reserve, so that it can give back what others lost to it by rounding.
RESERVE_KEPT_ATOMS = 1_000


def accrue_interest(state: State, command: AccrueInterest) -> Events:
    """Bring one pool up to now, say its rates, and hand over the fees of past hours.

    When and how often changes no amount of any account.
    """
    pool = state.pools.get(command.asset)
    if pool is None:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    pool.accrue(state.at_ns)
    insured, fees = _sweep_fees(state, pool)
    # An idle pool too tells its sizes beside its rates.
    state.record.pools[pool] = None
    return (
        InterestAccrued(
            asset=command.asset,
            borrow_rate_ppb=pool.rate_ppb,
            lend_rate_ppb=pool.lend_rate_ppb,
            utilization_ppb=pool.utilization_ppb,
            insured_atoms=insured,
            fees_atoms=fees,
        ),
    )


def _sweep_fees(state: State, pool: Pool) -> tuple[int, int]:
    """Hand the whole atoms of the reserve to the house, once an hour: (insured, fees).

    What clearing has lost to the pool stays, to be given back to it. The insurance fund's share is
    rounded up.
    """
    hour = state.at_ns // HOUR_NS
    if hour == pool.swept_hour:
        return 0, 0
    pool.swept_hour = hour
    kept = RESERVE_KEPT_ATOMS
    for listed in _settled_in(state, pool.asset.symbol):
        kept += max(0, div_ceil(listed.perp_clearing().rounding_ray, RAY))
    amount = max(0, min(pool.reserve // RAY - kept, pool.cash.atoms))
    insured = div_ceil(amount * pool.asset.insurance_ppm, PPM)
    for kind, part in (("insurance", insured), ("fees", amount - insured)):
        if part:
            house = state.ledger.house_account(kind, pool.asset.symbol)
            state.ledger.transfer(pool.cash, house, part, kind="interest_fee")
    pool.take_reserve(amount)
    return insured, amount - insured


def set_pool_state(state: State, command: SetPoolState) -> Events:
    """Say what a pool accepts from now on; redemptions and repayments always are."""
    pool = state.pools.get(command.asset)
    if pool is None:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    pool.state = command.state
    state.record.pools[pool] = None
    return (PoolStateChanged(asset=command.asset, state=command.state),)


def fund_insurance(state: State, command: FundInsurance) -> Events:
    """Take the house's own money in, as insurance."""
    if command.asset not in state.assets:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    if not 0 < command.amount_atoms <= MAX_ATOMS:
        return rejected(Reject.INVALID_AMOUNT, "the amount must be above zero")
    custody = state.ledger.house_account("custody", command.asset)
    insurance = state.ledger.house_account("insurance", command.asset)
    state.ledger.transfer(custody, insurance, command.amount_atoms, kind="insurance_funded")
    return (InsuranceFunded(asset=command.asset, amount_atoms=command.amount_atoms),)


def write_off_debt(state: State, command: WriteOffDebt) -> Events:
    """Forget the debt of an account that has nothing left: reserve, then insurance, then lenders.

    The pool lends no more until it is opened again.
    """
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if command.asset not in state.assets:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    funds.accrue_account(state, account)
    holding = funds.accrue_holding(state, account, command.asset)
    if not holding.debt_scaled:
        return rejected(Reject.NOTHING_OWED, f"the account owes no {command.asset}")
    refusal = _covered_refusal(state, account) or _total_loss_refusal(
        state, holding.asset, holding.debt_scaled
    )
    if refusal:
        return refusal
    # Past this line the write-off must succeed.
    return (_write_off(state, holding, holding.debt_scaled),)


def write_off(state: State, holding: Holding, *, atoms: int) -> bool:
    """Forget so much of what a bankrupt account owes, unless that would leave lenders with nothing.

    A part is rounded down; `atoms` of all that is owed or more forget all.
    """
    pool = state.pools[holding.asset]
    scaled = holding.debt_scaled
    if atoms < pool.debt_atoms(scaled):
        scaled = atoms * RAY // pool.debt_index
    if not scaled or _total_loss_refusal(state, holding.asset, scaled):
        return False
    state.record.events.append(_write_off(state, holding, scaled))
    return True


def _covered_refusal(state: State, account: Account) -> Events:
    """Refuse while the account has anything, counted as collateral or not, or may get it back."""
    owned = 0
    for symbol, holding in account.holdings.items():
        lent = state.pools[symbol].lend_atoms(holding.lend_scaled, holding.bucket)
        atoms = holding.available.atoms + holding.locked.atoms + lent
        price_e8 = state.prices[symbol].now_e8
        owned += value_floor(atoms, price_e8, state.assets[symbol]) if price_e8 else atoms
    in_flight = any(w.account_id == account.account_id for w in state.withdrawals.values())
    if not owned and not account.has_positions and not account.orders and not in_flight:
        return ()
    return rejected(
        Reject.DEBT_IS_COVERED,
        "the account still has assets, positions, orders or withdrawals; take these first",
        assets_micros=owned,
    )


def _total_loss_refusal(state: State, asset: str, scaled: int) -> Events:
    """Refuse to leave lenders with nothing: a lend that is worth nothing cannot be counted."""
    pool = state.pools[asset]
    insurance = state.ledger.house_account("insurance", asset).atoms
    lost_ray = scaled * pool.debt_index - pool.reserve - insurance * RAY
    # What clearing lends and owes cancels out first.
    left_ray = pool.lent_ray
    for listed in _settled_in(state, asset):
        clearing = listed.perp_clearing()
        lend_ray = clearing.lend_scaled * pool.buckets[0].index
        left_ray -= min(lend_ray, (clearing.debt_scaled + 1) * pool.debt_index)
    if lost_ray <= 0 or lost_ray + RAY < left_ray:
        return ()
    return rejected(
        Reject.HOUSE_FUNDS,
        f"lenders of {asset} would lose everything; fund its insurance first",
        lost=div_ceil(lost_ray, RAY),
        lent=left_ray // RAY,
    )


def _settled_in(state: State, asset: str) -> list[ListedMarket]:
    markets = state.markets.values()
    return [listed for listed in markets if listed.is_perp and listed.market.quote == asset]


def _write_off(state: State, holding: Holding, scaled: int) -> DebtWrittenOff:
    for listed in _settled_in(state, holding.asset):
        # So its lend, which shares the loss, is not what its own loan is to be repaid from.
        realizing.repay_advance(state, listed.perp_clearing(), holding.asset)
        realizing.tell(state, listed)
    pool = state.pools[holding.asset]
    left = holding.debt_scaled - scaled
    owed = pool.debt_atoms(holding.debt_scaled) - pool.debt_atoms(left)
    reserve = min(pool.reserve // RAY, owed)
    insurance = state.ledger.house_account("insurance", holding.asset)
    insured = min(insurance.atoms, owed - reserve)
    if insured:
        state.ledger.transfer(insurance, pool.cash, insured, kind="bad_debt")
    clearings = [listed.perp_clearing() for listed in _settled_in(state, holding.asset)]
    before = [clearing.backing_ray(pool) for clearing in clearings]
    lost_ray = pool.write_off(scaled, insured_atoms=insured)
    for clearing, backing in zip(clearings, before, strict=True):
        # What it lends shares the loss of all lenders; that is no interest.
        clearing.rounding_ray += backing - clearing.backing_ray(pool)
    holding.debt_scaled = left
    funds.moved(state, holding, BorrowLendKind.REPAY, MovementSource.WRITE_OFF, owed)
    pool.state = PoolState.REPAY_ONLY
    return DebtWrittenOff(
        account=holding.account_id,
        asset=holding.asset,
        amount_atoms=owed,
        reserve_atoms=reserve,
        insured_atoms=insured,
        lenders_atoms=div_ceil(lost_ray, RAY),
    )
