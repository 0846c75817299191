"""What templates and frames are given: the same data for a whole page and for a fragment of it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone

from chat import parts, trees
from chat.branches import Node, Tree
from chat.message_views import MessageView, message_view
from chat.models import Conversation, Message
from chat.originals import MASKS_KEPT, NOTHING, Held, held_for, kept_for
from chat.parts import Versions
from telemetry.policies import Policy

PAGE = 50
END = 20  # how much of the end is shown beside a part far up
ABOVE = 4  # what is shown before a message that a page opens at


@dataclass(frozen=True, slots=True)
class Row:
    """One message of the branch; or the replies that stand side by side, of which `message` is the one that was chosen."""

    message: MessageView
    columns: Sequence[MessageView] = ()
    versions: Versions | None = None  # beside the columns
    gap: "Gap | None" = None  # what comes before it and is not there yet


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages between two that are shown, to be had as one scrolls to them."""

    after_id: uuid.UUID
    before_id: uuid.UUID
    count: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """The part of a branch that a page shows. Before its first message, `older_id`, there is more; `older_at` is of that."""

    rows: Sequence[Row]
    held: Held
    older_id: uuid.UUID | None = None
    older_at: uuid.UUID | None = None
    older_after: uuid.UUID | None = None
    newest_id: uuid.UUID | None = None

    @property
    def messages(self) -> list[MessageView]:
        """All that is shown, the columns of a comparison one after the other."""
        return [message for row in self.rows for message in (row.columns or [row.message])]

    def context(self) -> dict[str, Any]:
        """For the templates."""
        return {
            "rows": self.rows,
            "messages": self.messages,
            "older_id": self.older_id,
            "older_at": self.older_at,
            "older_after": self.older_after,
            "newest_id": self.newest_id,
            "leaf_id": self.rows[-1].message.id if self.rows else None,
            "is_streaming": any(message.status == Message.Status.STREAMING for message in self.messages),
        }


EMPTY = Transcript((), NOTHING)


def transcript(conversation: Conversation, *, at: uuid.UUID | None = None) -> Transcript:
    """The end of the shown branch; with `at` it leads through this message, and begins a little above it."""
    tree = trees.read(conversation.id)
    branch = _branch(tree, conversation, at)
    start = max(0, len(branch) - PAGE)
    start = min([start, *(max(0, place - ABOVE) for place, node in enumerate(branch) if node.id == at)])
    return _part(branch, start, tree, is_end=True)


def before(conversation: Conversation, message_id: uuid.UUID, *, after: uuid.UUID | None = None) -> Transcript:
    """The messages before one that is shown; none of those up to `after`, which are shown too."""
    tree = trees.read(conversation.id)
    branch = tree.path_to(message_id)[:-1]
    known = next((place + 1 for place, node in enumerate(branch) if node.id == after), 0)
    branch = branch[known:]
    return replace(_part(branch, max(0, len(branch) - PAGE), tree, is_end=False), older_after=after if known else None)


def _part(branch: Sequence[Node], start: int, tree: Tree, *, is_end: bool) -> Transcript:
    rows, held = _rows(branch[start:], tree, is_end=is_end)
    return Transcript(
        rows,
        held,
        older_id=branch[start].id if start > 0 else None,
        older_at=branch[max(0, start - PAGE + ABOVE)].id if start > 0 else None,
        newest_id=tree.newest.id if tree.newest else None,
    )


def rest_html(conversation: Conversation, message_id: uuid.UUID) -> str:
    """The shown branch from this message on; another column's message stands for the columns."""
    tree = trees.read(conversation.id)
    branch = _branch(tree, conversation, message_id)
    start = next((place for place, node in enumerate(branch) if node.id == message_id), len(branch) - 1)
    rows, _ = _rows(branch[start:], tree, is_end=True)
    return render_to_string("chat/_turn.html", {"rows": rows})


