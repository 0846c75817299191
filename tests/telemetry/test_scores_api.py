"""Scores by REST: given, sent again, listed for who may read them, and deleted."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from accounts.models import AuditEntry
from telemetry.models import Score
from tests.people import join, make_person
from tests.rest import Program
from tests.telemetry.calls import finished, record, started

pytestmark = pytest.mark.django_db
SCOPES = ("ingest", "logs:read", "logs:delete")


@pytest.fixture
def program(alice) -> Program:
    return Program(alice, scopes=SCOPES)


def call_by(person: Any, workspace: Any) -> uuid.UUID:
    inference_id = uuid7()
    record(started(inference_id, workspace_id=workspace.id, user_id=person.id), finished(inference_id, workspace_id=workspace.id))
    return inference_id


def give(program: Program, *, status: int = 201, **fields: Any) -> Any:
    about = {} if {"trace_id", "conversation_id", "inference_id"} & fields.keys() else {"trace_id": "t1"}
    return program.told("post", "/scores", {"name": "tone", **about, **fields}, status=status)


def test_numbers_words_and_yes_or_no_are_given(program, alice, workspace):
    call = str(call_by(alice, workspace))
    give(program, inference_id=call, value=0.8, comment="Write to bob@example.com")
    give(program, inference_id=call, kind="boolean", value=1, name="polite")
    give(program, inference_id=call, kind="category", label="billing", name="topic")
    told = program.told("get", "/scores", inference_id=call)["data"]
    assert [(score["name"], score["value"], score["label"]) for score in told] == [
        ("topic", None, "billing"),
        ("polite", 1.0, ""),
        ("tone", 0.8, ""),
    ]
    assert told[-1]["comment"] == "Write to [[EMAIL]]"
    assert {score["source"] for score in told} == {"api"}
    assert len(program.told("get", f"/logs/{call}")["scores"]) == 3


def test_sent_again_it_takes_its_own_place(program):
    mine = str(uuid.uuid4())
    give(program, id=mine, value=0.2)
    assert give(program, id=mine, value=0.9, status=200)["value"] == 0.9
    assert [score.value for score in Score.objects.all()] == [0.9]


def test_anothers_id_is_not_taken(program, charlie):
    mine = str(uuid.uuid4())
    give(Program(charlie, scopes=SCOPES), id=mine, value=0.2)
    give(program, id=mine, value=0.9, status=409)
    assert Score.objects.get().value == 0.2


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "value"),
        ({"kind": "boolean", "value": 2}, "value"),
        ({"kind": "category"}, "label"),
        ({"kind": "category", "label": "x", "value": 1}, "value"),
        ({"kind": "text"}, "comment"),
        ({"value": 1, "label": "x"}, "label"),
        ({"value": 1, "trace_id": ""}, "inference_id"),
    ],
)
def test_what_says_nothing_is_refused(program, fields, param):
    assert give(program, status=422, **fields)["param"] == param
    assert not Score.objects.exists()


def test_members_see_what_is_theirs_and_comments_are_content(program, alice, bob, workspace):
    call = str(call_by(bob, workspace))
    give(program, inference_id=call, value=1, comment="the secret plan")
    member = Program(bob, scopes=("logs:read",))
    assert member.told("get", "/scores")["data"] == []
    assert [score["comment"] for score in member.told("get", "/scores", inference_id=call)["data"]] == ["the secret plan"]
    carol = Program(join(make_person("Carol"), workspace), scopes=("logs:read",))
    carol.told("get", "/scores", inference_id=call, status=404)
    assert [score["comment"] for score in program.told("get", "/scores")["data"]] == [None]
    shown = program.told("get", "/scores", reveal="true")["data"]
    assert [score["comment"] for score in shown] == ["the secret plan"]
    assert AuditEntry.objects.filter(action="content.seen", actor_id=alice.id).count() == 1
    admin = Program(join(make_person("Ada"), workspace, "admin"), scopes=("logs:read",))
    assert [score["comment"] for score in admin.told("get", "/scores")["data"]] == [None]
    admin.told("get", "/scores", reveal="true", status=403)


def test_strangers_find_nothing_and_delete_nothing(program, charlie):
    score = give(program, value=1)["id"]
    stranger = Program(charlie, scopes=SCOPES)
    assert stranger.told("get", "/scores")["data"] == []
    stranger.told("delete", f"/scores/{score}", status=404)
    program.told("delete", f"/scores/{score}", status=204)
    assert not Score.objects.exists()
    assert AuditEntry.objects.filter(action="data.erased", subject_id=score).count() == 1


def test_a_list_is_read_page_by_page_with_few_queries(program, alice, workspace):
    counts = []
    for size in (10, 20):
        while Score.objects.count() < size:
            give(program, value=1, name=f"n{Score.objects.count()}", comment="x", inference_id=str(call_by(alice, workspace)))
        with CaptureQueriesContext(connection) as captured:
            assert len(program.told("get", "/scores")["data"]) == size
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert [score["name"] for score in program.pages("/scores", limit=7)] == [f"n{number}" for number in reversed(range(20))]
    program.told("get", "/scores", nonsense="1", status=422)
