"""A phone with an authenticator app, for tests."""

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value

from accounts.models import User

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PERIOD = 30


def code_of(secret: str = SECRET, *, periods_ago: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // PERIOD - periods_ago))


def with_app(person: User) -> Authenticator:
    """The person has set up the app of `code_of()`."""
    authenticator: Authenticator = TOTP.activate(person, SECRET).instance
    return authenticator


def wrong_code() -> str:
    """Six digits that are no code of these minutes."""
    near = {code_of(periods_ago=periods) for periods in range(-2, 3)}
    return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in near)
