"""Share links: made and revoked by their owner, read by whoever has the address."""

import uuid

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import Act, current_membership, membership, person, require
from accounts.models import User
from chat import access, sharing
from chat.models import Conversation, Share

MISSES_A_MINUTE = 120


@login_required
@require_http_methods(["GET", "POST"])
def share(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """The dialog of a conversation's link; posting makes it, or brings it up to date."""
    conversation = access.conversation_of(person(request), conversation_id)
    if request.method != "POST":
        return _dialog(request, conversation)
    require(membership(person(request), conversation.workspace_id), Act.CHAT)
    choices = sharing.Choices(*(bool(request.POST.get(name)) for name in ("shows_models", "shows_costs", "shows_name")))
    was_there = sharing.of(conversation) is not None
    try:
        sharing.make(conversation, choices, by=person(request), now=timezone.now())
    except sharing.ShareError as refusal:
        return _dialog(request, conversation, error=str(refusal), status=422)
    return _dialog(request, conversation, done="The link shows the chat as it is now." if was_there else "The link is ready.")


@login_required
@require_POST
def revoke(request: HttpRequest, share_id: uuid.UUID) -> HttpResponse:
    """End a link; the answer is the dialog, or the page that the button was on."""
    found = get_object_or_404(sharing.shares_of(person(request)).select_related("conversation"), id=share_id)
    require(membership(person(request), found.workspace_id), Act.READ_OWN_CHATS)
    conversation = found.conversation
    sharing.revoke(found, by=person(request), now=timezone.now())
    if request.htmx:  # type: ignore[attr-defined]
        return _dialog(request, conversation, done="The link is revoked: nobody can read it any more.")
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return redirect(back if is_ours else reverse("chat:share", args=[conversation.id]))


@never_cache
@require_GET
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind a link. A link that was revoked and one that never was are told apart by nobody."""
    found = _found(request, token)
    if isinstance(found, HttpResponse):
        return found
    reader = _reader(request)
    context = {
        "share": found,
        "messages": list(sharing.shown(found)),
        "token": token,
        "owner_name": found.owner.name if found.shows_name else "",
        "is_owner": reader is not None and reader.id == found.owner_id,
        "is_reader": reader is not None,
    }
    response = render(request, "share/page.html", context)
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


@login_required
@require_POST
def go_on(request: HttpRequest, token: str) -> HttpResponse:
    """Copy the snapshot into a conversation of the reader's own."""
    found = _found(request, token)
    if isinstance(found, HttpResponse):
        return found
    part = current_membership(request)
    require(part, Act.CHAT)
    made = sharing.continue_in(found, part, now=timezone.now())
    return redirect("chat:conversation", made.id)


def _found(request: HttpRequest, token: str) -> Share | HttpResponse:
    """What is behind the address for this reader; else the way to the sign-in, or too many wrong ones. Raises `Http404`."""
    misses_key = f"share-misses:{request.META.get('REMOTE_ADDR', '')}:{timezone.now():%H%M}"
    misses = cache.get(misses_key, 0)
    if misses >= MISSES_A_MINUTE:
        refused = render(request, "429.html", status=429)
        refused["Retry-After"] = "60"
        return refused
    reader = _reader(request)
    if reader is None and not settings.OLLIVE_PUBLIC_SHARING:
        return redirect_to_login(request.get_full_path())
    found = sharing.read(token, reader)
    if found is None:
        cache.set(misses_key, misses + 1, 60)
        raise Http404("There is no such link.")
    return found


def _reader(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _dialog(
    request: HttpRequest, conversation: Conversation, *, error: str = "", done: str = "", status: int = 200
) -> HttpResponse:
    found = sharing.of(conversation)
    address = ""
    if found is not None and found.token is not None:
        address = request.build_absolute_uri(reverse("chat:shared", args=[found.token.reveal()]))
    context = {
        "conversation": conversation,
        "share": found,
        "choices": found or sharing.Choices(),
        "address": address,
        "is_public": settings.OLLIVE_PUBLIC_SHARING,
        "is_changed": found is not None and conversation.updated_at > found.updated_at,
        "error": error,
        "done": done,
    }
    template = "chat/_share.html" if request.htmx else "chat/share.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=status)
