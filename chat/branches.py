"""A conversation is a tree of messages by `parent`; a branch is one path through it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol, TypeVar


class Linked(Protocol):
    """What a path needs to know of a message."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def parent_id(self) -> uuid.UUID | None: ...


M = TypeVar("M", bound=Linked)


@dataclass(frozen=True, slots=True)
class Node:
    """A message without its texts. `seen_at` is when the branch that ends here was last shown, or else written."""

    id: uuid.UUID
    parent_id: uuid.UUID | None
    position: int
    role: str
    status: str
    slot: int
    compare_id: uuid.UUID | None
    seen_at: datetime


class Tree:
    """The messages of one conversation. Children come after their parents, as `position` says."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = sorted(nodes, key=lambda node: node.position)
        self.by_id = {node.id: node for node in self.nodes}

    @property
    def newest(self) -> Node | None:
        return self.nodes[-1] if self.nodes else None

    @property
    def next_position(self) -> int:
        return self.nodes[-1].position + 1 if self.nodes else 1

    @cached_property
    def children(self) -> dict[uuid.UUID | None, list[Node]]:
        """Siblings by their parent, in the order in which they were written; None is the parent of the roots."""
        found: dict[uuid.UUID | None, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.parent_id if node.parent_id in self.by_id else None, []).append(node)
        return found

    @cached_property
    def _leaves(self) -> dict[uuid.UUID, Node]:
        """Of each message the end of a branch that was seen last below it."""
        seen: dict[uuid.UUID, Node] = {}
        for node in reversed(self.nodes):
            below = (seen[child.id] for child in self.children.get(node.id, ()))
            seen[node.id] = max(below, key=lambda leaf: (leaf.seen_at, leaf.position), default=node)
        return seen

    def leaf_below(self, message_id: uuid.UUID) -> Node:
        """The end of the branch through this message that was seen last. Raises `KeyError` for another's message."""
        return self._leaves[message_id]

    def path_to(self, message_id: uuid.UUID | None) -> list[Node]:
        """The messages from the root to this one, in order."""
        path: list[Node] = []
        while message_id is not None and message_id in self.by_id:
            path.append(self.by_id[message_id])
            message_id = path[-1].parent_id
        return path[::-1]

    def branch(self, leaf_id: uuid.UUID | None) -> list[Node]:
        """The branch that is shown: to this leaf or whatever follows it, or the one that was written last."""
        if leaf_id is not None and leaf_id in self.by_id:
            # Mostly a leaf indeed, and then the others need not be looked at.
            is_leaf = self.nodes[-1].id == leaf_id or all(node.parent_id != leaf_id for node in self.nodes)
            return self.path_to(leaf_id if is_leaf else self.leaf_below(leaf_id).id)
        return self.path_to(self.nodes[-1].id) if self.nodes else []

    def siblings(self, message_id: uuid.UUID) -> list[Node]:
        """The versions of a message, itself included, in the order in which they were written."""
        node = self.by_id[message_id]
        return self.children[node.parent_id if node.parent_id in self.by_id else None]

    def columns(self, message_id: uuid.UUID) -> list[Node]:
        """The replies that stand beside this one, itself included, by slot: in each the one that was seen last. Else none."""
        node = self.by_id[message_id]
        if node.compare_id is None:
            return []
        by_slot: dict[int, Node] = {}
        for other in self.siblings(message_id):
            if other.compare_id == node.compare_id:
                best = by_slot.get(other.slot)
                by_slot[other.slot] = max(best, other, key=lambda one: (one.seen_at, one.position)) if best else other
        by_slot[node.slot] = node
        return [by_slot[slot] for slot in sorted(by_slot)] if len(by_slot) > 1 else []


def path_to(leaf_id: uuid.UUID | None, messages: Sequence[M]) -> list[M]:
    """The messages from the root to `leaf_id`, in order."""
    by_id = {message.id: message for message in messages}
    path: list[M] = []
    while leaf_id is not None and leaf_id in by_id:
        path.append(by_id[leaf_id])
        leaf_id = path[-1].parent_id
    return path[::-1]
