"""Sessions: which there were, and one with its calls in the order of time."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Act, current_membership, may, posted_membership, require
from accounts.models import Membership, User
from accounts.programs import bearer_of
from telemetry import figures, reading
from telemetry.exchange import with_chips
from telemetry.frame import observe_page
from telemetry.models import InferenceLog
from telemetry.queries import sessions
from telemetry.queries.pages import Cursor

CALLS = 50  # of one page


@login_required
@require_GET
@never_cache
def sessions_page(request: HttpRequest) -> HttpResponse:
    """The sessions, the one that went on last first. Who sees their own calls only sees their own sessions."""
    part = current_membership(request)
    bearer = bearer_of(part)
    whose = None if reading.sees_all(bearer) else bearer.user_id
    before = sessions.Before.read(request.GET.get("before", ""))
    now = timezone.now()
    try:
        page = figures.within_time(lambda: sessions.newest(part.workspace_id, before, user_id=whose, now=now))
    except figures.TooMuch:
        context: dict[str, Any] = {"took_too_long": True, "sessions": []}
        return observe_page(request, "observe/sessions.html", context, status=503)
    people = {} if whose else _people(user_id for one in page.sessions for user_id in one.user_ids)
    gone = "somebody who is gone"
    shown = [(one, [] if whose else [people.get(user_id, gone) for user_id in one.user_ids]) for one in page.sessions]
    context = {"sessions": shown, "older": page.older, "is_first": before is None, "sees_all": whose is None}
    return observe_page(request, "observe/sessions.html", context)


@login_required
@require_GET
@never_cache
def session_page(request: HttpRequest, name: str) -> HttpResponse:
    """One session, a page of its calls at a time; what others said stays hidden until the owner asks for it."""
    return _session_page(request, current_membership(request), name, after=request.GET.get("after", ""))


@login_required
@require_POST
@never_cache
def reveal_session(request: HttpRequest, name: str) -> HttpResponse:
    """The same with the beginnings of what others said on this page. It is noted each time."""
    part = posted_membership(request)
    _session_of(part, name)
    require(part, Act.SEE_CONTENT)
    return _session_page(request, part, name, after=request.POST.get("after", ""), is_revealed=True)


def _session_page(request: HttpRequest, part: Membership, name: str, *, after: str, is_revealed: bool = False) -> HttpResponse:
    bearer = bearer_of(part)
    session = _session_of(part, name)
    calls = _calls(part, name, after)
    if is_revealed:
        reading.reveal(bearer, [(call.id, call.user_id) for call in calls[:CALLS]], now=timezone.now())
    lines = [_line(call, may_read=is_revealed or reading.is_own(bearer, call.user_id)) for call in calls[:CALLS]]
    context = {
        "part": part,
        "workspace": part.workspace,
        "session": session,
        "rows": lines,
        "after": after,
        "following": str(Cursor(calls[CALLS - 1].received_at, calls[CALLS - 1].id)) if len(calls) > CALLS else "",
        "is_own_chat": session.is_chat and list(session.user_ids) == [part.user_id],
        "people": sorted(_people(session.user_ids).values()),
        "may_reveal": may(part, Act.SEE_CONTENT) and not all(line["may_read"] for line in lines),
    }
    return observe_page(request, "observe/session.html", context)


def _session_of(part: Membership, name: str) -> sessions.Session:
    """The session as far as the person may know of it. Raises `Http404`."""
    found = sessions.one(part.workspace_id, name, user_id=_whose(part)) if "\x00" not in name else None
    if found is None:
        raise Http404("There is no such session.")
    return found


def _calls(part: Membership, name: str, after: str) -> list[InferenceLog]:
    """A page and one more; from the top for what leads nowhere."""
    calls = sessions.calls_of(part.workspace_id, name, user_id=_whose(part))
    try:
        cursor = Cursor.read(after) if after else None
    except ValueError:
        cursor = None
    if cursor:
        calls = calls.filter(Q(received_at__gt=cursor.received_at) | Q(received_at=cursor.received_at, id__gt=cursor.id))
    return list(calls[: CALLS + 1])


def _whose(part: Membership) -> Any:
    bearer = bearer_of(part)
    return None if reading.sees_all(bearer) else bearer.user_id


def _line(call: InferenceLog, *, may_read: bool) -> dict[str, Any]:
    said = [with_chips(text) for text in (call.input_preview, call.output_preview) if text] if may_read else []
    return {"call": call, "said": said, "may_read": may_read}


def _people(user_ids: Any) -> dict[Any, str]:
    wanted = set(user_ids)
    return {person.id: person.email for person in User.objects.filter(id__in=wanted)} if wanted else {}
