"""Handlers of the catalog and of accounts' settings."""

from collections.abc import Iterable

from engine import funding, market_states, price_states
from engine.answers import Events, rejected
from engine.asset_parameters import wrong_asset_parameter
from engine.catalog import MarketKind, quote_atoms_per_tick
from engine.commands import (
    ListAsset,
    ListMarket,
    OpenAccount,
    SetMarketState,
    UpdateAccount,
    UpdateAsset,
    UpdateMarket,
)
from engine.events import (
    AccountOpened,
    AccountUpdated,
    AssetListed,
    AssetUpdated,
    MarketListed,
    MarketUpdated,
)
from engine.parameters import wrong_parameter
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import MAX_ATOMS, AccountId

MAX_LEVERAGE = 100
# What UpdateAsset and UpdateMarket leave as it was listed.
ASSET_TERMS = ("symbol", "decimals", "lend_rates_ppb")
MARKET_TERMS = ("symbol", "kind", "base", "quote", "tick_e8", "lot_atoms")


def list_asset(state: State, command: ListAsset) -> Events:
    """List an asset, with an empty lending pool and no price yet."""
    asset = command.asset
    if asset.symbol in state.assets:
        return rejected(Reject.ASSET_EXISTS, f"{asset.symbol} is listed already")
    wrong = wrong_asset_parameter(asset)
    if wrong is not None:
        return rejected(Reject.INVALID_PARAMETER, wrong)
    state.list_asset(asset)
    return (AssetListed(asset=asset),)


def update_asset(state: State, command: UpdateAsset) -> Events:
    """Change an asset's parameters; loans that were given and orders that rest stay.

    Its pool pays the rates of the curve before until now, and those of this one from now on.
    """
    asset = command.asset
    before = state.assets.get(asset.symbol)
    if before is None:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {asset.symbol}")
    for name in ASSET_TERMS:
        if getattr(asset, name) != getattr(before, name):
            return rejected(
                Reject.INVALID_PARAMETER, f"{name} stays as it was listed: list another asset"
            )
    wrong = wrong_asset_parameter(asset)
    if wrong is not None:
        return rejected(Reject.INVALID_PARAMETER, wrong)
    # Past this line the change must succeed.
    pool = state.pools[asset.symbol]
    pool.accrue(state.at_ns)
    pool.set_parameters(asset)
    state.record.pools[pool] = None
    state.set_asset(asset)
    if state.prices[asset.symbol].now_e8:
        price_states.watch_age(state, asset.symbol)
    holders = (n for n, account in state.accounts.items() if asset.symbol in account.holdings)
    _ask_anew(state, holders)
    return (AssetUpdated(asset=asset),)


def list_market(state: State, command: ListMarket) -> Events:
    """List a market whose tick and step satisfy the listing rule."""
    market = command.market
    if market.symbol in state.markets:
        return rejected(Reject.MARKET_EXISTS, f"{market.symbol} is listed already")
    base, quote = state.assets.get(market.base), state.assets.get(market.quote)
    if base is None or quote is None or base is quote:
        missing = market.base if base is None else market.quote
        return rejected(Reject.UNKNOWN_ASSET, f"{missing} is not an asset it can trade")
    per_tick = quote_atoms_per_tick(market, base, quote)
    if per_tick is None:
        return rejected(
            Reject.LISTING_RULE, "tick × step × 10^quote decimals must be a positive whole number"
        )
    wrong = wrong_parameter(market, quote.decimals)
    if wrong is not None:
        return rejected(Reject.INVALID_PARAMETER, wrong)
    state.list_market(market, per_tick)
    market_states.settle(state, state.markets[market.symbol])
    is_first = sum(listed.is_perp for listed in state.markets.values()) == 1
    if market.kind is MarketKind.PERP and is_first:
        funding.enter_next_hour(state)
    return (MarketListed(market=market, quote_atoms_per_tick=per_tick),)


