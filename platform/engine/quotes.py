"""Requests for quote and quotes while they are alive.

A quote reserves nothing (docs/decisions/0017-quotes-are-not-reserved.md): both sides are asked for
what the trade needs at the moment at which it is made.
"""

from engine.commands import RequestQuote, SubmitQuote
from engine.kinds import QuoteTerms, RfqTerms
from engine.units import SECOND_NS, AccountId

# How long after a request, or its refresh, makers may quote, and the quotes may be accepted.
SUBMISSION_NS = 45 * SECOND_NS
LIFE_NS = 60 * SECOND_NS

# One account's open requests, and the makers who may quote one of them.
MAX_RFQS = 20
MAX_QUOTES = 50


class Quote:
    """A maker's two prices. `expires_ns` is the end which the maker saw: a refresh moves it not."""

    __slots__ = ("command", "expires_ns", "terms")

    def __init__(self, terms: QuoteTerms, command: SubmitQuote, *, expires_ns: int) -> None:
        self.terms = terms
        self.command = command
        self.expires_ns = expires_ns


class Rfq:
    """An open request. `terms` is what is told of it, `command` what was asked."""

    __slots__ = ("command", "expires_ns", "owner", "quotes", "submission_ns", "terms")

    def __init__(self, terms: RfqTerms, command: RequestQuote, *, owner: AccountId) -> None:
        self.terms = terms
        self.command = command
        # The main account of who asks: nobody quotes to himself.
        self.owner = owner
        # Until when makers may quote, and until when it lives.
        self.submission_ns = terms.created_at_ns + SUBMISSION_NS
        self.expires_ns = terms.created_at_ns + LIFE_NS
        # By the maker's account, oldest first: each has one.
        self.quotes: dict[AccountId, Quote] = {}

    def refresh(self, at_ns: int) -> None:
        """Have it live, and take quotes, as long from `at_ns` as a new one."""
        self.submission_ns = at_ns + SUBMISSION_NS
        self.expires_ns = at_ns + LIFE_NS

    @property
    def next_end_ns(self) -> int:
        """When it ends, or the first of its quotes."""
        return min([self.expires_ns, *(quote.expires_ns for quote in self.quotes.values())])
