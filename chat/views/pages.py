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
    return page(request, access.conversation_of(person(request), conversation_id))
