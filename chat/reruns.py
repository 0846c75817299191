"""A recorded call asked again, of another model: beside its reply in the chat, or in a new chat made of what was recorded."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import Http404
from uuid_utils.compat import uuid7

from accounts.models import Membership
from chat import access, chat_settings, retries
from chat.models import Conversation, Message
from chat.turns import TITLE_CHARACTERS, Turn, TurnError
from telemetry import policies, tokens
from telemetry.models import InferenceLog

TRACE_LENGTH = 32  # that a message holds
INSTRUCTIONS = {"system", "developer"}
TALK = {"user": Message.Role.USER, "assistant": Message.Role.ASSISTANT}
STATUS = {"error": Message.Status.FAILED, "canceled": Message.Status.CANCELED, "interrupted": Message.Status.INTERRUPTED}
FAILED = "This call failed when it was recorded."


@dataclass(frozen=True, slots=True)
class Talk:
    """A recorded exchange as a chat has it: the instructions, the messages up to the prompt, and the reply."""

    instructions: str
    messages: Sequence[tuple[str, str]]  # role, text
    reply: str


def reply_of(call: InferenceLog, part: Membership) -> Message | None:
    """The reply in a chat of the person's own that this call wrote, while it is there."""
    if call.message_id is None or call.user_id != part.user_id:
        return None
    try:
        return access.message_of(part.user, call.message_id, role=Message.Role.ASSISTANT)
    except Http404:
        return None


def talk_of(content: Mapping[str, Any]) -> Talk:
    """What was recorded of a call, as a chat. Raises `TurnError` for what no chat can hold whole: nothing is left out unsaid."""
    messages = content.get("messages") or []
    if not messages:
        raise TurnError("What was said in this call is not kept, so it cannot be run again.", status=409)
    said = [_said(message) for message in messages]
    instructions = "\n\n".join(text for role, text in said if role in INSTRUCTIONS)
    talk = [(role, text) for role, text in said if role not in INSTRUCTIONS]
    if not talk or talk[-1][0] != Message.Role.USER:
        raise TurnError("This call does not end with a person’s prompt, so a chat cannot go on from it.", status=409)
    replied = [tokens.text_of({"content": part.get("content")}) for part in content.get("reply") or [] if isinstance(part, dict)]
    return Talk(instructions, talk, "\n\n".join(text for text in replied if text))


def in_chat(reply: Message, model: str, *, process_id: uuid.UUID | None) -> Turn:
    """Ask beside the reply that the call wrote. Raises as `retries.retry`."""
    return retries.retry(reply, process_id=process_id, model=model, is_beside=True)


def in_new_chat(
    call: InferenceLog,
    talk: Talk,
    model: str,
    *,
    part: Membership,
    conversation_id: uuid.UUID,
    process_id: uuid.UUID | None,
    now: datetime,
) -> Turn:
    """Make a chat of the person's own that holds the recorded exchange, and ask beside its reply.

    When nobody can be asked there is no chat either. Raises as `retries.retry`.
    """
    with transaction.atomic():
        reply = _made(call, talk, part, conversation_id=conversation_id, now=now)
        return retries.retry(reply, process_id=process_id, model=model, is_beside=True)


def _said(message: Any) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise TurnError("This call was not asked with messages, so it cannot be run again as a chat.", status=409)
    role = str(message.get("role") or "")
    if (role not in INSTRUCTIONS and role not in TALK) or message.get("tool_calls"):
        raise TurnError("This call’s messages hold the use of tools, which a chat cannot repeat.", status=409)
    parts = message.get("content")
    if isinstance(parts, list) and any(isinstance(one, dict) and one.get("type", "text") != "text" for one in parts):
        raise TurnError("This call was sent pictures or files, which the log does not keep.", status=409)
    return TALK.get(role, role), tokens.text_of({"content": parts})


def _made(call: InferenceLog, talk: Talk, part: Membership, *, conversation_id: uuid.UUID, now: datetime) -> Message:
    """The conversation with the recorded messages, redacted by the rules of today; returns the recorded reply."""
    rules = policies.rules_of(part.workspace_id)
    redact = rules.redactor.redact
    made = Conversation(
        id=conversation_id,
        workspace_id=part.workspace_id,
        owner_id=part.user_id,
        title=_title(redact(talk.messages[-1][1]).text),
        title_asked_at=now,
        redaction_version=rules.version,
        updated_at=now,
    )
    chat_settings.put(made, _settings_of(call, talk).redacted(rules))
    made.save(force_insert=True)
    messages: list[Message] = []
    for position, (role, text) in enumerate(talk.messages, start=1):
        messages.append(
            Message(
                conversation=made,
                parent=messages[-1] if messages else None,
                role=role,
                content=redact(text).text,
                redaction_version=rules.version,
                position=position,
            )
        )
    reply = Message(
        conversation=made,
        parent=messages[-1],
        role=Message.Role.ASSISTANT,
        status=STATUS.get(call.status, Message.Status.COMPLETE),
        content=redact(talk.reply).text,
        redaction_version=rules.version,
        position=len(messages) + 1,
        run_id=uuid7(),
        created_at=call.started_at or call.received_at,
        ended_at=call.ended_at,
        **_recorded(call, is_own=call.user_id == part.user_id),
    )
    Message.objects.bulk_create([*messages, reply])
    return reply


def _recorded(call: InferenceLog, *, is_own: bool) -> dict[str, Any]:
    """What the reply's line shows. Its tokens and cost were spent elsewhere: this chat does not count them."""
    path = "/".join(part for part in (call.provider, call.model) if part)
    told: dict[str, Any] = {"model": path[:300], "ttft_ms": call.ttft_ms, "latency_ms": call.latency_ms}
    if call.status == "error":
        told |= {"error_code": (call.error_class or "")[:40], "error": FAILED}
    if is_own and call.trace_id and len(call.trace_id) <= TRACE_LENGTH:
        told["trace_id"] = call.trace_id
    return told


def _settings_of(call: InferenceLog, talk: Talk) -> chat_settings.Chosen:
    """The instructions and the parameters that the call was asked with, as far as a chat has them."""
    given = call.parameters if isinstance(call.parameters, dict) else {}
    data = {
        name: str(given[name])
        for name in chat_settings.PARAMETERS
        if isinstance(given.get(name), (int, float)) and not isinstance(given[name], bool)
    }
    stops = given.get("stop")
    if isinstance(stops, (str, list)):
        data["stop"] = stops if isinstance(stops, str) else "\n".join(str(stop) for stop in stops)
    try:
        return chat_settings.read({**data, "system_prompt": talk.instructions})
    except chat_settings.InvalidSettingError as refused:
        raise TurnError(refused.message, status=422) from refused


def _title(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TITLE_CHARACTERS else line[:TITLE_CHARACTERS].rsplit(" ", 1)[0] + "…"
