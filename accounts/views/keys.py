"""API keys: one's own, and for those who manage them everybody's. A token is shown once."""

import json
import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from accounts import api_keys, throttle
from accounts.access import SCOPES_OF, Act, current_membership, may, person, posted_membership
from accounts.entrance import SCOPES
from accounts.models import ApiKey, Membership
from accounts.settings_pages import settings_page
from accounts.sign_in_links import address_for

PAGE = 50
MAKING = "30/h/user"
TOLD_OF = {
    "chat": "Ask models, and keep conversations.",
    "ingest": "Record calls that were made elsewhere.",
    "logs:read": "Read the logs that you may read.",
    "logs:delete": "Delete logged calls.",
    "metrics": "Read sums, costs and latencies.",
    "admin": "Change providers, budgets and rules.",
}
LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("", "No end")]
PAYLOADS = [
    ("", "As the installation says"),
    ("full", "All of it"),
    ("preview", "The beginning"),
    ("none", "Nothing: only its figures"),
]


class KeyForm(forms.Form):
    """What a new key may do. Nobody gives a key more than they may do themselves."""

    id = forms.UUIDField(widget=forms.HiddenInput)  # made with the page: sending it twice makes one key
    name = forms.CharField(max_length=100, label="What is it for?", widget=forms.TextInput(attrs={"placeholder": "nightly jobs"}))
    scopes = forms.MultipleChoiceField(choices=[], error_messages={"required": "Choose at least one thing that it may do."})
    days = forms.ChoiceField(label="Works for", choices=LIFETIMES, required=False, initial="90")
    payloads = forms.ChoiceField(label="Of what is said in its calls, keep", choices=PAYLOADS, required=False)

    def __init__(self, part: Membership, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.allowed = [scope for scope in SCOPES if scope in SCOPES_OF[part.role]]
        self.fields["scopes"].choices = [(scope, scope) for scope in self.allowed]  # type: ignore[attr-defined]
        self.fields["scopes"].initial = [scope for scope in api_keys.DEFAULT_SCOPES if scope in self.allowed]

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    @property
    def options(self) -> list[dict[str, Any]]:
        """The scopes with what each lets a program do."""
        chosen = self["scopes"].value() or []
        return [{"scope": scope, "told": TOLD_OF[scope], "is_on": scope in chosen} for scope in self.allowed]


@login_required
@require_GET
def keys_page(request: HttpRequest) -> HttpResponse:
    return _page(request, current_membership(request))


@login_required
@never_cache
@require_POST
@sensitive_variables("token")
def create(request: HttpRequest) -> HttpResponse:
    """Make a key and show its token, this once."""
    part, now = posted_membership(request), timezone.now()
    if too_often := throttle.refusal(request, "key", MAKING, user=person(request)):
        return too_often
    form = KeyForm(part, request.POST)
    if not form.is_valid():
        return _page(request, part, form=form, status=422)
    given = form.cleaned_data
    try:
        key, token = api_keys.issue(
            person(request),
            part.workspace,
            name=given["name"],
            now=now,
            scopes=given["scopes"],
            payloads=given["payloads"] or None,
            expires_at=now + timedelta(days=int(given["days"])) if given["days"] else None,
            by=person(request),
            key_id=given["id"],
        )
    except api_keys.InvalidKey as error:
        form.add_error(None, str(error))
        return _page(request, part, form=form, status=422)
    return _page(request, part, shown={"key": key, "token": token})


@login_required
@never_cache
@require_POST
@sensitive_variables("token")
def rotate(request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
    """A new token, shown this once. One rotates one's own keys: a token is its person's, and nobody else's to see."""
    part, now = posted_membership(request), timezone.now()
    key = _key(part, key_id)
    if key.user_id != part.user_id:
        raise PermissionDenied("Only the person whose key it is can rotate it. You can revoke it.")
    if request.POST.get("last_four", key.last_four) != key.last_four:
        messages.error(request, "This key was rotated already, and its token shown once. Rotate it again to get another.")
        return redirect("api_keys")
    try:
        token = api_keys.rotate(key, now, by=person(request))
    except api_keys.InvalidKey as error:
        messages.error(request, str(error))
        return redirect("api_keys")
    key.refresh_from_db()
    return _page(request, part, shown={"key": key, "token": token, "is_rotated": True})


@login_required
@require_POST
def revoke(request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
    part = posted_membership(request)
    key = _key(part, key_id)
    ended = api_keys.revoke(key, timezone.now(), by=person(request))
    told = f"{key.name} is revoked. Programs that use it are refused within five seconds."
    messages.success(request, told if ended else f"{key.name} had been revoked already.")
    return redirect("api_keys")


def _example(request: HttpRequest, token: str) -> str:
    """A command that records one call, to be pasted into a shell."""
    call = {
        "inference_id": str(uuid.uuid4()),
        "status": "success",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "latency_ms": 1830,
        "input_tokens": 12,
        "output_tokens": 48,
        "messages": [{"role": "user", "content": "How do tides work?"}],
        "reply": "The moon pulls the water.",
    }
    lines = [
        f"curl -s {address_for(request, '/api/v1/ingest')}",
        f'-H "Authorization: Bearer {token}"',
        '-H "Content-Type: application/json"',
        f"-d '{json.dumps({'events': [call]}, indent=2)}'",
    ]
    return " \\\n  ".join(lines)


def _key(part: Membership, key_id: uuid.UUID) -> ApiKey:
    """A key of one's own, or of anybody in the workspace for those who manage keys. Raises `Http404`."""
    found = ApiKey.objects.filter(pk=key_id, workspace_id=part.workspace_id)
    if not may(part, Act.MANAGE_KEYS):
        found = found.filter(user_id=part.user_id)
    key = found.first()
    if key is None:
        raise Http404("There is no such key.")
    return key


def _page(
    request: HttpRequest,
    part: Membership,
    *,
    form: KeyForm | None = None,
    shown: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    now = timezone.now()
    is_managing = may(part, Act.MANAGE_KEYS)
    is_all = is_managing and request.GET.get("whose") == "all"
    with_ended = request.GET.get("ended") == "1"
    found = list(_found(part, is_all=is_all, with_ended=with_ended, before=request.GET.get("before", ""))[: PAGE + 1])
    context = {
        "keys": [_line(key, part, now) for key in found[:PAGE]],
        "next_before": found[PAGE - 1].pk if len(found) > PAGE else None,
        "is_managing": is_managing,
        "is_all": is_all,
        "with_ended": with_ended,
        "form": form or KeyForm(part, initial={"id": uuid.uuid4()}),
        "shown": {**shown, "example": _example(request, shown["token"])} if shown else None,
    }
    return settings_page(request, "settings/api_keys.html", context, status=status)


def _found(part: Membership, *, is_all: bool, with_ended: bool, before: str) -> QuerySet[ApiKey]:
    """Newest first, from the one after `before` on."""
    found = ApiKey.objects.filter(workspace_id=part.workspace_id).select_related("user").order_by("-created_at", "-pk")
    if not is_all:
        found = found.filter(user_id=part.user_id)
    if not with_ended:
        found = found.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)
    try:
        last = ApiKey.objects.filter(pk=uuid.UUID(before), workspace_id=part.workspace_id).first() if before else None
    except ValueError:
        last = None
    if last is None:
        return found
    return found.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk))


def _line(key: ApiKey, part: Membership, now: Any) -> dict[str, Any]:
    is_valid = api_keys.is_valid(key, now)
    is_changing = key.previous_expires_at is not None and key.previous_expires_at > now
    return {
        "key": key,
        "is_valid": is_valid,
        "is_changing": is_valid and is_changing,
        "is_own": key.user_id == part.user_id,
        "can_rotate": is_valid and key.user_id == part.user_id and key.name != api_keys.FROM_ENVIRONMENT,
    }