@dataclass(frozen=True, slots=True)
class TurnView:
    """A turn for a page that may show it, or another branch: `parent_id` is what the prompt follows."""

    html: str
    prompt_id: uuid.UUID
    reply_id: uuid.UUID
    parent_id: uuid.UUID | None


def turn_view(reply_id: uuid.UUID) -> TurnView | None:
    """A stored turn as its owner sees it, its reply beside those that it is compared with; None when it is gone."""
    reply = Message.objects.filter(id=reply_id).only("id", "conversation_id").first()
    if reply is None:
        return None
    tree = trees.read(reply.conversation_id)
    nodes = tree.path_to(reply.id)[-2:]
    if len(nodes) < 2:
        return None
    rows, _ = _rows(nodes, tree, is_end=True)
    return TurnView(render_to_string("chat/_turn.html", {"rows": rows}), nodes[0].id, reply.id, nodes[0].parent_id)


def own_turn_html(reply_id: uuid.UUID) -> str:
    view = turn_view(reply_id)
    return view.html if view else ""


def versions_html(message: Message) -> str:
    """The switch between the versions of a message."""
    versions = parts.versions_of(message.id, trees.siblings_of([message]))
    return render_to_string("chat/_branch.html", {"versions": versions})


def _branch(tree: Tree, conversation: Conversation, at: uuid.UUID | None) -> list[Node]:
    """The shown branch, unless it does not lead through `at`: then the one that does, seen last."""
    shown = tree.branch(conversation.active_leaf_id)
    if at is None or at not in tree.by_id or any(node.id == at for node in shown):
        return shown
    if shown and any(node.id == at for node in tree.columns(shown[-1].id)):
        return shown
    return tree.path_to(tree.leaf_below(at).id)


def _rows(nodes: Sequence[Node], tree: Tree, *, is_end: bool) -> tuple[list[Row], Held]:
    """Replies that are compared stand side by side as long as the chat has not gone on with one of them.

    Of very many messages the middle is left out.
    """
    gap = None
    if len(nodes) > 2 * PAGE + END:
        gap = Gap(nodes[PAGE - 1].id, nodes[-END].id, len(nodes) - PAGE - END)
        nodes = [*nodes[:PAGE], *nodes[-END:]]
    last = nodes[-1] if nodes and is_end else None
    columns = tree.columns(last.id) if last and last.id not in tree.children else []
    messages = trees.load([*nodes, *(node for node in columns if node.id not in {node.id for node in nodes})])
    now = timezone.now()
    held = held_for(messages[0].conversation_id, now=now, shown=messages) if messages else NOTHING
    found = parts.of(messages, tree)
    views = {message.id: message_view(message, held, found) for message in messages}
    rows = [Row(views[node.id], gap=gap if gap and gap.before_id == node.id else None) for node in nodes if node.id in views]
    if columns and rows:
        stand = [replace(views[node.id], versions=parts.versions_in_column(node, tree)) for node in columns if node.id in views]
        rows[-1] = replace(rows[-1], columns=stand, versions=parts.versions_beside(columns, tree))
    return rows, held


def privacy(policy: Policy, held: Held) -> list[str]:
    """What the page says of the workspace's mode, and of what it no longer knows; nothing where everything is as usual."""
    lines = []
    if policy.mode == "mask":
        hours = round((kept_for(policy) or MASKS_KEPT).total_seconds() / 3600)
        lines.append(
            f"The model gets names such as “e-mail 1” for personal data and secrets; you see the real ones for {hours} hours."
        )
    elif policy.mode == "block":
        lines.append("Messages with personal data or secrets are not sent.")
    elif policy.vault:
        hours = round(policy.vault.total_seconds() / 3600)
        lines.append(f"What is removed from this chat is kept encrypted for {hours} hours, for you and the model alone.")
    if held.has_expired:
        lines.append("Some values in this chat were kept for a while and are gone; their names stand in their place.")
    return lines
