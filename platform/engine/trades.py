"""What one trade does to the money and positions of its two sides, and the fee of each."""

from engine import funding, funds
from engine.book import Order
from engine.catalog import POOL_OPEN
from engine.events import PositionClosed
from engine.fees import fee_of
from engine.kinds import MovementSource
from engine.ledger import Holding
from engine.listed_market import ListedMarket
from engine.loans import limit_room
from engine.positions import Position
from engine.resting import lessen_borrow
from engine.state import Account, State
from engine.units import div_ceil


class Party:
    """One side of a trade, and the fee it pays.

    Of a perpetual, settle_perp sets `closed` (its position was closed, or turned) and `opened` (the
    lots by which one grew).
    """

    __slots__ = (
        "account",
        "closed",
        "fee",
        "fee_asset",
        "fee_owed",
        "is_maker",
        "opened",
        "order",
        "rate_ppm",
        "rests",
    )
    closed: bool
    opened: int

    def __init__(self, account: Account, order: Order, rate_ppm: int, *, is_maker: bool) -> None:
        self.account = account
        self.order = order
        self.rate_ppm = rate_ppm
        self.is_maker = is_maker
        # Whether its order is counted in its position: in an auction both are.
        self.rests = is_maker
        self.fee = 0
        self.fee_owed = 0
        self.fee_asset = ""


def settle_spot(
    state: State, listed: ListedMarket, *, buyer: Party, seller: Party, lots: int, quote: int
) -> None:
    """Exchange quote for base. Each side's fee is taken from what it gets."""
    base = listed.base_atoms(lots)
    paid_quote = _draw(state, buyer, listed.market.quote, quote)
    paid_base = _draw(state, seller, listed.market.base, base)
    _deliver(state, seller, paid_quote, quote)
    _deliver(state, buyer, paid_base, base)
    _lessen_loss(buyer.account, buyer.order, lots)
    _lessen_loss(seller.account, seller.order, lots)


def _draw(state: State, party: Party, asset: str, amount: int) -> Holding:
    """Have `amount` locked for the order: its own money first, then redeemed, then borrowed."""
    account, order = party.account, party.order
    holding = account.holding(asset)
    short = amount - order.locked
    if short > 0:
        state.pools[asset].accrue(state.at_ns)
        funds.raise_available(state, holding, short, MovementSource.SPOT_MARGIN)
        funds.lock(state, holding, short)
        order.locked += short
        lessen_borrow(account, order, asset, short)
    order.locked -= amount
    return holding


def _deliver(state: State, party: Party, payer: Holding, amount: int) -> None:
    """Hand `amount` over from what the payer has locked, less the fee, and put it to use."""
    holding = party.account.holding(payer.asset)
    party.fee = fee = fee_of(amount, party.rate_ppm)
    party.fee_asset = payer.asset
    net = amount - fee
    if fee:
        fees = state.ledger.house_account("fees", payer.asset)
        state.ledger.transfer(payer.locked, fees, fee, kind="fee")
    if net:
        state.ledger.transfer(payer.locked, holding.available, net, kind="trade")
        auto_repay, auto_lend = party.order.flags
        funds.credit(state, party.account, holding, net, auto_repay=auto_repay, auto_lend=auto_lend)


def _lessen_loss(account: Account, order: Order, lots: int) -> None:
    """Keep the open part's share of what the order may lose, rounded up."""
    if order.loss_micros:
        kept = div_ceil(order.loss_micros * order.lots_open, order.lots_open + lots)
        account.spot_loss_micros -= order.loss_micros - kept
        order.loss_micros = kept


