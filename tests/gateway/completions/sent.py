"""What a program sends to `/v1/chat/completions`, and what it reads of a stream."""

import json
from typing import Any

import httpx

PATH = "/v1/chat/completions"
MODEL = "openai/plain"
MESSAGES = [{"role": "user", "content": "How do tides work?"}]


def ask(program: httpx.Client, model: str = MODEL, **fields: Any) -> httpx.Response:
    return program.post(PATH, json={"model": model, "messages": MESSAGES, **fields})


def frames(text: str) -> list[dict[str, Any]]:
    """The events of a stream but the last, which has to be `[DONE]`."""
    *events, last, rest = text.split("\n\n")
    assert (last, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events if not event.startswith(":")]


def text_of(events: list[dict[str, Any]], index: int = 0) -> str:
    choices = [choice for event in events for choice in event["choices"] if choice["index"] == index]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
