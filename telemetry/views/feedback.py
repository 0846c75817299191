"""What was thought of calls: a list with filters. Comments are content: one's own, and others' once the owner asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Act, current_membership, may, posted_membership, require
from accounts.entrance import Bearer
from accounts.keyset import Cursor
from accounts.models import Membership, User
from accounts.programs import bearer_of
from telemetry import figures, reading
from telemetry.drawings import written
from telemetry.frame import observe_page
from telemetry.models import Score
from telemetry.product_charts import Table, TableRow
from telemetry.queries import judgements
from telemetry.queries.judgements import Judgement, Mood, Wanted

WINDOWS = {"7d": ("7 days", 7), "30d": ("30 days", 30), "90d": ("90 days", 90), "all": ("All time", None)}
USUAL = "30d"
MOODS = {"good": "Good", "bad": "Bad"}
GONE = "somebody who is no longer here"
SOURCES = {"person": GONE, "api": "a program", "evaluation": "an evaluation"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A judgement as the list shows it; `call_url` leads to its call."""

    score: Score
    said: str
    who: str
    model: str
    comment: str
    is_hidden: bool
    call_url: str | None


@login_required
@require_GET
@never_cache
def feedback_page(request: HttpRequest) -> HttpResponse:
    """The newest first; filters and pages are in the address."""
    return _page(request, current_membership(request), request.GET, is_revealed=False)


@login_required
@require_POST
@never_cache
def reveal_feedback(request: HttpRequest) -> HttpResponse:
    """The same page with what others wrote. It is noted each time, so it is a form and no address."""
    part = posted_membership(request)
    require(part, Act.SEE_CONTENT)
    return _page(request, part, request.POST, is_revealed=True)


def _page(request: HttpRequest, part: Membership, given: QueryDict, *, is_revealed: bool) -> HttpResponse:
    now, bearer, notices = timezone.now(), bearer_of(part), list[str]()
    chosen = _chosen(given, notices)
    wanted = _wanted(chosen, bearer, now)
    after = Cursor.parse(given.get("after", ""))
    if given.get("after") and after is None:
        notices.append("That page does not exist: the list is shown from its top.")
    found, more = judgements.page(wanted, after)
    if is_revealed:
        hidden = [one for one in found if one.score.comment and not _may_read(one, bearer)]
        reading.reveal(bearer, [(one.score.inference_id or one.score.id, _writer(one)) for one in hidden], now=now)
    lines = _lines(found, bearer, is_revealed=is_revealed)
    plain = {name: value for name, value in chosen.items() if value and (name, value) != ("window", USUAL)}
    context: dict[str, Any] = {
        "part": part,
        "workspace": part.workspace,
        "notices": notices,
        "chosen": chosen,
        "is_filtered": bool(plain),
        "windows": [(name, label) for name, (label, _) in WINDOWS.items()],
        "names": judgements.names(part.workspace_id),
        "sources": Score.Source.choices,
        "moods": MOODS.items(),
        "judgements": lines,
        "sees_all": reading.sees_all(bearer),
        "may_reveal": not is_revealed and may(part, Act.SEE_CONTENT) and any(line.is_hidden for line in lines),
        "after": given.get("after", "") if after else "",
        "next_url": f"{reverse('feedback_list')}?{urlencode({**plain, 'after': str(more)})}" if more else None,
        "by_model": None if after or wanted.since is None else _by_model(part, wanted.since, now),
    }
    return observe_page(request, "observe/feedback.html", context)


def _chosen(given: QueryDict, notices: list[str]) -> dict[str, str]:
    """What the filters stand at; what they cannot be is told."""
    allowed = {"window": WINDOWS, "source": Score.Source.values, "mood": MOODS, "comment": ["1"]}
    chosen = {"name": given.get("name", "").strip()[:100].replace("\0", "")}
    for name, values in allowed.items():
        value = given.get(name, "")
        if value and value not in values:
            notices.append(f"The filter {name} was left out: it cannot be {value[:50]!r}.")
            value = ""
        chosen[name] = value
    return chosen | {"window": chosen["window"] or USUAL}


def _wanted(chosen: dict[str, str], bearer: Bearer, now: datetime) -> Wanted:
    days = WINDOWS[chosen["window"]][1]
    return Wanted(
        bearer.workspace_id,
        now - timedelta(days=days) if days else None,
        name=chosen["name"],
        source=chosen["source"],
        mood=cast("Mood", chosen["mood"]),
        has_comment=bool(chosen["comment"]),
        judge=None if reading.sees_all(bearer) else bearer.user_id,
    )


def _writer(one: Judgement) -> UUID | None:
    """Whose words a comment is: the judge's, or for a program's report the person's of the call."""
    return one.score.user_id or (one.call.user_id if one.call else None)


def _may_read(one: Judgement, bearer: Bearer) -> bool:
    return reading.is_own(bearer, _writer(one))


def _lines(found: Sequence[Judgement], bearer: Bearer, *, is_revealed: bool) -> list[Shown]:
    ids = {one.score.user_id for one in found if one.score.user_id}
    people = {user.pk: str(user) for user in User.objects.filter(pk__in=ids).only("id", "name", "email")}
    lines = []
    for one in found:
        score, may_read = one.score, is_revealed or _may_read(one, bearer)
        may_open = one.call is not None and (reading.sees_all(bearer) or reading.is_own(bearer, one.call.user_id))
        lines.append(
            Shown(
                score=score,
                said=_said(score),
                who=people.get(score.user_id, GONE) if score.user_id else SOURCES[score.source],
                model=one.call.model if one.call else "",
                comment=score.comment if may_read else "",
                is_hidden=bool(score.comment) and not may_read,
                call_url=_call_url(score.inference_id) if may_open else None,
            )
        )
    return lines


def _said(score: Score) -> str:
    if score.name == "thumb":
        return "up" if score.value else "down"
    if score.kind == Score.Kind.BOOLEAN:
        return "yes" if score.value else "no"
    if score.kind == Score.Kind.NUMERIC and score.value is not None:
        return f"{score.value:g}"
    return score.label.replace("_", " ")


def _call_url(inference_id: UUID | None) -> str | None:
    try:
        return reverse("log", args=[inference_id]) if inference_id else None
    except NoReverseMatch:
        return None


def _by_model(part: Membership, since: datetime, now: datetime) -> Table | None:
    """Sums that name nobody: for everybody in the workspace. Left out where it would take too long."""
    try:
        found = figures.within_time(lambda: judgements.by_model(part.workspace_id, since, now=now))
    except figures.TooMuch:
        return Table("by-model", "By model", (), (), "This takes too long: choose fewer days.")
    rows = [
        TableRow(
            one.model or "Not told",
            [
                f"{one.up:,}",
                f"{one.down:,}",
                written(one.approval, "share"),
                f"{one.ratings:,}",
                written(one.mean_rating, "points"),
            ],
        )
        for one in found
    ]
    heads = ("Model", "Up", "Down", "Approval", "Ratings", "Mean rating")
    note = "Of the whole workspace, as long as the calls are kept; evaluations are left out." if rows else ""
    return Table("by-model", "By model", heads, rows, "No call of this period was judged.", note)
