"""What a model is told of a conversation: the stored turns that fit its window, and the new prompt as it was typed."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.conf import settings

from chat.models import Message, ToolUse
from chat.tools.uses import told
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


def fit(
    stored: Sequence[Message],
    prompt: str,
    target: Target,
    *,
    originals: Mapping[uuid.UUID, str] | None = None,
    uses: Mapping[uuid.UUID, Sequence[ToolUse]] | None = None,
) -> History:
    """Drop the oldest turns until the rest and room for a reply fit the model's window; the system prompt stays.

    `originals` are texts from the vault, by message, that take the place of the stored ones. `uses` are the tools of replies.
    """
    texts = originals or {}
    said = [_said(message, texts, (uses or {}).get(message.id, ())) for message in stored]
    system = [part for parts in said for part in parts if part["role"] == Message.Role.SYSTEM]
    turns = [parts for parts in said if parts and parts[0]["role"] != Message.Role.SYSTEM]
    asked = {"role": "user", "content": prompt}
    window = catalogue.context_window(target)
    everything = [*system, *chain.from_iterable(turns), asked]
    if window is None or _is_surely_short(everything, window):
        return History(everything, 0)
    room = window - min(settings.DEFAULT_MAX_TOKENS, window // 4)
    room -= tokens.count_messages([*system, asked], target.model)
    kept: list[list[dict[str, Any]]] = []
    for parts in reversed(turns):
        room -= tokens.count_messages(parts, target.model)
        if room < 0:
            break
        kept.append(parts)
    # A conversation starts with the person: a reply without its prompt confuses models and is refused by some.
    while kept and kept[-1][0]["role"] != Message.Role.USER:
        kept.pop()
    return History([*system, *chain.from_iterable(reversed(kept)), asked], len(turns) - len(kept))


def _said(message: Message, texts: Mapping[uuid.UUID, str], uses: Sequence[ToolUse]) -> list[dict[str, Any]]:
    """What one message comes to: its text, and before that the tools that a reply used."""
    text = texts.get(message.id, message.content)
    return [*told(uses), *([{"role": message.role, "content": text}] if text else [])]


def _is_surely_short(messages: Sequence[dict[str, Any]], window: int) -> bool:
    characters = sum(len(tokens.text_of(message)) for message in messages)
    return characters / SAFE_CHARACTERS_A_TOKEN < window - min(settings.DEFAULT_MAX_TOKENS, window // 4)
