"""The REST API of accounts: who is asking, their settings, balances, deposits and withdrawals."""
