"""Run a plain-text story: steps, what each must answer, and tables of what must then stand.

    deposit alice 1000 USDC
    alice bid 3 at 100.00 as a1         an order; flags: ioc fok post-only reduce-only margin
        -> New                          reject-maker reject-both keep-lend no-repay
    bob ask market 2                    by quantity; `market worth 200` by quote
        -> Filled 2
    alice cancels a1
    wait 3600                           seconds
    price SOL 101                       the index, in USD
    time                                what is due happens
    on SOL_USDC_PERP                    the market of the steps which follow
    breaker 5 10                        percent in one minute and in five; `auction 10`: seconds
    book                                a table starts: its rows are compared whole
        bid | price | ask

An indented `->` line is the expected answer of the step above: a status with the executed quantity
(0 may be left out) and the expiry reason, or `refused CODE`, or `paid 3` for a settlement.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import settlement_events as se
from engine.catalog import BreakerRules, Market, MarketState
from engine.units import AccountId, OrderId
from engine.vocabulary import OrderType, SelfTradePrevention, Side, TimeInForce
from tests.engine.driver import ALICE, BOB, CAROL, DAVE, Exchange

ACCOUNTS = {"alice": ALICE, "bob": BOB, "carol": CAROL, "dave": DAVE}
NAMES = {account: name for name, account in ACCOUNTS.items()}
FLAGS: dict[str, dict[str, Any]] = {
    "ioc": {"time_in_force": TimeInForce.IOC},
    "fok": {"time_in_force": TimeInForce.FOK},
    "post-only": {"post_only": True},
    "reduce-only": {"reduce_only": True},
    "margin": {"auto_borrow": True},
    "keep-lend": {"auto_lend_redeem": False},
    "no-repay": {"auto_borrow_repay": False},
    "reject-maker": {"self_trade_prevention": SelfTradePrevention.REJECT_MAKER},
    "reject-both": {"self_trade_prevention": SelfTradePrevention.REJECT_BOTH},
}
SETTINGS = {
    "auto-lend": "auto_lend",
    "auto-repay": "auto_repay_borrows",
    "auto-borrow-settlements": "auto_borrow_settlements",
    "auto-realize": "auto_realize_pnl",
}


class Story:
    """One run of one story."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.symbol = "SOL_USDC"
        self.orders: dict[str, int] = {}
        self.labels: dict[int, str] = {}
        self.trades_seen = 0
        self.answer: e.Event | None = None
        self.withdrawals = 0

    def run(self, text: str) -> None:
        """Run all steps; AssertionError names the line which does not hold."""
        lines = [line.split("#")[0].rstrip() for line in text.splitlines()]
        number = 0
        while number < len(lines):
            line = lines[number].strip()
            number += 1
            if not line:
                continue
            try:
                if line in TABLES:
                    rows: list[tuple[str, ...]] = []
                    while number < len(lines) and "|" in lines[number]:
                        rows.append(tuple(cell.strip() for cell in lines[number].split("|")))
                        number += 1
                    _compare(rows[0], rows[1:], TABLES[line](self))
                elif line.startswith("->"):
                    assert self.answer is not None, "no step before this answer"
                    assert _said(self, self.answer) == line.removeprefix("->").strip()
                else:
                    self._step(line.split())
            except Exception as error:
                raise AssertionError(f"line {number}: {line}\n{error}") from error

    def _step(self, words: list[str]) -> None:
        if words[0] in ACCOUNTS:
            verb = ACCOUNT_VERBS.get(words[1])
            assert verb is not None, f"unknown verb {words[1]}"
            command: c.AnyCommand | None = verb(self, ACCOUNTS[words[0]], words[2:], words[1])
        else:
            command = HOUSE_VERBS[words[0]](self, words[1:])
        if command is None:
            return
        label = words[words.index("as") + 1] if "as" in words else None
        events = self.exchange.apply(command)
        self.answer = events[0]
        if isinstance(self.answer, oe.OrderPlaced):
            label = label or f"#{len(self.labels) + 1}"
            self.orders[label] = self.answer.terms.order_id
            self.labels[self.answer.terms.order_id] = label

    @property
    def listing(self) -> Market:
        """The current market's parameters."""
        return self.exchange.engine.state.markets[self.symbol].market

    def lots(self, text: str) -> int:
        """Return a quantity of the current market's base as lots."""
        market = self.exchange.mirror.markets[self.symbol]
        lots = Decimal(self.atoms(text, market.base)) / market.lot_atoms
        assert lots == int(lots), f"{text} is not a whole number of lots"
        return int(lots)

    def ticks(self, text: str) -> int:
        """Return a price of the current market as ticks."""
        ticks = Decimal(text) * 10**8 / self.exchange.mirror.markets[self.symbol].tick_e8
        assert ticks == int(ticks), f"{text} is off the tick"
        return int(ticks)

    def atoms(self, text: str, asset: str) -> int:
        """Return an amount of an asset as atoms."""
        return int(Decimal(text) * 10 ** self.exchange.mirror.assets[asset].decimals)

    def quantity_text(self, lots: int, symbol: str | None = None) -> str:
        """Return lots as a plain decimal."""
        market = self.exchange.mirror.markets[symbol or self.symbol]
        return self.amount_text(lots * market.lot_atoms, market.base)

    def price_text(self, ticks: int) -> str:
        """Return ticks as a plain decimal."""
        tick_e8 = self.exchange.mirror.markets[self.symbol].tick_e8
        return _plain(Decimal(ticks * tick_e8) / 10**8)

    def amount_text(self, atoms: int, asset: str) -> str:
        """Return atoms as a plain decimal."""
        return _plain(Decimal(atoms) / 10 ** self.exchange.mirror.assets[asset].decimals)


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _compare(header: tuple[str, ...], expected: list[tuple[str, ...]], actual: list[Any]) -> None:
    shown = [tuple(str(row[name]) for name in header) for row in actual]
    wanted = [
        tuple(_plain(Decimal(cell)) if _numeric(cell) else cell for cell in row) for row in expected
    ]
    assert shown == wanted, "\n".join(
        ["expected", *(" | ".join(row) for row in wanted), "got", *(" | ".join(r) for r in shown)]
    )


