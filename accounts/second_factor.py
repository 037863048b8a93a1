"""The second factor of an act: a code of the authenticator app which the user has set up.

Codes are made by the app; none is ever issued or sent. A code counts once.
"""

from allauth.mfa.models import Authenticator
from django.core.cache import cache

from accounts.api.errors import Refused

# Six digits are guessed in a million tries: this leaves a guesser some 3,000 a day.
TRIES = 10
TRIES_SECONDS = 300


def has_authenticator(user: int) -> bool:
    """Return whether the user has set up an authenticator app."""
    return _authenticator(user) is not None


def require_code(user: int, code: str | None) -> None:
    """Accept a code of the user's authenticator, and no code twice.

    Raises Refused (INVALID_TWO_FACTOR_CODE) for a wrong or used code and without an authenticator,
    TOO_MANY_REQUESTS after ten wrong ones in five minutes.
    """
    authenticator = _authenticator(user)
    if authenticator is None:
        raise _invalid("Set up an authenticator app first, under Security on the website")
    if not code:
        raise _invalid("Send the code of your authenticator app as twoFactorToken")
    tries = f"second-factor-tries:{user}"
    cache.add(tries, 0, TRIES_SECONDS)
    if cache.get(tries, 0) >= TRIES:
        message = "Too many wrong codes: wait five minutes and try again"
        raise Refused(429, "TOO_MANY_REQUESTS", message)
    if not authenticator.wrap().validate_code(code):
        _count(tries)
        raise _invalid("Wrong or used code: wait for the next one of your authenticator app")


def _count(tries: str) -> None:
    try:
        cache.incr(tries)
    except ValueError:  # The five minutes have just ended.
        cache.add(tries, 1, TRIES_SECONDS)


def _authenticator(user: int) -> Authenticator | None:
    kind = Authenticator.Type.TOTP
    return Authenticator.objects.filter(user_id=user, type=kind).first()


def _invalid(message: str) -> Refused:
    return Refused(400, "INVALID_TWO_FACTOR_CODE", message)
