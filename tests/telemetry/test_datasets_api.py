"""Datasets by REST."""

import uuid

import pytest

from telemetry.models import Case, Dataset
from tests.people import join, make_person
from tests.rest import Program

pytestmark = pytest.mark.django_db
SCOPES = ("ingest", "logs:read")


@pytest.fixture
def program(alice) -> Program:
    return Program(alice, scopes=SCOPES)


def test_a_dataset_is_made_filled_read_and_deleted(program):
    made = program.told("post", "/datasets", {"name": "Capitals"}, status=201)
    address = f"/datasets/{made['id']}/cases"
    given = {
        "cases": [
            {"input": "France? Ask bob@example.com", "expected": "Paris", "scorers": ["icontains"]},
            {"messages": [{"role": "system", "content": "Brief."}, {"role": "user", "content": "Italy?"}]},
        ]
    }
    assert program.told("post", address, given) == {"added_count": 2, "known_count": 0}
    assert program.told("post", address, given) == {"added_count": 0, "known_count": 2}
    found = program.pages(address, limit=1)
    assert [case["messages"][-1]["content"] for case in found] == ["France? Ask [[EMAIL]]", "Italy?"]
    program.told("delete", f"{address}/{found[0]['id']}", status=204)
    assert program.told("get", f"/datasets/{made['id']}")["case_count"] == 1
    assert [one["name"] for one in program.pages("/datasets")] == ["Capitals"]
    program.told("delete", f"/datasets/{made['id']}", status=204)
    assert not Dataset.objects.exists()


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ({}, "cases[1]: What is asked is a text, or a list of messages."),
        ({"messages": [{"role": "king", "content": "x"}]}, "cases[1]: A message has a role"),
        ({"input": " "}, "cases[1]: Nothing is asked."),
    ],
)
def test_one_broken_case_keeps_all_out(program, case, sentence):
    made = program.told("post", "/datasets", {"name": "Capitals"}, status=201)
    told = program.told("post", f"/datasets/{made['id']}/cases", {"cases": [{"input": "France?"}, case]}, status=422)
    assert told["detail"].startswith(sentence)
    assert not Case.objects.exists()


def test_who_may_not_finds_nothing(program, alice, bob, charlie, workspace):
    made = program.told("post", "/datasets", {"name": "Capitals"}, status=201)
    address = f"/datasets/{made['id']}"
    program.told("post", f"{address}/cases", {"cases": [{"input": "the secret plan"}]})
    Case.objects.update(user_id=alice.id, saved_by=uuid.uuid4())
    stranger, member = Program(charlie, scopes=SCOPES), Program(bob, scopes=SCOPES)
    for path in (address, f"{address}/cases"):
        stranger.told("get", path, status=404)
    assert member.told("get", f"{address}/cases")["data"] == []
    member.told("delete", f"{address}/cases/{Case.objects.get().id}", status=404)
    member.told("delete", address, status=403)
    vera = Program(join(make_person("Vera"), workspace, "viewer"), scopes=("logs:read",))
    vera.told("get", "/datasets", status=403)
