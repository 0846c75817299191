"""A client as programs of the chat API have one: its shapes read strictly, so that a key too many or too few is noticed."""

import json
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, ConfigDict

from tests.programs import client_of
from tests.server import WebServer


class Provider(StrEnum):
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    AZURE_OPENAI = "azure_openai"
    GOOGLE = "google"


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Conversation(Shape):
    id: str
    user_id: str | None
    title: str | None
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class Message(Shape):
    id: str
    conversation_id: str
    role: str
    content: str
    provider: Provider | None
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cost_usd: float | None
    latency_ms: int | None
    time_to_first_token_ms: int | None
    trace_id: str | None
    span_id: str | None
    metadata: dict[str, Any]
    error: str | None
    created_at: datetime


class WithMessages(Conversation):
    messages: list[Message]


class Page(Shape):
    messages: list[Message]
    total: int
    limit: int
    offset: int


class Chat(Shape):
    message: Message
    conversation_id: str
    usage: dict[str, int]
    cost_usd: float | None


class Feedback(Shape):
    id: str
    conversation_id: str
    message_id: str | None
    user_id: str | None
    feedback_type: str
    rating: int | None
    comment: str | None
    metadata: dict[str, Any]
    created_at: datetime


@pytest.fixture
def api(server: WebServer, token: str) -> Iterator[httpx.Client]:
    with client_of(server, token) as client:
        client.base_url = f"{server.url}/api/v1"
        yield client


def test_a_client_of_the_chat_api_goes_on_working(api: httpx.Client):
    made = Conversation.model_validate_json(api.post("/conversations", json={"user_id": "user_123"}).content)
    chat = Chat.model_validate_json(api.post(f"/conversations/{made.id}/messages", json={"message": "Hello"}).content)
    assert chat.message.conversation_id == chat.conversation_id == made.id

    with api.stream("GET", f"/conversations/{made.id}/stream", params={"message": "And?", "provider": "openai"}) as answer:
        events = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    text, last = "".join(event["content"] for event in events), events[-1]

    page = Page.model_validate_json(api.get(f"/conversations/{made.id}/messages").content)
    assert (page.total, page.limit, page.offset) == (4, 50, 0)
    assert (page.messages[-1].id, page.messages[-1].content) == (last["message_id"], text)
    whole = WithMessages.model_validate_json(api.get(f"/conversations/{made.id}").content)
    assert whole.messages == page.messages

    found = [Conversation.model_validate(one) for one in api.get("/conversations", params={"user_id": "user_123"}).json()]
    assert [one.id for one in found] == [made.id]
    changed = Conversation.model_validate_json(api.patch(f"/conversations/{made.id}", json={"title": "Renamed"}).content)
    assert (changed.title, changed.user_id) == ("Renamed", "user_123")
    given = {"feedback_type": "thumbs_down", "message_id": chat.message.id, "rating": 2}
    assert Feedback.model_validate_json(api.post(f"/conversations/{made.id}/feedback", json=given).content).rating == 2

    assert api.delete(f"/conversations/{made.id}").status_code == 204
    assert api.get(f"/conversations/{made.id}").status_code == 404
    assert "detail" in api.get(f"/conversations/{made.id}").json()


@pytest.mark.parametrize("provider", ["azure_openai", "google", "anthropic"])
def test_providers_by_the_names_of_the_chat_api_are_known(api: httpx.Client, provider):
    """They are not configured here, and that is what the answer says: none of them is an unknown name."""
    conversation = api.post("/conversations", json={}).json()["id"]
    body = {"message": "Hello", "provider": provider, "model": "some-model"}
    answer = api.post(f"/conversations/{conversation}/messages", json=body)
    assert answer.status_code == 404
    assert "not configured here" in answer.json()["detail"]
