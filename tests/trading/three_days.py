"""Three days of an owner's two accounts, with numbers to check by hand.

    July 1, SOL at 100: Main gets 10,000 USDC, gives 4,000 to Bots, buys 10 SOL at 101.
            Bots goes long 20 SOL at 100.
    July 2, SOL rises to 110: Bots' profit is settled; Bots borrows 1,000 USDC; funding is paid.
    July 3, SOL falls to 105: Main withdraws 500 USDC, Bots gets 1 SOL from outside.

The market's other side is somebody else's. So is the account that comes and goes on July 1.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from accounts.models import Account, User
from accounts.services import register_user
from engine import commands as c
from engine.units import AccountId
from tests.trading import months as story
from tests.trading.months import PERP, SOL, SPOT, USDC, Clock
from trading.equity_models import AssetPoint, EquityHour, EquityPoint
from trading.equity_points import write_closed_hours

START = datetime(2026, 6, 30, 23, tzinfo=UTC)
MAIN, BOTS, OTHER = story.ANN, story.GUS, story.EVE
# Who never holds anything; who loses some of it, and empties the account, on the first day.
IDLE, GONE = AccountId(7020), AccountId(7021)


def live(clock: Clock) -> None:
    """Live through the days, hour by hour, up to one o'clock of the fourth."""
    clock.now = START
    _open_house()
    acts: dict[int, Callable[[], object]] = {
        1: lambda: _deposit(MAIN, 10_000),
        2: _transfer,
        3: lambda: story.trade(MAIN, OTHER, SPOT, ticks=10_100, lots=1_000),
        4: lambda: story.trade(BOTS, OTHER, PERP, ticks=10_000, lots=2_000),
        5: lambda: _deposit(GONE, 303),
        6: lambda: story.trade(GONE, OTHER, SPOT, ticks=10_100, lots=100),
        7: _go,
        26: lambda: story.price(110),
        27: story.settle,
        28: _borrow,
        29: story.show_the_premium,
        30: _pay_funding,
        50: lambda: story.price(105),
        51: _withdraw,
        52: lambda: story.do(c.CreditDeposit(account=BOTS, asset="SOL", amount_atoms=SOL)),
    }
    for hour in range(74):
        if hour in acts:
            acts[hour]()
        story.close_hour(clock)
        write_closed_hours()


def own(email: str = "owner@example.org") -> User:
    """Return a user who owns both accounts, and one that has never held anything."""
    user = register_user(email, "long-password-1", "CH")
    Account.objects.filter(user=user).delete()
    more: dict[str, Any] = {"user": user, "opened_at": START}
    main = Account.objects.create(pk=MAIN, name="Main", **more)
    Account.objects.create(pk=BOTS, name="Bots", number=1, main=main, **more)
    Account.objects.create(pk=IDLE, name="Idle", number=2, main=main, **more)
    return user


def forget() -> None:
    """Forget all points, as if no hour had closed yet."""
    for table in (EquityPoint, AssetPoint, EquityHour):
        table.objects.all().delete()


def _open_house() -> None:
    story.list_all()
    for account, owner in ((MAIN, MAIN), (BOTS, MAIN), (IDLE, MAIN), (OTHER, OTHER), (GONE, GONE)):
        story.do(c.OpenAccount(account=account, owner=owner))
    _deposit(OTHER, 50_000)
    story.do(c.CreditDeposit(account=OTHER, asset="SOL", amount_atoms=900 * SOL))
    story.do(c.Lend(account=OTHER, asset="USDC", amount_atoms=10_000 * USDC))


def _deposit(account: AccountId, whole: int) -> None:
    story.do(c.CreditDeposit(account=account, asset="USDC", amount_atoms=whole * USDC))


def _transfer() -> None:
    amount = 4_000 * USDC
    story.do(c.TransferFunds(source=MAIN, destination=BOTS, asset="USDC", amount_atoms=amount))


def _go() -> None:
    """Leave with all that is left of 303 dollars: 202, and 0.999 SOL."""
    _send(GONE, "USDC", 202 * USDC, number=1)
    _send(GONE, "SOL", 999 * SOL // 1_000, number=2)


def _borrow() -> None:
    story.do(c.Borrow(account=BOTS, asset="USDC", amount_atoms=1_000 * USDC))


def _pay_funding() -> None:
    story.do(c.PayFunding(market=PERP, positions_max=500))


def _withdraw() -> None:
    _send(MAIN, "USDC", 500 * USDC, number=3)


def _send(account: AccountId, asset: str, atoms: int, *, number: int) -> None:
    story.do(
        c.RequestWithdrawal(account=account, asset=asset, amount_atoms=atoms, withdrawal=number)
    )
    story.do(c.SettleWithdrawal(withdrawal=number))
