"""The jobs of the markets. They say when; the engine says how much."""

from celery import shared_task

from engine.catalog import MarketKind
from engine.commands import AutoRealize
from gateway.period import submit_each
from trading.models import Market


@shared_task
def auto_realize(every_seconds: int) -> None:
    """Turn profit and loss of each perpetual market into dollars."""
    markets = Market.objects.filter(kind=MarketKind.PERP).order_by("symbol")
    commands = {market.symbol: AutoRealize(market=market.symbol) for market in markets}
    submit_each("auto-realize", commands, every_seconds=every_seconds)
