"""What a forced trade costs its account: a part of what was traded, into the insurance fund.

    fine = min(1 % of what was traded, half of what the trade has won, equity)
    won  = equity − equity before × margin / margin before

So a trade that was to save an account always does: without the second bound, fines of 1 % would
eat up whoever holds a position with a maintenance margin of little more.
"""

from engine import funds, realizing
from engine.kinds import MovementSource
from engine.listed_market import ListedMarket
from engine.maintenance import Maintenance, maintenance
from engine.positions import Position
from engine.risk_events import LiquidationFeeCharged
from engine.state import Account, State
from engine.units import PPM, div_ceil

FINE_PPM = 10_000


def charge_fine(
    state: State, account: Account, listed: ListedMarket, traded_atoms: int, before: Maintenance
) -> None:
    """Charge for a forced trade; `before` is the account's margin before it."""
    found = maintenance(state, account)
    charge(state, account, listed, fine_of(traded_atoms, before=before, after=found))


def fine_of(traded_atoms: int, *, before: Maintenance, after: Maintenance) -> int:
    """Return the fine, rounded up."""
    fine = min(div_ceil(traded_atoms * FINE_PPM, PPM), max(0, after.equity))
    if not before.margin:
        return fine
    won = after.equity - max(0, before.equity) * after.margin // before.margin
    return max(0, min(fine, won // 2))


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
    owed = rest if listed.is_perp else 0
    if owed:
        owe_to_insurance(state, listed, account.positions[listed.market.symbol], owed)
        rest = 0
    if fine > rest:
        state.record.events.append(
            LiquidationFeeCharged(
                account=account.account_id,
                market=listed.market.symbol,
                asset=quote.symbol,
                amount_atoms=fine - rest,
                owed_atoms=owed,
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
