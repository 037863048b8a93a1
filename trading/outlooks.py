"""How far an account is from liquidation, and what an order would make of that: the engine's words.

Asks the live engine, which changes nothing by it. Numbers are decimal text, None where there is no
such thing; money is in USD unless its asset is named beside it.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from accounts.access import Access
from accounts.api.errors import ask_answered, invalid_request
from accounts.assets import asset_named, decimals_of
from engine.kinds import MarginStatus
from engine.outlook import report_of
from engine.questions import (
    AccountQuestion,
    AccountRisk,
    AssetRisk,
    Figures,
    OrderPreview,
    Outlook,
    PositionRisk,
    PreviewOrder,
    RiskReport,
    SupposePrices,
)
from engine.state import Account, State
from engine.units import AccountId, div_ceil
from gateway.decimals import DecimalError, format_decimal, parse_decimal
from trading.catalog import MAX_INTEGER, ListedMarket, catalog
from trading.refusals import INVALID_MARKET, Refusal, Refused, forbidden
from trading.services import OrderRequest, forbids, in_words, order_command

PRICE_DECIMALS = 8
MICROS_DECIMALS = 6
PPM_DECIMALS = 6
_LEVERAGE_STEP = 100
_Answer = TypeVar("_Answer", RiskReport, OrderPreview)


class FiguresRow(NamedTuple):
    """What an account is worth and must keep. `leverage` is exposure over equity, rounded up."""

    equity: str
    real_equity: str
    maintenance_margin: str
    closing_margin: str
    initial_equity: str
    initial_margin: str
    open_loss: str
    fee_reserve: str
    free_margin: str
    exposure: str
    leverage: str | None
    margin_met: bool


class AssetRiskRow(NamedTuple):
    symbol: str
    index_price: str
    owned: str
    owed: str
    lower_price: str | None
    upper_price: str | None


class PositionRiskRow(NamedTuple):
    symbol: str
    net_quantity: str
    mark_price: str
    liquidation_price: str | None
    pnl_unrealized: str
    notional: str
    maintenance_margin: str


class RiskRow(NamedTuple):
    status: str
    figures: FiguresRow
    assets: list[AssetRiskRow]
    positions: list[PositionRiskRow]


class OutlookRow(NamedTuple):
    """How an account stands, with its position in one market."""

    figures: FiguresRow
    net_quantity: str
    entry_price: str | None
    liquidation_price: str | None
    lower_price: str | None
    upper_price: str | None


class AmountRow(NamedTuple):
    symbol: str
    quantity: str


class PreviewRow(NamedTuple):
    symbol: str
    refusal: Refusal | None
    status: str | None
    reason: str | None
    executed_quantity: str
    executed_quote_quantity: str
    resting_quantity: str
    average_price: str | None
    worst_price: str | None
    reference_price: str
    slippage: str | None
    fee: str
    fee_symbol: str | None
    borrowed: list[AmountRow]
    repaid: list[AmountRow]
    to_borrow: AmountRow | None
    before: OutlookRow
    after: OutlookRow | None
    filled: OutlookRow | None


def account_risk(access: Access) -> RiskRow:
    """Return how the account stands, and what would liquidate it. Raises as `ask_answered`."""
    return _risk_row(_asked(AccountRisk(account=AccountId(access.account)), RiskReport))


def suppose_prices(
    access: Access, *, prices: Mapping[str, str], moves: Mapping[str, str]
) -> RiskRow:
    """Return how the account would stand if prices were others. Raises as `ask_answered`, Refused.

    Args:
        prices: in USD by asset.
        moves: fractions by asset: -0.1 is a fall by a tenth.
    """
    question = SupposePrices(
        account=AccountId(access.account),
        prices_e8={
            asset_named(symbol).symbol: _number(text, PRICE_DECIMALS, symbol)
            for symbol, text in prices.items()
        },
        moves_ppm={
            asset_named(symbol).symbol: _signed(text, symbol) for symbol, text in moves.items()
        },
    )
    return _risk_row(_asked(question, RiskReport))


def preview_order(access: Access, request: OrderRequest) -> PreviewRow:
    """Return what would become of the order, and of its account.

    A key needs no right to trade for it. Raises Refused for an order that is none, or that the
    customer may not place; else as `ask_answered`.
    """
    access = access.without_key()
    listed = catalog().markets.get(request.symbol)
    if listed is None:
        raise Refused(INVALID_MARKET)
    denial = forbids(access, request, is_perp=listed.is_perp)
    if denial is not None:
        # Nothing was tried: to look at a ticket is no act to note.
        raise Refused(forbidden(denial.message))
    command = order_command(access, request)
    if isinstance(command, Refusal):
        raise Refused(command)
    told = _asked(PreviewOrder(order=command), OrderPreview)
    mean, worst = told.average_e8, told.worst_ticks
    refusal = None if told.refusal is None else in_words(told.refusal, listed)
    paying = listed.market.quote if command.side.value == "Bid" else listed.market.base
    return PreviewRow(
        symbol=request.symbol,
        refusal=refusal,
        status=told.status,
        reason=told.reason,
        executed_quantity=listed.quantity_text(told.executed_lots),
        executed_quote_quantity=listed.quote_text(told.executed_quote_atoms),
        resting_quantity=listed.quantity_text(told.resting_lots),
        average_price=None if mean is None else listed.mark_text(mean),
        worst_price=None if worst is None else listed.price_text(worst),
        reference_price=listed.mark_text(told.reference_e8),
        slippage=None if told.slippage_ppm is None else _ppm_text(told.slippage_ppm),
        fee=_amount(told.fee_asset, told.fee_atoms) if told.fee_asset else "0",
        fee_symbol=told.fee_asset,
        borrowed=_amounts(told.borrowed),
        repaid=_amounts(told.repaid),
        to_borrow=_amounts({paying: told.to_borrow_atoms})[0] if told.to_borrow_atoms else None,
        before=_outlook_row(told.before, listed),
        after=None if told.after is None else _outlook_row(told.after, listed),
        filled=None if told.filled is None else _outlook_row(told.filled, listed),
    )


def risk_of(state: State, account: Account, *, is_liquidated: bool) -> RiskRow:
    """Return how an account stands which is loaded from its rows; nobody is asked.

    Of its five-minute averages rows know nothing; what is worth at prices of now is exact.
    """
    before = MarginStatus.HEALTHY
    return _risk_row(report_of(state, account, before=before, is_liquidated=is_liquidated))


def _asked(question: AccountQuestion, kind: type[_Answer]) -> _Answer:
    answer = ask_answered(question)
    assert isinstance(answer, kind), f"{answer} answers something else"
    return answer


def _risk_row(report: RiskReport) -> RiskRow:
    markets = catalog().markets
    return RiskRow(
        status=report.status,
        figures=figures_row(report.figures),
        assets=[_asset_row(one) for one in report.assets],
        positions=[_position_row(one, markets[one.market]) for one in report.positions],
    )


def figures_row(figures: Figures) -> FiguresRow:
    """Return what an account is worth and must keep, as text."""
    equity, exposure = figures.equity_micros, figures.exposure_micros
    leverage = None
    if equity > 0:
        leverage = format_decimal(div_ceil(exposure * _LEVERAGE_STEP, equity), 2)
    return FiguresRow(
        equity=_usd(equity),
        real_equity=_usd(figures.real_equity_micros),
        maintenance_margin=_usd(figures.maintenance_micros),
        closing_margin=_usd(figures.closing_micros),
        initial_equity=_usd(figures.initial_equity_micros),
        initial_margin=_usd(figures.initial_micros),
        open_loss=_usd(figures.open_loss_micros),
        fee_reserve=_usd(figures.fee_reserve_micros),
        free_margin=_usd(figures.free_micros),
        exposure=_usd(exposure),
        leverage=leverage,
        margin_met=figures.is_met,
    )


def _asset_row(one: AssetRisk) -> AssetRiskRow:
    return AssetRiskRow(
        symbol=one.asset,
        index_price=_price(one.index_e8) or "0",
        owned=_amount(one.asset, one.owned_atoms),
        owed=_amount(one.asset, one.owed_atoms),
        lower_price=_price(one.lower_e8),
        upper_price=_price(one.upper_e8),
    )


def _position_row(one: PositionRisk, listed: ListedMarket) -> PositionRiskRow:
    return PositionRiskRow(
        symbol=one.market,
        net_quantity=listed.quantity_text(one.lots),
        mark_price=listed.mark_text(one.mark_e8),
        liquidation_price=_price(one.liquidation_e8),
        pnl_unrealized=listed.quote_text(one.pnl_atoms),
        notional=_usd(one.notional_micros),
        maintenance_margin=_usd(one.maintenance_micros),
    )


def _outlook_row(one: Outlook, listed: ListedMarket) -> OutlookRow:
    entry = None
    if one.lots:
        entry = listed.mean_price(one.entry_quote_atoms, one.lots)
    return OutlookRow(
        figures=figures_row(one.figures),
        net_quantity=listed.quantity_text(one.lots),
        entry_price=entry,
        liquidation_price=_price(one.liquidation_e8),
        lower_price=_price(one.lower_e8),
        upper_price=_price(one.upper_e8),
    )


def _amounts(atoms: Mapping[str, int]) -> list[AmountRow]:
    return [AmountRow(symbol, _amount(symbol, amount)) for symbol, amount in atoms.items()]


def _amount(symbol: str, atoms: int) -> str:
    return format_decimal(atoms, decimals_of(symbol))


def _price(price_e8: int | None) -> str | None:
    return None if price_e8 is None else format_decimal(price_e8, PRICE_DECIMALS)


def _usd(micros: int) -> str:
    return format_decimal(micros, MICROS_DECIMALS)


def _ppm_text(ppm: int) -> str:
    return format_decimal(ppm, PPM_DECIMALS)


def _number(text: str, decimals: int, symbol: str) -> int:
    """Return a number without a sign, which the engine can be asked about."""
    try:
        number = parse_decimal(text, decimals)
    except DecimalError as error:
        raise invalid_request(f"Invalid number for {symbol}: {error}") from error
    if number > MAX_INTEGER:
        raise invalid_request(f"The number for {symbol} is too large")
    return number


def _signed(text: str, symbol: str) -> int:
    """Return a fraction in parts of a million."""
    number = _number(text.removeprefix("-"), PPM_DECIMALS, symbol)
    return -number if text.startswith("-") else number
