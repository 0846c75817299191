"""What a model is told of a conversation: the stored turns that fit its window, and the new prompt as it was typed."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from chat.files.enclosures import Enclosures
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


@dataclass(frozen=True, slots=True)
class Asked:
    """The prompt as the provider gets it, and what goes with it: instructions that come first, files, room for the reply.

    `prompt_id` is by which its files are known; `takes_images` is None where nobody says.
    """

    prompt: str
    prompt_id: uuid.UUID | None = None
    instructions: str = ""
    files: Enclosures = field(default_factory=Enclosures)
    takes_images: bool | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """One message that may be sent, and the tools that a reply used before its text."""

    id: uuid.UUID | None
    role: str
    text: str
    uses: Sequence[dict[str, Any]] = ()

    def tokens(self, files: Enclosures, model: str) -> int:
        with_text = [*self.uses, {"role": self.role, "content": self.text}]
        return tokens.count_messages(with_text, model) + (files.tokens(self.id, model) if self.id else 0)

    def most_tokens(self, files: Enclosures) -> float:
        characters = len(self.text) + sum(len(tokens.text_of(use)) for use in self.uses)
        return characters / SAFE_CHARACTERS_A_TOKEN + (files.most_tokens(self.id) if self.id else 0)


def fit(
    stored: Sequence[Message],
    prompt: Asked | str,
    target: Target,
    *,
    originals: Mapping[uuid.UUID, str] | None = None,
    uses: Mapping[uuid.UUID, Sequence[ToolUse]] | None = None,
) -> History:
    """Drop the oldest turns until the rest and room for a reply fit the model's window; instructions stay.

    `originals` are texts from the vault, by message, that take the place of the stored ones. `uses` are the tools of replies.
    """
    asked = Asked(prompt) if isinstance(prompt, str) else prompt
    said = [_said(message, originals or {}, (uses or {}).get(message.id, ())) for message in stored]
    said = [one for one in said if one.text or one.uses or (one.id and asked.files.has(one.id))]
    system = [one for one in said if one.role == Message.Role.SYSTEM]
    if asked.instructions:
        system.insert(0, _Said(None, Message.Role.SYSTEM, asked.instructions))
    turns = [one for one in said if one.role != Message.Role.SYSTEM]
    last = _Said(asked.prompt_id, Message.Role.USER, asked.prompt)
    kept = _kept(system, turns, last, asked, target)
    contents = asked.files.contents([(one.id, one.text) for one in (*kept, last) if one.id], takes_images=asked.takes_images)
    messages = [message for one in (*system, *kept, last) for message in _messages(one, contents)]
    return History(messages, len(turns) - len(kept))


def _said(message: Message, texts: Mapping[uuid.UUID, str], uses: Sequence[ToolUse]) -> _Said:
    return _Said(message.id, message.role, texts.get(message.id, message.content), told(uses))


def _kept(system: Sequence[_Said], turns: list[_Said], last: _Said, asked: Asked, target: Target) -> list[_Said]:
    """The newest turns that there is room for."""
    window = catalogue.context_window(target)
    if window is None:
        return turns
    room = window - min(asked.max_tokens or settings.DEFAULT_MAX_TOKENS, window // 4)
    if sum(one.most_tokens(asked.files) for one in (*system, *turns, last)) < room:
        return turns
    room -= sum(one.tokens(asked.files, target.model) for one in (*system, last))
    kept: list[_Said] = []
    for one in reversed(turns):
        room -= one.tokens(asked.files, target.model)
        if room < 0:
            break
        kept.append(one)
    # A conversation starts with the person: a reply without its prompt confuses models and is refused by some.
    while kept and kept[-1].role != Message.Role.USER:
        kept.pop()
    return kept[::-1]


def _messages(said: _Said, contents: Mapping[uuid.UUID, str | list[dict[str, Any]]]) -> list[dict[str, Any]]:
    content = contents.get(said.id, said.text) if said.id else said.text
    return [*said.uses, *([{"role": said.role, "content": content}] if content else [])]
