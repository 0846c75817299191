"""Asking anew for a reply: once more, by another model, side by side, or from where it broke off. What is there stays."""

import uuid
from collections.abc import Sequence
from dataclasses import replace

from django.utils import timezone

from chat import originals, trees
from chat.branches import Tree
from chat.choices import MAX_COLUMNS, Choice, choose, window_of
from chat.models import Conversation, Message
from chat.openings import Place, open_choice
from chat.telling import Told
from chat.turns import BUSY, Turn, TurnError, one_at_a_time, require_idle
from telemetry import policies
from telemetry.policies import Rules

GO_ON = (
    "Your last message was cut off. Continue it exactly where it ended, beginning with the very next character. "
    "Repeat nothing of it and say nothing about it."
)


def retry(reply: Message, *, process_id: uuid.UUID | None, model: str = "", is_beside: bool = False) -> Turn:
    """Ask once more, the same model or another; the reply that is there stays beside the new one in the tree.

    With `is_beside` the two are compared. The provider gets the prompt as it is stored, or as the vault holds it.
    Raises `TurnError` and `gateway.protocol.ProviderError`.
    """
    return _ask(reply, model or reply.model, process_id=process_id, is_beside=is_beside)


def go_on(reply: Message, *, process_id: uuid.UUID | None) -> Turn:
    """Go on with a reply that broke off: a new one that begins with its text, filled by a call of its own.

    Raises `TurnError` and `gateway.protocol.ProviderError`.
    """
    if reply.status != Message.Status.STREAMING and not reply.can_continue:
        raise TurnError("This reply has nothing to continue.", status=409)
    return _ask(reply, reply.model, process_id=process_id, partial=reply)


def _ask(
    reply: Message, model: str, *, process_id: uuid.UUID | None, is_beside: bool = False, partial: Message | None = None
) -> Turn:
    prompt = _prompt_of(reply)
    (choice,) = choose(model, (), workspace_id=reply.conversation.workspace_id, user_id=reply.conversation.owner_id)
    rules = policies.rules_of(reply.conversation.workspace_id)
    with one_at_a_time():
        conversation = prompt.conversation = Conversation.objects.select_for_update().get(id=reply.conversation_id)
        tree = trees.read(conversation.id)
        require_idle(tree, beside=reply.compare_id)
        place = _beside(reply, tree) if is_beside else _instead(reply, conversation, tree)
        if place.is_shown:
            trees.leave(conversation, prompt.id, tree)
        told = _told(prompt, tree, choice, rules=rules, partial=partial)
        opening = open_choice(
            prompt,
            choice,
            told,
            process_id=process_id,
            rules=rules,
            place=replace(place, continues=partial),
            effort=reply.reasoning_effort,
        )
    return Turn(conversation, prompt, (opening,))


def _told(prompt: Message, tree: Tree, choice: Choice, *, rules: Rules, partial: Message | None) -> Told:
    branch = tree.path_to(prompt.parent_id)
    stored: Sequence[Message] = trees.said(branch, window=window_of([choice]))
    unread_count = len(branch) - len(stored)
    texts = originals.sendable(originals.held_for(prompt.conversation_id, now=timezone.now()), rules.policy)
    if partial is None:
        sent = texts.get(prompt.id, prompt.content)
        return Told(stored, unread_count, sent, texts, conversation=prompt.conversation, rules=rules, prompt_id=prompt.id)
    return Told([*stored, prompt, partial], unread_count, GO_ON, texts, conversation=prompt.conversation, rules=rules)


def _prompt_of(reply: Message) -> Message:
    if reply.parent is None or reply.role != Message.Role.ASSISTANT:
        raise TurnError("Only a reply can be asked for again.", status=409)
    if reply.status == Message.Status.STREAMING:
        raise TurnError(BUSY, status=409)
    return reply.parent


def _instead(reply: Message, conversation: Conversation, tree: Tree) -> Place:
    """Another try takes the place of a reply; in a comparison that of its column, which does not choose itself."""
    if reply.compare_id is None:
        return Place(tree.next_position)
    shown = tree.branch(conversation.active_leaf_id)[-1]
    is_chosen = shown.compare_id != reply.compare_id or shown.slot == reply.slot
    return Place(tree.next_position, reply.slot, reply.compare_id, is_shown=is_chosen)


def _beside(reply: Message, tree: Tree) -> Place:
    """The next column beside a reply. Where the chat went on after the reply, the new one ends a branch of its own."""
    columns = tree.columns(reply.id) or [tree.by_id[reply.id]]
    if len(columns) >= MAX_COLUMNS:
        raise TurnError(f"At most {MAX_COLUMNS} models can be compared at once.", status=409)
    compare_id = reply.compare_id or uuid.uuid4()
    if reply.compare_id is None:
        Message.objects.filter(id=reply.id).update(compare_id=compare_id, slot=0)
    slot = max(node.slot for node in columns) + 1
    return Place(tree.next_position, slot, compare_id, is_shown=reply.id in tree.children)
