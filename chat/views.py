"""The pages of the chat, and what their buttons post to. Every answer serves htmx and a browser without scripts."""

import uuid
from collections.abc import Callable
from typing import cast

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Act, current_workspace, membership, require
from accounts.models import User
from accounts.sessions import tell_sockets
from chat import access, contexts, deletion, originals, runner, turns
from chat.models import Conversation
from gateway import catalogue
from gateway.protocol import ProviderError
from telemetry import policies

ENCODED_REPLACEMENT = (b"%EF%BF%BD", "\ufffd".encode())


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """An empty conversation; it is stored with its first message."""
    return _page(request, None)


@login_required
@require_GET
def conversation(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    return _page(request, access.conversation_of(_person(request), conversation_id))


@login_required
@require_GET
def conversations(request: HttpRequest) -> HttpResponse:
    """The next page of the sidebar."""
    before = contexts.Cursor.parse(request.GET.get("before", ""))
    return render(request, "chat/_sidebar.html", contexts.sidebar(_person(request), before=before))


@login_required
@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Store a turn and start its run; the answer is the two messages, the reply still empty."""
    turn = _started(request, lambda process_id: turns.begin(_asking(request), process_id=process_id))
    if isinstance(turn, HttpResponse):
        return turn
    return _turn_answer(request, turn)


@login_required
@require_POST
def retry(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Ask again for a reply that did not end well."""
    reply = access.reply_of(_person(request), run_id)
    require(membership(_person(request), reply.conversation.workspace_id), Act.CHAT)
    turn = _started(request, lambda process_id: turns.retry(reply, process_id=process_id))
    if isinstance(turn, HttpResponse):
        return turn
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("chat:conversation", turn.conversation.id)
    tell_sockets(turn.conversation.owner_id, _turn_began(turn))
    return render(request, "chat/_message.html", {"message": contexts.message_view(turn.reply)})


@login_required
@require_POST
def stop(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """End a run; what it has written stays. Stopping what has ended already is no error."""
    reply = access.reply_of(_person(request), run_id)
    async_to_sync(runner.current().stop)(run_id)
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204)
    return redirect("chat:conversation", reply.conversation_id)


@login_required
@require_POST
def delete(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Delete a conversation with its messages; the logs of its calls stay, without the link."""
    found = access.conversation_of(_person(request), conversation_id)
    require(membership(_person(request), found.workspace_id), Act.CHAT)
    for run_id in deletion.running(found):
        async_to_sync(runner.current().stop)(run_id)
    deletion.delete(found)
    tell_sockets(found.owner_id, {"type": "list.changed"})
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("chat:home")
    is_open = request.POST.get("open") == str(conversation_id)
    response = HttpResponse(contexts.sidebar_html(_person(request)))
    if is_open:
        response["HX-Redirect"] = reverse("chat:home")
    return response


def _page(request: HttpRequest, shown: Conversation | None, *, notice: str = "", prompt: str = "") -> HttpResponse:
    workspace = shown.workspace if shown else current_workspace(request)
    models = catalogue.models(workspace.id)
    selected = (shown.model if shown else "") or catalogue.default_path(workspace.id)
    if selected and all(model.path != selected for model in models):
        # A path that was typed, or a model that is no longer offered: the chat goes on with it.
        models = [catalogue.ModelChoice(selected, selected, "This chat"), *models]
    held = originals.held_for(shown.id, now=timezone.now()) if shown else originals.NOTHING
    context = {
        "conversation": shown,
        "conversation_id": shown.id if shown else uuid.uuid4(),
        "messages": contexts.transcript(shown, held) if shown else [],
        "privacy": contexts.privacy(policies.policy_of(workspace.id), held),
        "models": models,
        "selected_model": selected,
        "model_is_demo": any(model.path == selected and model.is_demo for model in models),
        "notice": notice,
        "prompt": prompt,
        **contexts.sidebar(_person(request)),
    }
    return render(request, "chat/page.html", context)


def _asking(request: HttpRequest) -> turns.Asking:
    prompt = request.POST.get("prompt", "")
    if "\ufffd" in prompt and not any(form in request.body.upper() for form in ENCODED_REPLACEMENT):
        raise turns.TurnError("This text is not valid UTF-8. Nothing was sent.", status=422)
    try:
        conversation_id = uuid.UUID(request.POST.get("conversation", ""))
        message_id = uuid.UUID(request.POST.get("message", "") or str(uuid.uuid4()))
    except ValueError as error:
        raise turns.TurnError("The page is out of date. Reload it and send again.", status=422) from error
    part = access.part_for(request, _person(request), conversation_id)
    require(part, Act.CHAT)
    return turns.Asking(
        user=_person(request),
        workspace=part.workspace,
        conversation_id=conversation_id,
        message_id=message_id,
        prompt=prompt,
        model=request.POST.get("model", "").strip()[:300],
    )


def _started(request: HttpRequest, begin: Callable[[uuid.UUID | None], turns.Turn]) -> turns.Turn | HttpResponse:
    """The stored turn with its run under way, or the refusal for the person."""
    here = runner.current()
    try:
        if here.is_draining:
            raise turns.TurnError("Ollive is restarting. Send again in a moment.", status=503)
        turn = begin(here.process_id)
    except turns.TurnError as error:
        return _refusal(request, error.message, error.status)
    except ProviderError as error:
        return _refusal(request, error.message, 422)
    here.launch(turn)
    return turn


def _turn_answer(request: HttpRequest, turn: turns.Turn) -> HttpResponse:
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("chat:conversation", turn.conversation.id)
    person = _person(request)
    if turn.exchange is not None:
        tell_sockets(person.id, _turn_began(turn))
        tell_sockets(person.id, {"type": "list.changed"})
    response = HttpResponse(contexts.own_turn_html(turn.reply.id) + contexts.sidebar_html(person))
    if turn.is_new_conversation:
        response["HX-Push-Url"] = reverse("chat:conversation", args=[turn.conversation.id])
    return response


def _turn_began(turn: turns.Turn) -> dict[str, str]:
    return {"type": "turn.began", "conversation": str(turn.conversation.id), "reply": str(turn.reply.id)}


def _refusal(request: HttpRequest, message: str, status: int) -> HttpResponse:
    """A sentence beside the composer; the prompt stays in it."""
    if not request.htmx:  # type: ignore[attr-defined]
        response = _page(request, _posted_conversation(request), notice=message, prompt=request.POST.get("prompt", ""))
        response.status_code = status
        return response
    response = render(request, "chat/_notice.html", {"message": message}, status=status)
    response["HX-Retarget"] = "#composer-notice"
    response["HX-Reswap"] = "innerHTML"
    return response


def _posted_conversation(request: HttpRequest) -> Conversation | None:
    """The conversation that a form without scripts was posted from, once it is stored."""
    try:
        conversation_id = uuid.UUID(request.POST.get("conversation", ""))
    except ValueError:
        return None
    return access.conversations_of(_person(request)).filter(id=conversation_id).first()


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)
