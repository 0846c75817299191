"""The webhooks of a workspace: made, changed, tried, deleted, and what each was told."""

import json
import uuid
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import Act, current_membership, person, posted_membership, require
from accounts.keyset import Cursor
from accounts.models import Membership
from accounts.settings_pages import settings_page
from gateway import deliveries, webhooks
from gateway.models import Delivery, Webhook
from gateway.webhook_forms import ChangeForm, WebhookForm

PAGE = 25


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_variables("secret")
def webhooks_page(request: HttpRequest) -> HttpResponse:
    """The list of them; posting makes one and shows its secret, this once."""
    part = posted_membership(request) if request.method == "POST" else current_membership(request)
    require(part, Act.CONFIGURE)
    if request.method != "POST":
        return _list(request, part, WebhookForm())
    form = WebhookForm(request.POST)
    if form.is_valid():
        try:
            webhook, secret = webhooks.make(part.workspace, **form.cleaned_data, now=timezone.now(), by=person(request))
            return _one(request, webhook, secret=secret)
        except webhooks.InvalidWebhook as error:
            form.refuse(error)
    return _list(request, part, form, status=422)


@login_required
@require_http_methods(["GET", "POST"])
def webhook_page(request: HttpRequest, webhook_id: uuid.UUID) -> HttpResponse:
    """What it was told; posting changes it."""
    webhook = _found(request, webhook_id)
    if request.method != "POST":
        return _one(request, webhook)
    form = ChangeForm(request.POST)
    if form.is_valid():
        try:
            webhooks.change(webhook, **form.cleaned_data, now=timezone.now(), by=person(request))
            messages.success(request, "Saved.")
            return redirect("gateway:webhook", webhook.pk)
        except webhooks.InvalidWebhook as error:
            form.refuse(error)
    return _one(request, Webhook.objects.get(pk=webhook_id), form=form, status=422)


@login_required
@never_cache
@require_POST
@sensitive_variables("secret")
def new_secret(request: HttpRequest, webhook_id: uuid.UUID) -> HttpResponse:
    webhook = _found(request, webhook_id)
    secret = webhooks.change_secret(webhook, now=timezone.now(), by=person(request))
    return _one(request, webhook, secret=secret)


@login_required
@require_POST
def test_webhook(request: HttpRequest, webhook_id: uuid.UUID) -> HttpResponse:
    """Send an event at once, and tell what came of it."""
    webhook = _found(request, webhook_id)
    _say(request, deliveries.test(webhook, timezone.now())[1])
    return redirect("gateway:webhook", webhook.pk)


@login_required
@require_POST
def delete_webhook(request: HttpRequest, webhook_id: uuid.UUID) -> HttpResponse:
    webhook = _found(request, webhook_id)
    webhooks.delete(webhook, now=timezone.now(), by=person(request))
    messages.success(request, f"{webhook.name} is told nothing more.")
    return redirect("gateway:webhooks")


@login_required
@require_GET
def delivery_page(request: HttpRequest, webhook_id: uuid.UUID, delivery_id: uuid.UUID) -> HttpResponse:
    """One event: what was sent, and each attempt with what the receiver said."""
    webhook, delivery = _delivery(request, webhook_id, delivery_id)
    context = {
        "webhook": webhook,
        "delivery": delivery,
        "body": json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False),
        "message_id": webhooks.message_id(delivery.pk),
        "attempts": [one | {"at": datetime.fromisoformat(one["at"])} for one in reversed(delivery.attempts)],
    }
    return settings_page(request, "settings/delivery.html", context)


@login_required
@require_POST
def send_again(request: HttpRequest, webhook_id: uuid.UUID, delivery_id: uuid.UUID) -> HttpResponse:
    webhook, delivery = _delivery(request, webhook_id, delivery_id)
    _say(request, deliveries.send_now(delivery, timezone.now()))
    return redirect("gateway:delivery", webhook.pk, delivery.pk)


def _say(request: HttpRequest, outcome: deliveries.Outcome) -> None:
    if outcome.is_good:
        messages.success(request, f"It was received: {outcome.status}, after {outcome.ms} ms.")
    elif outcome.status is None:
        messages.error(request, outcome.says)
    else:
        messages.error(request, f"The receiver answered {outcome.status}.")


def _found(request: HttpRequest, webhook_id: uuid.UUID) -> Webhook:
    """A webhook of the workspace that the person is in, for who may change it."""
    part = current_membership(request)
    found = get_object_or_404(Webhook, pk=webhook_id, workspace=part.workspace)
    require(part, Act.CONFIGURE)
    return found


def _delivery(request: HttpRequest, webhook_id: uuid.UUID, delivery_id: uuid.UUID) -> tuple[Webhook, Delivery]:
    webhook = _found(request, webhook_id)
    return webhook, get_object_or_404(Delivery.objects.select_related("webhook"), pk=delivery_id, webhook=webhook)


def _list(request: HttpRequest, part: Membership, form: WebhookForm, *, status: int = 200) -> HttpResponse:
    found = Webhook.objects.filter(workspace=part.workspace).order_by("created_at", "id")[: webhooks.MOST]
    return settings_page(request, "settings/webhooks.html", {"webhooks": found, "form": form}, status=status)


def _one(
    request: HttpRequest, webhook: Webhook, *, form: ChangeForm | None = None, secret: str = "", status: int = 200
) -> HttpResponse:
    told = Delivery.objects.filter(webhook=webhook).defer("body").order_by("-created_at", "-id")
    if (cursor := Cursor.parse(request.GET.get("before", ""))) is not None:
        told = told.filter(Q(created_at__lt=cursor.at) | Q(created_at=cursor.at, id__lt=cursor.id))
    rows = list(told[: PAGE + 1])
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    context: dict[str, Any] = {
        "webhook": webhook,
        "form": form or ChangeForm.of(webhook),
        "secret": secret,
        "deliveries": rows[:PAGE],
        "is_later": cursor is not None,
        "next_before": str(Cursor(last.created_at, last.id)) if last else "",
    }
    return settings_page(request, "settings/webhook.html", context, status=status)
