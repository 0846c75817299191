"""The audit log of a workspace, for its owners and admins."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts import audit, audit_reading
from accounts.access import Act, current_membership, person, posted_membership, require
from accounts.audit import Action
from accounts.models import Membership
from accounts.settings_pages import settings_page

PAGE = 50
PEOPLE = 200  # in the filter; whoever is not among them is a click on their name away


@login_required
@require_GET
def audit_page(request: HttpRequest) -> HttpResponse:
    """The newest entries first; filters and pages are in the address."""
    part = current_membership(request)
    require(part, Act.SEE_AUDIT_LOG)
    filters = audit_reading.Filters.parse(request.GET.get("action", ""), request.GET.get("person", ""))
    found = list(audit_reading.entries(part.workspace_id, filters, before=_number(request.GET.get("before", "")))[: PAGE + 1])
    chosen = {"action": filters.action, "person": str(filters.actor or "")}
    context: dict[str, Any] = {
        "lines": audit_reading.lines(found[:PAGE]),
        "filters": filters,
        "chosen_person": chosen["person"],
        "is_filtered": any(chosen.values()),
        "query": urlencode({name: value for name, value in chosen.items() if value}),
        "next_before": found[PAGE - 1].id if len(found) > PAGE else None,
        "actions": list(Action),
        "people": _people(part),
    }
    return settings_page(request, "settings/audit_log.html", context)


@login_required
@require_POST
def audit_csv(request: HttpRequest) -> HttpResponse:
    """The same entries as a file. That it was taken is noted too."""
    part, now = posted_membership(request), timezone.now()
    require(part, Act.SEE_AUDIT_LOG)
    filters = audit_reading.Filters.parse(request.POST.get("action", ""), request.POST.get("person", ""))
    content = audit_reading.as_csv(audit_reading.entries(part.workspace_id, filters))
    audit.note(Action.DATA_EXPORTED, person(request), now=now, workspace=part.workspace_id, detail={"name": "audit log"})
    name = f"audit-log-{now:%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


def _people(part: Membership) -> list[tuple[str, str]]:
    found = Membership.objects.filter(workspace_id=part.workspace_id).select_related("user").order_by("pk")[:PEOPLE]
    return sorted(((str(other.user_id), str(other.user)) for other in found), key=lambda pair: pair[1].lower())


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None
