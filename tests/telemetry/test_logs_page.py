"""The list of calls: who sees which, filters and their numbers, search, pages, columns; and what others said."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, User
from telemetry.models import InferenceLog
from tests.accounts.parts import client_of, set_role
from tests.telemetry.calls import finished, record, started

pytestmark = pytest.mark.django_db
SAID = [{"role": "user", "content": "Where is the walrus?"}]


@pytest.fixture(autouse=True)
def _nothing_kept():
    cache.clear()


def call_of(user: User, ended: dict[str, Any] | None = None, **fields: Any) -> UUID:
    """A finished call of the person's in their workspace."""
    inference_id = uuid4()
    told = {"workspace_id": user.workspaces.get().id, "user_id": user.id} | fields
    record(started(inference_id, **told), finished(inference_id, workspace_id=told["workspace_id"], **(ended or {})))
    return inference_id


def listed(client: Client, query: str = "") -> list[UUID]:
    return ids_in(client.get(f"/logs/{query}"))


def ids_in(answer: Any) -> list[UUID]:
    assert answer.status_code == 200
    return [UUID(found) for found in re.findall(r'id="call-([0-9a-f-]{36})"', answer.content.decode())]


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def facet(answer: Any, name: str) -> dict[str, int | None]:
    (found,) = [facet for facet in answer.context["facets"] if facet.name == name]
    return {choice.value: choice.call_count for choice in found.choices}


def test_the_owner_sees_all_calls_newest_first_and_what_they_said_alone(alice, bob):
    theirs, own = call_of(bob, messages=SAID), call_of(alice)
    answer = client_of(alice).get("/logs/")
    assert ids_in(answer) == [own, theirs]
    assert "How do tides work?" in text_of(answer)
    assert "walrus" not in text_of(answer)
    assert "Bob" in text_of(answer)


def test_a_member_sees_their_own_calls_alone(alice, bob):
    call_of(alice)
    own = call_of(bob, messages=SAID)
    answer = client_of(bob).get("/logs/")
    assert ids_in(answer) == [own]
    assert "walrus" in text_of(answer)
    assert listed(client_of(bob), f"?user_id={alice.id}") == []


def test_a_stranger_sees_nothing_of_it(alice, charlie):
    call_of(alice)
    answer = client_of(charlie).get(f"/logs/?user_id={alice.id}")
    assert ids_in(answer) == []
    assert "Alice" not in text_of(answer)


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("?model=gpt-4o-mini", True),
        ("?model=gpt-4o&model=gpt-4o-mini", True),
        ("?model=gpt-4o", False),
        ("?status=error", False),
        ("?min_tokens=150&max_tokens=150", True),
        ("?min_latency_ms=9000", False),
        ("?tags=blue", True),
        ("?has_score=true", False),
        ("?window=1h", True),
        ("?since=2020-01-01T00:00&until=2020-01-02T00:00", False),
        ("?until=2020-01-02T00:00:00Z", False),
        ("?window=all", True),
        ("?trace_id=nowhere", False),
    ],
)
def test_filters_narrow_the_list(alice, query, is_found):
    call = call_of(alice, tags=["blue"])
    assert listed(client_of(alice), query) == ([call] if is_found else [])


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?status=sideways", "The filter status was left out"),
        ("?user_id=nobody", "The filter user_id was left out"),
        ("?min_cost_usd=dear", "The filter min_cost_usd was left out"),
        ("?since=yesterday", "since is not a time"),
        ("?window=fortnight", "There is no period"),
        ("?after=elsewhere", "This page does not exist"),
        ("?after=0001-01-01T00:00:00%2B00:00~00000000-0000-0000-0000-000000000000", "This page does not exist"),
        ("?model=%00gpt-4o-mini&q=%00", ""),
        ("?q=-moon", "Search for at least one word"),
        ("?q=abc&by=id", "Type at least the first 6 characters"),
        ("?q=moon&by=meaning", "The search by meaning is off here"),
    ],
)
def test_what_an_address_says_wrong_is_told_and_left_out(alice, settings, query, told):
    settings.OLLIVE_MEANING_SEARCH = False
    call_of(alice)
    assert told in text_of(client_of(alice).get(f"/logs/{query}"))


def test_the_numbers_beside_a_filter_are_of_the_other_filters(alice, bob):
    call_of(alice)
    call_of(alice, model="gpt-4o")
    call_of(bob, {"status": "error", "error_class": "timeout"}, model="gpt-4o")
    client = client_of(alice)
    answer = client.get("/logs/?model=gpt-4o")
    assert facet(answer, "model") == {"gpt-4o": 2, "gpt-4o-mini": 1}
    assert facet(answer, "status") == {"success": 1, "error": 1}
    assert facet(answer, "user_id") == {str(alice.id): 1, str(bob.id): 1}
    assert facet(client.get("/logs/?window=1h"), "error_class") == {"timeout": 1}
    assert set(facet(client.get("/logs/?tags=blue"), "status").values()) == {None}


