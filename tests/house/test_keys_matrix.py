"""Every door for programs, and the one scope that opens it. A door that is not listed here fails the first test.

Nobody else gets so far that their body is read: not without a key, not with a key of all other scopes, not with a page's session,
not with the key of who has left. A stranger's key opens the door too, into the stranger's own workspace.
"""

import re
import uuid
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from accounts import api_keys
from accounts.entrance import SCOPES
from ollive import door_list, doors
from ollive.bearers import Bearers
from ollive.door_list import DOORS, PATTERNS
from tests.programs import make_token

ROWS = {
    "/api/v1/ingest": "ingest",
    "/api/v1/ingest/litellm": "ingest",
    "/v1/events:batch": "ingest",
    "/v1/traces": "ingest",
    "/chat": "chat",
    "/chat/stream": "chat",
    "/v1/models": "chat",
    "/v1/models/{path:id}": "chat",
    "/v1/embeddings": "chat",
    "/v1/completions": "chat",
    "/v1/responses": "chat",
    "/v1/messages": "chat",
    "/v1/messages/count_tokens": "chat",
    "/v1/chat/completions": "chat",
    "/v1/chat/completions.pb": "chat",
    "/v1/conversations": "chat",
    "/api/v1/conversations/{conversation_id}/messages": "chat",
    "/api/v1/conversations/{conversation_id}/stream": "chat",
    "/api/v1/conversations/{conversation_id}/cancel": "chat",
}
PASSED = "passed"


class Opened(Exception):
    """The body was asked for: whoever came got in."""


def test_every_door_is_listed_with_its_scope():
    assert {path: door.scope for path, door in {**DOORS, **PATTERNS}.items()} == ROWS


def address(path: str) -> str:
    """One that the pattern takes."""
    return re.sub(r"\{(path:)?\w+\}", uuid.UUID(int=1).hex, path)


async def knock(path: str, *, token: str = "", cookie: str = "") -> int | str:
    """The status, or that the request was let in."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise Opened

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    listed = {**DOORS, **PATTERNS}[path]
    method, path = listed.methods[0], address(path)
    found = door_list.find(method, path)
    assert found is not None
    door = found[0]
    assert door is listed
    given = {"host": "localhost", "content-length": "2", "content-type": door.media_types[0], "cookie": cookie}
    if token:
        given["authorization"] = f"Bearer {token}"
    headers = [(name.encode(), value.encode()) for name, value in given.items() if value]
    await doors.enter(found, {"method": method, "path": path, "headers": headers}, receive, send)
    # `Opened` is nothing that a door expects, so it broke; where no body is read, the door answers.
    status = sent[0]["status"]
    return PASSED if status == 500 or (method == "GET" and status not in {401, 403}) else status


@pytest.fixture(autouse=True)
def _nobody_is_remembered(monkeypatch):
    monkeypatch.setattr(doors, "bearers", Bearers())


@pytest.fixture
def keys(transactional_db, alice, bob, charlie, workspace) -> dict[str, dict[str, str]]:
    """The key that each actor comes with, by scope."""

    def others(scope: str) -> list[str]:
        return [other for other in SCOPES if other != scope]

    left = api_keys.issue(bob, workspace, name="left", now=timezone.now(), scopes=["ingest", "chat"])[1]
    bob.memberships.all().delete()
    return {
        scope: {
            "alice": make_token(alice, scopes=[scope]),
            "charlie": make_token(charlie, scopes=[scope]),
            "alice without the scope": make_token(alice, scopes=others(scope)),
            "who has left": left,
            "somebody who guesses": api_keys.make_token(),
            "nobody": "",
        }
        for scope in set(ROWS.values())
    }


EXPECTED: dict[str, int | str] = {
    "alice": PASSED,
    "charlie": PASSED,
    "alice without the scope": 403,
    "who has left": 401,
    "somebody who guesses": 401,
    "nobody": 401,
}


@pytest.mark.parametrize("path", ROWS)
def test_a_door_opens_to_whom_it_should(path, keys):
    outcomes = {actor: async_to_sync(knock)(path, token=token) for actor, token in keys[ROWS[path]].items()}
    assert outcomes == EXPECTED


@pytest.mark.parametrize("path", ROWS)
def test_a_pages_session_opens_no_door(path, client, alice, transactional_db):
    client.force_login(alice)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    assert async_to_sync(knock)(path, cookie=cookie) == 401
