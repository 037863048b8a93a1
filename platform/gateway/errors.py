"""What a caller may meet when the engine does not answer in time."""


class GatewayError(Exception):
    """The engine's outcome did not arrive; the subclass says what that means."""


class EngineUnavailable(GatewayError):
    """Nothing has happened: the engine could not be reached, or refused for want of room."""


class RequestRepeated(GatewayError):
    """The signed request was answered before: nothing has happened again."""


class OutcomeUnknown(GatewayError):
    """The command may or may not have happened. Ask again with the same command id."""
