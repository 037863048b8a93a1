"""Turning what an account holds into dollars: collateral by the book, dust by the house."""

from engine import funds
from engine.answers import Events, rejected
from engine.catalog import OPEN
from engine.commands import ConvertDust
from engine.events import DustConverted, DustSold
from engine.intake import impact_price
from engine.kinds import MovementSource, SystemOrder
from engine.ledger import Holding
from engine.listed_market import ListedMarket
from engine.margin import value_ceil, value_floor
from engine.rejects import Reject
from engine.state import Account, State
from engine.system_orders import Forced, trade_at_once
from engine.units import div_ceil
from engine.vocabulary import ASK

# Less than that is not worth a trade.
MIN_CONVERTED_MICROS = 1_000_000


def convert_collateral(state: State, account: Account, settled: ListedMarket, need: int) -> int:
    """Sell collateral on its spot book until `need` atoms of the settlement asset have come in.

    What counts fullest is sold first: least collateral value is lost so. Returns what came in; it
    is left available. Lends that are no collateral, and what open orders hold, stay.
    """
    quote = settled.market.quote
    if need < MIN_CONVERTED_MICROS:
        return 0
    got = 0
    for listed in _ways_to(state, account, quote):
        got += _sell(state, account, listed, need - got)
        if got >= need:
            break
    return got


def _ways_to(state: State, account: Account, quote: str) -> list[ListedMarket]:
    """Return the open spot markets in which the account's assets are sold for `quote`."""
    found = [
        listed
        for listed in state.markets.values()
        if not listed.is_perp
        and listed.market.quote == quote
        and listed.state is OPEN
        and not listed.auction_ns
        and listed.market.base in account.holdings
    ]
    return sorted(found, key=lambda listed: (-listed.base.haircut.weight_ppb, listed.market.symbol))


def _sell(state: State, account: Account, listed: ListedMarket, need: int) -> int:
    price = impact_price(state, listed, ASK)
    if price is None:
        return 0
    market, holding = listed.market, funds.accrue_holding(state, account, listed.market.base)
    free = holding.available.atoms
    if holding.seizable_scaled:
        free += funds.redeemable(state, holding)
    # At the worst price, and with the fee, it still brings what is needed.
    per_lot = price * listed.quote_atoms_per_tick * (10**6 - market.taker_fee_ppm)
    lots = min(free // market.lot_atoms, div_ceil(need * 10**6, per_lot), market.max_lots)
    if lots < market.min_lots:
        return 0
    money = account.holding(market.quote)
    before = money.available.atoms
    trade_at_once(
        state, account, listed, Forced(ASK, lots, price, SystemOrder.COLLATERAL_CONVERSION)
    )
    return money.available.atoms - before


def convert_dust(state: State, command: ConvertDust) -> Events:
    """Sell small balances to the house at their index price; the house pays from its insurance."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if command.asset is not None and command.asset not in state.assets:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    quote = dollar_of(state)
    if quote is None or command.asset == quote:
        return rejected(Reject.NOT_DUST, "there is nothing that this could be converted into")
    funds.accrue_account(state, account)
    symbols = account.holdings if command.asset is None else (command.asset,)
    sold = [
        (holding, atoms, paid)
        for symbol in symbols
        if symbol != quote and symbol in account.holdings
        for holding in (account.holdings[symbol],)
        for atoms, paid in (dust_of(state, holding, quote),)
        if atoms
    ]
    if not sold:
        return rejected(
            Reject.NOT_DUST,
            "only a free balance worth less than the asset's limit can be converted as dust",
        )
    total = sum(paid for _, _, paid in sold)
    insurance = state.ledger.house_account("insurance", quote)
    if total > insurance.atoms:
        return rejected(
            Reject.HOUSE_FUNDS,
            "the house cannot buy dust right now; try again later",
            wanted=total,
        )
    # Past this line the conversion must succeed.
    money = funds.accrue_holding(state, account, quote)
    for holding, atoms, paid in sold:
        funds.raise_available(state, holding, atoms, MovementSource.DUST_CONVERSION)
        dust = state.ledger.house_account("dust", holding.asset)
        state.ledger.transfer(holding.available, dust, atoms, kind="dust")
        if paid:
            state.ledger.transfer(insurance, money.available, paid, kind="dust")
        state.record.events.append(
            DustSold(
                account=command.account,
                asset=holding.asset,
                amount_atoms=atoms,
                received_asset=quote,
                received_atoms=paid,
            )
        )
    if total:
        funds.credit(state, account, money, total)
    return (DustConverted(account=command.account, received_atoms=total),)


def dollar_of(state: State) -> str | None:
    """Return the asset in which perpetuals settle."""
    for listed in state.markets.values():
        if listed.is_perp:
            return listed.market.quote
    return None


def dust_of(state: State, holding: Holding, quote: str) -> tuple[int, int]:
    """Return what of a holding is dust, and what the house pays for it, rounded down; or zeros.

    All that is free counts, lent or not; a holding that is larger, owed, or cannot be redeemed
    whole is no dust.
    """
    asset, dollar = state.assets[holding.asset], state.assets[quote]
    pool = state.pools[holding.asset]
    lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
    atoms = holding.available.atoms + lent
    price, quote_price = state.prices[holding.asset].now_e8, state.prices[quote].now_e8
    if not price or not quote_price or holding.debt_scaled or holding.locked.atoms:
        return 0, 0
    if value_ceil(atoms, price, asset) >= asset.dust_micros:
        return 0, 0
    if lent > funds.redeemable(state, holding):
        return 0, 0
    return atoms, value_floor(atoms, price, asset) * 10 ** (dollar.decimals + 2) // quote_price
