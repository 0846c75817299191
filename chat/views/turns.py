"""Asking, asking in other words, and stopping."""

import uuid

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import Act, person, require
from chat import access, chat_settings, runner, turns
from chat.files import store
from chat.models import Message
from chat.views.answers import branch_answer, started, turn_answer
from telemetry import policies

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
def edit(request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
    """Send another version of a prompt; the first one stays, with everything that followed it."""
    message = access.message_of(person(request), message_id, role=Message.Role.USER)
    turn = started(
        request,
        lambda process_id: turns.begin(_asking(request, instead_of=message), process_id=process_id),
        shown=message.conversation,
    )
    return turn if isinstance(turn, HttpResponse) else branch_answer(request, turn, turn.prompt)


@login_required
@require_POST
def stop(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """End a run; what it has written stays. Stopping what has ended already is no error."""
    reply = access.reply_of(person(request), run_id)
    async_to_sync(runner.current().stop)(run_id)
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204)
    return redirect("chat:conversation", reply.conversation_id)


def _sent_along(request: HttpRequest, conversation_id: uuid.UUID) -> list[uuid.UUID]:
    """The files that a browser without scripts sends with the form."""
    given = [file for file in request.FILES.getlist("upload") if file]
    if not given:
        return []
    part = access.part_for(request, person(request), conversation_id)
    require(part, Act.CHAT)
    if len(given) > store.MOST_A_MESSAGE:
        raise turns.TurnError(f"At most {store.MOST_A_MESSAGE} files can go with one message.", status=422)
    rules, now = policies.rules_of(part.workspace_id), timezone.now()
    try:
        return [
            store.take(person(request), part.workspace, file.name or "", file.read(), rules=rules, now=now).id for file in given
        ]
    except store.FileRefusedError as refused:
        raise turns.TurnError(refused.message, status=refused.status) from refused


def _asking(request: HttpRequest, *, instead_of: Message | None = None) -> turns.Asking:
    prompt = request.POST.get("prompt", "")
    is_readable = request.content_type != "multipart/form-data"  # of such a body nothing is left once its fields are read
    if is_readable and "\ufffd" in prompt and not any(form in request.body.upper() for form in ENCODED_REPLACEMENT):
        raise turns.TurnError("This text is not valid UTF-8. Nothing was sent.", status=422)
    try:
        conversation_id = instead_of.conversation_id if instead_of else uuid.UUID(request.POST.get("conversation", ""))
        message_id = uuid.UUID(request.POST.get("message", "") or str(uuid.uuid4()))
        file_ids = store.of_message(instead_of) if instead_of else [uuid.UUID(one) for one in request.POST.getlist("files")]
        file_ids = [*file_ids, *_sent_along(request, conversation_id)]
        # Where it is missing, as in a page's first message, the prompt follows the branch that is shown.
        parent_id = uuid.UUID(parent) if (parent := request.POST.get("parent", "")) else None
    except ValueError as error:
        raise turns.TurnError(turns.OUT_OF_DATE, status=422) from error
    part = access.part_for(request, person(request), conversation_id)
    require(part, Act.CHAT)
    try:
        chosen = chat_settings.read(request.POST.dict())
    except chat_settings.InvalidSettingError as invalid:
        raise turns.TurnError(invalid.message, status=422) from invalid
    return turns.Asking(
        user=person(request),
        workspace=part.workspace,
        conversation_id=conversation_id,
        message_id=message_id,
        prompt=prompt,
        model=request.POST.get("model", "").strip()[:300],
        compared=tuple(path.strip()[:300] for path in request.POST.getlist("models") if path.strip()),
        parent_id=instead_of.parent_id if instead_of else parent_id,
        file_ids=tuple(file_ids),
        settings=chosen,
        is_temporary=request.POST.get("temporary") == "1",
        effort=effort[:10] if (effort := request.POST.get("effort")) is not None else None,
        tools=tuple(request.POST.getlist("tools")[:200]) if "tools_shown" in request.POST else None,
        is_placed=instead_of is not None or parent_id is not None,
    )
