"""Traces: a waterfall of all their steps, and one step with what it was given and gave back."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Act, current_membership, may, posted_membership, require
from accounts.models import Membership
from accounts.programs import bearer_of
from telemetry import payloads, reading, waterfalls
from telemetry.exchange import as_json, with_chips
from telemetry.frame import observe_page
from telemetry.models import Span
from telemetry.queries import details, trace_steps

ROWS = 300  # of one page


@login_required
@require_GET
@never_cache
def trace_page(request: HttpRequest, trace_id: str) -> HttpResponse:
    """The waterfall, a page of rows at a time. Who sees their own calls only sees their own steps."""
    part = current_membership(request)
    bearer = bearer_of(part)
    whose = None if reading.sees_all(bearer) else bearer.user_id
    steps, has_more = trace_steps.steps_of(part.workspace_id, trace_id, whose)
    if not steps:
        raise Http404("There is no such trace.")
    waterfall = waterfalls.of(steps)
    begin = _begin(request.GET.get("from", ""), len(waterfall.rows))
    following = begin + ROWS
    context = {
        "under": "logs",
        "trace_id": trace_id,
        "waterfall": waterfall,
        "rows": waterfall.rows[begin:following],
        "begin": begin,
        "before": max(0, begin - ROWS) if begin else None,
        "following": following if following < len(waterfall.rows) else None,
        "rest_count": len(waterfall.rows) - following,
        "has_more": has_more,
        "most": trace_steps.MOST,
    }
    return observe_page(request, "observe/trace.html", context)


@login_required
@require_GET
@never_cache
def step_page(request: HttpRequest, trace_id: str, step_id: UUID) -> HttpResponse:
    """One step; what others said stays hidden until the owner asks for it."""
    return _step_page(request, current_membership(request), trace_id, step_id)


@login_required
@require_POST
@never_cache
def reveal_step(request: HttpRequest, trace_id: str, step_id: UUID) -> HttpResponse:
    """The same with what another's step was given and gave back. It is noted each time."""
    part = posted_membership(request)
    bearer = bearer_of(part)
    step = _step_of(part, trace_id, step_id)
    if not reading.is_own(bearer, step.user_id):
        require(part, Act.SEE_CONTENT)
        reading.reveal(bearer, [(step.id, step.user_id)], now=timezone.now())
    return _step_page(request, part, trace_id, step_id, is_revealed=True)


def _step_page(
    request: HttpRequest, part: Membership, trace_id: str, step_id: UUID, *, is_revealed: bool = False
) -> HttpResponse:
    step = _step_of(part, trace_id, step_id)
    may_read = is_revealed or reading.is_own(bearer_of(part), step.user_id)
    context = {
        "part": part,
        "workspace": part.workspace,
        "under": "logs",
        "trace_id": trace_id,
        "step": step,
        "may_read": may_read,
        "may_reveal": not may_read and may(part, Act.SEE_CONTENT),
        "said": _said(step) if may_read else [],
    }
    return observe_page(request, "observe/step.html", context)


def _said(step: Span) -> list[tuple[str, Any]]:
    kept = payloads.shown_content_of(step)
    told = [
        ("What it was given", kept.get("arguments") or step.arguments_preview),
        ("What it gave back", kept.get("result") or step.result_preview),
        ("Error", step.error_message),
        ("Attributes", step.attributes),
    ]
    return [(name, with_chips(value if isinstance(value, str) else as_json(value))) for name, value in told if value]


def _step_of(part: Membership, trace_id: str, step_id: UUID) -> Span:
    """A step of the trace that the person may know of. Raises `Http404`."""
    bearer = bearer_of(part)
    step = details.step(part.workspace_id, step_id)
    if step is None or step.trace_id != trace_id or not (reading.sees_all(bearer) or reading.is_own(bearer, step.user_id)):
        raise Http404("There is no such step.")
    return step


def _begin(asked: str, count: int) -> int:
    """The first row of the page; the top for what leads nowhere."""
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 and int(asked) < count else 0
