"""A bankrupt account: who bears what it cannot pay. Nothing is asked of a later deposit.

    positions   go over at the mark while the insurance fund can pay what is missing, else at the
                bankruptcy price, which is then the worse one for those on the other side
    the rest    is sold on the book; the insurance fund pays what is still missing, then the
                house's fees, then those who have won in the market, in proportion
    debts       are bought back with that, and written off at last: reserve, insurance, lenders

At the end all that the account has and owes is zero, and what was granted too much goes back. What
it lends without counting it as collateral is not touched.
"""

from engine import liquidation_sales, pooling, realizing, takeover
from engine.conversion import dollar_of
from engine.fines import owe_to_insurance
from engine.kinds import RealizeKind
from engine.liquidation_sales import bankruptcy_atoms
from engine.maintenance import maintenance, real_equity
from engine.margin import unrealized
from engine.positions import Position
from engine.risk_events import InsurancePaid, LossShared
from engine.settlement_events import ProfitRealized
from engine.state import Account, Liquidation, State
from engine.units import PPB, PPM, div_ceil

# What is granted beyond what is owed in other assets, so that these can be bought back.
_MORE_PPM = 20_000


def resolve(state: State, account: Account, case: Liquidation) -> None:
    """Close what a bankrupt account has open, and pay what it owes out of what there is."""
    case.is_bankrupt = True
    for position in list(account.positions.values()):
        if position.lots:
            _hand_over(state, account, position)
    for position in list(account.positions.values()):
        if position.quote > 0:
            _sell_claim(state, account, position)
    _pay_losses(state, account)
    if _owes(account) and not _sell_something(state, account):
        _grant(state, account, case)
        _pay_losses(state, account)
        # What was granted pays before anything is forgotten.
        liquidation_sales.pay_debts(state, account)
        if real_equity(state, account) < 0:
            _pass_on(state, account)


def is_resolved(account: Account) -> bool:
    """Tell whether a bankrupt account owes nothing any more."""
    return not _owes(account) and not any(one.lots for one in account.positions.values())


def _owes(account: Account) -> bool:
    return any(holding.debt_scaled for holding in account.bearing) or any(
        position.quote < 0 for position in account.positions.values()
    )


def close(state: State, account: Account) -> None:
    """Hand what is left of a bankrupt account to the insurance fund, which has paid for it."""
    for holding in account.holdings.values():
        left = holding.available.atoms
        if left:
            insurance = state.ledger.house_account("insurance", holding.asset)
            state.ledger.transfer(holding.available, insurance, left, kind="bad_debt")
            _tell_paid(state, account, holding.asset, -left)


