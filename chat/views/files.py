"""Files beside prompts: sent before the prompt is, taken out again, and had back by their owner alone."""

import uuid
from urllib.parse import quote

import structlog
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Act, person, require
from accounts.encryption import DecryptionError
from chat import access
from chat.files import store
from chat.models import File
from telemetry import policies

log = structlog.get_logger(__name__)


@login_required
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Keep one file for a prompt that is still being written; the answer says how it is called and looks."""
    try:
        conversation_id = uuid.UUID(request.POST.get("conversation", ""))
    except ValueError:
        return JsonResponse({"message": "The page is out of date. Reload it and attach the file again."}, status=422)
    part = access.part_for_new(request, person(request), conversation_id)
    require(part, Act.CHAT)
    given = request.FILES.get("file")
    if given is None:
        return JsonResponse({"message": "No file came with this."}, status=422)
    rules = policies.rules_of(part.workspace_id)
    try:
        file = store.take(person(request), part.workspace, given.name or "", given.read(), rules=rules, now=timezone.now())
    except store.FileRefusedError as refused:
        return JsonResponse({"message": refused.message}, status=refused.status)
    return JsonResponse(_told(file), status=201)


@login_required
@require_POST
def discard(request: HttpRequest, file_id: uuid.UUID) -> HttpResponse:
    """Let go of a file that was attached and then taken out; one that a message has stays."""
    file = access.file_of(person(request), file_id)
    store.discard(file)
    return HttpResponse(status=204)


@login_required
@require_GET
def file(request: HttpRequest, file_id: uuid.UUID) -> HttpResponse:
    """The file as it is kept, to be saved: no browser shows it as a page of ours."""
    found = access.file_of(person(request), file_id)
    try:
        data = store.bytes_of(found)
    except DecryptionError as error:
        log.error("A file can not be read.", file_id=str(found.id), error=str(error))
        raise Http404("This file is no longer there.") from error
    response = HttpResponse(data, content_type="application/octet-stream")
    plain = found.name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_").replace("\\", "_")
    response["Content-Disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name, safe='')}"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def _told(file: File) -> dict[str, object]:
    thumbnail = file.thumbnail.reveal() if file.thumbnail else ""
    return {
        "id": str(file.id),
        "name": file.name,
        "kind": file.kind,
        "size": file.size,
        "thumbnail": thumbnail,
        "discard": reverse("chat:discard_file", args=[file.id]),
    }
