"""The tree of a stored conversation: read without its texts, and which of its branches is shown."""

import uuid
from collections.abc import Mapping, Sequence

from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from chat.branches import Node, Tree
from chat.models import Conversation, Message

FIELDS = ("id", "parent_id", "position", "role", "status", "slot", "compare_id")
SEEN_AT = Coalesce("shown_at", "created_at")
SAID_BATCH = 60
# No token of a language or of code stands for more than this, on the average of a long text.
MOST_CHARACTERS_A_TOKEN = 8


def read(conversation_id: uuid.UUID) -> Tree:
    """All messages of a conversation in one query without a text."""
    rows = Message.objects.filter(conversation_id=conversation_id).order_by("position")
    return Tree([Node(*row) for row in rows.values_list(*FIELDS, SEEN_AT)])


def siblings_of(messages: Sequence[Message]) -> Tree:
    """As much of the tree as tells the versions of these messages of one conversation."""
    if not messages:
        return Tree([])
    parents = {message.parent_id for message in messages}
    wanted = Q(parent_id__in=parents - {None})
    if None in parents:
        wanted |= Q(parent_id=None)
    rows = Message.objects.filter(wanted, conversation_id=messages[0].conversation_id)
    return Tree([Node(*row) for row in rows.values_list(*FIELDS, SEEN_AT)])


def load(nodes: Sequence[Node]) -> list[Message]:
    """These messages with their texts, in this order; one query."""
    found: Mapping[uuid.UUID, Message] = Message.objects.in_bulk([node.id for node in nodes])
    return [found[node.id] for node in nodes if node.id in found]


def said(branch: Sequence[Node], *, window: int | None) -> list[Message]:
    """The texts of a branch, as many of its newest messages as a window of so many tokens could take; system prompts always.

    What only pages need of them is left where it is.
    """
    if window is None or len(branch) <= SAID_BATCH:
        return _told(branch)
    loaded: list[Message] = []
    rest, room, size = list(branch), window * MOST_CHARACTERS_A_TOKEN, SAID_BATCH
    while rest and room > 0:
        rest, batch = rest[:-size], rest[-size:]
        messages = _told(batch)
        room -= sum(len(message.content) for message in messages)
        loaded = messages + loaded
        size *= 4  # a window that took the first ones will most likely take the others
    return _told([node for node in rest if node.role == Message.Role.SYSTEM]) + loaded


def _told(nodes: Sequence[Node]) -> list[Message]:
    found = Message.objects.only("id", "conversation_id", "role", "content").in_bulk([node.id for node in nodes])
    return [found[node.id] for node in nodes if node.id in found]


def show(conversation: Conversation, leaf_id: uuid.UUID, tree: Tree) -> None:
    """Make the branch that ends here the shown one, and remember when the one before was left."""
    leave(conversation, leaf_id, tree)
    Conversation.objects.filter(id=conversation.id).update(active_leaf=leaf_id)
    conversation.active_leaf_id = leaf_id


def leave(conversation: Conversation, message_id: uuid.UUID | None, tree: Tree) -> None:
    """Note when the shown branch was last seen, unless this message is its end and goes on."""
    shown = tree.branch(conversation.active_leaf_id)
    if shown and shown[-1].id != message_id:
        Message.objects.filter(id=shown[-1].id).update(shown_at=Now())
