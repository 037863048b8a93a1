"""What only the house asks for: its staff, its source of prices, its jobs and its sequencer."""

from engine.catalog import Asset, Market, MarketState, PoolState, PriceState
from engine.trader_commands import Command
from engine.units import AccountId


class ListAsset(Command, frozen=True, kw_only=True):
    asset: Asset


class ListMarket(Command, frozen=True, kw_only=True):
    market: Market


class UpdateMarket(Command, frozen=True, kw_only=True):
    """Change the parameters of a listed market to these, from the next command on.

    Its symbol, kind, assets, tick and step stay what they are.
    """

    market: Market


class UpdateAsset(Command, frozen=True, kw_only=True):
    """Change the parameters of a listed asset to these, from the next command on.

    Its symbol, decimals and the rates that lenders may ask for stay what they are.
    """

    asset: Asset


class SetMarketState(Command, frozen=True, kw_only=True):
    """Say what a book accepts at most. Its breaker and its prices may have it accept less."""

    market: str
    state: MarketState


class UpdatePrices(Command, frozen=True, kw_only=True):
    """Set index prices, in USD × 1e8 for one whole unit. One bad value refuses all of them.

    Args:
        states: of assets; one with a price and no state here is OK. An asset that is only here
            keeps its last price.
        perps_e8: what other venues' perpetuals trade at, by our market; where known.
    """

    prices_e8: dict[str, int]
    states: dict[str, PriceState] = {}
    perps_e8: dict[str, int] = {}


class OpenAccount(Command, frozen=True, kw_only=True):
    """Open a margin account. `owner` is the main account of the same customer (itself, if main)."""

    account: AccountId
    owner: AccountId


class SetAllowance(Command, frozen=True, kw_only=True):
    """Limit what a member may do in an account per UTC day; None is no limit, two lift it.

    Args:
        member: the user whose `actor` the member's commands carry.
        spend_micros: what the member's trades, loans and outgoing money may come to.
        loss_micros: what the account may lose before the member only reduces.
    """

    account: AccountId
    member: int
    spend_micros: int | None = None
    loss_micros: int | None = None


class CreditDeposit(Command, frozen=True, kw_only=True):
    """Credit money that has arrived outside. The command id makes it happen once.

    `arrival` is the number under which the caller keeps where it came from; 0: nowhere.
    """

    account: AccountId
    asset: str
    amount_atoms: int
    arrival: int = 0


class SettleWithdrawal(Command, frozen=True, kw_only=True):
    """End a withdrawal: `returned` gives the money back, otherwise it has left the exchange."""

    withdrawal: int
    returned: bool = False


class WriteOffDebt(Command, frozen=True, kw_only=True):
    """Forget what an account without any assets owes of `asset`."""

    account: AccountId
    asset: str


class SetPoolState(Command, frozen=True, kw_only=True):
    asset: str
    state: PoolState


class FundInsurance(Command, frozen=True, kw_only=True):
    """Put the house's own money into the insurance fund."""

    asset: str
    amount_atoms: int


class AutoLend(Command, frozen=True, kw_only=True):
    """Lend what accounts with Auto Lend hold idle of `asset`."""

    asset: str


class AccrueInterest(Command, frozen=True, kw_only=True):
    """Bring the pool of `asset` up to the time of this command."""

    asset: str


class AutoRealize(Command, frozen=True, kw_only=True):
    """Turn unrealized profit and loss of `market` into dollars, as far as losers' money reaches.

    One command goes through at most `positions_max` positions, then other commands have their turn;
    the answer says whether the cycle is done. The next command goes on where this one stopped.
    """

    market: str
    positions_max: int = 150


class PayFunding(Command, frozen=True, kw_only=True):
    """Have positions of `market` pay the funding of past hours, as far as nothing else did.

    One command goes through at most `positions_max` positions, as AutoRealize does.
    """

    market: str
    positions_max: int = 150


class AdvanceTime(Command, frozen=True, kw_only=True):
    """Do what the engine's own schedule has for the time of this command."""
