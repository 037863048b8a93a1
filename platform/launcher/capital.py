"""One trader's hour, told line by line: what one deposit does at once. `manage.py demo capital`.

It runs on an engine of its own, in memory, with a clock that jumps: nothing is stored, and an
hour of interest takes a moment. Every amount is read from what the engine says has happened; at
the end opening balance + every movement = closing balance, for each asset, to the atom.
"""

from collections import defaultdict
from collections.abc import Callable

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import settlement_events as se
from engine import vocabulary as v
from engine.engine import Engine
from engine.margin import MarginType, health, unrealized
from engine.units import MICROS, PRICE_SCALE, SECOND_NS, AccountId
from gateway.decimals import format_decimal, format_padded
from launcher.demo_listing import ASSETS, MARKETS

TRADER, BUYER, LENDER, BORROWER = (AccountId(number) for number in (1, 2, 3, 4))
NAMES = {TRADER: "Ann", BUYER: "Ben", LENDER: "Cem", BORROWER: "Dia"}
START_NS = 1_790_002_800 * SECOND_NS
CYCLE_SECONDS = 10
HOUR_SECONDS = 3600
PERP, SPOT = "SOL_USDC_PERP", "BTC_USDC"
DECIMALS = {asset.symbol: asset.decimals for asset in ASSETS}


def tell(say: Callable[[str], None]) -> None:
    """Tell the hour twice: with Auto-Realize, and with a position that bears interest."""
    say("Ann deposits once and trades for an hour. Amounts are exact; the clock jumps.")
    for realizes in (True, False):
        _Hour(say, realizes=realizes).tell()


