"""Asking, asking again and stopping."""

import uuid

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.access import Act, membership, person, require
from accounts.sessions import tell_sockets
from chat import access, runner, turns
from chat.message_views import message_view
from chat.views.answers import started, turn_answer, turn_began

ENCODED_REPLACEMENT = (b"%EF%BF%BD", "\ufffd".encode())


@login_required
@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Store a turn and start its run; the answer is the two messages, the reply still empty."""
    turn = started(request, lambda process_id: turns.begin(_asking(request), process_id=process_id))
    if isinstance(turn, HttpResponse):
        return turn
    return turn_answer(request, turn)


@login_required
@require_POST
def retry(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Ask again for a reply that did not end well."""
    reply = access.reply_of(person(request), run_id)
    require(membership(person(request), reply.conversation.workspace_id), Act.CHAT)
    turn = started(request, lambda process_id: turns.retry(reply, process_id=process_id))
    if isinstance(turn, HttpResponse):
        return turn
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("chat:conversation", turn.conversation.id)
    tell_sockets(turn.conversation.owner_id, turn_began(turn))
    return render(request, "chat/_message.html", {"message": message_view(turn.reply)})


@login_required
@require_POST
def stop(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """End a run; what it has written stays. Stopping what has ended already is no error."""
    reply = access.reply_of(person(request), run_id)
    async_to_sync(runner.current().stop)(run_id)
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204)
    return redirect("chat:conversation", reply.conversation_id)


def _asking(request: HttpRequest) -> turns.Asking:
    prompt = request.POST.get("prompt", "")
    if "\ufffd" in prompt and not any(form in request.body.upper() for form in ENCODED_REPLACEMENT):
        raise turns.TurnError("This text is not valid UTF-8. Nothing was sent.", status=422)
    try:
        conversation_id = uuid.UUID(request.POST.get("conversation", ""))
        message_id = uuid.UUID(request.POST.get("message", "") or str(uuid.uuid4()))
    except ValueError as error:
        raise turns.TurnError("The page is out of date. Reload it and send again.", status=422) from error
    part = access.part_for(request, person(request), conversation_id)
    require(part, Act.CHAT)
    return turns.Asking(
        user=person(request),
        workspace=part.workspace,
        conversation_id=conversation_id,
        message_id=message_id,
        prompt=prompt,
        model=request.POST.get("model", "").strip()[:300],
    )
