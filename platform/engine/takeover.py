"""Stages two and three of a liquidation: positions change hands off the book.

    backstop   who has offered to, in proportion to what each still has room for, at two thirds of
               the bankruptcy price and one third of the mark; the liquidated account gets the
               bankruptcy price, the difference is the insurance fund's
    ADL        whoever holds the other side, by profit and leverage, at the price given

Each takeover is asked for initial margin, as any trade; whoever is reduced need not be.
"""

from typing import NamedTuple

from engine import cover, resting
from engine.adl import ranked
from engine.fines import charge
from engine.kinds import FILLED, SystemOrder
from engine.liquidation_sales import bankruptcy_atoms
from engine.listed_market import ListedMarket
from engine.maintenance import Maintenance, Risk, real_equity
from engine.matching import Sweep, follow
from engine.order_events import OrderFilled, OrderPlaced
from engine.positions import Position
from engine.resting import shrink_reduce_only
from engine.risk_events import PositionTakenOver
from engine.state import Account, Backstop, State
from engine.system_orders import Forced, system_order
from engine.trades import Party, settle_perp
from engine.units import PPM, AccountId, div_ceil
from engine.vocabulary import ASK, BID, Side

# At least so much of a position goes to the backstops at a time.
_LEAST_PPM = 100_000


class Takeover(NamedTuple):
    """Lots of a position that change hands at a price in ticks; `side` is the giver's."""

    listed: ListedMarket
    side: Side
    lots: int
    price: int
    system: SystemOrder
    # What they are worth at the mark, in quote atoms.
    worth: int


