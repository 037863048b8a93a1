"""An authenticator app for tests: it knows its secret, and which codes it has shown."""

import time

from allauth.mfa import app_settings
from allauth.mfa.totp.internal import auth
from django.core.cache import cache

from accounts.models import User

# A code must not end between its reading and its use.
FEW_SECONDS = 4


class AuthenticatorApp:
    """The app on a user's phone."""

    def __init__(self, user: User) -> None:
        self.secret = auth.generate_totp_secret()
        auth.TOTP.activate(user, self.secret)
        # The cache outlives a test's database.
        cache.delete(f"second-factor-tries:{user.pk}")
        self.user = user

    def code(self) -> str:
        """Return a code that is good for some seconds still, as if it had not been used."""
        rest = app_settings.TOTP_PERIOD - time.time() % app_settings.TOTP_PERIOD
        if rest < FEW_SECONDS:
            time.sleep(rest)
        counter = next(iter(auth.yield_hotp_counters_from_time()))
        code = auth.format_hotp_value(auth.hotp_value(self.secret, counter))
        cache.delete(f"allauth.mfa.totp.used?user={self.user.pk}&code={code}")
        return str(code)

    def wrong(self) -> str:
        """Return a code which is not right now, nor in the next periods."""
        counter = next(iter(auth.yield_hotp_counters_from_time()))
        near = {
            auth.format_hotp_value(auth.hotp_value(self.secret, counter + step))
            for step in range(-2, 3)
        }
        numbers = (f"{number:0{app_settings.TOTP_DIGITS}}" for number in range(10))
        return next(code for code in numbers if code not in near)
