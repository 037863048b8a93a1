"""The demo's hedging desks: one account of the house a perpetual market, hedged on paper."""

from decimal import Decimal
from typing import Final, NamedTuple

from accounts import services as accounts
from accounts.access import access_of
from accounts.models import Account
from accounts.transfers import transfer_funds
from gateway.decimals import parse_decimal
from hedging.models import Desk
from sequencer.models import JournalEntry

DECIMALS: Final = 6
MARGIN: Final = "1000000"


class DeskPlan(NamedTuple):
    """A desk; the largest order is about 250,000 USD."""

    market: str
    symbol: str
    max_order: str


DESKS: Final = (
    DeskPlan("BTC_USDC_PERP", "BTC/USDC:USDC", "3"),
    DeskPlan("ETH_USDC_PERP", "ETH/USDC:USDC", "90"),
    DeskPlan("SOL_USDC_PERP", "SOL/USDC:USDC", "1900"),
)


def open_desks(house: Account) -> None:
    """Give each desk an account with margin, and set it up; what staff changed since stays.

    Args:
        house: the main account of the house, which the margin comes from.
    """
    for plan in DESKS:
        account = _account(house, plan)
        command_id = f"demo:desk-margin:{plan.market}"
        if not JournalEntry.objects.filter(command_id=command_id).exists():
            transfer_funds(
                access_of(house, house.user),
                access_of(account, house.user),
                asset="USDC",
                amount_atoms=parse_decimal(MARGIN, DECIMALS),
                command_id=command_id,
            )
        Desk.objects.get_or_create(
            market=plan.market,
            defaults={
                "account": account,
                "venue": "backpack",
                "venue_symbol": plan.symbol,
                "limit_usd": Decimal(50_000),
                "slippage_ppm": 5_000,
                "max_order": Decimal(plan.max_order),
            },
        )


def _account(house: Account, plan: DeskPlan) -> Account:
    name = f"Desk {plan.market}"
    found = Account.objects.filter(user=house.user, name=name).first()
    return found or accounts.create_sub_account(house.user, name)
