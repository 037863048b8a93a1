"""The jobs of the markets. They say when; the engine says how much."""

import time

from celery import shared_task

from accounts.jobs import job_run
from engine.catalog import MarketKind
from engine.commands import AutoRealize, PayFunding
from engine.events import Event
from engine.settlement_events import MarketFunded, MarketRealized
from gateway.period import submit_each
from trading import candles, closing, equity_points, notice_mails, price_records
from trading.models import Market

# What one part of a cycle goes through; orders are served in between.
POSITIONS_AT_ONCE = 500


@shared_task
def auto_realize(every_seconds: int) -> None:
    """Turn profit and loss of each perpetual market into dollars: a whole cycle, part by part."""
    markets = Market.objects.filter(kind=MarketKind.PERP).order_by("symbol")
    commands = {
        market.symbol: AutoRealize(market=market.symbol, positions_max=POSITIONS_AT_ONCE)
        for market in markets
    }
    with job_run("auto-realize") as run:
        run.took(
            submit_each("auto-realize", commands, every_seconds=every_seconds, unfinished=_goes_on)
        )


@shared_task
def pay_funding(every_seconds: int) -> None:
    """Have positions that nothing has touched since the hour pay its funding, part by part."""
    markets = Market.objects.filter(kind=MarketKind.PERP).order_by("symbol")
    commands = {
        market.symbol: PayFunding(market=market.symbol, positions_max=POSITIONS_AT_ONCE)
        for market in markets
    }
    with job_run("pay-funding") as run:
        run.took(
            submit_each("pay-funding", commands, every_seconds=every_seconds, unfinished=_goes_on)
        )


@shared_task
def make_hours() -> None:
    """Make the candles of the hours which are over from their minutes."""
    with job_run("make-hours") as run:
        run.counts = {"written": candles.make_hours()}


@shared_task
def forget_prices() -> None:
    """Delete explanations of prices which nobody looks back at any more."""
    with job_run("forget-prices") as run:
        run.counts = {"deleted": price_records.forget(int(time.time()))}


@shared_task
def mail_notices() -> None:
    """E-mail the owners of accounts that had a margin call, or are liquidated."""
    with job_run("mail-notices") as run:
        run.counts = notice_mails.mail_all()
        unsure = notice_mails.count_unsure()
        if unsure or run.counts["failed"]:
            run.fell_short(f"{unsure} may have been sent: see the console's notice mails")


@shared_task
def write_equity_points() -> None:
    """Write what every account was worth at each hour that has closed since the last run."""
    with job_run("write-equity-points") as run:
        hours = equity_points.write_closed_hours()
        run.counts = {"hours": len(hours), "points": sum(hours.values())}
        if hours:
            run.period = max(hours).strftime("%Y-%m-%dT%H:%M")


@shared_task
def close_statements() -> None:
    """Mark the statements of past months as final."""
    with job_run("close-statements") as run:
        closed, wrong = closing.close_months()
        run.counts = {"closed": closed, "wrong": len(wrong)}
        if wrong:
            run.fell_short("do not add up: account " + ", ".join(map(str, wrong[:20])))


def _goes_on(answer: Event) -> bool:
    return isinstance(answer, MarketFunded | MarketRealized) and not answer.done
