"""The positions of one account as the database has them, for a socket that has just subscribed."""

from typing import Final

from engine.events import PositionChanged
from engine.units import AccountId
from trading.reads import rows

_OPEN: Final = (
    "SELECT market, position_id, lots, quote_atoms, entry_quote_atoms, realized_atoms, fees_atoms,"
    " interest_atoms, funding_atoms"
    " FROM trading_position WHERE account_id = %s AND lots <> 0 ORDER BY market"
)


async def held_positions(account: int) -> list[PositionChanged]:
    """Return the open positions of an account, as the event which would say the same."""
    return [
        PositionChanged(
            account=AccountId(account),
            market=row[0],
            position_id=row[1],
            lots=row[2],
            quote_atoms=int(row[3]),
            entry_quote_atoms=int(row[4]),
            realized_atoms=int(row[5]),
            fees_atoms=int(row[6]),
            interest_atoms=int(row[7]),
            funding_atoms=int(row[8]),
            # Only told apart from the time of a change; there is none here.
            opened_at_ns=0,
        )
        for row in await rows(_OPEN, account)
    ]