def settle_perp(
    state: State, listed: ListedMarket, *, buyer: Party, seller: Party, lots: int, quote: int
) -> None:
    """Move the two positions by the same lots and quote, and charge each side's fee.

    A trade that turns a position closes it with one part, fee and all, and opens a new one with
    the other: quote atoms are a whole number a lot. Both first pay the funding of past hours.
    """
    clearing, rates = listed.perp_clearing(), listed.perp_funding()
    if state.at_ns >= rates.ends_ns:
        funding.close_hours(state, listed)
    for party, signed in ((buyer, lots), (seller, -lots)):
        position = state.position(party.account, listed)
        if position.funded_hour != rates.closed_hour:
            funding.pay(state, listed, position)
        if party.rests:
            position.add_order(party.order, -lots)
        before = position.lots
        after = before + signed
        opens = before == 0 or (after != 0 and (before > 0) != (after > 0))
        party.closed = before != 0 and (opens or after == 0)
        party.opened = abs(after) if opens else max(0, abs(after) - abs(before))
        moved, cost = signed, quote
        party.fee = fee = fee_of(quote, party.rate_ppm)
        if opens and before:
            closing = abs(before)
            closed_for, closing_fee = quote * closing // lots, fee * closing // lots
            position.trade(-before, closed_for, position_id=0, at_ns=state.at_ns)
            position.fees += closing_fee
            _tell_closed(state, position, is_long=before > 0)
            moved, cost, fee = after, quote - closed_for, fee - closing_fee
        position.trade(moved, cost, position_id=state.next_position_id, at_ns=state.at_ns)
        position.fees += fee
        if not after:
            _tell_closed(state, position, is_long=before > 0)
        state.next_position_id += opens
        clearing.long_lots += (after if after > 0 else 0) - (before if before > 0 else 0)
        party.fee_asset = listed.market.quote
        if party.fee:
            _charge_fee(state, party, listed, position)
        state.record.positions[position] = None


def _tell_closed(state: State, position: Position, *, is_long: bool) -> None:
    """Tell what became of a position which is flat now, from its opening on."""
    gained = position.realized if is_long else -position.realized
    state.record.events.append(
        PositionClosed(
            account=position.account_id,
            market=position.market,
            position_id=position.position_id,
            lots=position.closed_lots if is_long else -position.closed_lots,
            entry_quote_atoms=position.closed_quote - gained,
            closed_quote_atoms=position.closed_quote,
            realized_atoms=position.realized,
            fees_atoms=position.fees,
            interest_atoms=position.interest,
            funding_atoms=position.funding,
            opened_at_ns=position.opened_at_ns,
            closed_at_ns=state.at_ns,
        )
    )


def _charge_fee(state: State, party: Party, listed: ListedMarket, position: Position) -> None:
    """Take the fee from available, then from the lend, then by borrowing.

    What cannot be had so is owed in the position: its quote falls, and the house's claim on the
    market's clearing (dust) grows by the same.
    """
    account, rest = party.account, party.fee
    asset = listed.market.quote
    holding = funds.accrue_holding(state, account, asset)
    short = rest - holding.available.atoms
    if short <= 0:
        fees = state.ledger.house_account("fees", asset)
        state.ledger.transfer(holding.available, fees, rest, kind="fee")
        return
    pool = state.pools[asset]
    seizable = holding.seizable_scaled
    if seizable:
        part = min(short, pool.lend_atoms(seizable, holding.bucket), pool.cash.atoms)
        if part:
            funds.redeem(state, holding, part, MovementSource.SETTLEMENT)
            short -= part
    may_borrow = account.auto_borrow_settlements and pool.state is POOL_OPEN
    if short > 0 and may_borrow and not holding.lend_scaled:
        funds.accrue_account(state, account)
        room = limit_room(state, account, asset)
        part = min(short, pool.cash.atoms, pool.size_room(), room)
        if part:
            funds.borrow(state, holding, part, MovementSource.SETTLEMENT)
    paid = min(rest, holding.available.atoms)
    if paid:
        fees = state.ledger.house_account("fees", asset)
        state.ledger.transfer(holding.available, fees, paid, kind="fee")
    if rest > paid:
        party.fee_owed = rest - paid
        position.move_quote(-party.fee_owed)
        listed.perp_clearing().dust += party.fee_owed