def update_market(state: State, command: UpdateMarket) -> Events:
    """Change a market's parameters; what was accepted under those before stays."""
    market = command.market
    listed = state.markets.get(market.symbol)
    if listed is None:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no market {market.symbol}")
    for name in MARKET_TERMS:
        if getattr(market, name) != getattr(listed.market, name):
            return rejected(
                Reject.INVALID_PARAMETER, f"{name} stays as it was listed: list another market"
            )
    wrong = wrong_parameter(market, listed.quote.decimals)
    if wrong is not None:
        return rejected(Reject.INVALID_PARAMETER, wrong)
    # Past this line the change must succeed.
    listed.set_parameters(market)
    market_states.derive(state, listed)
    _ask_anew(state, listed.clearing.positions if listed.clearing is not None else ())
    return (MarketUpdated(market=market),)


def _ask_anew(state: State, holders: Iterable[int]) -> None:
    """Forget what margin found by the parameters before, and look at those whom they concern."""
    state.price_version += 1
    state.guards.changed |= {AccountId(number): None for number in sorted(holders)}


def set_market_state(state: State, command: SetMarketState) -> Events:
    """Say what a book accepts at most from now on. Orders at rest stay and can be cancelled.

    The answer tells what it accepts now: its breaker, its prices or an auction may allow less.
    """
    listed = state.markets.get(command.market)
    if listed is None:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no market {command.market}")
    listed.ordered = command.state
    market_states.find(state, listed)
    return (market_states.told(listed),)


def open_account(state: State, command: OpenAccount) -> Events:
    """Open a margin account of its own, under the owner's main account."""
    if command.account in state.accounts:
        return rejected(Reject.ACCOUNT_EXISTS, f"account {command.account} is open already")
    if command.owner != command.account:
        owner = state.accounts.get(command.owner)
        if owner is None:
            return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no main account {command.owner}")
        if owner.owner != owner.account_id:
            return rejected(Reject.OTHER_OWNER, "a sub-account cannot own another")
    state.accounts[command.account] = Account(command.account, command.owner)
    return (AccountOpened(account=command.account, owner=command.owner),)


def update_account(state: State, command: UpdateAccount) -> Events:
    """Change settings; they act from the next command on."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    leverage = command.leverage_limit
    if leverage is not None and not 1 <= leverage <= MAX_LEVERAGE:
        return rejected(
            Reject.INVALID_PARAMETER, f"leverage must be a whole number from 1 to {MAX_LEVERAGE}"
        )
    limit = command.borrow_limit_micros
    if limit is not None and not 0 <= limit <= MAX_ATOMS:
        return rejected(
            Reject.INVALID_PARAMETER, "a borrow limit must not be negative", most=MAX_ATOMS
        )
    limit = command.position_limit_micros
    if limit is not None and not 0 <= limit <= MAX_ATOMS:
        return rejected(
            Reject.INVALID_PARAMETER, "a position limit must not be negative", most=MAX_ATOMS
        )
    for name in (
        "auto_lend",
        "auto_repay_borrows",
        "auto_borrow_settlements",
        "auto_realize_pnl",
        "leverage_limit",
        "borrow_limit_micros",
        "position_limit_micros",
    ):
        value = getattr(command, name)
        if value is not None:
            setattr(account, name, value)
    # The leverage limit is in every part of what margin found.
    account.standing.price_version = -1
    return (account_told(account),)


def account_told(account: Account) -> AccountUpdated:
    """Return what an account's settings and state are now."""
    return AccountUpdated(
        account=account.account_id,
        auto_lend=account.auto_lend,
        auto_repay_borrows=account.auto_repay_borrows,
        auto_borrow_settlements=account.auto_borrow_settlements,
        auto_realize_pnl=account.auto_realize_pnl,
        leverage_limit=account.leverage_limit,
        borrow_limit_micros=account.borrow_limit_micros,
        position_limit_micros=account.position_limit_micros,
        state=account.state,
    )
