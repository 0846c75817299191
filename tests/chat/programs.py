"""A program that talks to conversations with a key, and what it reads of a stream."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from accounts.models import User
from tests.programs import client_of, make_token
from tests.server import WebServer


@contextmanager
def program_of(user: User, server: WebServer, **options: Any) -> Iterator[httpx.Client]:
    with client_of(server, make_token(user, **({"scopes": ["chat"]} | options))) as client:
        yield client


def made(program: httpx.Client, **fields: Any) -> str:
    """The id of a new conversation."""
    answer = program.post("/api/v1/conversations", json=fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def said(program: httpx.Client, conversation: str, message: str = "Hello", **fields: Any) -> httpx.Response:
    return program.post(f"/api/v1/conversations/{conversation}/messages", json={"message": message, **fields})


def frames(text: str) -> list[Any]:
    """The data of each event, but OpenAI's `[DONE]`."""
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(one) for one in data if one != "[DONE]"]
