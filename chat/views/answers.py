"""What the views of the chat answer with: the page, a turn, a refusal."""

import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from accounts.access import Act, current_workspace, may, memberships, person
from accounts.sessions import tell_sockets
from chat import abilities, access, composing, contexts, costs, listing, runner, turns
from chat.models import Conversation, Message
from chat.views import bars
from gateway import catalogue, spending, welcome
from gateway.protocol import ProviderError
from gateway.spending import BudgetRefusal
from telemetry import policies


def page(
    request: HttpRequest, shown: Conversation | None, *, notice: str = "", prompt: str = "", at: uuid.UUID | None = None
) -> HttpResponse:
    workspace = shown.workspace if shown else current_workspace(request)
    part = next((part for part in memberships(request) if part.workspace_id == workspace.id), None)
    role = part.role if part else ""
    selected = (shown.model if shown else "") or catalogue.default_path(workspace.id, role)
    models = catalogue.shortlist(workspace.id, role, selected=selected)
    transcript = contexts.transcript(shown, at=at) if shown else contexts.EMPTY
    context = {
        "conversation": shown,
        "conversation_id": shown.id if shown else uuid.uuid4(),
        **transcript.context(),
        "privacy": contexts.privacy(policies.policy_of(workspace.id), transcript.held),
        "models": models,
        "selected_model": selected,
        "workspace_id": workspace.id,
        "may_configure": part is not None and may(part, Act.CONFIGURE),
        "welcome": welcome.welcome_of(part) if part and not transcript.rows else None,
        "model_is_demo": any(model.path == selected and model.is_demo for model in models),
        "budget": spending.allowance(workspace.id, person(request).id, now=timezone.now()),
        "notice": notice,
        "prompt": prompt,
        "is_temporary": request.POST.get("temporary") == "1",
        "spent": costs.total_of(shown.id) if shown else None,
        "deleted": deleted(request) if shown is None else None,
        "deleted_was_open": True,
        "longest_prompt": turns.MAX_PROMPT_CHARACTERS,
        "composer": composing.limits(),
        "settings_form": composing.settings_form(shown),
        **abilities.context(shown, workspace.id, models, selected),
        **listing.sidebar(person(request)),
    }
    return render(request, "chat/page.html", context)


def started(
    request: HttpRequest, begin: Callable[[uuid.UUID | None], turns.Turn], *, shown: Conversation | None = None
) -> turns.Turn | HttpResponse:
    """The stored turn with its run under way, or the refusal for the person."""
    here = runner.current()
    try:
        if here.is_draining:
            raise turns.TurnError("Ollive is restarting. Send again in a moment.", status=503)
        turn = begin(here.process_id)
    except turns.TurnError as error:
        return refusal(request, error.message, error.status, shown=shown)
    except ProviderError as error:
        return refusal(request, error.message, 422, shown=shown)
    except BudgetRefusal as over:
        return refusal(request, over.message, 402, shown=shown)
    here.launch(turn)
    return turn


def turn_answer(request: HttpRequest, turn: turns.Turn) -> HttpResponse:
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("chat:conversation", turn.conversation.id)
    began = listing.turn_began(turn.conversation, turn.reply.id)
    if turn.is_new:
        tell_sockets(turn.conversation.owner_id, began)
    response = HttpResponse(contexts.own_turn_html(turn.reply.id) + began["row"])
    if turn.is_new_conversation:
        response.write(bars.bar_html(request, turn.conversation))
        response["HX-Push-Url"] = reverse("chat:conversation", args=[turn.conversation.id])
    return response


def branch_answer(request: HttpRequest, turn: turns.Turn, first: Message) -> HttpResponse:
    """The branch from what is new in it on: it takes the place of what the page shows there."""
    if turn.is_new:
        tell_sockets(turn.conversation.owner_id, listing.turn_began(turn.conversation, turn.reply.id))
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("chat:conversation", turn.conversation.id)
    turn.conversation.refresh_from_db(fields=["active_leaf"])
    return HttpResponse(contexts.rest_html(turn.conversation, first.id))


def refusal(request: HttpRequest, message: str, status: int, *, shown: Conversation | None = None) -> HttpResponse:
    """A sentence beside the composer; the prompt stays in it."""
    if not request.htmx:  # type: ignore[attr-defined]
        response = page(request, shown or posted_conversation(request), notice=message, prompt=request.POST.get("prompt", ""))
        response.status_code = status
        return response
    response = render(request, "chat/_notice.html", {"message": message}, status=status)
    response["HX-Retarget"] = "#composer-notice"
    response["HX-Reswap"] = "innerHTML"
    return response


def deleted(request: HttpRequest) -> Conversation | None:
    """What was deleted a moment ago, with its page left for this one: it can be had back here."""
    try:
        conversation_id = uuid.UUID(request.GET.get("deleted", ""))
    except ValueError:
        return None
    return access.deleted_of(person(request)).filter(id=conversation_id, is_temporary=False).first()


def posted_conversation(request: HttpRequest) -> Conversation | None:
    """The conversation that a form without scripts was posted from, once it is stored."""
    try:
        conversation_id = uuid.UUID(request.POST.get("conversation", ""))
    except ValueError:
        return None
    return access.conversations_of(person(request)).filter(id=conversation_id).first()
