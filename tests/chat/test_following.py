"""A page that follows a reply hears of its end, also when the database was away as it asked."""

import asyncio
import uuid

import pytest
from django.db import OperationalError

from accounts.models import Workspace
from chat import following
from chat.models import Conversation, Message


@pytest.fixture
def ended_reply(alice, workspace: Workspace, transactional_db) -> Message:
    conversation = Conversation.objects.create(workspace=workspace, owner=alice)
    return Message.objects.create(
        conversation=conversation, role="assistant", status="complete", content="Done.", run_id=uuid.uuid4(), position=1
    )


def test_a_page_is_told_the_end_once_the_database_is_back(ended_reply: Message, monkeypatch):
    monkeypatch.setattr(following, "RETRY_SECONDS", 0.01)
    read, failures = following._own_end, [OperationalError("away"), OperationalError("away")]

    def flaky(*args):
        if failures:
            raise failures.pop()
        return read(*args)

    monkeypatch.setattr(following, "_own_end", flaky)
    sent: list[str] = []

    async def follow() -> None:
        told = asyncio.Event()

        async def send(frame: str) -> None:
            sent.append(frame)
            told.set()

        held = following.Following(send)
        held.start(ended_reply, 0)
        async with asyncio.timeout(20):
            await told.wait()
        held.stop()

    asyncio.run(follow())
    assert '"complete"' in sent[0]
