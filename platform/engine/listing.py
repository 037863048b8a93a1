"""Handlers of the catalog, of prices and of accounts' settings."""

from engine import funding
from engine.answers import Events, rejected
from engine.catalog import Market, MarketKind, quote_atoms_per_tick
from engine.commands import (
    ListAsset,
    ListMarket,
    OpenAccount,
    SetMarketState,
    UpdateAccount,
)
from engine.events import (
    AccountOpened,
    AccountUpdated,
    AssetListed,
    MarketListed,
    MarketStateChanged,
)
from engine.rejects import Reject
from engine.state import Account, State, impact_atoms
from engine.units import HOUR_NS, MAX_ATOMS, PPB, PPM, SECOND_NS

MAX_DECIMALS = 9
MAX_LEVERAGE = 100
MAX_RATES = 16
MAX_TAKER_DELAY_MS = 1_000
# Perpetuals settle in a dollar with six decimals: quote atoms are micros.
SETTLEMENT_DECIMALS = 6


def list_asset(state: State, command: ListAsset) -> Events:
    """List an asset, with an empty lending pool and no price yet."""
    asset = command.asset
    if asset.symbol in state.assets:
        return rejected(Reject.ASSET_EXISTS, f"{asset.symbol} is listed already")
    if not 0 <= asset.decimals <= MAX_DECIMALS:
        return rejected(Reject.INVALID_PARAMETER, f"decimals must be 0 to {MAX_DECIMALS}")
    if not 0 < asset.curve.optimal_ppb < PPB:
        return rejected(Reject.INVALID_PARAMETER, "optimal utilization must be between 0 and 1")
    if not 0 <= asset.haircut.weight_ppb <= PPB:
        return rejected(Reject.INVALID_PARAMETER, "collateral weight must be between 0 and 1")
    rates = asset.lend_rates_ppb
    if not rates or rates[0] != 0 or list(rates) != sorted(set(rates)) or len(rates) > MAX_RATES:
        return rejected(
            Reject.INVALID_PARAMETER, f"least lend rates must rise from 0, {MAX_RATES} at most"
        )
    if not 0 <= asset.fee_ppm <= PPM or not 0 <= asset.insurance_ppm <= PPM:
        return rejected(Reject.INVALID_PARAMETER, "shares of interest must be between 0 and 1")
    state.list_asset(asset)
    return (AssetListed(asset=asset),)


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
    wrong = _wrong_parameter(market, quote.decimals)
    if wrong is not None:
        return rejected(Reject.INVALID_PARAMETER, wrong)
    state.list_market(market, per_tick)
    is_first = sum(listed.is_perp for listed in state.markets.values()) == 1
    if market.kind is MarketKind.PERP and is_first:
        funding.enter_next_hour(state)
    return (MarketListed(market=market, quote_atoms_per_tick=per_tick),)


def _wrong_parameter(market: Market, quote_decimals: int) -> str | None:
    if not 0 < market.min_lots <= market.max_lots:
        return "quantities must satisfy 0 < minimum ≤ maximum"
    if not 0 <= market.maker_fee_ppm <= PPB or not 0 <= market.taker_fee_ppm <= PPB:
        return "fees must not be negative"
    if not market.min_multiplier_ppb < PPB < market.max_multiplier_ppb:
        return "the price band must contain the reference price"
    if not market.min_impact_ppb <= PPB <= market.max_impact_ppb:
        return "the impact band must contain the best price"
    if not 0 <= market.trigger_band_ppb <= PPB:
        return "the trigger band must be between 0 and 1"
    if not 0 <= market.taker_delay_ms <= MAX_TAKER_DELAY_MS:
        return f"takers wait for 0 to {MAX_TAKER_DELAY_MS} milliseconds"
    return _wrong_perpetual(market, quote_decimals) if market.kind is MarketKind.PERP else None


def _wrong_perpetual(market: Market, quote_decimals: int) -> str | None:
    if market.imf is None or market.mmf is None:
        return "a perpetual needs initial and maintenance margin fractions"
    if market.imf.base_ppb < market.mmf.base_ppb or (market.imf.factor_ppb < market.mmf.factor_ppb):
        return "initial margin must not be below maintenance margin"
    if quote_decimals != SETTLEMENT_DECIMALS:
        return f"a perpetual settles in an asset with {SETTLEMENT_DECIMALS} decimals"
    return _wrong_funding(market)


def _wrong_funding(market: Market) -> str | None:
    rules = market.funding
    if not 0 < rules.cap_ppb <= PPB or rules.clamp_ppb < 0 or abs(rules.interest_ppb) > PPB:
        return "the cap of the funding rate must be above 0 and at most 1, its clamp not below 0"
    if not 0 <= rules.samples_min <= HOUR_NS // SECOND_NS:
        return "an hour has at most one sample of the premium for each of its seconds"
    if impact_atoms(market) <= 0:
        return "the size at which funding looks at the book must be above zero"
    return None


def set_market_state(state: State, command: SetMarketState) -> Events:
    """Say what a book accepts from now on. Resting orders stay; cancels are always accepted."""
    listed = state.markets.get(command.market)
    if listed is None:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no market {command.market}")
    listed.state = command.state
    return (MarketStateChanged(market=command.market, state=command.state),)


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
    for name in (
        "auto_lend",
        "auto_repay_borrows",
        "auto_borrow_settlements",
        "auto_realize_pnl",
        "leverage_limit",
        "borrow_limit_micros",
    ):
        value = getattr(command, name)
        if value is not None:
            setattr(account, name, value)
    # The leverage limit is in every part of what margin found.
    account.standing.price_version = -1
    return (
        AccountUpdated(
            account=account.account_id,
            auto_lend=account.auto_lend,
            auto_repay_borrows=account.auto_repay_borrows,
            auto_borrow_settlements=account.auto_borrow_settlements,
            auto_realize_pnl=account.auto_realize_pnl,
            leverage_limit=account.leverage_limit,
            borrow_limit_micros=account.borrow_limit_micros,
        ),
    )
