"""Running a recorded call again: the choice of a model, and the chat in which it answers beside the recorded reply."""

import uuid
from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.access import Act, current_membership, posted_membership, require
from accounts.models import Membership
from accounts.programs import bearer_of
from chat import access, reruns, runner
from chat.models import Conversation, Message
from chat.turns import Turn, TurnError
from gateway import catalogue
from gateway.protocol import ProviderError
from gateway.spending import BudgetRefusal
from telemetry import payloads, reading
from telemetry.frame import observe_page
from telemetry.models import InferenceLog


@login_required
@require_http_methods(["GET", "POST"])
@never_cache
def rerun(request: HttpRequest, inference_id: uuid.UUID) -> HttpResponse:
    """Choose a model, and ask it what the call asked. What another person said comes into one's chat only for the owner."""
    part = posted_membership(request) if request.method == "POST" else current_membership(request)
    bearer = bearer_of(part)
    call = reading.call_of(bearer, inference_id)
    require(part, Act.CHAT)
    if not reading.is_own(bearer, call.user_id):
        require(part, Act.SEE_CONTENT)
    reply = reruns.reply_of(call, part)
    if request.method == "GET":
        return _choice_page(request, part, call, reply)
    return _run(request, part, call, reply)


def _run(request: HttpRequest, part: Membership, call: InferenceLog, reply: Message | None) -> HttpResponse:
    model = request.POST.get("model", "").strip()[:300]
    try:
        conversation_id = uuid.UUID(request.POST.get("conversation", ""))
    except ValueError:
        conversation_id = uuid.uuid4()
    if access.is_open_to(part.user, conversation_id):  # sent twice
        return redirect("chat:conversation", conversation_id)
    if Conversation.objects.filter(id=conversation_id).exists():
        conversation_id = uuid.uuid4()

    def ask(process_id: uuid.UUID | None) -> Turn:
        if not model:
            raise TurnError("Choose a model.", status=422)
        if reply is not None:
            return reruns.in_chat(reply, model, process_id=process_id)
        now = timezone.now()
        with transaction.atomic():
            if call.user_id != part.user_id:
                reading.reveal(bearer_of(part), [(call.id, call.user_id)], now=now)
            talk = reruns.talk_of(payloads.shown_content_of(call))
            return reruns.in_new_chat(
                call, talk, model, part=part, conversation_id=conversation_id, process_id=process_id, now=now
            )

    return _started(request, part, call, reply, ask=ask, model=model)


def _started(
    request: HttpRequest,
    part: Membership,
    call: InferenceLog,
    reply: Message | None,
    *,
    ask: Callable[[uuid.UUID | None], Turn],
    model: str,
) -> HttpResponse:
    here = runner.current()
    try:
        if here.is_draining:
            raise TurnError("Ollive is restarting. Try again in a moment.", status=503)
        turn = ask(here.process_id)
    except TurnError as error:
        return _choice_page(request, part, call, reply, notice=error.message, model=model, status=error.status)
    except ProviderError as error:
        return _choice_page(request, part, call, reply, notice=error.message, model=model, status=422)
    except BudgetRefusal as over:
        return _choice_page(request, part, call, reply, notice=over.message, model=model, status=402)
    here.launch(turn)
    return redirect("chat:conversation", turn.conversation.id)


def _choice_page(
    request: HttpRequest,
    part: Membership,
    call: InferenceLog,
    reply: Message | None,
    *,
    notice: str = "",
    model: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "part": part,
        "workspace": part.workspace,
        "call": call,
        "reply": reply,
        "is_own": call.user_id == part.user_id,
        "why_not": "" if reply else _why_not(call),
        "models": catalogue.shortlist(part.workspace_id, part.role, selected=model),
        "selected_model": model or catalogue.default_path(part.workspace_id, part.role),
        "conversation_id": uuid.uuid4(),
        "notice": notice,
    }
    return observe_page(request, "observe/rerun.html", context, status=status)


def _why_not(call: InferenceLog) -> str:
    """Why no chat can be made of what was recorded, if none can. Nothing of it is shown."""
    try:
        reruns.talk_of(payloads.shown_content_of(call))
    except TurnError as error:
        return error.message
    return ""
