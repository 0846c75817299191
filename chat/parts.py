"""What belongs to messages beside their text, read for all messages of a page at once."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chat import trees
from chat.branches import Node, Tree
from chat.files.chips import FileChip, chips_of
from chat.models import Message
from chat.tools.uses import ToolRow, rows_of
from telemetry import scores


@dataclass(frozen=True, slots=True)
class Versions:
    """Which of several messages with one parent this is (`index` from 1), and the neighbours on both sides."""

    index: int
    count: int
    previous_id: uuid.UUID | None
    next_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class FeedbackView:
    """What the person thinks of a reply."""

    thumb: bool | None
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """By message id; what a message has none of is absent."""

    versions: Mapping[uuid.UUID, Versions] = field(default_factory=dict)
    tool_rows: Mapping[uuid.UUID, Sequence[ToolRow]] = field(default_factory=dict)
    files: Mapping[uuid.UUID, Sequence[FileChip]] = field(default_factory=dict)
    feedback: Mapping[uuid.UUID, FeedbackView] = field(default_factory=dict)


NO_PARTS = Parts()


def of(messages: Sequence[Message], tree: Tree | None = None) -> Parts:
    """The parts of these messages of one conversation; the number of queries does not grow with theirs.

    `tree` is the conversation's, where it has been read already.
    """
    tree = tree or trees.siblings_of(messages)
    versions = {message.id: versions_of(message.id, tree) for message in messages}
    return Parts(
        versions={key: found for key, found in versions.items() if found},
        feedback=feedback_of(messages),
        tool_rows=rows_of(messages),
        files=chips_of(messages),
    )


def versions_of(message_id: uuid.UUID, tree: Tree) -> Versions | None:
    """Where a message stands among its versions; None where it is the only one."""
    return _among([message_id], [node.id for node in tree.siblings(message_id)])


def versions_in_column(column: Node, tree: Tree) -> Versions | None:
    """The tries of one column of a comparison."""
    tries = (node for node in tree.siblings(column.id) if node.compare_id == column.compare_id)
    return _among([column.id], [node.id for node in tries if node.slot == column.slot])


def versions_beside(columns: Sequence[Node], tree: Tree) -> Versions | None:
    """The way from a comparison to the versions that are no part of it."""
    siblings = tree.siblings(columns[0].id)
    others = [node.id for node in siblings if node.compare_id != columns[0].compare_id]
    stand = [node.id for node in columns]
    return _among(stand, [node.id for node in siblings if node.id in stand or node.id in others])


def _among(stand: Sequence[uuid.UUID], versions: Sequence[uuid.UUID]) -> Versions | None:
    """What stands together among the versions, and its neighbours."""
    if len(versions) <= len(stand):
        return None
    first = versions.index(stand[0])
    earlier = [one for one in versions[:first] if one not in stand]
    later = [one for one in versions[first + 1 :] if one not in stand]
    return Versions(first + 1, len(versions), earlier[-1] if earlier else None, later[0] if later else None)


def feedback_of(messages: Sequence[Message]) -> dict[uuid.UUID, FeedbackView]:
    """What their owner thinks of the replies among them."""
    replies = [message.id for message in messages if message.role == Message.Role.ASSISTANT]
    if not replies:
        return {}
    return {
        message_id: FeedbackView(judged.thumb, bool(judged.rating or judged.reasons or judged.comment))
        for message_id, judged in scores.of_messages(replies).items()
    }
