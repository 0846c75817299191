"""The list that the picker loads when it is opened."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from accounts.access import current_membership, membership, person
from gateway import picking, shelves


@login_required
@gzip_page
@require_GET
def picker(request: HttpRequest) -> HttpResponse:
    """Every model that the person may choose in a workspace; nothing new is nothing sent."""
    try:
        given = request.GET.get("workspace")
        part = membership(person(request), uuid.UUID(given)) if given else current_membership(request)
    except ValueError:
        raise Http404("There is no such workspace.") from None
    body, tag = picking.document(shelves.of(part.workspace_id), part.role)
    if request.headers.get("If-None-Match", "").removeprefix("W/") == tag:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(body, content_type="application/json")
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    return response
