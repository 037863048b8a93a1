"""What has happened. Events are facts with absolute values, in the order in which they came about.

The first event of a command answers its caller: what was asked for, or `CommandRejected`.
Projections write rows from them, feeds show them; the engine never reads them back.
"""

import msgspec

from engine.catalog import Asset, Market, MarketState, PoolState, PriceState, StateReason
from engine.kinds import (
    AccountState,
    BorrowLendKind,
    BucketLends,
    MovementSource,
)
from engine.rejects import Reject
from engine.units import MAX_ATOMS, AccountId


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, gc=False):
    """The base of all events; the tag on the wire is the class name.

    No event can be part of a cycle, so the collector need not look at them.
    """


class CommandRejected(Event, frozen=True, kw_only=True):
    """Nothing has changed. `details` holds the numbers which explain it."""

    code: Reject
    message: str
    details: dict[str, int | str] = {}


class CommandRepeated(Event, frozen=True, kw_only=True):
    """The command id was seen before with the same terms; its outcome stands at `sequence`."""

    sequence: int


class AssetListed(Event, frozen=True, kw_only=True):
    asset: Asset


class AssetUpdated(Event, frozen=True, kw_only=True):
    """An asset has these parameters from now on."""

    asset: Asset


class MarketListed(Event, frozen=True, kw_only=True):
    market: Market
    quote_atoms_per_tick: int


class MarketUpdated(Event, frozen=True, kw_only=True):
    """A market has these parameters from now on."""

    market: Market


class MarketStateChanged(Event, frozen=True, kw_only=True):
    """What a book accepts now, for whom (`reason`), and until when if that is known.

    `ordered` is what staff have ordered; what other reasons order is lifted by itself.
    """

    market: str
    state: MarketState
    reason: StateReason = StateReason.STAFF
    until_ns: int | None = None
    ordered: MarketState = MarketState.OPEN


class AuctionEnded(Event, frozen=True, kw_only=True):
    """A market has opened: the price of all its trades, and their lots. None: nothing crossed."""

    market: str
    price_ticks: int | None
    lots: int


class PricesUpdated(Event, frozen=True, kw_only=True):
    """Index by asset and mark by perp market, each in USD × 1e8 for one whole unit.

    `states` of assets are told when they change; so is what the funding rate of the running hour
    comes to if it goes on so, and anew in each hour.
    """

    index_e8: dict[str, int]
    mark_e8: dict[str, int]
    states: dict[str, PriceState] = {}
    funding_ppb: dict[str, int] = {}


class AccountOpened(Event, frozen=True, kw_only=True):
    account: AccountId
    owner: AccountId


class AccountUpdated(Event, frozen=True, kw_only=True):
    account: AccountId
    auto_lend: bool
    auto_repay_borrows: bool
    auto_borrow_settlements: bool
    auto_realize_pnl: bool
    leverage_limit: int
    borrow_limit_micros: int = MAX_ATOMS
    position_limit_micros: int = MAX_ATOMS
    state: AccountState = AccountState.OPEN


class AccountStateChanged(Event, frozen=True, kw_only=True):
    """What an account may do from now on; AccountUpdated tells it with the settings, once more."""

    account: AccountId
    state: AccountState


class LendTermsChanged(Event, frozen=True, kw_only=True):
    """`bucket` numbers `min_rate_ppb` among the rates that lenders of the asset may ask for."""

    account: AccountId
    asset: str
    bucket: int
    min_rate_ppb: int
    cap_atoms: int | None
    keep_atoms: int
    as_collateral: bool


class DepositCredited(Event, frozen=True, kw_only=True):
    """`account` was credited: the main account, where money came for a closed sub-account."""

    account: AccountId
    asset: str
    amount_atoms: int
    arrival: int = 0


class WithdrawalRequested(Event, frozen=True, kw_only=True):
    withdrawal: int
    account: AccountId
    asset: str
    amount_atoms: int
    fee_atoms: int = 0


class WithdrawalSettled(Event, frozen=True, kw_only=True):
    withdrawal: int
    account: AccountId
    asset: str
    amount_atoms: int
    returned: bool
    fee_atoms: int = 0


class FundsTransferred(Event, frozen=True, kw_only=True):
    source: AccountId
    destination: AccountId
    asset: str
    amount_atoms: int


class FundsSwept(Event, frozen=True, kw_only=True):
    """What a sweep for `account` has moved, of what it was to move; FundsTransferred tells it too.

    Both are 0 if there was nothing to do. Less than wanted has moved where the giver's margin, its
    state or a pool kept the rest.
    """

    account: AccountId
    source: AccountId
    destination: AccountId
    asset: str
    wanted_atoms: int
    amount_atoms: int


