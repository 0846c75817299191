"""Who asks at a REST address: a key with the scope that the route needs."""

from collections.abc import Callable

from django.http import HttpRequest
from django.utils import timezone

from accounts import api_keys
from accounts.entrance import Bearer, Refused, Scope


def needs(scope: Scope) -> Callable[[HttpRequest], Bearer]:
    """A route's `auth`: the bearer comes to be `request.auth`. Raises `Refused`, 401 or 403."""

    def authenticate(request: HttpRequest) -> Bearer:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise unauthorised("Send an API key: Authorization: Bearer olv_…")
        bearer = api_keys.verify(token.strip(), timezone.now())
        if bearer is None:
            raise unauthorised("This API key is mistyped, unknown, expired or revoked.")
        if scope not in bearer.scopes:
            raise Refused(403, "missing_scope", f"This API key may not do that: it needs the scope {scope}.")
        return bearer

    return authenticate


def unauthorised(message: str) -> Refused:
    refused = Refused(401, "invalid_api_key", message)
    refused.headers["www-authenticate"] = "Bearer"
    return refused
