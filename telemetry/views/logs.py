"""The list of calls: filters, search, columns, pages; and what others said, shown to the owner on demand."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Act, current_membership, may, posted_membership, require
from accounts.models import Membership
from accounts.programs import bearer_of
from telemetry import filter_counts, listed, log_columns, reading, saved_views
from telemetry.frame import observe_page
from telemetry.listed import Look
from telemetry.queries.pages import Line

TABLE = "log-list"  # the id of what a live list replaces
CHOSEN = "log_columns"  # in the session: what the person chose last
WINDOW_LABELS = {
    "1h": "Last hour",
    "6h": "Last 6 hours",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "365d": "Last year",
    listed.ALL: "All time",
    listed.CUSTOM: "From … to …",
}
RANGES = (("latency_ms", "Latency", "ms"), ("cost_usd", "Cost", "US$"), ("tokens", "Tokens", "tokens"))
SWITCHES = (("is_stream", "Streamed"), ("has_score", "Judged"))
IDS = (("conversation_id", "Conversation"), ("session_id", "Session"), ("trace_id", "Trace"))


@login_required
@require_GET
def logs_page(request: HttpRequest) -> HttpResponse:
    """Calls, newest first. Every state of the page is an address."""
    if not request.htmx and any("" in values for _, values in request.GET.lists()):  # type: ignore[attr-defined]
        tidy = listed.encoded({name: [value for value in values if value] for name, values in request.GET.lists()})
        return HttpResponseRedirect(f"{request.path}?{tidy}")
    look = listed.read(request.GET, timezone.now(), columns=tuple(log_columns.COLUMNS))
    if look.columns:
        request.session[CHOSEN] = list(look.columns)
    return _page(request, current_membership(request), look)


@login_required
@require_POST
@never_cache
def shown_logs(request: HttpRequest) -> HttpResponse:
    """The same page with what others said in it, and found by what they said. Each time is noted."""
    part = posted_membership(request)
    require(part, Act.SEE_CONTENT)
    given = QueryDict(request.POST.get("query", ""), mutable=True)
    for name in ("after", "before"):
        if request.POST.get(name):
            given[name] = request.POST[name]
    return _page(request, part, listed.read(given, timezone.now(), columns=tuple(log_columns.COLUMNS)), is_revealed=True)


def _page(request: HttpRequest, part: Membership, look: Look, *, is_revealed: bool = False) -> HttpResponse:
    bearer, now = bearer_of(part), timezone.now()
    found = listed.found(look, bearer, now=now, is_revealed=is_revealed)
    if is_revealed:
        reading.reveal(bearer, [(line.id, line.user_id) for line in found.lines], now=now)
    sees_all = reading.sees_all(bearer)
    columns = log_columns.chosen(look.columns or request.session.get(CHOSEN, ()))
    context: dict[str, Any] = {
        "look": look,
        "found": found,
        "columns": columns,
        "rows": log_columns.rows(
            found.lines,
            columns,
            names=_names(found.lines),
            may_read=lambda line: is_revealed or reading.is_own(bearer, line.user_id),
            owner=bearer.user_id,
            places=found.places,
            found_by=found.found_by,
        ),
        "all_columns": [(column, column in columns) for column in log_columns.COLUMNS.values()],
        "is_revealed": is_revealed,
        "sees_all": sees_all,
        "may_reveal": may(part, Act.SEE_CONTENT),
        "may_share": may(part, Act.SHARE_DASHBOARDS),
        "may_delete": may(part, Act.DELETE_LOGS),
        "may_redact": may(part, Act.SET_POLICY),
        "has_others": any(not reading.is_own(bearer, line.user_id) for line in found.lines),
        "is_own_only": sees_all and look.typed and look.by != "id" and not is_revealed,
        "older": str(found.older or ""),
        "newer": str(found.newer or ""),
        "older_url": look.url(after=str(found.older or "")),
        "newer_url": look.url(before=str(found.newer or "")),
        "all_time": look.url(window=listed.ALL),
        **_asked(look),
    }
    if not _is_tail(request):
        context["facets"] = filter_counts.facets(look, bearer, now=now)
        context["chips"] = _chips(look, context["facets"])
        context["views"] = saved_views.of(part, look)
    return observe_page(request, "observe/logs.html", context)


def _asked(look: Look) -> dict[str, Any]:
    """The fields of the form as they are filled in."""
    given = look.wanted.given

    def only(name: str) -> str:
        return next(iter(given.get(name, ())), "")

    return {
        "windows": [(name, label, name == look.window) for name, label in WINDOW_LABELS.items()],
        "since": timezone.localtime(look.wanted.since) if look.window == listed.CUSTOM else None,
        "until": timezone.localtime(look.wanted.until) if look.window == listed.CUSTOM and look.wanted.is_ended else None,
        "ranges": [(name, label, unit, only(f"min_{name}"), only(f"max_{name}")) for name, label, unit in RANGES],
        "switches": [(name, label, only(name)) for name, label in SWITCHES],
        "ids": [(name, label, only(name)) for name, label in IDS],
        "has_meaning": listed.has_meaning(),
    }


def _is_tail(request: HttpRequest) -> bool:
    """Whether only the table is asked for, by a list that follows what comes."""
    details = request.htmx  # type: ignore[attr-defined]  # django-htmx put it there
    return bool(details) and details.target == TABLE


def _chips(look: Look, facets: Sequence[filter_counts.Facet]) -> list[tuple[str, str, str]]:
    """Each filter that is on: what it is called, its value, and the address without it."""
    labels = {(facet.name, choice.value): choice.label for facet in facets for choice in facet.choices}
    found = []
    for name, values in look.wanted.given.items():
        label = filter_counts.LABELS.get(name) or name.replace("_", " ").removesuffix(" id").capitalize()
        for value in values:
            rest = [other for other in values if other != value]
            found.append((label, labels.get((name, value), value), look.url(**{name: rest})))
    return found


def _names(lines: Sequence[Line]) -> log_columns.Names:
    people = {line.user_id for line in lines if line.user_id}
    keys = {line.api_key_id for line in lines if line.api_key_id}
    return log_columns.names_of(list(people), list(keys))
