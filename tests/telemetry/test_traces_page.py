"""The waterfall of a trace: steps under their parents, whatever their number and however they are linked; whose one may see."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from telemetry import partitions, spans, waterfalls
from telemetry.queries.trace_steps import Step
from tests.telemetry.calls import NOON, append, finished, record, started

pytestmark = pytest.mark.django_db
TRACE = "0" * 31 + "a"


def step(span: str, parent: str | None = None, *, at: int = 0, ms: int = 10, **fields: Any) -> Step:
    told: dict[str, Any] = {
        "id": uuid4(),
        "kind": "tool",
        "name": span,
        "status": "success",
        "inference_id": None,
        "ttft_ms": None,
        "error_class": None,
        "cost_usd": None,
        "token_count": 0,
    }
    moment = NOON + timedelta(milliseconds=at)
    return Step(**(told | fields), span_id=span, parent_span_id=parent, started_at=moment, latency_ms=ms)


def shape(*steps: Step) -> list[tuple[str | None, int, int]]:
    return [(row.step.name, row.depth, row.below_count) for row in waterfalls.of(steps).rows]


def seen_by(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def record_trace(user: Any) -> UUID:
    """An agent that asks a model, which has a tool look something up."""
    own = {"workspace_id": user.workspaces.get().id, "user_id": user.id, "trace_id": TRACE}
    call_id = uuid4()
    agent = {"id": uuid4(), "kind": "agent", "name": "guide", "span_id": "1" * 16, "started_at": NOON.isoformat()}
    tool_start = (NOON + timedelta(seconds=3)).isoformat()
    tool = {"id": uuid4(), "kind": "tool", "name": "look_up", "span_id": "3" * 16, "parent_span_id": "2" * 16}
    told = [
        agent | {"ended_at": (NOON + timedelta(seconds=5)).isoformat()},
        tool
        | {"started_at": tool_start, "latency_ms": 40, "arguments": "the attic", "status": "error", "error_class": "timeout"},
    ]
    append(
        *(
            spans.build({name: str(value) if isinstance(value, UUID) else value for name, value in {**one, **own}.items()})
            for one in told
        )
    )
    record(
        started(call_id, **own, span_id="2" * 16, parent_span_id="1" * 16, started_at=NOON + timedelta(seconds=1)),
        finished(call_id, workspace_id=own["workspace_id"], ended_at=NOON + timedelta(seconds=3)),
    )
    return tool["id"]  # type: ignore[return-value]


def test_children_stand_under_their_parents_in_the_order_of_time():
    found = shape(step("root", ms=100), step("b", "root", at=20), step("c", "b", at=25), step("a", "root", at=10))
    assert found[0] == ("root", 0, 3)
    assert sorted(found[1:]) == [("a", 1, 0), ("b", 1, 1), ("c", 2, 0)]
    assert found.index(("c", 2, 0)) == found.index(("b", 1, 1)) + 1


@pytest.mark.parametrize(
    "steps",
    [
        (step("a", "b"), step("b", "a", at=1)),
        (step("a", "a"), step("b", "nobody", at=1)),
        (step("same"), step("same", at=1), step("c", "same", at=2)),
    ],
    ids=["a circle", "its own parent and an orphan", "one id twice"],
)
def test_every_step_is_shown_once_however_they_are_linked(steps):
    rows = waterfalls.of(steps).rows
    assert sorted(row.step.id for row in rows) == sorted(one.id for one in steps)


def test_a_tool_without_a_parent_stands_under_its_call():
    call = step("gpt", kind="call")
    assert shape(call, step("look_up", at=20, inference_id=call.id)) == [("gpt", 0, 1), ("look_up", 1, 0)]


def test_bars_lie_where_their_time_was():
    whole = waterfalls.of((step("a", ms=1000), step("b", "a", at=250, ms=500, kind="call", ttft_ms=100, cost_usd=Decimal("0.5"))))
    assert [(row.x, row.width, row.wait) for row in whole.rows] == [(0, 1000, 0), (250, 500, 100)]
    assert (whole.duration_ms, whole.cost_usd, whole.unpriced_count) == (1000, Decimal("0.5"), 0)
    assert whole.ticks_ms == [0, 250, 500, 750, 1000]


def test_a_chain_of_thousands_is_drawn():
    deep = [step(str(place), str(place - 1) if place else None, at=place) for place in range(10_000)]
    rows = waterfalls.of(deep).rows
    assert (rows[-1].depth, rows[0].below_count) == (9_999, 9_999)


def test_the_page_shows_the_steps_and_leads_to_each(alice):
    tool_id = record_trace(alice)
    page = seen_by(alice).get(f"/traces/{TRACE}/").content.decode()
    assert re.findall(r'data-level="(\d)"', page) == ["0", "1", "2"]
    assert "timeout" in page
    assert f'href="/traces/{TRACE}/steps/{tool_id}/"' in page
    assert "the attic" in seen_by(alice).get(f"/traces/{TRACE}/steps/{tool_id}/").content.decode()


def test_ten_thousand_steps_come_page_by_page_with_few_queries(alice):
    workspace_id = alice.workspaces.get().id
    partitions.ensure_days({NOON.date()})
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO span (id, workspace_id, received_at, kind, name, status, trace_id, span_id, parent_span_id, user_id,
                started_at, latency_ms)
            SELECT gen_random_uuid(), %s, %s, 'tool', 'step ' || n, 'success', %s, n::text, nullif(n / 10, 0)::text, %s,
                %s + n * interval '1 ms', 5 FROM generate_series(1, 10000) AS n""",
            [workspace_id, NOON, TRACE, alice.id, NOON],
        )
    client = seen_by(alice)
    client.get(f"/traces/{TRACE}/")
    counts, names = [], set()
    address = f"/traces/{TRACE}/"
    for _ in range(3):
        with CaptureQueriesContext(connection) as caught:
            page = client.get(address).content.decode()
        counts.append(len(caught))
        assert page.count('class="span-row') == 300
        assert len(page) < 600_000
        names |= set(re.findall(r">(step \d+)</a>", page))
        following = re.search(r'hx-get="([?]from=[0-9]+)"', page)
        assert following
        address = f"/traces/{TRACE}/{following[1]}"
    assert len(names) == 900
    assert len(set(counts)) == 1
    assert counts[0] < 10


