"""What a forced trade costs its account: a part of what was traded, into the insurance fund."""

from engine import funds, realizing
from engine.kinds import MovementSource
from engine.maintenance import maintenance
from engine.positions import Position
from engine.risk_events import LiquidationFeeCharged
from engine.state import Account, ListedMarket, State
from engine.units import PPM, div_ceil

FINE_PPM = 10_000


def charge_fine(state: State, account: Account, listed: ListedMarket, traded_atoms: int) -> None:
    """Charge 1 % of what was traded, rounded up, but never more than the equity that is left."""
    charge(state, account, listed, div_ceil(traded_atoms * FINE_PPM, PPM))


def charge(state: State, account: Account, listed: ListedMarket, amount_atoms: int) -> None:
    """Take `amount_atoms` of a market's quote asset into the insurance fund, up to the equity.

    From available, then from the lend; what is not there is owed in the perpetual's position, and
    the house's claim on the market's clearing (dust) grows by the same.
    """
    quote = listed.quote
    micros = max(0, maintenance(state, account).equity)
    price_e8 = max(1, state.prices[quote.symbol].now_e8)
    rest = fine = min(amount_atoms, micros * 10 ** (quote.decimals + 2) // price_e8)
    holding = funds.accrue_holding(state, account, quote.symbol)
    short = rest - holding.available.atoms
    if short > 0 and holding.seizable_scaled:
        part = min(short, funds.redeemable(state, holding))
        if part:
            funds.redeem(state, holding, part, MovementSource.LIQUIDATION)
    paid = min(rest, holding.available.atoms)
    if paid:
        insurance = state.ledger.house_account("insurance", quote.symbol)
        state.ledger.transfer(holding.available, insurance, paid, kind="liquidation_fee")
        rest -= paid
    if rest and listed.is_perp:
        owe_to_insurance(state, listed, account.positions[listed.market.symbol], rest)
        rest = 0
    if fine > rest:
        state.record.events.append(
            LiquidationFeeCharged(
                account=account.account_id,
                market=listed.market.symbol,
                asset=quote.symbol,
                amount_atoms=fine - rest,
            )
        )


def owe_to_insurance(
    state: State, listed: ListedMarket, position: Position, amount_atoms: int
) -> None:
    """Turn a part of a position's quote into a claim of the insurance fund on clearing."""
    clearing = listed.perp_clearing()
    position.move_quote(-amount_atoms)
    clearing.dust += amount_atoms
    clearing.insured_dust += amount_atoms
    state.record.positions[position] = None
    realizing.tell(state, listed)
