"""The settings of one chat, saved from its dialog."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from accounts.access import Act, membership, person, require
from chat import access, chat_settings
from telemetry import policies


@login_required
@require_POST
def save(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Set a stored chat; a new one takes its settings with its first message. The answer is what is kept."""
    conversation = access.conversation_of(person(request), conversation_id)
    require(membership(person(request), conversation.workspace_id), Act.CHAT)
    try:
        chosen = chat_settings.read(request.POST.dict())
    except chat_settings.InvalidSettingError as invalid:
        return JsonResponse({"field": invalid.name, "message": invalid.message}, status=422)
    kept = chosen.redacted(policies.rules_of(conversation.workspace_id))
    chat_settings.store(conversation, kept)
    return JsonResponse(
        {"system_prompt": kept.system_prompt, "is_changed": kept != chosen, "is_default": kept == chat_settings.Chosen()}
    )