def _hand_over(state: State, account: Account, position: Position) -> None:
    """Close a position off the book: at the mark if the loss is insured, else where it is none."""
    listed = state.markets[position.market]
    found, real = maintenance(state, account), real_equity(state, account)
    insurance = state.ledger.house_account("insurance", listed.market.quote).atoms
    risk = next(risk for risk in found.risks if risk.key == f"mark:{position.market}")
    missing = max(0, -real)
    is_long, size = position.lots > 0, abs(position.lots)
    worth = risk.notional
    if insurance < missing:
        worth = bankruptcy_atoms(position, found, risk, real=real)
        band = risk.notional * listed.market.mark.band_ppb // PPB
        worth = max(risk.notional - band, min(risk.notional + band, worth))
    per_tick = size * listed.quote_atoms_per_tick
    price = max(1, div_ceil(worth, per_tick) if is_long else worth // per_tick)
    if insurance >= missing:
        takeover.offer_whole(state, account, position, price)
    if position.lots:
        takeover.deleverage(state, account, position, price)


def _sell_claim(state: State, account: Account, position: Position) -> None:
    """Have the insurance fund buy the profit of a closed position, as far as it can."""
    listed = state.markets[position.market]
    insurance = state.ledger.house_account("insurance", listed.market.quote)
    part = min(position.quote, insurance.atoms)
    if part:
        money = account.holding(listed.market.quote)
        state.ledger.transfer(insurance, money.available, part, kind="bad_debt")
        _tell_paid(state, account, listed.market.quote, part, market=position.market)
        owe_to_insurance(state, listed, position, part)


def _pay_losses(state: State, account: Account) -> None:
    """Pay the losses of closed positions out of what is available."""
    for position in account.positions.values():
        listed = state.markets[position.market]
        money = account.holding(listed.market.quote)
        part = min(-position.quote, money.available.atoms)
        if part > 0:
            realizing.take_available(state, listed.perp_clearing(), money, part)
            realizing.tell(state, listed)
            position.move_quote(part)
            position.due = min(0, position.due + part)
            state.record.positions[position] = None
            state.record.events.append(
                ProfitRealized(
                    account=position.account_id,
                    market=position.market,
                    asset=listed.market.quote,
                    position_id=position.position_id,
                    amount_atoms=-part,
                    kind=RealizeKind.AUTO,
                )
            )


def _sell_something(state: State, account: Account) -> bool:
    """Sell on the book what pays a loss or a debt; tell whether anything was sold."""
    for position in account.positions.values():
        if position.quote >= 0:
            continue
        quote = state.markets[position.market].market.quote
        for listed in state.markets.values():
            market = listed.market
            pays = not listed.is_perp and market.quote == quote and market.base in account.holdings
            if pays and liquidation_sales.sell_base(state, account, listed, -position.quote):
                return True
    return liquidation_sales.pay_some_debt(state, account, step_ppm=PPM)


def _grant(state: State, account: Account, case: Liquidation) -> None:
    """Have the insurance fund pay what is missing, in the dollars in which positions settle."""
    missing = -real_equity(state, account)
    dollar = dollar_of(state)
    if missing <= 0 or dollar is None:
        return
    must_buy = any(one.debt_scaled and one.asset != dollar for one in account.bearing)
    wanted = missing + (div_ceil(missing * _MORE_PPM, PPM) if must_buy else 0)
    insurance = state.ledger.house_account("insurance", dollar)
    part = min(wanted, insurance.atoms)
    if part:
        money = account.holding(dollar)
        state.ledger.transfer(insurance, money.available, part, kind="bad_debt")
        case.granted_atoms += part
        _tell_paid(state, account, dollar, part)


def _tell_paid(
    state: State, account: Account, asset: str, amount: int, *, market: str = ""
) -> None:
    state.record.events.append(
        InsurancePaid(account=account.account_id, asset=asset, amount_atoms=amount, market=market)
    )


def _pass_on(state: State, account: Account) -> None:
    """Let others bear what neither the account nor the insurance fund can pay.

    While something could be sold that nobody buys now, that is only what it would not bring.
    """
    for position in account.positions.values():
        if position.quote < 0:
            _take_fees(state, account, position)
    _pay_losses(state, account)
    for position in account.positions.values():
        if position.quote < 0:
            _share_loss(state, account, position)
    for holding in account.holdings.values():
        if holding.debt_scaled:
            owed = state.pools[holding.asset].debt_atoms(holding.debt_scaled)
            atoms = _uncovered(state, account, holding.asset, owed)
            pooling.write_off(state, holding, atoms=atoms)


def _uncovered(state: State, account: Account, asset: str, owed_atoms: int) -> int:
    """Return what of so many atoms owed others must bear, rounded up."""
    if not liquidation_sales.can_sell(state, account):
        return owed_atoms
    missing = max(0, -real_equity(state, account))
    decimals, price_e8 = state.assets[asset].decimals, max(1, state.prices[asset].now_e8)
    return min(owed_atoms, div_ceil(missing * 10 ** (decimals + 2), price_e8))


def _take_fees(state: State, account: Account, position: Position) -> None:
    """Grant what a loss needs out of what the house has earned."""
    asset = state.markets[position.market].market.quote
    fees = state.ledger.house_account("fees", asset)
    part = min(_uncovered(state, account, asset, -position.quote), fees.atoms)
    if part:
        money = account.holding(asset)
        state.ledger.transfer(fees, money.available, part, kind="bad_debt")
        _tell_paid(state, account, asset, part)


def _share_loss(state: State, account: Account, position: Position) -> None:
    """Take a loss from the profits of the market's winners, in proportion."""
    listed = state.markets[position.market]
    mark_e8 = state.mark_e8(listed)
    loss = _uncovered(state, account, listed.market.quote, -position.quote)
    winners = [
        (one, unrealized(one, listed, mark_e8))
        for _, one in sorted(listed.perp_clearing().positions.items())
    ]
    winners = [(one, profit) for one, profit in winners if profit > 0]
    whole = sum(profit for _, profit in winners)
    loss = left = min(loss, whole)
    for winner, profit in winners:
        part = min(left, div_ceil(loss * profit, whole), profit)
        if part:
            winner.move_quote(-part)
            state.record.positions[winner] = None
            left -= part
            state.record.events.append(
                LossShared(
                    account=winner.account_id,
                    market=position.market,
                    asset=listed.market.quote,
                    bankrupt=position.account_id,
                    amount_atoms=part,
                )
            )
    if loss - left:
        position.move_quote(loss - left)
        state.record.positions[position] = None
