"""Searching in one's own chats: the dialog over a chat, and a page for who has no scripts."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import person
from chat import search as searching


@login_required
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """A page of hits for `q`; for htmx the hits alone."""
    typed = request.GET.get("q", "").strip()
    after = searching.Cursor.parse(request.GET.get("after", ""))
    context: dict[str, Any] = {"typed": typed, "hits": [], "next_after": "", "problem": ""}
    if typed:
        try:
            results = searching.find(person(request), request.GET["q"], now=timezone.now(), after=after)
            context |= {"hits": results.hits, "next_after": results.next_after}
        except searching.Unsearchable as unsearchable:
            context["problem"] = str(unsearchable)
    context["is_first"] = after is None
    is_part = request.htmx  # type: ignore[attr-defined]
    return render(request, "chat/_hits.html" if is_part else "chat/search.html", context)
