"""The part of a snapshot about requests for quote. When each ends stands in the schedule."""

from typing import Any

import msgspec

from engine.commands import RequestQuote, SubmitQuote
from engine.kinds import QuoteTerms, RfqTerms
from engine.quotes import Quote, Rfq
from engine.state import State


def dump_rfqs(state: State) -> list[Any]:
    """Return the open requests with their quotes as plain lists."""
    return [
        [
            msgspec.to_builtins(rfq.terms),
            msgspec.to_builtins(rfq.command),
            rfq.submission_ns,
            rfq.expires_ns,
            [
                [
                    msgspec.to_builtins(quote.terms),
                    msgspec.to_builtins(quote.command),
                    quote.expires_ns,
                ]
                for quote in rfq.quotes.values()
            ],
        ]
        for rfq in state.rfqs.values()
    ]


def load_rfqs(state: State, items: list[Any]) -> None:
    """Put the requests back; their accounts are there already."""
    for spec, command, submission_ns, expires_ns, quotes in items:
        terms = msgspec.convert(spec, RfqTerms)
        account = state.accounts[terms.account]
        rfq = Rfq(terms, msgspec.convert(command, RequestQuote), owner=account.owner)
        rfq.submission_ns, rfq.expires_ns = submission_ns, expires_ns
        for quoted, offered, until_ns in quotes:
            offer = msgspec.convert(quoted, QuoteTerms)
            rfq.quotes[offer.account] = Quote(
                offer, msgspec.convert(offered, SubmitQuote), expires_ns=until_ns
            )
        state.rfqs[terms.rfq] = account.rfqs[terms.rfq] = rfq
