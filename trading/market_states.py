"""What a book accepts, changed by staff: the audit record's number is the command's id."""

from compliance.services import Refusal
from engine.catalog import MarketState
from engine.commands import SetMarketState
from engine.events import CommandRejected
from gateway.client import submit
from gateway.errors import GatewayError


def set_market_state(market: str, state: MarketState, *, command_id: str) -> None:
    """Have `market` accept what `state` says from now on. Resting orders stay.

    Raises Refusal if the engine does not know the market or does not answer.
    """
    try:
        answer = submit(SetMarketState(market=market, state=state), command_id=command_id).answer
    except GatewayError as error:
        message = "The engine did not answer: look at the market's state before trying again."
        raise Refusal("ENGINE_AWAY", message) from error
    if isinstance(answer, CommandRejected):
        raise Refusal(answer.code.value, answer.message)
