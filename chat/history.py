"""What a model is told of a conversation: the stored turns that fit its window, and the new prompt as it was typed."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from chat.models import Message
from gateway import catalogue
from gateway.protocol import Target
from telemetry import tokens

# A token of English or code is rarely shorter than this many characters, so counting is needed only near the limit.
SAFE_CHARACTERS_A_TOKEN = 2


@dataclass(frozen=True, slots=True)
class History:
    """OpenAI-shaped messages, and how many older ones were left out."""

    messages: list[dict[str, Any]]
    omitted_count: int


def fit(stored: Sequence[Message], prompt: str, target: Target, *, originals: Mapping[uuid.UUID, str] | None = None) -> History:
    """Drop the oldest turns until the rest and room for a reply fit the model's window; the system prompt stays.

    `originals` are texts from the vault, by message, that take the place of the stored ones.
    """
    texts = originals or {}
    said = [{"role": message.role, "content": texts.get(message.id, message.content)} for message in stored if message.content]
    system = [message for message in said if message["role"] == Message.Role.SYSTEM]
    turns = [message for message in said if message["role"] != Message.Role.SYSTEM]
    asked = {"role": "user", "content": prompt}
    window = catalogue.context_window(target)
    if window is None or _is_surely_short([*said, asked], window):
        return History([*system, *turns, asked], 0)
    room = window - min(settings.DEFAULT_MAX_TOKENS, window // 4)
    room -= tokens.count_messages([*system, asked], target.model)
    kept: list[dict[str, Any]] = []
    for message in reversed(turns):
        room -= tokens.count_messages([message], target.model)
        if room < 0:
            break
        kept.append(message)
    # A conversation starts with the person: a reply without its prompt confuses models and is refused by some.
    while kept and kept[-1]["role"] != Message.Role.USER:
        kept.pop()
    return History([*system, *reversed(kept), asked], len(turns) - len(kept))


def _is_surely_short(messages: Sequence[dict[str, Any]], window: int) -> bool:
    characters = sum(len(message["content"]) for message in messages)
    return characters / SAFE_CHARACTERS_A_TOKEN < window - min(settings.DEFAULT_MAX_TOKENS, window // 4)
