"""Stored chats to open: as many messages as wanted, of all kinds, with branches."""

import uuid
from datetime import timedelta

from django.utils import timezone

from accounts.models import User, Workspace
from chat.models import Conversation, Message
from chat.render import RENDERER_VERSION, render

PROMPTS = ("How do I sort a list of pairs by their second part?", "And in SQL?", "Compare the two in a table, please.")
REPLIES = (
    (
        "Give `sorted` a key:\n\n```python\npairs = [(1, 'b'), (2, 'a')]\nprint(sorted(pairs, key=lambda pair: pair[1]))\n```\n\n"
        "It is **stable**: equal ones keep their order."
    ),
    "```sql\nSELECT id, name FROM pairs ORDER BY name;\n```\n\n1. The database sorts.\n2. An index on `name` spares it that.",
    "| | Python | SQL |\n|---|---|---|\n| where | in memory | in the database |\n| stable | yes | no |\n\n" + "In short. " * 60,
)


def long_chat(workspace: Workspace, owner: User, *, message_count: int, branch_every: int = 0) -> Conversation:
    """A chat whose shown branch has this many messages; every so many turns one reply has a second version."""
    conversation = Conversation.objects.create(workspace=workspace, owner=owner, title="A long chat", model="openai/plain")
    began_at = timezone.now() - timedelta(days=1)
    messages: list[Message] = []
    parent: Message | None = None
    for turn in range(message_count // 2):
        prompt = _message(conversation, parent, len(messages), began_at, role="user", content=f"{PROMPTS[turn % 3]} ({turn})")
        messages.append(prompt)
        for version in range(2 if branch_every and turn % branch_every == 0 else 1):
            text = REPLIES[(turn + version) % 3]
            parent = _message(conversation, prompt, len(messages), began_at, role="assistant", content=text)
            messages.append(parent)
    Message.objects.bulk_create(messages)
    return conversation


def _message(conversation: Conversation, parent: Message | None, place: int, began_at, *, role: str, content: str) -> Message:
    message = Message(
        conversation=conversation,
        parent=parent,
        role=role,
        content=content,
        position=place + 1,
        created_at=began_at + timedelta(seconds=place),
    )
    if role == "assistant":
        message.html, message.renderer_version = render(content), RENDERER_VERSION
        message.run_id, message.model = uuid.uuid4(), "openai/plain"
        message.prompt_tokens, message.completion_tokens, message.ttft_ms, message.latency_ms = 900, 120, 210, 2400
        message.reasoning = "First the key, then the order." if place % 3 == 0 else ""
        message.reasoning_html = render(message.reasoning) if message.reasoning else ""
    return message
