"""The page of a conversation, the empty one included."""

import uuid

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts.access import person
from chat import access
from chat.views.answers import page


@csrf_exempt  # nothing is done: another method is no forgery, it is not allowed
@require_safe
@vary_on_headers("Accept")
def home(request: HttpRequest) -> HttpResponseBase:
    """For a browser an empty conversation, stored with its first message. A program is told what it has found."""
    if not request.accepts("text/html") or request.headers.get("Accept") == "*/*":
        found = {"service": "ollive", "version": settings.OLLIVE_VERSION, "status": "operational"}
        return JsonResponse({**found, "environment": settings.ENVIRONMENT})
    return new_chat(request)


@login_required
def new_chat(request: HttpRequest) -> HttpResponse:
    return page(request, None)


@login_required
@require_GET
def conversation(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """A conversation at its end, or at one of its messages (`at`)."""
    found = access.conversation_of(person(request), conversation_id)
    try:
        at = uuid.UUID(request.GET["at"]) if "at" in request.GET else None
    except ValueError:
        at = None
    return page(request, found, at=at)
