"""The page of a conversation, the empty one included."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from accounts.access import person
from chat import access
from chat.views.answers import page


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """An empty conversation; it is stored with its first message."""
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
