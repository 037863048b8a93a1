"""Handler of lenders' terms: least rate, cap, what stays available, whether it is collateral."""

from engine import funds
from engine.answers import Events, rejected
from engine.catalog import PoolLimits
from engine.commands import SetLendTerms
from engine.events import LendTermsChanged
from engine.funds import carries
from engine.kinds import BorrowLendKind, MovementSource
from engine.ledger import Holding, LendTerms
from engine.margin import MarginType, health
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import MAX_ATOMS

# Changing terms moves money as the pool's members do themselves.
_SOURCE = MovementSource.LEND_TERMS


def set_lend_terms(state: State, command: SetLendTerms) -> Events:
    """Change an account's terms for one asset, and move its lend to where they put it.

    What lies above the cap, or is to stay available, is redeemed as far as the pool allows; what
    becomes free to lend is lent at once if the account lends automatically.
    """
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    asset = state.assets.get(command.asset)
    if asset is None:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    if not asset.lendable:
        return rejected(Reject.NOT_LENDABLE, f"{command.asset} cannot be lent")
    if command.min_rate_ppb not in asset.lend_rates_ppb:
        return rejected(
            Reject.INVALID_LEND_TERMS,
            "the least rate must be one of those that the asset offers",
            rates_ppb=", ".join(map(str, asset.lend_rates_ppb)),
        )
    if not 0 <= command.keep_atoms <= MAX_ATOMS or not 0 <= (command.cap_atoms or 0) <= MAX_ATOMS:
        return rejected(
            Reject.INVALID_LEND_TERMS,
            "the cap and the amount to keep must not be negative",
            most=MAX_ATOMS,
        )
    funds.accrue_account(state, account)
    holding = funds.accrue_holding(state, account, command.asset)
    bucket = asset.lend_rates_ppb.index(command.min_rate_ppb)
    terms = LendTerms(bucket, command.cap_atoms, command.keep_atoms, command.as_collateral)
    refusal = _refusal(state, account, holding, terms)
    if refusal:
        return refusal
    # Past this line the change must succeed.
    _move(state, holding, bucket)
    holding.terms = terms
    holding.stale[holding] = None
    _redeem_excess(state, holding)
    if account.auto_lend and holding.available.atoms:
        funds.lend_idle(state, holding, holding.available.atoms)
    state.record.balances[holding] = None
    return (
        LendTermsChanged(
            account=command.account,
            asset=command.asset,
            bucket=bucket,
            min_rate_ppb=command.min_rate_ppb,
            cap_atoms=command.cap_atoms,
            keep_atoms=command.keep_atoms,
            as_collateral=command.as_collateral,
        ),
    )


def _refusal(state: State, account: Account, holding: Holding, terms: LendTerms) -> Events:
    """Refuse to take out of the pool, or of the collateral, what either needs."""
    pool = state.pools[holding.asset]
    lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
    if lent and _leaves_supply(pool.buckets[terms.bucket].opens_ppb, pool.asset.limits):
        room = pool.redeemable(state.at_ns, holding.bucket)
        if lent > room:
            return rejected(
                Reject.UTILIZATION_LIMIT,
                "so much of the pool is borrowed that your lend cannot ask for that rate now",
                asset=holding.asset,
                redeemable=room,
            )
    if terms.as_collateral or not holding.seizable_scaled:
        return ()
    kept, holding.terms = holding.terms, terms
    after = health(state, account, MarginType.INITIAL)
    holding.terms = kept
    if after.free >= 0 or not carries(account):
        return ()
    return rejected(
        Reject.INSUFFICIENT_MARGIN,
        "your positions, loans and orders need this lend as collateral",
        equity_micros=after.equity,
        needed_micros=after.equity - after.free,
    )


def _leaves_supply(opens_ppb: int | None, limits: PoolLimits) -> bool:
    return opens_ppb is None or opens_ppb > limits.max_utilization_ppb


def _move(state: State, holding: Holding, bucket: int) -> None:
    """Move the whole lend to another bucket: it earns from now on as that one does."""
    source, holding.bucket = holding.bucket, bucket
    if source == bucket or not holding.lend_scaled:
        return
    pool = state.pools[holding.asset]
    amount = pool.lend_atoms(holding.lend_scaled, source)
    scaled = pool.move_lend(holding.lend_scaled, source, bucket)
    holding.lend_scaled, holding.bucket = 0, source
    funds.moved(state, holding, BorrowLendKind.REDEEM, _SOURCE, amount)
    holding.lend_scaled, holding.bucket = scaled, bucket
    funds.moved(state, holding, BorrowLendKind.LEND, _SOURCE, amount)


def _redeem_excess(state: State, holding: Holding) -> None:
    terms, pool = holding.terms, state.pools[holding.asset]
    lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
    excess = max(0, terms.keep_atoms - holding.available.atoms)
    if terms.cap_atoms is not None:
        excess = max(excess, lent - terms.cap_atoms)
    part = min(excess, funds.redeemable(state, holding))
    if part:
        funds.redeem(state, holding, part, _SOURCE)
