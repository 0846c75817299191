"""The thumbs under a reply, and the panel with the rest."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.access import Act, membership, person, require
from chat import access, feedback
from chat.models import Message
from telemetry.scores import RATINGS, Judgement


@login_required
@require_http_methods(["GET", "POST"])
def give(request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
    """What the person thinks of a reply: shown, changed, withdrawn. The answer is the panel, or a page with it."""
    reply = access.message_of(person(request), message_id, role=Message.Role.ASSISTANT)
    if request.method != "POST":
        return _panel(request, reply, feedback.of(reply))
    require(membership(person(request), reply.conversation.workspace_id), Act.CHAT)
    try:
        judgement = feedback.give(reply, request.POST, now=timezone.now())
    except feedback.FeedbackError as error:
        return _panel(request, reply, feedback.of(reply), error=str(error), status=422)
    if request.htmx:  # type: ignore[attr-defined]
        return _panel(request, reply, judgement)
    return redirect(f"{reverse('chat:conversation', args=[reply.conversation_id])}#message-{reply.id}")


def _panel(request: HttpRequest, reply: Message, judgement: Judgement, *, error: str = "", status: int = 200) -> HttpResponse:
    context = {
        "reply": reply,
        "judgement": judgement,
        "reasons": [(name, label, name in judgement.reasons) for name, label in feedback.reasons_for(judgement.thumb).items()],
        "ratings": [(rating, rating == judgement.rating) for rating in RATINGS],
        "comment": request.POST.get("comment", "") if error else judgement.comment,
        "max_comment": feedback.MAX_COMMENT,
        "error": error,
    }
    template = "chat/_feedback_panel.html" if request.htmx else "chat/feedback.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=status)
