"""The log for programs: lists by filters, one call with what was said, deleting for good; and who may see whose."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Membership
from telemetry.models import InferenceLog
from tests.people import join, make_person
from tests.programs import make_token
from tests.telemetry.calls import NOON, finished, record, started

pytestmark = pytest.mark.django_db


class Reader:
    """A program that comes with a key."""

    def __init__(self, user: Any, scopes: list[str]) -> None:
        self._client = Client(headers={"authorization": f"Bearer {make_token(user, scopes=scopes)}"})

    def get(self, path: str, **query: Any) -> Any:
        return self._client.get(f"/api/v1{path}", query)

    def delete(self, path: str) -> Any:
        return self._client.delete(f"/api/v1{path}")


@pytest.fixture
def reader(alice) -> Reader:
    return Reader(alice, ["logs:read", "logs:delete"])


def call_of(user: Any, **fields: Any) -> UUID:
    """A finished call of the person's in their workspace."""
    inference_id = uuid4()
    told = {"workspace_id": user.workspaces.get().id, "user_id": user.id} | fields
    end = {"workspace_id": told["workspace_id"]}
    record(started(inference_id, **told), finished(inference_id, **end))
    return inference_id


def test_calls_are_listed_newest_first_with_what_a_client_calls_tokens(reader, alice):
    first, second = call_of(alice), call_of(alice)
    page = reader.get("/logs").json()
    assert [call["id"] for call in page["data"]] == [str(second), str(first)]
    call = page["data"][0]
    assert (call["prompt_tokens"], call["completion_tokens"], call["total_tokens"]) == (100, 50, 150)
    assert call["time_to_first_token_ms"] == 400
    assert call["cost_usd"] is None or isinstance(call["cost_usd"], float)
    assert "tides" in call["input_preview"]
    assert page["next_cursor"] is None


def test_pages_lead_to_older_calls_and_back(reader, alice):
    ids = [str(call_of(alice)) for _ in range(5)][::-1]
    first = reader.get("/logs", limit=2).json()
    second = reader.get("/logs", limit=2, cursor=first["next_cursor"]).json()
    third = reader.get("/logs", limit=2, cursor=second["next_cursor"]).json()
    assert [call["id"] for page in (first, second, third) for call in page["data"]] == ids
    assert third["next_cursor"] is None
    assert reader.get("/logs", limit=2, cursor=second["previous_cursor"]).json()["data"] == first["data"]


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ({"model": "gpt-4o-mini"}, True),
        ({"model": ["gpt-4o", "gpt-4o-mini"], "provider": "openai"}, True),
        ({"model": "gpt-4o"}, False),
        ({"status": "error"}, False),
        ({"min_tokens": 150, "max_tokens": 150}, True),
        ({"min_latency_ms": 9_000}, False),
        ({"is_stream": "true"}, False),
        ({"has_score": "false"}, True),
        ({"since": (NOON - timedelta(days=1)).isoformat()}, True),
        ({"until": "1980-01-01T00:00:00Z"}, False),
        ({"since": "0001-01-01T00:00:00+14:00", "until": "9999-12-31T23:59:59-12:00"}, True),
        ({"trace_id": "0" * 31 + "7"}, True),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else str(value),
)
def test_filters_combine(reader, alice, query, is_found):
    call_of(alice, trace_id="0" * 31 + "7")
    answer = reader.get("/logs", **query)
    assert (answer.status_code, len(answer.json()["data"])) == (200, int(is_found))


