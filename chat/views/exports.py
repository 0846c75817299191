"""Chats leave as files: one, or all of them while they are read."""

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from accounts import audit
from accounts.access import Act, current_membership, membership, person, require
from accounts.audit import Action
from accounts.database import in_thread
from chat import access, exports

R = TypeVar("R", bound=HttpResponseBase)

PROGRESS_SECONDS = 3600
TYPES = {"md": "text/markdown; charset=utf-8", "json": "application/json"}
ALL_TYPES: dict[exports.Kind, str] = {"zip": "application/zip", "jsonl": "application/x-ndjson"}


@login_required
@require_GET
def export(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """One conversation: `?format=md` (its shown branch) or `json` (all of it)."""
    asker = person(request)
    conversation = access.conversation_of(asker, conversation_id)
    require(membership(asker, conversation.workspace_id), Act.READ_OWN_CHATS)
    kind = request.GET.get("format", "md")
    if kind not in TYPES:
        return HttpResponseBadRequest("The format is md or json.", content_type="text/plain")
    content = exports.as_markdown(conversation) if kind == "md" else exports.as_json(conversation)
    audit.note(
        Action.DATA_EXPORTED,
        asker,
        now=timezone.now(),
        workspace=conversation.workspace_id,
        subject=conversation,
        detail={"format": kind},
    )
    return _attachment(HttpResponse(content, content_type=TYPES[kind]), exports.file_name(conversation, kind))


@login_required
@require_POST
def export_all(request: HttpRequest) -> HttpResponseBase:
    """All of the person's conversations, written while they are read; the page asks meanwhile how far it is."""
    asker, now = person(request), timezone.now()
    kind: exports.Kind = "jsonl" if request.POST.get("format") == "jsonl" else "zip"
    total = exports.all_of(asker).count()
    key = _progress_key(request, request.POST.get("export", ""))

    def tell(done: int) -> None:
        if key and (done % 20 == 0 or done == total):
            cache.set(key, [done, total], PROGRESS_SECONDS)

    if key:
        cache.set(key, [0, total], PROGRESS_SECONDS)
    audit.note(
        Action.DATA_EXPORTED,
        asker,
        now=now,
        workspace=current_membership(request).workspace_id,
        detail={"format": kind, "chats": total},
    )
    pieces = exports.stream(asker, kind, tell=tell)
    content = _in_threads(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(content, content_type=ALL_TYPES[kind])
    return _attachment(response, f"ollive chats {now:%Y-%m-%d}.{kind}")


@login_required
@require_GET
def export_progress(request: HttpRequest) -> HttpResponse:
    """How many conversations an export of the person's own has written, of how many."""
    key = _progress_key(request, request.GET.get("export", ""))
    done, total = (cache.get(key) if key else None) or (0, 0)
    return JsonResponse({"done": done, "total": total})


def _progress_key(request: HttpRequest, text: str) -> str:
    """Where an export's progress is kept; empty where the page has not named it."""
    try:
        return f"export:{person(request).id}:{uuid.UUID(text)}"
    except ValueError:
        return ""


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, each made in a thread when the one before has been sent."""
    while (piece := await in_thread(next, pieces, None)) is not None:
        if piece:
            yield piece


def _attachment(response: R, name: str) -> R:
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Cache-Control"] = "no-store"
    return response
