"""What the owner of an account, or a program with its key, may ask for.

A command is immutable and says all the engine needs.
"""

import msgspec

from engine.units import AccountId, OrderId
from engine.vocabulary import (
    CancelKind,
    Conditions,
    ExecutionMode,
    OrderType,
    SelfTradePrevention,
    Side,
    Slippage,
    TimeInForce,
)


class Command(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="command"
):
    """The base of all commands; the tag on the wire and in the journal is the class name.

    `actor` is the user who asks for an account which a team shares; 0 where its owner works alone,
    and for the house. It is in the journal and on the orders which come of it.
    """

    actor: int = 0


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
    # The most that it may hold in each perpetual, at the mark; MAX_ATOMS is the market's own limit.
    position_limit_micros: int | None = None


class FreezeAccount(Command, frozen=True, kw_only=True):
    """End all that an account has open and let it open nothing new; or let it, again.

    A frozen account still reduces positions, cancels, repays, redeems and receives; settlement,
    funding, interest and liquidation go on.
    """

    account: AccountId
    frozen: bool = True


class CloseAccount(Command, frozen=True, kw_only=True):
    """Close an empty sub-account. What arrives for it later is its main account's."""

    account: AccountId


class ReopenAccount(Command, frozen=True, kw_only=True):
    """Open a closed sub-account again, with the settings that it had."""

    account: AccountId


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


class TransferFunds(Command, frozen=True, kw_only=True):
    """Move money between two accounts of the same owner, at once."""

    source: AccountId
    destination: AccountId
    asset: str
    amount_atoms: int


class TransferBasket(Command, frozen=True, kw_only=True):
    """Move several assets between two accounts of the same owner: all of them, or none.

    Margin is asked once, with all of it gone.
    """

    source: AccountId
    destination: AccountId
    # By asset; of each more than 0 atoms.
    amounts: dict[str, int]


class SweepFunds(Command, frozen=True, kw_only=True):
    """Bring what an account has of an asset, available and lent, to `keep_atoms`.

    What is above moves to `other`, an account of the same owner. With `top_up` what is missing
    comes from there. As much of it moves as the giver may give.
    """

    account: AccountId
    other: AccountId
    asset: str
    keep_atoms: int
    top_up: bool = False


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


class SetBackstop(Command, frozen=True, kw_only=True):
    """Offer to take over positions that are being liquidated, up to a notional in a minute and in
    an hour; 0 takes the offer back. Each takeover is asked for initial margin as an order is."""

    account: AccountId
    market: str
    minute_micros: int
    hour_micros: int