@pytest.mark.parametrize("begin", ["-1", "x", "99999999999999", "²"])
def test_an_address_that_leads_nowhere_shows_the_top(alice, begin):
    record_trace(alice)
    answer = seen_by(alice).get(f"/traces/{TRACE}/", {"from": begin})
    assert answer.context["begin"] == 0


def test_a_member_sees_their_own_steps_alone(alice, bob, charlie):
    tool_id = record_trace(alice)
    for other in (bob, charlie):
        assert seen_by(other).get(f"/traces/{TRACE}/").status_code == 404
        assert seen_by(other).get(f"/traces/{TRACE}/steps/{tool_id}/").status_code == 404
    record(
        started(mine := uuid4(), workspace_id=bob.workspaces.get().id, user_id=bob.id, trace_id=TRACE, model="bobs-model"),
        finished(mine, workspace_id=bob.workspaces.get().id),
    )
    assert [row.step.name for row in seen_by(bob).get(f"/traces/{TRACE}/").context["rows"]] == ["bobs-model"]


def test_what_anothers_step_was_given_is_shown_to_the_owner_who_asks_and_that_is_noted(alice, bob):
    tool_id = record_trace(bob)
    client = seen_by(alice)
    assert "the attic" not in client.get(f"/traces/{TRACE}/steps/{tool_id}/").content.decode()
    assert "the attic" in client.post(f"/traces/{TRACE}/steps/{tool_id}/reveal/").content.decode()
    assert AuditEntry.objects.get(action="content.seen").detail["calls"] == [str(tool_id)]
