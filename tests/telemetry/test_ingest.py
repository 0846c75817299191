"""`POST /api/v1/ingest`: what a program hands in is stored once, and what is not is named."""

from collections.abc import Iterator

import httpx
import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts import api_keys
from telemetry import digest
from telemetry.models import InferenceLog
from tests.server import WebServer, web_server


@pytest.fixture(scope="session")
def _ingest_server(django_db_setup: None) -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture
def program(_ingest_server: WebServer, transactional_db: None, alice, workspace) -> Iterator[httpx.Client]:
    """A program with a key of Alice's."""
    _, token = api_keys.issue(alice, workspace, name="tests", now=timezone.now(), scopes=["ingest"])
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=_ingest_server.url, headers=headers, trust_env=False, timeout=20) as client:
        yield client
    print(_ingest_server.news())  # noqa: T201


def event(**fields):
    return {"inference_id": str(uuid7()), "status": "success", "provider": "openai", "model": "gpt-4o-mini", **fields}


def test_a_call_that_is_handed_in_becomes_a_row(program):
    call = event(messages=[{"role": "user", "content": "I am alice@example.com"}], reply="Hello", input_tokens=10, output_tokens=3)
    answer = program.post("/api/v1/ingest", json={"events": [call]})
    assert answer.status_code == 207
    assert answer.json() == {"accepted": 1, "duplicate": 0, "rejected": [], "problems": []}
    digest.drain()
    row = InferenceLog.objects.get()
    assert str(row.id) == call["inference_id"]
    assert row.source == "sdk"
    assert "alice@" not in row.input_preview