def _numeric(cell: str) -> bool:
    return bool(cell) and cell.lstrip("-").replace(".", "", 1).isdigit()


def _said(story: Story, answer: e.Event) -> str:
    if isinstance(answer, e.CommandRejected):
        return f"refused {answer.code}"
    if isinstance(answer, oe.OrderPlaced):
        words = [str(answer.status)]
        if answer.executed_lots:
            words.append(story.quantity_text(answer.executed_lots, answer.terms.market))
        if answer.reason is not None:
            words.append(str(answer.reason))
        return " ".join(words)
    if isinstance(answer, se.MarketRealized):
        moved = (answer.owed_atoms, answer.collected_atoms, answer.paid_atoms)
        return "owed {} collected {} paid {}".format(
            *(story.amount_text(atoms, "USDC") for atoms in moved)
        )
    return type(answer).__name__


def _place(story: Story, account: AccountId, words: list[str], verb: str) -> c.PlaceOrder:
    if "as" in words:
        words = words[: words.index("as")]
    terms: dict[str, Any] = {}
    for word in words:
        terms.update(FLAGS.get(word, {}))
    if words[0] == "market":
        terms["type"] = OrderType.MARKET
        if words[1] == "worth":
            terms["quote_atoms"] = story.atoms(words[2], "USDC")
        else:
            terms["lots"] = story.lots(words[1])
    else:
        assert words[1] == "at", words
        terms["lots"] = story.lots(words[0])
        terms["price_ticks"] = story.ticks(words[2])
    side = Side.BID if verb == "bid" else Side.ASK
    return c.PlaceOrder(account=account, market=story.symbol, side=side, **terms)


def _cancel(story: Story, account: AccountId, words: list[str], verb: str) -> c.AnyCommand:
    if words[0] == "all":
        return c.CancelAllOrders(account=account)
    order_id = OrderId(story.orders[words[0]])
    return c.CancelOrder(account=account, market=story.symbol, order_id=order_id)


def _move(story: Story, account: AccountId, words: list[str], verb: str) -> c.AnyCommand:
    asset = words[1]
    atoms = story.atoms(words[0], asset)
    if verb == "sends":
        return c.TransferFunds(
            source=account, destination=ACCOUNTS[words[3]], asset=asset, amount_atoms=atoms
        )
    if verb == "withdraws":
        story.withdrawals += 1
        return c.RequestWithdrawal(
            account=account,
            asset=asset,
            amount_atoms=atoms,
            withdrawal=story.withdrawals,
            auto_borrow="borrowing" in words,
            auto_lend_redeem="keep-lend" not in words,
        )
    kinds: dict[str, Callable[..., c.AnyCommand]] = {
        "lends": c.Lend,
        "redeems": c.Redeem,
        "borrows": c.Borrow,
        "repays": c.Repay,
    }
    return kinds[verb](account=account, asset=asset, amount_atoms=atoms)


def _set(story: Story, account: AccountId, words: list[str], verb: str) -> c.UpdateAccount:
    if words[0] == "leverage":
        return c.UpdateAccount(account=account, leverage_limit=int(words[1]))
    return c.UpdateAccount(account=account, **{SETTINGS[words[0]]: words[1] == "on"})


def _deposit(story: Story, words: list[str]) -> c.CreditDeposit:
    return c.CreditDeposit(
        account=ACCOUNTS[words[0]], asset=words[2], amount_atoms=story.atoms(words[1], words[2])
    )


