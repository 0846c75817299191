"""What a person is told when a request breaks: a sentence and 503 while the database is away, else that something broke."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

from accounts.database import forget_connections

SENTENCE = "The database cannot be reached. Nothing was changed; try again in a moment."
RETRY_AFTER_SECONDS = "5"


def broken(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`: it is asked for whatever was raised, in a view or in a middleware before it."""
    if not isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return server_error(request)
    forget_connections()
    is_fragment = request.headers.get("HX-Request") == "true"
    template = "chat/_notice.html" if is_fragment else "503.html"
    response = HttpResponse(render_to_string(template, {"message": SENTENCE}), status=503)
    response["Retry-After"] = RETRY_AFTER_SECONDS
    if is_fragment:
        response["HX-Retarget"] = "#composer-notice"
        response["HX-Reswap"] = "innerHTML"
    return response
