"""What is a person's own here: to take along, to stop sharing, to delete, and to erase with the account."""

import uuid

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from asgiref.sync import async_to_sync
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import person
from accounts.sessions import tell_sockets
from accounts.settings_pages import settings_page
from chat import belongings, erasure, exports, runner


@login_required
@require_GET
def your_data(request: HttpRequest) -> HttpResponse:
    """Export, links, archive, delete and erase."""
    asker = person(request)
    found = belongings.shares(asker, request.GET.get("before", ""))
    addresses = [
        request.build_absolute_uri(reverse("chat:shared", args=[share.token.reveal()])) if share.token else ""
        for share in found.rows
    ]
    context = {
        "chat_count": exports.all_of(asker).count(),
        "shares": list(zip(found.rows, addresses, strict=True)),
        "next_before": found.next_before,
        "is_later": bool(request.GET.get("before")),
        "export_id": uuid.uuid4(),
    }
    return settings_page(request, "settings/your_data.html", context)


@login_required
@require_POST
def delete_all(request: HttpRequest) -> HttpResponse:
    """Delete all of the person's conversations."""
    if not request.POST.get("sure"):
        messages.error(request, "Nothing was deleted: say that you are sure.")
        return redirect("chat:your_data")
    count = belongings.delete_all(person(request), stop=async_to_sync(runner.current().stop), now=timezone.now())
    tell_sockets(person(request).id, {"type": "list.changed"})
    messages.success(request, f"{count:,} chat{'' if count == 1 else 's'} deleted." if count else "There was nothing to delete.")
    return redirect("chat:your_data")


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def erase_me(request: HttpRequest) -> HttpResponse:
    """Erase the person with everything that is theirs: their password once more, their address typed, and it is done."""
    asker = person(request)
    here = reverse("chat:erase_me")
    if is_reauthentication_required(request, app="allauth.mfa"):
        return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': here})}")
    error = erasure.obstacle(asker)
    if request.method != "POST" or error:
        return _ask(request, error=error if request.method == "POST" else "", obstacle=error)
    if request.POST.get("email", "").strip().lower() != asker.email.lower():
        return _ask(request, error="This is not your e-mail address. Nothing was erased.")
    logout(request)  # the session goes with the account, and must not be written again by this answer
    try:
        receipt = erasure.erase(asker, requested_by="themselves", now=timezone.now(), tell=lambda _kind, _count: None)
    except erasure.NotErasable as refusal:
        return render(request, "settings/erased.html", {"error": str(refusal)}, status=409)
    return render(request, "settings/erased.html", {"receipt": receipt})


def _ask(request: HttpRequest, *, error: str, obstacle: str = "") -> HttpResponse:
    context = {"counts": erasure.counts(person(request)), "error": error, "obstacle": obstacle}
    return settings_page(request, "settings/erase_me.html", context, status=422 if error else 200)
