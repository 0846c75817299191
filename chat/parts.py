"""What belongs to messages beside their text, read for all messages of a page at once."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chat.models import Message


@dataclass(frozen=True, slots=True)
class Versions:
    """Which of several messages with one parent this is (`index` from 1), and the neighbours on both sides."""

    index: int
    count: int
    previous_id: uuid.UUID | None
    next_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class ToolRow:
    """One use of a tool."""

    name: str


@dataclass(frozen=True, slots=True)
class FileChip:
    """One file of a message."""

    name: str


@dataclass(frozen=True, slots=True)
class FeedbackView:
    """What the person thinks of a reply."""

    thumb: int | None


@dataclass(frozen=True, slots=True)
class Parts:
    """By message id; what a message has none of is absent."""

    versions: Mapping[uuid.UUID, Versions] = field(default_factory=dict)
    tool_rows: Mapping[uuid.UUID, Sequence[ToolRow]] = field(default_factory=dict)
    files: Mapping[uuid.UUID, Sequence[FileChip]] = field(default_factory=dict)
    feedback: Mapping[uuid.UUID, FeedbackView] = field(default_factory=dict)


NO_PARTS = Parts()


def of(messages: Sequence[Message]) -> Parts:
    """The parts of these messages; the number of queries does not grow with theirs."""
    return Parts()
