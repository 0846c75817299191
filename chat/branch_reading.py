"""The branch of a conversation that is shown, read page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chat import originals, trees
from chat.models import Conversation, Message


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the branch, oldest first. `values` are what the person may see in the place of placeholders."""

    rows: Sequence[Message]
    total: int
    values: Mapping[str, str]


def page(conversation: Conversation, *, now: datetime, limit: int | None = None, offset: int = 0) -> Page:
    """However long the branch is, a fixed number of queries."""
    branch = trees.read(conversation.id).branch(conversation.active_leaf_id)
    rows = trees.load(branch[offset:] if limit is None else branch[offset : offset + limit])
    return Page(rows, len(branch), originals.held_for(conversation.id, now=now, shown=rows).values)