def to_backstops(state: State, account: Account, found: Maintenance) -> bool:
    """Hand a part of each position to the backstops of its market; tell whether any took it."""
    short = max(0, found.closing - found.equity)
    part_ppm = max(_LEAST_PPM, min(PPM, short * PPM // max(1, found.closing)))
    if found.equity <= 0:
        part_ppm = PPM
    risks = {risk.key: risk for risk in found.risks}
    taken = False
    for position in list(account.positions.values()):
        if position.lots and state.backstops[position.market]:
            risk, real = risks[f"mark:{position.market}"], real_equity(state, account)
            if real > 0:
                worst = bankruptcy_atoms(position, found, risk, real=real)
                taken |= _share_out(state, account, position, risk, worst, part_ppm)
    return taken


def _share_out(
    state: State, account: Account, position: Position, risk: Risk, worst: int, part_ppm: int
) -> bool:
    """Offer a part of a position to all backstops with room, at the price between the two."""
    listed = state.markets[position.market]
    wanted = div_ceil(abs(position.lots) * part_ppm, PPM)
    is_long, size, notional = position.lots > 0, abs(position.lots), max(1, risk.notional)
    per_tick = size * listed.quote_atoms_per_tick
    between = takeover_atoms(worst, notional)
    side = ASK if is_long else BID
    price = max(1, div_ceil(between, per_tick) if is_long else between // per_tick)
    left = wanted
    for number, offer in _with_room(state, listed, account):
        room = offer.room_micros(state.at_ns) * size // notional
        lots = min(left, room)
        if lots <= 0:
            continue
        worth = div_ceil(notional * lots, size)
        terms = Takeover(listed, side, lots, price, SystemOrder.LIQUIDATE_ON_BACKSTOP, worth)
        if not _may_take(state, state.accounts[number], terms):
            continue
        trade_off_book(state, account, state.accounts[number], terms)
        offer.taken.append((state.at_ns, worth))
        traded = listed.quote_atoms(price, lots)
        due = div_ceil(worst * lots, size) if is_long else worst * lots // size
        charge(state, account, listed, max(0, traded - due if is_long else due - traded))
        left -= lots
        if not left:
            break
    return left < wanted


def takeover_atoms(worst: int, notional: int) -> int:
    """Return what a backstop pays (a short: is paid) for all of a position, in quote atoms.

    Two thirds of what it must bring, and a third of what it is worth at the mark.
    """
    return (2 * worst + notional) // 3


def offer_whole(state: State, account: Account, position: Position, price: int) -> None:
    """Hand a position to the backstops of its market at a price, as far as they take it."""
    listed = state.markets[position.market]
    side, size = (ASK if position.lots > 0 else BID), abs(position.lots)
    notional = max(1, listed.quote_atoms(price, size))
    for number, offer in _with_room(state, listed, account):
        lots = min(abs(position.lots), offer.room_micros(state.at_ns) * size // notional)
        worth = div_ceil(notional * lots, size)
        terms = Takeover(listed, side, lots, price, SystemOrder.LIQUIDATE_ON_BACKSTOP, worth)
        if lots > 0 and _may_take(state, state.accounts[number], terms):
            trade_off_book(state, account, state.accounts[number], terms)
            offer.taken.append((state.at_ns, worth))
        if not position.lots:
            return


def _with_room(
    state: State, listed: ListedMarket, account: Account
) -> list[tuple[AccountId, Backstop]]:
    """Return the backstops that may take now, those with most room first."""
    offers = state.backstops[listed.market.symbol]
    found = [
        (number, offer)
        for number, offer in offers.items()
        if number not in state.liquidations
        and state.accounts[number].owner != account.owner
        and offer.room_micros(state.at_ns)
    ]
    return sorted(found, key=lambda one: (-one[1].room_micros(state.at_ns), one[0]))


def _may_take(state: State, taker: Account, terms: Takeover) -> bool:
    """Tell whether initial margin carries a takeover."""
    side = BID if terms.side is ASK else ASK
    forced = Forced(side, terms.lots, terms.price, terms.system)
    order = system_order(state, taker, terms.listed, forced)
    quote = terms.listed.quote_atoms(terms.price, terms.lots)
    taken = Sweep(terms.lots, quote, stopped=False, fee_ppm=0)
    return not cover.perp_refusal(state, taker, terms.listed, order, taken=taken, resting=0)


def trade_off_book(state: State, giver: Account, taker: Account, terms: Takeover) -> None:
    """Move lots from one account to another at a price, without a fee. It is not a public trade."""
    listed, lots, price = terms.listed, terms.lots, terms.price
    quote = listed.quote_atoms(price, lots)
    other = BID if terms.side is ASK else ASK
    sides = []
    for account, side in ((giver, terms.side), (taker, other)):
        forced = Forced(side, lots, price, terms.system)
        order = system_order(state, account, listed, forced)
        order.lots_open, order.executed_lots, order.executed_quote = 0, lots, quote
        sides.append(Party(account, order, 0, is_maker=False))
    listed.book.trade_id += 1
    giving, taking = sides
    buyer, seller = (taking, giving) if terms.side is ASK else (giving, taking)
    settle_perp(state, listed, buyer=buyer, seller=seller, lots=lots, quote=quote)
    for party in sides:
        _tell(state, listed, party, lots=lots, price=price, quote=quote)
        shrink_reduce_only(state, party.account, listed)
        if party.account.triggers:
            follow(state, listed, party, lots)
    state.record.events.append(
        PositionTakenOver(
            account=giver.account_id,
            taker=taker.account_id,
            market=listed.market.symbol,
            trade_id=listed.book.trade_id,
            side=terms.side,
            lots=lots,
            price_ticks=price,
            quote_atoms=quote,
            worth_atoms=terms.worth,
            system=terms.system,
        )
    )


def _tell(
    state: State, listed: ListedMarket, party: Party, *, lots: int, price: int, quote: int
) -> None:
    terms = party.order.terms
    state.record.events.append(
        OrderPlaced(terms=terms, status=FILLED, executed_lots=lots, executed_quote_atoms=quote)
    )
    state.record.events.append(
        OrderFilled(
            terms=terms,
            status=FILLED,
            lots_open=0,
            executed_lots=lots,
            executed_quote_atoms=quote,
            trade_id=listed.book.trade_id,
            price_ticks=price,
            lots=lots,
            quote_atoms=quote,
            fee_atoms=0,
            fee_asset=listed.market.quote,
            is_maker=False,
            at_ns=state.at_ns,
        )
    )


def deleverage(state: State, account: Account, position: Position, price: int) -> None:
    """Close all of a position against those on its other side, the most exposed winners first."""
    listed = state.markets[position.market]
    side = ASK if position.lots > 0 else BID
    for other in ranked(state, listed, longs=position.lots < 0):
        if not position.lots:
            return
        if other.account_id == account.account_id:
            continue
        taker = state.accounts[other.account_id]
        _cancel_orders(state, taker, listed)
        lots = min(abs(position.lots), abs(other.lots))
        worth = abs(listed.notional(lots, state.mark_e8(listed)))
        terms = Takeover(listed, side, lots, price, SystemOrder.LIQUIDATE_ON_ADL, worth)
        trade_off_book(state, account, taker, terms)
    assert not position.lots, f"{position.market} has no other side to its positions"


def _cancel_orders(state: State, account: Account, listed: ListedMarket) -> None:
    """Cancel what an account has resting in a market before its position there is reduced."""
    for order in list(account.orders.values()):
        if order.terms.market == listed.market.symbol:
            state.record.events.append(resting.cancel(state, listed, order))
