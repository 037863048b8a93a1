"""All that the exchange knows. Changed by handlers only, through the parts below this module."""

from collections import deque

from engine.allowance import Allowance
from engine.book import ConditionalOrder, Order
from engine.catalog import (
    Asset,
    Market,
)
from engine.guards import Bounds, Guards
from engine.kinds import ACCOUNT_OPEN, AccountState, MarginStatus
from engine.ledger import Holding, Ledger
from engine.listed_market import ListedMarket
from engine.pools import Pool
from engine.positions import Position
from engine.prices import Price
from engine.quotes import Rfq
from engine.record import Record
from engine.schedule import Schedule
from engine.strategy import Strategy
from engine.units import (
    HOUR_NS,
    MAX_ATOMS,
    PRICE_SCALE,
    SECOND_NS,
    AccountId,
    OrderId,
)

# Requests for quote and quotes are counted with the orders: no two of them share a number.
FIRST_ORDER_ID = 1_000_000_001


class Standing:
    """What margin last found of an account; only what changed is asked again.

    Both are sums over the `part` of each holding and position.
    """

    __slots__ = ("equity", "floor_ppb", "needed", "price_version", "stale")

    def __init__(self) -> None:
        self.price_version = -1
        self.equity = 0
        self.needed = 0
        # The least margin fraction that the account's leverage limit leaves.
        self.floor_ppb = 0
        self.stale: dict[object, None] = {}


class Account:
    """A margin account: its settings, what it holds, its positions and live orders."""

    __slots__ = (
        "account_id",
        "allowances",
        "auto_borrow_settlements",
        "auto_lend",
        "auto_realize_pnl",
        "auto_repay_borrows",
        "bearing",
        "borrow_limit_micros",
        "client_ids",
        "guards",
        "holdings",
        "leverage_limit",
        "liquidation",
        "margin_status",
        "orders",
        "owner",
        "pending_borrow",
        "position_limit_micros",
        "positions",
        "rfqs",
        "spot_loss_micros",
        "standing",
        "state",
        "strategies",
        "triggers",
    )

    def __init__(self, account_id: AccountId, owner: AccountId) -> None:
        self.account_id = account_id
        self.owner = owner
        self.state: AccountState = ACCOUNT_OPEN
        self.auto_lend = False
        self.auto_repay_borrows = True
        self.auto_borrow_settlements = True
        self.auto_realize_pnl = True
        self.leverage_limit = 20
        self.borrow_limit_micros = MAX_ATOMS
        self.position_limit_micros = MAX_ATOMS
        self.holdings: dict[str, Holding] = {}
        # Those of them that are lent or owed, and so bear interest.
        self.bearing: dict[Holding, None] = {}
        self.positions: dict[str, Position] = {}
        self.orders: dict[OrderId, Order] = {}
        # Orders that wait for a price.
        self.triggers: dict[OrderId, ConditionalOrder] = {}
        self.client_ids: dict[int, Order | ConditionalOrder] = {}
        self.strategies: dict[OrderId, Strategy] = {}
        # Its open requests for quote, oldest first.
        self.rfqs: dict[int, Rfq] = {}
        # What members of its team may do, by their number.
        self.allowances: dict[int, Allowance] = {}
        # Σ over spot orders: what they would still borrow, by asset, and the value they may lose.
        self.pending_borrow: dict[str, int] = {}
        self.spot_loss_micros = 0
        self.standing = Standing()
        # The bounds of prices within which its status stays; see danger.py.
        self.guards: Bounds = {}
        self.margin_status = MarginStatus.HEALTHY
        self.liquidation: Liquidation | None = None

    def holding(self, asset: str) -> Holding:
        """Return the account's holding of `asset`, opening it at first use."""
        holding = self.holdings.get(asset)
        if holding is None:
            holding = self.holdings[asset] = Holding(
                self.account_id, asset, stale=self.standing.stale, bearing=self.bearing
            )
        return holding

    @property
    def has_positions(self) -> bool:
        return any(not position.idle for position in self.positions.values())


class Withdrawal:
    """Money in flight out of the exchange; the fee is a part of the amount."""

    __slots__ = ("account_id", "amount_atoms", "asset", "fee_atoms", "withdrawal")

    def __init__(
        self, withdrawal: int, account_id: AccountId, asset: str, amount: int, fee: int
    ) -> None:
        self.withdrawal = withdrawal
        self.account_id = account_id
        self.asset = asset
        self.amount_atoms = amount
        self.fee_atoms = fee


class Liquidation:
    """One account's liquidation under way. `relieved_ns`: when its margin was last better."""

    __slots__ = (
        "account_id",
        "best_ppm",
        "granted_atoms",
        "is_bankrupt",
        "relieved_ns",
        "sequence",
        "started_ns",
    )

    def __init__(self, account_id: AccountId, sequence: int, started_ns: int) -> None:
        self.account_id = account_id
        # The number of the command which began it, and its time.
        self.sequence = sequence
        self.started_ns = started_ns
        self.relieved_ns = started_ns
        # The best equity in parts of the margin so far.
        self.best_ppm = 0
        # What the insurance fund has given to pay what the account cannot.
        self.granted_atoms = 0
        self.is_bankrupt = False


class Backstop:
    """An account's offer to take over positions of one market, and what it took lately."""

    __slots__ = ("hour_micros", "minute_micros", "taken")

    def __init__(self, minute_micros: int, hour_micros: int) -> None:
        self.minute_micros = minute_micros
        self.hour_micros = hour_micros
        # (time, notional) of the last hour's takeovers, the oldest first.
        self.taken: list[tuple[int, int]] = []

    def room_micros(self, now_ns: int) -> int:
        """Return the notional that it would still take now."""
        self.taken = [one for one in self.taken if one[0] > now_ns - 3_600 * SECOND_NS]
        minute = sum(size for at_ns, size in self.taken if at_ns > now_ns - 60 * SECOND_NS)
        hour = sum(size for _, size in self.taken)
        return max(0, min(self.minute_micros - minute, self.hour_micros - hour))


