"""What makes branches and leads from one to another: asking again, going on, switching; and what lies further up."""

import uuid
from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Act, may, membership, person, require
from chat import access, contexts, retries, trees, turns
from chat.models import Conversation, Message
from chat.views.answers import branch_answer, started


@login_required
@require_POST
def retry(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Ask again for a reply: the same model or another (`model`), in its place or side by side with it (`beside`)."""
    reply = _reply(request, run_id)
    model, is_beside = request.POST.get("model", "").strip()[:300], request.POST.get("beside") == "1"
    return _answer(
        request, reply, lambda process_id: retries.retry(reply, process_id=process_id, model=model, is_beside=is_beside)
    )


@login_required
@require_POST
def go_on(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Go on with a reply from where it broke off."""
    reply = _reply(request, run_id)
    return _answer(request, reply, lambda process_id: retries.go_on(reply, process_id=process_id))


@login_required
@require_POST
def show(request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
    """Show the branch that was seen last below a message; who may change the chat finds it so the next time."""
    message = access.message_of(person(request), message_id)
    tree = trees.read(message.conversation_id)
    if may(membership(person(request), message.conversation.workspace_id), Act.CHAT):
        trees.show(message.conversation, tree.leaf_below(message.id).id, tree)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{_address(message.conversation)}?at={message.id}#message-{message.id}")
    return HttpResponse(contexts.rest_html(message.conversation, message.id))


@login_required
@require_GET
def older(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """The messages before one that a page shows, as far as it does not show them too (up to `after`)."""
    conversation = access.conversation_of(person(request), conversation_id)
    try:
        before = uuid.UUID(request.GET.get("before", ""))
        after = uuid.UUID(request.GET["after"]) if "after" in request.GET else None
    except ValueError:
        return redirect(_address(conversation))
    found = contexts.before(conversation, access.message_of(person(request), before).id, after=after)
    return render(request, "chat/_older_rows.html", {"conversation": conversation, **found.context()})


@login_required
@require_GET
def versions(request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
    """The switch under a message, which another page has given a new version."""
    return HttpResponse(contexts.versions_html(access.message_of(person(request), message_id)))


def _reply(request: HttpRequest, run_id: uuid.UUID) -> Message:
    reply = access.reply_of(person(request), run_id)
    require(membership(person(request), reply.conversation.workspace_id), Act.CHAT)
    return reply


def _answer(request: HttpRequest, reply: Message, begin: Callable[[uuid.UUID | None], turns.Turn]) -> HttpResponse:
    turn = started(request, begin, shown=reply.conversation)
    return turn if isinstance(turn, HttpResponse) else branch_answer(request, turn, turn.reply)


def _address(conversation: Conversation) -> str:
    return reverse("chat:conversation", args=[conversation.id])
