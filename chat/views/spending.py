"""What is left to spend, beside the composer."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import person
from chat import access
from gateway import spending


@login_required
@require_GET
def budget(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """The line beside the composer of this conversation, stored or yet to begin."""
    part = access.part_for(request, person(request), conversation_id)
    left = spending.allowance(part.workspace_id, person(request).id, now=timezone.now())
    return render(request, "chat/_budget.html", {"budget": left, "conversation_id": conversation_id})
