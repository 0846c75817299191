"""The details of a reply, beyond its quiet line."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import person
from chat import access, details
from chat.models import Message


@login_required
@require_GET
def show(request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
    """Each call that was made for the reply; with the way to the log, for an operator who may see it."""
    reply = access.message_of(person(request), message_id, role=Message.Role.ASSISTANT)
    context = {
        "reply": reply,
        "calls": details.calls_of(reply),
        "may_see_log": person(request).is_staff and person(request).has_perm("telemetry.view_inferencelog"),
    }
    template = "chat/_details.html" if request.htmx else "chat/details.html"  # type: ignore[attr-defined]
    return render(request, template, context)
