"""The person behind a request, and what comes with them: their clock, and that they were here."""

from functools import partial
from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware, get_user
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts.devices import device_of
from accounts.session_store import SessionStore


class PersonMiddleware(AuthenticationMiddleware):
    """As Django's. Whoever is loaded brings their time zone; a page that asks for nobody costs nothing."""

    def process_request(self, request: HttpRequest) -> None:
        timezone.deactivate()
        super().process_request(request)
        request.user = SimpleLazyObject(partial(_person, request))  # type: ignore[assignment]

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        timezone.deactivate()
        session = getattr(request, "session", None)
        if isinstance(session, SessionStore) and session.accessed and response.status_code < 500:
            session.note_use(device_of(request.headers.get("User-Agent", "")), timezone.now())
        return response


def _person(request: HttpRequest) -> Any:
    user = get_user(request)
    if zone := getattr(user, "zone", None):
        timezone.activate(zone)
    return user
