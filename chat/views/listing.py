"""The list of conversations, and what is done with one of them as a whole."""

import uuid

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Act, membership, person, require
from accounts.sessions import tell_sockets
from chat import access, deletion, listing, runner


@login_required
@require_GET
def conversations(request: HttpRequest) -> HttpResponse:
    """The next page of the sidebar."""
    before = listing.Cursor.parse(request.GET.get("before", ""))
    return render(request, "chat/_sidebar.html", listing.sidebar(person(request), before=before))


@login_required
@require_POST
def delete(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Delete a conversation with its messages; the logs of its calls stay, without the link."""
    found = access.conversation_of(person(request), conversation_id)
    require(membership(person(request), found.workspace_id), Act.CHAT)
    for run_id in deletion.running(found):
        async_to_sync(runner.current().stop)(run_id)
    deletion.delete(found)
    tell_sockets(found.owner_id, {"type": "list.changed"})
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("chat:home")
    is_open = request.POST.get("open") == str(conversation_id)
    response = HttpResponse(listing.sidebar_html(person(request)))
    if is_open:
        response["HX-Redirect"] = reverse("chat:home")
    return response
