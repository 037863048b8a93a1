"""What may be asked of the exchange. A command is immutable and says all the engine needs.

The sequencer adds a number and a time; the engine reads no other clock.
"""

from enum import StrEnum

import msgspec

from engine.catalog import Asset, Market, MarketState, PoolState
from engine.units import AccountId, OrderId


class Side(StrEnum):
    BID = "Bid"
    ASK = "Ask"


class OrderType(StrEnum):
    LIMIT = "Limit"
    MARKET = "Market"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SelfTradePrevention(StrEnum):
    REJECT_TAKER = "RejectTaker"
    REJECT_MAKER = "RejectMaker"
    REJECT_BOTH = "RejectBoth"


class TriggerBy(StrEnum):
    """Which price a trigger watches."""

    LAST = "LastPrice"
    MARK = "MarkPrice"
    INDEX = "IndexPrice"


class CancelKind(StrEnum):
    """Which open orders to cancel."""

    RESTING = "RestingLimitOrder"
    CONDITIONAL = "ConditionalOrder"


class ExecutionMode(StrEnum):
    """Who picks the quote of a request: the requester, or the first at its price or better."""

    AWAIT_ACCEPT = "AwaitAccept"
    IMMEDIATE = "Immediate"


class Trigger(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Wait until a price is met. `share_ppb` of the position stands in for the order's lots."""

    price_ticks: int
    by: TriggerBy = TriggerBy.MARK
    share_ppb: int | None = None


class Exit(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Close what an order has opened once a price is met, at the market or at a limit."""

    price_ticks: int
    by: TriggerBy = TriggerBy.MARK
    limit_ticks: int | None = None


class Slippage(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How much worse than the best opposite price a market order may get: one of the two."""

    ticks: int | None = None
    ppb: int | None = None


class Conditions(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What few orders ask for: to wait for a price, to be closed at one, to keep near one."""

    trigger: Trigger | None = None
    take_profit: Exit | None = None
    stop_loss: Exit | None = None
    slippage: Slippage | None = None


# To read a member through its enum costs more than a dictionary look-up. Where each order passes,
# it is read from here.
BID, ASK = Side.BID, Side.ASK
LIMIT, MARKET = OrderType.LIMIT, OrderType.MARKET
GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK
REJECT_TAKER, REJECT_MAKER = SelfTradePrevention.REJECT_TAKER, SelfTradePrevention.REJECT_MAKER


class Command(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="command"
):
    """The base of all commands; the tag on the wire and in the journal is the class name."""


class ListAsset(Command, frozen=True, kw_only=True):
    asset: Asset


class ListMarket(Command, frozen=True, kw_only=True):
    market: Market


class SetMarketState(Command, frozen=True, kw_only=True):
    market: str
    state: MarketState


class UpdatePrices(Command, frozen=True, kw_only=True):
    """Set index prices, in USD × 1e8 for one whole unit. One bad value refuses all of them."""

    prices_e8: dict[str, int]


class OpenAccount(Command, frozen=True, kw_only=True):
    """Open a margin account. `owner` is the main account of the same customer (itself, if main)."""

    account: AccountId
    owner: AccountId


class UpdateAccount(Command, frozen=True, kw_only=True):
    """Change an account's settings; None leaves a setting as it is."""

    account: AccountId
    auto_lend: bool | None = None
    auto_repay_borrows: bool | None = None
    auto_borrow_settlements: bool | None = None
    auto_realize_pnl: bool | None = None
    leverage_limit: int | None = None
    # The most that the account may owe in all assets together; MAX_ATOMS is no limit.
    borrow_limit_micros: int | None = None


class CreditDeposit(Command, frozen=True, kw_only=True):
    """Credit money that has arrived outside. The command id makes it happen once.

    `arrival` is the number under which the caller keeps where it came from; 0: nowhere.
    """

    account: AccountId
    asset: str
    amount_atoms: int
    arrival: int = 0


class RequestWithdrawal(Command, frozen=True, kw_only=True):
    """Take money out of an account into flight, until it is settled or returned.

    The fee is a part of the amount: what arrives outside is the rest.
    """

    account: AccountId
    asset: str
    amount_atoms: int
    withdrawal: int
    auto_lend_redeem: bool = True
    auto_borrow: bool = False
    fee_atoms: int = 0


class SettleWithdrawal(Command, frozen=True, kw_only=True):
    """End a withdrawal: `returned` gives the money back, otherwise it has left the exchange."""

    withdrawal: int
    returned: bool = False


class TransferFunds(Command, frozen=True, kw_only=True):
    """Move money between two accounts of the same owner, at once."""

    source: AccountId
    destination: AccountId
    asset: str
    amount_atoms: int


class PlaceOrder(Command, frozen=True, kw_only=True):
    """Ask for a trade.

    A limit order needs `price_ticks` and `lots`. A market order needs `lots` or `quote_atoms`
    (what a bid spends, what an ask wants to receive), not both.

    With a trigger it waits: it is checked again, and its margin for the first time, when the
    trigger's price is met. An order which is triggered for a share of the position has no `lots`.
    """

    account: AccountId
    market: str
    side: Side
    type: OrderType = OrderType.LIMIT
    price_ticks: int | None = None
    lots: int | None = None
    quote_atoms: int | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.REJECT_TAKER
    post_only: bool = False
    reduce_only: bool = False
    client_id: int | None = None
    auto_lend: bool | None = None
    auto_lend_redeem: bool = True
    auto_borrow: bool = False
    auto_borrow_repay: bool | None = None
    conditions: Conditions | None = None


class CancelOrder(Command, frozen=True, kw_only=True):
    """Cancel one open order, named by `order_id` or by `client_id`."""

    account: AccountId
    market: str
    order_id: OrderId | None = None
    client_id: int | None = None


class CancelAllOrders(Command, frozen=True, kw_only=True):
    """Cancel all open orders of an account, in one market or in all, of one kind or of both."""

    account: AccountId
    market: str | None = None
    kind: CancelKind | None = None


class CreateStrategy(Command, frozen=True, kw_only=True):
    """Trade `lots` in equal parts: an order at once, and one every `interval_ms`.

    There are `duration_ms` // `interval_ms` of them, at least one: market orders or, with
    `price_ticks`, limit orders. `randomized` varies each part by up to a fifth.
    """

    account: AccountId
    market: str
    side: Side
    lots: int
    duration_ms: int
    interval_ms: int
    price_ticks: int | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.REJECT_TAKER
    post_only: bool = False
    reduce_only: bool = False
    client_id: int | None = None
    randomized: bool = False
    slippage: Slippage | None = None
    auto_lend: bool | None = None
    auto_lend_redeem: bool = True
    auto_borrow: bool = False
    auto_borrow_repay: bool | None = None

    @property
    def slices(self) -> int:
        """Return how many orders it is divided into."""
        return max(1, self.duration_ms // self.interval_ms)


class CancelStrategy(Command, frozen=True, kw_only=True):
    """End a running strategy, named by `strategy_id` or by `client_id`, and its open order."""

    account: AccountId
    market: str
    strategy_id: OrderId | None = None
    client_id: int | None = None


class CancelAllStrategies(Command, frozen=True, kw_only=True):
    """End all running strategies of an account, in one market or in all, and their open orders."""

    account: AccountId
    market: str | None = None


class RequestQuote(Command, frozen=True, kw_only=True):
    """Ask makers for a price of `lots`, or of what `quote_atoms` come to.

    `price_ticks` is the worst price at which the account will trade; Immediate needs one.
    """

    account: AccountId
    market: str
    side: Side
    lots: int | None = None
    quote_atoms: int | None = None
    price_ticks: int | None = None
    mode: ExecutionMode = ExecutionMode.AWAIT_ACCEPT
    client_id: int | None = None
    auto_lend: bool | None = None
    auto_lend_redeem: bool = True
    auto_borrow: bool = False
    auto_borrow_repay: bool | None = None


class SubmitQuote(Command, frozen=True, kw_only=True):
    """Offer to buy and to sell what a request is for; it replaces the account's quote before."""

    account: AccountId
    rfq: int
    bid_ticks: int
    ask_ticks: int
    client_id: int | None = None
    auto_lend: bool | None = None
    auto_lend_redeem: bool = True
    auto_borrow: bool = False
    auto_borrow_repay: bool | None = None


class AcceptQuote(Command, frozen=True, kw_only=True):
    """Trade with a quote of an own request, named by `rfq` or by `client_id`."""

    account: AccountId
    quote: int
    rfq: int | None = None
    client_id: int | None = None


class RefreshQuoteRequest(Command, frozen=True, kw_only=True):
    """Have an own request live on, and ask the makers again."""

    account: AccountId
    rfq: int


class CancelQuoteRequest(Command, frozen=True, kw_only=True):
    """End an own request, named by `rfq` or by `client_id`, and all its quotes."""

    account: AccountId
    rfq: int | None = None
    client_id: int | None = None


class Lend(Command, frozen=True, kw_only=True):
    account: AccountId
    asset: str
    amount_atoms: int


class Redeem(Command, frozen=True, kw_only=True):
    account: AccountId
    asset: str
    amount_atoms: int


class Borrow(Command, frozen=True, kw_only=True):
    account: AccountId
    asset: str
    amount_atoms: int


class Repay(Command, frozen=True, kw_only=True):
    """Repay at most what is owed: a larger amount repays all of it."""

    account: AccountId
    asset: str
    amount_atoms: int


class SetLendTerms(Command, frozen=True, kw_only=True):
    """Say on which terms an account lends an asset; they act at once.

    Args:
        min_rate_ppb: the least rate per year asked for; one of the asset's `lend_rates_ppb`.
        cap_atoms: the most that is lent; None is no cap.
        keep_atoms: what always stays available.
        as_collateral: whether the lend backs the account, and may be taken to settle its losses.
    """

    account: AccountId
    asset: str
    min_rate_ppb: int = 0
    cap_atoms: int | None = None
    keep_atoms: int = 0
    as_collateral: bool = True


class ConvertDust(Command, frozen=True, kw_only=True):
    """Sell small balances to the house at their index price: of `asset`, or of every asset."""

    account: AccountId
    asset: str | None = None


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


class AdvanceTime(Command, frozen=True, kw_only=True):
    """Do what the engine's own schedule has for the time of this command."""


AnyCommand = (
    ListAsset
    | ListMarket
    | SetMarketState
    | UpdatePrices
    | OpenAccount
    | UpdateAccount
    | CreditDeposit
    | RequestWithdrawal
    | SettleWithdrawal
    | TransferFunds
    | PlaceOrder
    | CancelOrder
    | CancelAllOrders
    | CreateStrategy
    | CancelStrategy
    | CancelAllStrategies
    | RequestQuote
    | SubmitQuote
    | AcceptQuote
    | RefreshQuoteRequest
    | CancelQuoteRequest
    | Lend
    | Redeem
    | Borrow
    | Repay
    | SetLendTerms
    | ConvertDust
    | WriteOffDebt
    | SetPoolState
    | FundInsurance
    | AutoLend
    | AccrueInterest
    | AutoRealize
    | AdvanceTime
)
