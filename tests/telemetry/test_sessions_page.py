"""Sessions: which there were, the newest first, each summed from all of its calls; one with its calls; whose one may see."""

import re
from datetime import timedelta
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry
from telemetry.models import InferenceLog
from telemetry.queries import sessions
from tests.telemetry.calls import finished, record, started
from tests.telemetry.rows import scatter, store

pytestmark = pytest.mark.django_db


def seen_by(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def call_of(user: Any, **fields: Any) -> UUID:
    inference_id = uuid4()
    own = {"workspace_id": user.workspaces.get().id}
    record(started(inference_id, **own, user_id=user.id, **fields), finished(inference_id, **own))
    return inference_id


def stored(user: Any, count: int, **fields: Any) -> list[InferenceLog]:
    own = {"workspace": user.workspaces.get().id, "user_id": user.id}
    return store(scatter(count, days=2, end=timezone.now(), **own, **fields))


def walked(client: Client) -> list[list[str]]:
    """The names on each page of the list."""
    pages, address = [], "/sessions/"
    while address:
        answer = client.get(address)
        pages.append([session.name for session, _ in answer.context["sessions"]])
        older = re.search(r'href="([?]before=[^"]+)"', answer.content.decode())
        address = f"/sessions/{older[1]}" if older else ""
    return pages


def flat(pages: list[list[str]]) -> list[str]:
    return list(chain.from_iterable(pages))


def test_a_session_is_summed_from_all_of_its_calls(alice):
    calls = stored(alice, 40, session_id="tea/party ?")
    stored(alice, 3, session_id="another")
    session = next(one for one, _ in seen_by(alice).get("/sessions/").context["sessions"] if one.name == "tea/party ?")
    assert (session.call_count, session.is_chat) == (40, False)
    assert session.error_count == sum(call.status == "error" for call in calls)
    assert session.cost_usd == sum((call.cost_usd for call in calls if call.cost_usd is not None), Decimal(0))
    assert session.unpriced_count == sum(call.cost_usd is None for call in calls)
    assert session.token_count == sum(call.total_tokens or 0 for call in calls)
    assert (session.first_at, session.last_at) == (min(c.received_at for c in calls), max(c.received_at for c in calls))
    page = seen_by(alice).get("/sessions/").content.decode()
    address = re.search(r'href="(/sessions/tea[^"]+)"', page)
    assert address
    assert seen_by(alice).get(address[1]).context["session"] == session


def test_a_chat_is_a_session_too(alice):
    chat = uuid4()
    call_of(alice, conversation_id=chat)
    answer = seen_by(alice).get(f"/sessions/{chat}/")
    assert answer.context["session"].is_chat
    assert "How do tides work?" in answer.content.decode()


def test_the_list_goes_by_each_sessions_last_call_and_misses_none(alice, monkeypatch):
    own = {"workspace": alice.workspaces.get().id, "user_id": alice.id, "end": timezone.now()}
    store(row for number in range(70) for row in scatter(2, days=2, seed=number, session_id=f"s{number}", **own))
    rows = InferenceLog.objects.values_list("session_id", "received_at")
    last = {name: max(at for other, at in rows if other == name) for name, _ in rows}
    pages = walked(seen_by(alice))
    assert [len(page) for page in pages] == [30, 30, 10]
    assert flat(pages) == sorted(last, key=lambda name: (last[name], name), reverse=True)
    monkeypatch.setattr(sessions, "LOOKED_AT", 25)
    assert flat(walked(seen_by(alice))) == flat(pages)


def test_calls_of_one_moment_are_not_lost_between_pages(alice):
    at = timezone.now() - timedelta(hours=1)
    rows = scatter(40, days=1, end=timezone.now(), workspace=alice.workspaces.get().id, user_id=alice.id)
    for number, row in enumerate(rows):
        row.received_at, row.session_id = at, f"s{number:02}"
    store(rows)
    assert sorted(flat(walked(seen_by(alice)))) == [f"s{number:02}" for number in range(40)]


def test_the_calls_of_a_session_come_first_to_last_page_by_page(alice):
    calls = stored(alice, 60, session_id="long")
    client = seen_by(alice)
    first = client.get("/sessions/long/")
    second = client.get(f"/sessions/long/?after={first.context['following'].replace('+', '%2B')}")
    shown = [line["call"].id for page in (first, second) for line in page.context["rows"]]
    assert shown == [call.id for call in sorted(calls, key=lambda call: (call.received_at, call.id))]
    assert second.context["following"] == ""


def test_the_queries_do_not_grow_with_the_rows(alice):
    counts: dict[str, list[int]] = {"/sessions/": [], "/sessions/s0/": []}
    client = seen_by(alice)
    for size in (10, 20):
        for number in range(size):
            stored(alice, 1, session_id=f"s{number}")
        for address, found in counts.items():
            client.get(address)
            with CaptureQueriesContext(connection) as caught:
                client.get(address)
            found.append(len(caught))
    assert all(len(set(found)) == 1 for found in counts.values()), counts


@pytest.mark.parametrize(
    "query", ["before=x", "before=0001-01-01T00:00:00%2B00:00~a", "before=2026-01-01T00:00:00~a", "before=~"]
)
def test_an_address_that_leads_nowhere_shows_the_newest(alice, query):
    call_of(alice, session_id="mine")
    answer = seen_by(alice).get(f"/sessions/?{query}")
    assert [session.name for session, _ in answer.context["sessions"]] == ["mine"]
    assert seen_by(alice).get("/sessions/mine/?after=x").status_code == 200


def test_a_member_sees_their_own_calls_alone(alice, bob, charlie):
    call_of(alice, session_id="hers")
    call_of(alice, session_id="ours", model="alices-model")
    call_of(bob, session_id="ours", model="bobs-model")
    assert [session.name for session, _ in seen_by(bob).get("/sessions/").context["sessions"]] == ["ours"]
    page = seen_by(bob).get("/sessions/ours/")
    assert (page.context["session"].call_count, "alices-model" in page.content.decode()) == (1, False)
    assert alice.email not in page.content.decode()
    for other in (bob, charlie):
        assert seen_by(other).get("/sessions/hers/").status_code == 404
        assert seen_by(other).post("/sessions/hers/reveal/").status_code == 404
    assert seen_by(charlie).get("/sessions/").context["sessions"] == []


def test_what_others_said_is_shown_to_the_owner_who_asks_and_that_is_noted(alice, bob):
    inference_id = call_of(bob, session_id="his")
    client = seen_by(alice)
    assert "tides" not in client.get("/sessions/his/").content.decode()
    assert "tides" in client.post("/sessions/his/reveal/").content.decode()
    assert AuditEntry.objects.get(action="content.seen").detail["calls"] == [str(inference_id)]
    assert seen_by(bob).post("/sessions/his/reveal/").status_code == 403