class LedgerPosted(Event, frozen=True, kw_only=True):
    """One transfer of the ledger: `amount_atoms` > 0 leaves `debit` and enters `credit`.

    Ledger accounts: custody:<asset>, account:<id>:available, account:<id>:locked, pool:<asset>,
    clearing:<market>, fees:<asset>, insurance:<asset>, dust:<asset>, in_flight:<asset>.
    """

    asset: str
    debit: str
    credit: str
    amount_atoms: int
    kind: str


class BalanceChanged(Event, frozen=True, kw_only=True):
    """An account's holding of one asset, after. Lend and debt are scaled by the pool's indexes.

    The lend's index is that of `bucket`.
    """

    account: AccountId
    asset: str
    available_atoms: int
    locked_atoms: int
    lend_scaled: int
    debt_scaled: int
    bucket: int = 0


class PositionChanged(Event, frozen=True, kw_only=True):
    """A perpetual position, after. unrealized = lots × mark + quote.

    `entry_quote_atoms` is the cost of what is open at the trader's own entry prices (signed as
    lots); settlement does not change it. `realized_atoms`, `interest_atoms` on what was not
    realized, `funding_atoms` (negative: paid), and what was closed (without a sign) count since the
    position was opened. Of its funding it has paid the hours up to `funded_hour`.
    """

    account: AccountId
    market: str
    position_id: int
    lots: int
    quote_atoms: int
    entry_quote_atoms: int
    realized_atoms: int
    fees_atoms: int
    interest_atoms: int
    opened_at_ns: int
    funding_atoms: int = 0
    funded_hour: int = 0
    closed_lots: int = 0
    closed_quote_atoms: int = 0


class PositionClosed(Event, frozen=True, kw_only=True):
    """A position that has gone flat, or was turned to the other side, as a whole.

    `lots` were opened and closed in all: positive for a long. They were entered for
    `entry_quote_atoms` and closed for `closed_quote_atoms`, both without a sign; the difference is
    `realized_atoms`. Interest posted later is told with the position.
    """

    account: AccountId
    market: str
    position_id: int
    lots: int
    entry_quote_atoms: int
    closed_quote_atoms: int
    realized_atoms: int
    fees_atoms: int
    interest_atoms: int
    opened_at_ns: int
    closed_at_ns: int
    funding_atoms: int = 0


class PoolChanged(Event, frozen=True, kw_only=True):
    """A pool, after, with the buckets that hold or have held lends."""

    asset: str
    state: PoolState
    cash_atoms: int
    lends: tuple[BucketLends, ...]
    debt_scaled: int
    debt_index_ray: int
    reserve_ray: int
    accrued_at_ns: int


class PoolHourClosed(Event, frozen=True, kw_only=True):
    """The indexes of a pool at a whole hour; of lends, one a bucket."""

    asset: str
    hour_ns: int
    debt_index_ray: int
    lend_indexes_ray: tuple[int, ...]


class PoolStateChanged(Event, frozen=True, kw_only=True):
    asset: str
    state: PoolState


class BorrowLendMoved(Event, frozen=True, kw_only=True):
    """A lend or a debt that grew or shrank by `amount_atoms`; what it is after, scaled.

    `opened` is the number of the command which opened it, and tells it from those before.
    """

    account: AccountId
    asset: str
    kind: BorrowLendKind
    source: MovementSource
    amount_atoms: int
    lend_scaled: int = 0
    debt_scaled: int = 0
    bucket: int = 0
    opened: int = 0


class InterestAccrued(Event, frozen=True, kw_only=True):
    """The answer to AccrueInterest. Rates are per year, in ppb, as they stand from now on."""

    asset: str
    borrow_rate_ppb: int
    lend_rate_ppb: int
    utilization_ppb: int
    # What of the fees was handed to the house with this: to the insurance fund, and the rest.
    insured_atoms: int = 0
    fees_atoms: int = 0


class InsuranceFunded(Event, frozen=True, kw_only=True):
    asset: str
    amount_atoms: int


class DebtWrittenOff(Event, frozen=True, kw_only=True):
    """A debt that nobody will pay: by whom it was borne. The pool lends no more until opened."""

    account: AccountId
    asset: str
    amount_atoms: int
    reserve_atoms: int
    insured_atoms: int
    lenders_atoms: int


class DustConverted(Event, frozen=True, kw_only=True):
    """Small balances sold to the house; each as its own DustSold."""

    account: AccountId
    received_atoms: int


class DustSold(Event, frozen=True, kw_only=True):
    account: AccountId
    asset: str
    amount_atoms: int
    received_asset: str
    received_atoms: int


class IdleLent(Event, frozen=True, kw_only=True):
    """The answer to AutoLend."""

    asset: str
    accounts: int
    amount_atoms: int


class TimeAdvanced(Event, frozen=True, kw_only=True):
    """The answer to AdvanceTime: how many things were done."""

    done: int