class State:
    """The whole exchange, in memory."""

    __slots__ = (
        "accounts",
        "assets",
        "at_ns",
        "backstops",
        "command_ids",
        "command_order",
        "guards",
        "ledger",
        "liquidations",
        "loss_limited",
        "markets",
        "next_order_id",
        "next_position_id",
        "orders",
        "pools",
        "price_version",
        "prices",
        "record",
        "rfqs",
        "schedule",
        "sequence",
        "shut",
        "strategies",
        "triggers",
        "withdrawals",
    )

    def __init__(self) -> None:
        self.record = Record()
        self.ledger = Ledger(self.record)
        self.sequence = 0
        self.at_ns = 0
        self.assets: dict[str, Asset] = {}
        self.markets: dict[str, ListedMarket] = {}
        self.pools: dict[str, Pool] = {}
        self.prices: dict[str, Price] = {}
        # Counts the updates of prices, and the hours of funding; not part of a snapshot.
        self.price_version = 0
        self.accounts: dict[AccountId, Account] = {}
        # Those which are frozen or closed: only while there are any is each command asked for it.
        self.shut: dict[AccountId, None] = {}
        self.orders: dict[OrderId, Order] = {}
        self.triggers: dict[OrderId, ConditionalOrder] = {}
        self.strategies: dict[OrderId, Strategy] = {}
        self.rfqs: dict[int, Rfq] = {}
        self.schedule = Schedule()
        self.guards = Guards()
        self.liquidations: dict[AccountId, Liquidation] = {}
        # By market and account.
        self.backstops: dict[str, dict[AccountId, Backstop]] = {}
        self.withdrawals: dict[int, Withdrawal] = {}
        # Accounts with loss limits, which wake the engine when a day begins; who is looked at next.
        self.loss_limited: dict[AccountId, None] = {}
        self.next_order_id = FIRST_ORDER_ID
        self.next_position_id = 1
        # command id → (sequence, fingerprint), and the ids in order of arrival.
        self.command_ids: dict[str, tuple[int, bytes]] = {}
        self.command_order: deque[str] = deque()

    def list_asset(self, asset: Asset) -> None:
        self.assets[asset.symbol] = asset
        self.pools[asset.symbol] = Pool(asset, self.record, self.at_ns)
        self.prices[asset.symbol] = Price()

    def set_account_state(self, account: Account, state: AccountState) -> None:
        """Let an account do what `state` allows."""
        account.state = state
        if state is ACCOUNT_OPEN:
            self.shut.pop(account.account_id, None)
        else:
            self.shut[account.account_id] = None

    def set_asset(self, asset: Asset) -> None:
        """Take the parameters of a listed asset."""
        self.assets[asset.symbol] = asset
        for listed in self.markets.values():
            if listed.base.symbol == asset.symbol:
                listed.base = asset
            if listed.quote.symbol == asset.symbol:
                listed.quote = asset

    def list_market(self, market: Market, per_tick: int) -> None:
        base, quote = self.assets[market.base], self.assets[market.quote]
        listed = self.markets[market.symbol] = ListedMarket(
            market,
            base,
            quote,
            per_tick=per_tick,
            record=self.record,
            number=len(self.markets),
        )
        if listed.funding is not None:
            listed.funding.begin(self.at_ns // HOUR_NS)
        index_e8 = self.prices[market.base].now_e8
        if listed.is_perp:
            self.backstops[market.symbol] = {}
        if listed.mark is not None and index_e8:
            listed.mark.set(index_e8, self.at_ns)

    def mark_e8(self, listed: ListedMarket) -> int:
        """Return the mark of a perpetual in USD × 1e8; 0 before the first index."""
        return listed.perp_mark().price.now_e8

    def index_e8(self, listed: ListedMarket) -> int:
        """Return the index of a market in quote × 1e8; 0 if there is none.

        For spot it is the rate of the two indexes or, without them, the last price.
        """
        index = self.prices[listed.market.base].now_e8
        quote = self.prices[listed.market.quote].now_e8
        if listed.is_perp:
            return index
        if index and quote:
            return index * PRICE_SCALE // quote
        last = listed.book.last_price
        return last * listed.market.tick_e8 if last is not None else 0

    def mean_e8(self, listed: ListedMarket) -> int:
        """Return the five-minute mean of a market's reference, in quote × 1e8; 0 if there is none.

        That is the mark of a perpetual, and for spot the rate of the two indexes.
        """
        if listed.mark is not None:
            return listed.mark.price.mean_e8
        base, quote = (self.prices[a].mean_e8 for a in (listed.market.base, listed.market.quote))
        return base * PRICE_SCALE // quote if base and quote else 0

    def reference_e8(self, listed: ListedMarket) -> int:
        """Return what a market's prices are measured from, in quote × 1e8; 0 if there is none.

        That is the mark of a perpetual, and the index for spot.
        """
        return listed.mark.price.now_e8 if listed.mark is not None else self.index_e8(listed)

    def position(self, account: Account, listed: ListedMarket) -> Position:
        """Return the account's position in a perpetual, opening an empty one at first use."""
        symbol = listed.market.symbol
        position = account.positions.get(symbol)
        if position is None:
            position = account.positions[symbol] = Position(
                account.account_id, symbol, account.standing.stale
            )
            listed.perp_clearing().positions[account.account_id] = position
        return position
