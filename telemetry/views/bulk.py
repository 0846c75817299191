"""Acts on many calls at once: the question before them, how far they have come, and the file that an export wrote."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Act, current_membership, may, posted_membership
from accounts.database import in_thread
from accounts.models import Membership
from telemetry import bulk, listed, log_columns
from telemetry.bulk import NotPossible, Order
from telemetry.frame import observe_page
from telemetry.models import BulkJob, BulkPiece

ALL = "all"
TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
LABELS = {"delete": "Delete", "export": "Export", "redact": "Redact again"}
RECENT = 20


@login_required
@require_POST
def bulk_logs(request: HttpRequest) -> HttpResponse:
    """Ask whether this is meant; with `confirmed`, order it."""
    part, now = posted_membership(request), timezone.now()
    order = _order(request.POST)
    look = listed.read(QueryDict(request.POST.get("query", "")), now, columns=tuple(log_columns.COLUMNS))
    back = f"{reverse('logs')}{look.url()}"
    try:
        bulk.check(part, order)
        if request.POST.get("scope") == ALL and look.typed:
            raise NotPossible("What was searched for cannot be acted on as a whole: choose the calls, or use filters.")
        if request.POST.get("confirmed") != "yes":
            return _question(request, part, order, back)
        if order.kind == "delete" and order.query and request.POST.get("typed", "").strip().lower() != "delete":
            raise NotPossible("Nothing was deleted: type “delete” to confirm.")
        job = bulk.place(part, order, now=now)
    except NotPossible as error:
        messages.error(request, str(error))
        return redirect(back)
    return redirect("log_job", job.id)


@login_required
@require_GET
@never_cache
def log_jobs(request: HttpRequest) -> HttpResponse:
    """The person's latest acts in this workspace."""
    part = current_membership(request)
    jobs = BulkJob.objects.filter(workspace_id=part.workspace_id, person_id=part.user_id).order_by("-created_at", "id")
    return observe_page(request, "observe/log_jobs.html", {"jobs": jobs[:RECENT]})


@login_required
@require_GET
@never_cache
def log_job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """How far an act has come. The page asks again until it is over."""
    return observe_page(request, "observe/log_job.html", {"job": _job(current_membership(request), job_id)})


@login_required
@require_POST
def stop_log_job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    part = posted_membership(request)
    bulk.stop(part, _job(part, job_id).id, now=timezone.now())
    return redirect("log_job", job_id)


@login_required
@require_GET
@never_cache
def log_job_file(request: HttpRequest, job_id: UUID) -> HttpResponse | StreamingHttpResponse:
    """What an export wrote; kept for a day."""
    job = _job(current_membership(request), job_id)
    if not job.has_file:
        raise Http404("There is no such file, or it is a day old and was deleted.")
    pieces = _pieces(job)
    content = _in_threads(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(content, content_type=TYPES[job.format])
    response["Content-Disposition"] = f'attachment; filename="calls-{job.created_at:%Y-%m-%d-%H%M}.{job.format}"'
    response["Content-Length"] = str(job.byte_count)
    return response


def _order(given: QueryDict) -> Order:
    is_all = given.get("scope") == ALL
    return Order(
        kind=given.get("act", ""),
        calls=() if is_all else tuple(dict.fromkeys(text.replace("\0", "") for text in given.getlist("call"))),
        # An empty list of filters is all calls of the period, which the query then names.
        query=(given.get("query", "").replace("\0", "") or f"window={listed.WINDOW}") if is_all else "",
        format=given.get("format", "jsonl"),
        has_content=given.get("content") == "yes",
    )


def _question(request: HttpRequest, part: Membership, order: Order, back: str) -> HttpResponse:
    counted = bulk.count(part, order, now=timezone.now())
    context: dict[str, Any] = {
        "order": order,
        "label": LABELS[order.kind],
        "query": request.POST.get("query", ""),
        "back": back,
        "count": counted,
        "is_more": counted is not None and counted > bulk.COUNTED,
        "most": bulk.COUNTED,
        "largest_mb": bulk.LARGEST // 2**20,
        "reads_others": may(part, Act.SEE_CONTENT),
        "sees_others": may(part, Act.SEE_LOGS),
    }
    return observe_page(request, "observe/logs_confirm.html", context)


def _job(part: Membership, job_id: UUID) -> BulkJob:
    found = BulkJob.objects.filter(workspace_id=part.workspace_id, person_id=part.user_id, id=job_id).first()
    if found is None:
        raise Http404("There is no such act of yours.")
    return found


def _pieces(job: BulkJob) -> Iterator[bytes]:
    """One at a time: a file may be large."""
    numbers: Sequence[int] = list(job.pieces.order_by("id").values_list("id", flat=True))
    for number in numbers:
        yield bytes(BulkPiece.objects.values_list("body", flat=True).get(id=number))


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, each read in a thread when the one before has been sent."""
    while (piece := await in_thread(next, pieces, None)) is not None:
        yield piece
