"""API keys: one's own, and for those who manage them everybody's. A token is shown once."""

import json
import uuid
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import api_keys, throttle
from accounts.access import Act, current_membership, may, person, posted_membership
from accounts.key_forms import OVERLAPS, ChangeForm, KeyForm, RotateForm
from accounts.models import ApiKey, Membership
from accounts.settings_pages import settings_page
from accounts.sign_in_links import address_for

PAGE = 50
MAKING = "30/h/user"


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
            models=given["models"],
            limits=form.limits,
            by=person(request),
            key_id=given["id"],
        )
    except api_keys.InvalidKey as error:
        form.add_error(None, str(error))
        return _page(request, part, form=form, status=422)
    return _page(request, part, shown={"key": key, "token": token})


@login_required
@require_http_methods(["GET", "POST"])
def key(request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
    """Its name, models and limits."""
    part = posted_membership(request) if request.method == "POST" else current_membership(request)
    found = _key(part, key_id)
    form = ChangeForm(part, found, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            api_keys.change(
                found, timezone.now(), name=given["name"], models=given["models"], limits=form.limits, by=person(request)
            )
        except api_keys.InvalidKey as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Saved. It holds within five seconds.")
            return redirect("api_keys")
    context = {
        "key": ApiKey.objects.select_related("user").get(pk=found.pk),
        "form": form,
        "is_own": found.user_id == part.user_id,
    }
    status = 422 if request.method == "POST" else 200
    return settings_page(request, "settings/api_key.html", context, status=status)


@login_required
@never_cache
@require_POST
@sensitive_variables("token")
def rotate(request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
    """A new token, shown this once. One rotates one's own keys: a token is its person's, and nobody else's to see."""
    part, now = posted_membership(request), timezone.now()
    key = _key(part, key_id)
    form = RotateForm(request.POST)
    if key.user_id != part.user_id:
        raise PermissionDenied("Only the person whose key it is can rotate it. You can revoke it.")
    if request.POST.get("last_four", key.last_four) != key.last_four:
        messages.error(request, "This key was rotated already, and its token shown once. Rotate it again to get another.")
        return redirect("api_keys")
    if not form.is_valid():
        messages.error(request, "Choose for how long the token of now goes on working.")
        return redirect("api_keys")
    overlap = form.cleaned_data["overlap"]
    try:
        token = api_keys.rotate(key, now, overlap=api_keys.ROTATION_OVERLAP if overlap is None else overlap, by=person(request))
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


def _example(request: HttpRequest, key: ApiKey, token: str) -> str:
    """A command to be pasted into a shell: it asks a model, or records a call where that is all the key may do."""
    if "chat" in key.scopes:
        model = next((model for model in key.allowed_models if not model.endswith("*")), "openai/gpt-4o-mini")
        asked = {"model": model, "messages": [{"role": "user", "content": "How do tides work?"}]}
        return _curl(address_for(request, "/v1/chat/completions"), token, asked)
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
    return _curl(address_for(request, "/api/v1/ingest"), token, {"events": [call]})


def _curl(address: str, token: str, body: dict[str, Any]) -> str:
    lines = [
        f"curl -s {address}",
        f'-H "Authorization: Bearer {token}"',
        '-H "Content-Type: application/json"',
        f"-d '{json.dumps(body, indent=2)}'",
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
        "is_restricting": bool(form and (form.models_given or any(field.value() for field in form.limit_fields))),
        "overlaps": OVERLAPS,
        "shown": {**shown, "example": _example(request, shown["key"], shown["token"])} if shown else None,
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
        "limits": str(api_keys.limits_of_key(key)) if "chat" in key.scopes else "",
        "can_rotate": is_valid and key.user_id == part.user_id and key.name != api_keys.FROM_ENVIRONMENT,
    }
