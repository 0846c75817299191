"""What was said is shown when somebody asks for it, each time anew, and each time the workspace's audit log says who looked."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from accounts import audit
from accounts.access import person
from accounts.audit import Action

READ = "telemetry.view_content"


def is_revealed(request: HttpRequest) -> bool:
    """Whether this answer may show what was said: it was asked for just now, and noted."""
    return bool(getattr(request, "content_is_revealed", False))


class RevealingAdmin(admin.ModelAdmin[Any]):
    """A page about a row that holds content: without it at first; with it in the answer to a POST."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.reveal_view)
        return [path("<path:object_id>/reveal/", view, name=self._route("reveal")), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        told: dict[str, Any] = {"is_revealed": is_revealed(request)}
        if request.user.has_perm(READ):
            told["reveal_url"] = reverse(f"admin:{self._route('reveal')}", args=[object_id])
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **told})

    def reveal_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found = self.get_object(request, unquote(object_id))
        if not (self.has_view_permission(request, found) and request.user.has_perm(READ)):
            raise PermissionDenied
        page = reverse(f"admin:{self._route('change')}", args=[object_id])
        if request.method != "POST" or found is None:
            return HttpResponseRedirect(page)
        detail = {"where": "administration", "call_count": 1}
        audit.note(
            Action.CONTENT_SEEN,
            person(request),
            now=timezone.now(),
            workspace=found.workspace_id,
            subject=found,
            detail=detail,
        )
        request.content_is_revealed = True  # type: ignore[attr-defined]
        request.method = "GET"  # the page is shown, nothing in it is saved
        return cast("HttpResponse", self.change_view(request, object_id, form_url=page))

    def _route(self, what: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{what}"
