"""What the console's first page shows: how far the engine is, the pools, and the proof of the ledger."""

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection
from django.http import HttpRequest

from accounts.assets import decimals_of
from gateway.decimals import format_decimal
from lending.selectors import PoolRow, pool_rows
from sequencer.models import JournalEntry, Leader

NANOSECONDS = 10**9

# Custody holds what came in from outside, less what left; all others are claims on it.
_PROOF = """
    SELECT asset, sum(amount) FILTER (WHERE side = 'debit'), sum(amount) FILTER (WHERE side = 'credit')
    FROM (
        SELECT asset, amount, 'debit' AS side FROM accounts_ledgertransfer
    ) AS sides GROUP BY asset
"""
