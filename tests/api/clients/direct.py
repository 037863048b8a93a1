"""An account through one of the clients which hand on the server's JSON as it is."""

from typing import Any

from tests.api.clients.conversation import Row


class DirectTrader:
    """What bpx-py and the SDK call alike; `account` signs, `public` does not."""

    account: Any
    public: Any

    def depth(self, symbol: str) -> Row:
        """Read the book."""
        return dict(self.public.get_depth(symbol))

    def balances(self) -> dict[str, Row]:
        """Return each asset's texts."""
        return dict(self.account.get_balances())

    def open_orders(self, symbol: str) -> list[Row]:
        """Return the open orders."""
        return list(self.account.get_open_orders(symbol=symbol))

    def fills(self, symbol: str) -> list[Row]:
        """Return the newest fills."""
        return list(self.account.get_fill_history(symbol=symbol, limit=20))

    def positions(self) -> list[Row]:
        """Return the open positions."""
        return list(self.account.get_open_positions())

    def account_settings(self) -> Row:
        """Return settings, fees and limits."""
        return dict(self.account.get_account())

    def borrow_or_lend(self, side: str, quantity: str, symbol: str) -> None:
        """Lend, borrow, redeem or repay."""
        self.account.execute_borrow_lend(quantity, side, symbol)

    def loans(self) -> list[Row]:
        """Return what is lent and owed."""
        return list(self.account.get_borrow_lend_positions())

    def movements(self, symbol: str) -> list[Row]:
        """Return the newest borrows, repayments, lends and redemptions."""
        return list(self.account.get_borrow_history(symbol=symbol))

    def pools(self) -> list[Row]:
        """Return the pools."""
        return list(self.public.get_borrow_lend_markets())

    def pool_history(self, symbol: str) -> list[Row]:
        """Return a day of a pool's rates."""
        return list(self.public.get_borrow_lend_market_history("1d", symbol))

    def collateral(self) -> Row:
        """Return the margin summary."""
        return dict(self.account.get_collateral())

    def interest(self) -> list[Row]:
        """Return interest paid and received."""
        return list(self.account.get_interest_history())