def _price(story: Story, words: list[str]) -> c.UpdatePrices:
    return c.UpdatePrices(prices_e8={words[0]: int(Decimal(words[1]) * 10**8)})


def _time(story: Story, words: list[str]) -> None:
    story.exchange.advance()


def _breaker(story: Story, words: list[str]) -> c.UpdateMarket:
    short, long = (int(word) * 10**7 for word in words)
    rules = BreakerRules(short_move_ppb=short, long_move_ppb=long)
    return c.UpdateMarket(market=replace(story.listing, breaker=rules))


def _auction(story: Story, words: list[str]) -> c.UpdateMarket:
    return c.UpdateMarket(market=replace(story.listing, auction_ms=1_000 * int(words[0])))


def _on(story: Story, words: list[str]) -> None:
    story.symbol = words[0]


def _wait(story: Story, words: list[str]) -> None:
    story.exchange.wait(int(words[0]))


ACCOUNT_VERBS: dict[str, Callable[[Story, AccountId, list[str], str], c.AnyCommand]] = {
    "bid": _place,
    "ask": _place,
    "cancels": _cancel,
    "sends": _move,
    "withdraws": _move,
    "lends": _move,
    "redeems": _move,
    "borrows": _move,
    "repays": _move,
    "sets": _set,
}
HOUSE_VERBS: dict[str, Callable[[Story, list[str]], c.AnyCommand | None]] = {
    "deposit": _deposit,
    "price": _price,
    "on": _on,
    "wait": _wait,
    "time": _time,
    "breaker": _breaker,
    "auction": _auction,
    "realize": lambda story, words: c.AutoRealize(market=story.symbol),
    "auto-lend": lambda story, words: c.AutoLend(asset=words[0]),
    "accrue": lambda story, words: c.AccrueInterest(asset=words[0]),
    "state": lambda story, words: c.SetMarketState(
        market=story.symbol, state=MarketState(words[0])
    ),
    "return": lambda story, words: c.SettleWithdrawal(withdrawal=int(words[0]), returned=True),
    "settle": lambda story, words: c.SettleWithdrawal(withdrawal=int(words[0])),
}


def _book_rows(story: Story) -> list[dict[str, str]]:
    depth = story.exchange.engine.depth(story.symbol)
    asks = [(price, "", story.quantity_text(lots)) for price, lots in reversed(depth.asks)]
    bids = [(price, story.quantity_text(lots), "") for price, lots in depth.bids]
    return [
        {"bid": bid, "price": story.price_text(price), "ask": ask}
        for price, bid, ask in asks + bids
    ]


def _trade_rows(story: Story) -> list[dict[str, str]]:
    trades = story.exchange.mirror.trades[story.trades_seen :]
    story.trades_seen += len(trades)
    rows = []
    for trade in trades:
        maker, taker = trade.buyer_order, trade.seller_order
        if not trade.buyer_is_maker:
            maker, taker = taker, maker
        rows.append(
            {
                "price": story.price_text(trade.price_ticks),
                "quantity": story.quantity_text(trade.lots, trade.market),
                "maker": story.labels[maker],
                "taker": story.labels.get(taker, "?"),
            }
        )
    return rows


def _money_rows(story: Story) -> list[dict[str, str]]:
    exchange = story.exchange
    rows = []
    for account, asset in sorted(exchange.mirror.balances):
        holding = exchange.mirror.balances[account, asset]
        amounts = {
            "available": holding.available_atoms,
            "locked": holding.locked_atoms,
            "lend": exchange.lent(AccountId(account), asset),
            "debt": exchange.owed(AccountId(account), asset),
        }
        if any(amounts.values()):
            rows.append(
                {"account": NAMES[AccountId(account)], "asset": asset}
                | {name: story.amount_text(atoms, asset) for name, atoms in amounts.items()}
            )
    return rows


def _position_rows(story: Story) -> list[dict[str, str]]:
    rows = []
    for (account, symbol), position in sorted(story.exchange.mirror.positions.items()):
        if position.lots or position.quote_atoms:
            rows.append(
                {
                    "account": NAMES[AccountId(account)],
                    "market": symbol,
                    "size": story.quantity_text(position.lots, symbol),
                    "quote": story.amount_text(position.quote_atoms, "USDC"),
                    "cost": story.amount_text(position.entry_quote_atoms, "USDC"),
                    "realized": story.amount_text(position.realized_atoms, "USDC"),
                }
            )
    return rows


def _accepts_rows(story: Story) -> list[dict[str, str]]:
    told = story.exchange.mirror.states[story.symbol]
    return [{"state": told.state, "reason": told.reason}]


TABLES: dict[str, Callable[[Story], list[dict[str, str]]]] = {
    "accepts": _accepts_rows,
    "book": _book_rows,
    "trades": _trade_rows,
    "money": _money_rows,
    "positions": _position_rows,
}
