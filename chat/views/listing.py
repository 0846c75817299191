"""The lists of conversations, and what is done with one of them as a whole."""

import uuid
from collections.abc import Callable

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Act, membership, person, require
from accounts.keyset import Cursor
from accounts.sessions import tell_sockets
from chat import access, archive, deletion, listing, runner, shelving
from chat.models import Conversation
from chat.views import bars
from chat.views.answers import deleted, page


@login_required
@require_GET
def conversations(request: HttpRequest) -> HttpResponse:
    """The next page of the sidebar."""
    before = listing.Cursor.parse(request.GET.get("before", ""))
    return render(request, "chat/_sidebar.html", listing.sidebar(person(request), before=before))


@login_required
@require_GET
def archived(request: HttpRequest) -> HttpResponse:
    """The archive, or the next page of it."""
    before = Cursor.parse(request.GET.get("before", ""))
    context = archive.page(person(request), request.GET.get("q", ""), before=before)
    context |= {"deleted": deleted(request), "deleted_was_open": False}
    is_more = before is not None and request.htmx  # type: ignore[attr-defined]
    return render(request, "chat/_archive_rows.html" if is_more else "chat/archive.html", context)


@login_required
@require_POST
def rename(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    return _change(request, conversation_id, lambda found: shelving.rename(found, request.POST.get("title", "")))


@login_required
@require_POST
def pin(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Keep it at the top of the list (`on=1`), or no longer."""
    return _change(request, conversation_id, lambda found: shelving.pin(found, is_wanted=_on(request), now=timezone.now()))


@login_required
@require_POST
def shelve(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Put it into the archive (`on=1`), or back into the list."""
    return _change(request, conversation_id, lambda found: shelving.archive(found, is_wanted=_on(request), now=timezone.now()))


@login_required
@require_POST
def delete(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Put a conversation away: it can be had back for a moment, then it is deleted with its messages.

    The logs of its calls stay, without the link.
    """
    found = _found(request, conversation_id)
    deletion.put_away(found, now=timezone.now())
    _stop_runs(found)
    news = bars.toast_html(found, is_open=False)
    tell_sockets(found.owner_id, {"type": "list.changed", "news": news})
    from_page = reverse("chat:archived" if _is_from_archive(request) else "chat:home")
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{from_page}?deleted={found.id}")
    response = HttpResponse(listing.sidebar_html(person(request)) + news)
    if request.POST.get("open") == str(conversation_id):
        response["HX-Redirect"] = f"{from_page}?deleted={found.id}"
    return response


@login_required
@require_POST
def undelete(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Have a conversation back that was put away a moment ago."""
    found = access.deleted_of(person(request)).filter(id=conversation_id, is_temporary=False).first()
    if found is None:
        # Said as a refusal of the page's, not as an error page: there is nothing left to go to.
        return _refusal(request, "It is too late: this chat is gone for good.", 410)
    require(membership(person(request), found.workspace_id), Act.CHAT)
    deletion.bring_back(found)
    tell_sockets(found.owner_id, {"type": "list.changed", "news": bars.NO_TOAST})
    address = reverse("chat:conversation", args=[found.id])
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("chat:archived" if _is_from_archive(request) else address)
    response = HttpResponse(listing.sidebar_html(person(request)) + bars.NO_TOAST)
    if request.POST.get("open"):
        response["HX-Redirect"] = address
    return response


@login_required
@require_POST
def end(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Leave a temporary chat for good: it is deleted at once, and nothing brings it back."""
    found = _found(request, conversation_id)
    if not found.is_temporary:
        return _refusal(request, "Only a temporary chat can be ended.", 409, found)
    deletion.put_away(found, now=timezone.now())
    if _stop_runs(found) == 0:
        deletion.delete_now(found)  # what is being written ends first; then it is purged
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("chat:home")
    response = HttpResponse()
    response["HX-Redirect"] = reverse("chat:home")
    return response


@login_required
@require_POST
def empty_archive(request: HttpRequest) -> HttpResponse:
    """Restore, or delete, everything that is in the archive."""
    mine = archive.changeable_of(person(request))
    if request.POST.get("do") == "restore":
        mine.update(archived_at=None)
    elif request.POST.get("do") == "delete":
        mine.update(deleted_at=timezone.now())
    tell_sockets(person(request).id, {"type": "list.changed"})
    return redirect("chat:archived")


def _change(request: HttpRequest, conversation_id: uuid.UUID, change: Callable[[Conversation], None]) -> HttpResponse:
    """Change one conversation; every tab of the person gets the list anew, this one its bar too."""
    found = _found(request, conversation_id)
    try:
        change(found)
    except shelving.Refused as refused:
        return _refusal(request, str(refused), 422, found)
    tell_sockets(found.owner_id, {"type": "list.changed"})
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("chat:archived") if _is_from_archive(request) else redirect("chat:conversation", found.id)
    is_open = request.POST.get("open") == str(conversation_id)
    return HttpResponse(listing.sidebar_html(person(request)) + (bars.bar_html(request, found) if is_open else ""))


def _found(request: HttpRequest, conversation_id: uuid.UUID) -> Conversation:
    """The conversation, for who may change it."""
    found = access.conversation_of(person(request), conversation_id)
    require(membership(person(request), found.workspace_id), Act.CHAT)
    return found


def _stop_runs(conversation: Conversation) -> int:
    """Stop what is being written in it; returns how many replies that are."""
    runs = deletion.running(conversation)
    for run_id in runs:
        async_to_sync(runner.current().stop)(run_id)
    return len(runs)


def _refusal(request: HttpRequest, message: str, status: int, shown: Conversation | None = None) -> HttpResponse:
    """A sentence where the page has room for it: in the dialog that asks for a title, or beside the composer."""
    if not request.htmx:  # type: ignore[attr-defined]
        response = page(request, shown, notice=message)
        response.status_code = status
        return response
    response = render(request, "chat/_notice.html", {"message": message}, status=status)
    response["HX-Retarget"] = "#rename-notice" if "title" in request.POST else "#composer-notice"
    response["HX-Reswap"] = "innerHTML"
    return response


def _is_from_archive(request: HttpRequest) -> bool:
    return request.POST.get("back") == "archive"


def _on(request: HttpRequest) -> bool:
    return request.POST.get("on") == "1"
