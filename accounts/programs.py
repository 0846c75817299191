"""Who asks at a REST address: a key with the scope that the route needs, or the API's own page for who is signed in."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone

from accounts import api_keys
from accounts.access import SCOPES_OF, current_membership
from accounts.entrance import Bearer, Refused, Scope
from accounts.models import Membership

NO_KEY = UUID(int=0)  # of a bearer who came with a session
SAFE = {"GET", "HEAD"}


class Needs:
    """A route's `auth`: the bearer comes to be `request.auth`. Raises `Refused`, 401 or 403.

    With several scopes, one of them is enough.
    """

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    def __call__(self, request: HttpRequest) -> Bearer:
        if "Authorization" in request.headers:
            bearer = _of_key(request.headers["Authorization"])
        else:
            bearer = _of_session(request)
        if not bearer.scopes.intersection(self.scopes):
            wanted = " or ".join(self.scopes)
            raise Refused(403, "missing_scope", f"This API key may not do that: it needs the scope {wanted}.")
        return bearer


def needs(*scopes: Scope) -> Needs:
    return Needs(*scopes)


def _of_key(header: str) -> Bearer:
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise unauthorised("Send an API key: Authorization: Bearer olv_…")
    bearer = api_keys.verify(token.strip(), timezone.now())
    if bearer is None:
        raise unauthorised("This API key is mistyped, unknown, expired or revoked.")
    return bearer


def _of_session(request: HttpRequest) -> Bearer:
    """Whoever is signed in and tries the API out on its page, with what their role allows in their current workspace.

    No other site can send the token's header, so that a session opens nothing for them, reading included.
    """
    if "X-CSRFToken" not in request.headers or not request.user.is_authenticated:
        raise unauthorised("Send an API key: Authorization: Bearer olv_…")
    if request.method not in SAFE and _forgery(request) is not None:
        raise Refused(403, "csrf", "This page is out of date: load it again.")
    try:
        part = current_membership(request)
    except PermissionDenied as error:
        raise Refused(403, "no_workspace", str(error)) from None
    return bearer_of(part)


def bearer_of(part: Membership) -> Bearer:
    """A person as the services that programs ask know them: with what their role allows, and no key."""
    return Bearer(NO_KEY, part.workspace_id, part.user_id, SCOPES_OF[part.role], role=part.role)


def _forgery(request: HttpRequest) -> Any:
    """What Django's own check says; its middleware leaves the API's routes alone."""
    return CsrfViewMiddleware(lambda _: HttpResponse()).process_view(request, lambda _: HttpResponse(), (), {})


def unauthorised(message: str) -> Refused:
    refused = Refused(401, "invalid_api_key", message)
    refused.headers["www-authenticate"] = "Bearer"
    return refused
