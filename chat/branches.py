"""A conversation is a tree of messages by `parent`; a branch is one path through it."""

import uuid
from collections.abc import Sequence
from typing import Protocol, TypeVar


class Node(Protocol):
    """What a branch needs to know of a message."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def parent_id(self) -> uuid.UUID | None: ...
    @property
    def position(self) -> int: ...


N = TypeVar("N", bound=Node)


def path_to(leaf_id: uuid.UUID | None, messages: Sequence[N]) -> list[N]:
    """The messages from the root to `leaf_id`, in order."""
    by_id = {message.id: message for message in messages}
    path: list[N] = []
    while leaf_id is not None and leaf_id in by_id:
        path.append(by_id[leaf_id])
        leaf_id = path[-1].parent_id
    return path[::-1]


def active(messages: Sequence[N]) -> list[N]:
    """The branch that was written last."""
    newest = max(messages, key=lambda message: message.position, default=None)
    return path_to(newest.id, messages) if newest else []