def test_a_member_is_not_told_who_else_calls(alice, bob):
    call_of(alice)
    call_of(bob)
    answer = client_of(bob).get("/logs/")
    assert [facet.name for facet in answer.context["facets"] if facet.name == "user_id"] == []
    assert "Alice" not in text_of(answer)
    assert facet(answer, "model") == {"gpt-4o-mini": 1}


def test_words_are_found_with_their_places_in_own_calls(alice, bob):
    call_of(bob, messages=SAID)
    own = call_of(alice, messages=SAID)
    answer = client_of(alice).get("/logs/?q=walrus")
    assert ids_in(answer) == [own]
    assert "<mark>walrus</mark>" in text_of(answer)
    assert "your own calls alone are searched" in text_of(answer)


@pytest.mark.parametrize("typed", ["whole", "beginning"])
def test_a_call_is_found_by_its_id(alice, bob, typed):
    theirs = str(call_of(bob))
    shown = theirs if typed == "whole" else theirs[:8]
    assert [str(found) for found in listed(client_of(alice), f"?q={shown}&by=id")] == [theirs]
    call = call_of(alice)
    assert listed(client_of(bob), f"?q={call}&by=id") == []


def test_the_owner_reveals_what_others_said_and_that_is_noted(alice, bob):
    theirs = call_of(bob, messages=SAID)
    answer = client_of(alice).post("/logs/shown/", {"query": "q=walrus"})
    assert ids_in(answer) == [theirs]
    assert "<mark>walrus</mark>" in text_of(answer)
    noted = AuditEntry.objects.get(action="content.seen")
    assert noted.actor_id == alice.id
    assert noted.detail["calls"] == [str(theirs)]


@pytest.mark.parametrize("role", ["admin", "member", "viewer"])
def test_nobody_else_reveals_anything(alice, bob, role):
    call_of(alice, messages=SAID)
    client = client_of(set_role(bob, role))
    assert client.post("/logs/shown/", {"query": ""}).status_code == 403
    for query in ("", "?q=walrus", "?cols=preview", "?live=1"):
        answer = text_of(client.get(f"/logs/{query}"))
        assert "the walrus" not in answer
        assert "<mark>" not in answer


def test_what_went_wrong_in_others_calls_is_told_by_its_class_alone(alice, bob):
    call_of(bob, {"status": "error", "error_class": "timeout", "error_message": "the walrus hung up"})
    answer = text_of(client_of(alice).get("/logs/"))
    assert "timeout" in answer
    assert "hung up" not in answer


def test_pages_lead_to_older_calls_and_back(alice, monkeypatch):
    monkeypatch.setattr("telemetry.queries.pages.LIMIT", 2)
    monkeypatch.setattr("telemetry.queries.pages.logs_page.__defaults__", (None, 2))
    calls = [call_of(alice) for _ in range(5)][::-1]
    client = client_of(alice)
    first = client.get("/logs/")
    second = client.get(f"/logs/{first.context['older_url']}")
    assert ids_in(first) + ids_in(second) == calls[:4]
    assert ids_in(client.get(f"/logs/{second.context['newer_url']}")) == calls[:2]


def test_columns_are_chosen_and_kept(alice):
    call_of(alice)
    client = client_of(alice)
    assert '<th scope="col" >Provider</th>' not in text_of(client.get("/logs/"))
    for query in ("?cols=provider&cols=nothing", ""):
        columns = [column.label for column in client.get(f"/logs/{query}").context["columns"]]
        assert columns == ["Provider"]


def test_empty_fields_leave_the_address(alice):
    answer = client_of(alice).get("/logs/?q=&model=gpt-4o&since=")
    assert answer.status_code == 302
    assert answer["Location"] == "/logs/?model=gpt-4o"


def test_a_list_that_is_followed_asks_for_its_table_alone(alice):
    call_of(alice)
    client = client_of(alice)
    assert 'hx-trigger="every 3s"' not in text_of(client.get("/logs/"))
    assert 'hx-trigger="every 3s"' in text_of(client.get("/logs/?live=1"))
    answer = client.get("/logs/?live=1", headers={"HX-Request": "true", "HX-Target": "log-list"})
    assert "facets" not in answer.context
    assert len(ids_in(answer)) == 1


def test_a_page_costs_the_same_with_twice_as_many_calls(alice, bob):
    client = client_of(alice)
    counts = []
    for _ in range(2):
        for _ in range(5):
            call_of(alice)
            call_of(bob)
        cache.clear()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get("/logs/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert InferenceLog.objects.count() == 20