class _Hour:
    """One telling, with what it has moved so far."""

    def __init__(self, say: Callable[[str], None], *, realizes: bool) -> None:
        self.say = say
        self.realizes = realizes
        self.engine = Engine()
        self.at_ns = START_NS
        self.moved: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._prepare()

    def tell(self) -> None:
        """Say what happens, and add it up."""
        mode = "on" if self.realizes else "off: open profit bears interest"
        self.say(f"\nAuto-Realize {mode}")
        self._deposit()
        self._trade()
        self._profit()
        self._wait_an_hour()
        self._add_up()

    # -- the story ----------------------------------------------------------------------------

    def _deposit(self) -> None:
        self._do(c.CreditDeposit(account=TRADER, asset="SOL", amount_atoms=100 * 10**9))
        self._line("Ann deposits 100 SOL; Auto Lend lends it at once")
        self._holds("SOL")

    def _trade(self) -> None:
        self._order(LENDER, PERP, v.Side.ASK, price=10_000, lots=5_000)
        self._order(TRADER, PERP, v.Side.BID, price=10_000, lots=5_000)
        self._line("Ann buys 50 SOL of SOL_USDC_PERP at 100: the lent SOL is its margin")
        self._holds("USDC", "SOL")
        self._order(BUYER, SPOT, v.Side.ASK, price=500_000, lots=800)
        self._order(TRADER, SPOT, v.Side.BID, price=500_000, lots=800, auto_borrow=True)
        self._line("Ann buys 0.008 BTC for 400 USDC she does not have: the order borrows them")
        self._holds("USDC", "BTC")
        self._margin()

    def _profit(self) -> None:
        self._do(c.UpdatePrices(prices_e8={"SOL": 110 * PRICE_SCALE}))
        self._line("SOL rises to 110: her position has gained 10 a SOL")
        self._position()
        self._cycle()
        if self.realizes:
            self._line("Ten seconds later the profit is hers: it repays the loan, the rest is lent")
        else:
            self._line("Ten seconds later the profit is sampled: it begins to earn the lend rate")
        self._holds("USDC")
        self._position()

    def _wait_an_hour(self) -> None:
        for _ in range(HOUR_SECONDS // CYCLE_SECONDS):
            self._cycle()
        for asset in ("USDC", "SOL", "BTC"):
            self._do(c.AccrueInterest(asset=asset))
        self._line("An hour later interest has come in")
        self._holds("USDC", "SOL", "BTC")
        self._position()
        self._margin()

    def _add_up(self) -> None:
        """Print opening + movements = closing for each asset; interest is what lends have grown."""
        for asset, moves in sorted(self.moved.items()):
            closing = self._net(asset)
            rest = closing - sum(moves.values())
            parts = [f"{kind} {_signed(atoms, asset)}" for kind, atoms in moves.items() if atoms]
            parts.append(f"interest {_signed(rest, asset)}")
            whole = format_decimal(closing, DECIMALS[asset])
            self.say(f"  = {asset}: opening 0, {', '.join(parts)}: closing {whole}")

    # -- what it takes ------------------------------------------------------------------------

    def _prepare(self) -> None:
        for asset in ASSETS:
            self._do(c.ListAsset(asset=asset))
        prices = {"USDC": 1, "USDT": 1, "BTC": 50_000, "ETH": 2_500, "SOL": 100}
        self._do(c.UpdatePrices(prices_e8={s: p * PRICE_SCALE for s, p in prices.items()}))
        for market in MARKETS:
            self._do(c.ListMarket(market=market))
        for account in NAMES:
            self._do(c.OpenAccount(account=account, owner=account))
        self._do(c.UpdateAccount(account=LENDER, auto_lend=True))
        lent = {"USDC": 100_000 * 10**6, "SOL": 1_000 * 10**9, "BTC": 10**8}
        for symbol, atoms in lent.items():
            self._do(c.CreditDeposit(account=LENDER, asset=symbol, amount_atoms=atoms))
        self._do(c.CreditDeposit(account=BUYER, asset="BTC", amount_atoms=10**7))
        self._do(c.CreditDeposit(account=BORROWER, asset="BTC", amount_atoms=5 * 10**8))
        for symbol in ("USDC", "SOL"):
            loan = c.Borrow(account=BORROWER, asset=symbol, amount_atoms=lent[symbol] * 8 // 10)
            self._do(loan)
        self._do(c.UpdateAccount(account=TRADER, auto_lend=True, auto_realize_pnl=self.realizes))

    def _do(self, command: c.Command) -> e.Event:
        state = self.engine.state
        events = self.engine.apply(
            sequence=state.sequence + 1,
            at_ns=self.at_ns,
            command_id=f"capital:{state.sequence}",
            command=command,
        )
        assert not isinstance(events[0], e.CommandRejected), events[0]
        for event in events:
            self._note(event)
        return events[0]

    def _note(self, event: e.Event) -> None:
        """Count what comes into the trader's account or leaves it; lending is neither."""
        if isinstance(event, se.ProfitRealized) and event.account == TRADER:
            self.moved[event.asset]["realized"] += event.amount_atoms
        elif isinstance(event, e.DepositCredited) and event.account == TRADER:
            self.moved[event.asset]["deposited"] += event.amount_atoms
        elif isinstance(event, oe.OrderFilled) and event.terms.account == TRADER:
            self._note_fill(event)

    def _note_fill(self, fill: oe.OrderFilled) -> None:
        listed = self.engine.state.markets[fill.terms.market]
        self.moved[fill.fee_asset]["fees"] -= fill.fee_atoms - fill.fee_owed_atoms
        if not listed.is_perp:
            # The story only buys.
            self.moved[listed.market.base]["bought"] += listed.base_atoms(fill.lots)
            self.moved[listed.market.quote]["spent"] -= fill.quote_atoms

    def _order(
        self,
        account: AccountId,
        market: str,
        side: v.Side,
        *,
        price: int,
        lots: int,
        auto_borrow: bool = False,
    ) -> None:
        self._do(
            c.PlaceOrder(
                account=account,
                market=market,
                side=side,
                price_ticks=price,
                lots=lots,
                auto_borrow=auto_borrow,
            )
        )

    def _cycle(self) -> None:
        self.at_ns += CYCLE_SECONDS * SECOND_NS
        while True:
            answer = self._do(c.AutoRealize(market=PERP))
            assert isinstance(answer, se.MarketRealized), answer
            if answer.done:
                return

    # -- how it is said -----------------------------------------------------------------------

    def _line(self, text: str) -> None:
        seconds = (self.at_ns - START_NS) // SECOND_NS
        clock = f"{seconds // 3600:d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        self.say(f"{clock}  {text}")

    def _holds(self, *assets: str) -> None:
        account = self.engine.state.accounts[TRADER]
        for asset in assets:
            holding, pool = account.holding(asset), self.engine.state.pools[asset]
            amounts = {
                "available": holding.available.atoms,
                "lent": pool.lend_atoms(holding.lend_scaled, holding.bucket),
                "owed": pool.debt_atoms(holding.debt_scaled),
            }
            told = ", ".join(
                f"{name} {format_decimal(atoms, DECIMALS[asset])}"
                for name, atoms in amounts.items()
                if atoms or name == "available"
            )
            self.say(f"           {asset}: {told}")

    def _position(self) -> None:
        state = self.engine.state
        position, listed = state.accounts[TRADER].positions[PERP], state.markets[PERP]
        profit = unrealized(position, listed, state.mark_e8(listed))
        self.say(
            f"           {PERP}: open profit {format_decimal(profit, 6)} USDC, "
            f"interest on it so far {format_decimal(position.interest, 6)} USDC"
        )

    def _margin(self) -> None:
        found = health(self.engine.state, self.engine.state.accounts[TRADER], MarginType.INITIAL)
        self.say(
            f"           equity {_dollars(found.equity)}, of which positions and loans need "
            f"{_dollars(found.margin)} as margin"
        )

    def _net(self, asset: str) -> int:
        account = self.engine.state.accounts[TRADER]
        holding, pool = account.holding(asset), self.engine.state.pools[asset]
        owned = holding.available.atoms + holding.locked.atoms
        lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
        return owned + lent - pool.debt_atoms(holding.debt_scaled)


def _signed(atoms: int, asset: str) -> str:
    return f"{'+' if atoms >= 0 else ''}{format_decimal(atoms, DECIMALS[asset])}"


def _dollars(micros: int) -> str:
    return format_padded(micros * 100 // MICROS, 2) + " USD"