@pytest.mark.parametrize(
    ("query", "status", "code", "param"),
    [
        ({"modle": "gpt-4o"}, 422, "invalid", "modle"),
        ({"limit": 0}, 422, "invalid", "limit"),
        ({"limit": 201}, 422, "invalid", "limit"),
        ({"status": "lost"}, 422, "invalid", "status.0"),
        ({"since": "yesterday"}, 422, "invalid", "since"),
        ({"since": "2026-11-21T12:00:00"}, 422, "invalid", "since"),
        ({"is_stream": "perhaps"}, 422, "invalid", "is_stream"),
        ({"min_cost_usd": "nan"}, 422, "invalid", "min_cost_usd"),
        ({"cursor": "nonsense"}, 400, "invalid_cursor", "cursor"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_what_cannot_be_asked_is_a_problem_that_names_the_field(reader, query, status, code, param):
    answer = reader.get("/logs", **query)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["param"] == param


def test_a_list_makes_the_same_number_of_queries_for_more_calls(reader, alice):
    counts = []
    assert reader.get("/logs").status_code == 200  # the key's first use in a minute is written down
    for _ in range(2):
        for _ in range(5):
            call_of(alice)
        with CaptureQueriesContext(connection) as queries:
            assert reader.get("/logs").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_one_call_comes_with_what_was_said(reader, alice):
    inference_id = call_of(alice, metadata={"team": "blue"}, tags=["beta"])
    call = reader.get(f"/logs/{inference_id}").json()
    assert call["id"] == str(inference_id)
    assert call["content"]["messages"] == [{"role": "user", "content": "How do tides work?"}]
    assert call["content"]["reply"] == [{"role": "assistant", "content": "The moon pulls the water."}]
    assert (call["metadata"], call["tags"], call["steps"], call["scores"]) == ({"team": "blue"}, ["beta"], [], [])
    assert datetime.fromisoformat(call["ended_at"]) - datetime.fromisoformat(call["started_at"]) == timedelta(milliseconds=2400)


def test_a_call_is_deleted_for_good_and_that_is_noted(reader, alice):
    inference_id = call_of(alice)
    assert reader.delete(f"/logs/{inference_id}").status_code == 204
    assert not InferenceLog.objects.exists()
    assert [reader.get(f"/logs/{inference_id}").status_code, reader.delete(f"/logs/{inference_id}").status_code] == [404, 404]
    noted = AuditEntry.objects.get(action="data.erased")
    assert (noted.actor_id, noted.subject_id) == (alice.id, str(inference_id))


def test_a_stranger_sees_nothing(alice, charlie):
    inference_id = call_of(alice)
    stranger = Reader(charlie, ["logs:read", "logs:delete"])
    assert stranger.get("/logs").json()["data"] == []
    assert stranger.get(f"/logs/{inference_id}").status_code == 404
    assert stranger.delete(f"/logs/{inference_id}").status_code == 404
    assert InferenceLog.objects.count() == 1


def test_a_member_sees_their_own_calls_only(alice, bob):
    hers, his = call_of(alice), call_of(bob)
    member = Reader(bob, ["logs:read"])
    assert [call["id"] for call in member.get("/logs").json()["data"]] == [str(his)]
    assert member.get("/logs", user_id=str(alice.id)).json()["data"] == []
    assert member.get(f"/logs/{hers}").status_code == 404
    assert member.get(f"/logs/{his}").json()["has_content"]


def test_an_owner_reads_what_others_said_when_they_ask_and_that_is_noted(reader, bob):
    inference_id = call_of(bob)
    listed = reader.get("/logs").json()["data"][0]
    assert (listed["id"], listed["input_preview"]) == (str(inference_id), None)
    assert reader.get(f"/logs/{inference_id}").json()["content"] is None
    assert not AuditEntry.objects.filter(action="content.seen").exists()
    assert "tides" in reader.get("/logs", reveal="true").json()["data"][0]["input_preview"]
    assert reader.get(f"/logs/{inference_id}", reveal="true").json()["content"]["reply"]
    noted = AuditEntry.objects.filter(action="content.seen")
    assert [entry.detail["calls"] for entry in noted] == [[str(inference_id)]] * 2


def test_an_admin_sees_others_calls_without_their_words(alice, workspace):
    admin = join(make_person("Erin"), workspace, Membership.Role.ADMIN)
    inference_id = call_of(alice)
    program = Reader(admin, ["logs:read"])
    assert program.get(f"/logs/{inference_id}").json()["content"] is None
    assert program.get(f"/logs/{inference_id}", reveal="true").status_code == 403
    assert program.get("/logs", reveal="true").status_code == 403


def test_deleting_takes_its_own_scope(alice):
    inference_id = call_of(alice)
    answer = Reader(alice, ["logs:read"]).delete(f"/logs/{inference_id}")
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_the_log_answers_over_http_with_its_ids(program: httpx.Client):
    answer = program.get("/api/v1/logs")
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert answer.headers["x-request-id"]
    assert answer.headers["x-trace-id"]
