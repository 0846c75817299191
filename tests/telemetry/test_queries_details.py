"""One call read whole, the pages of a trace, and calls by their ids."""

from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from telemetry.models import InferenceLog, Span
from telemetry.queries import details
from telemetry.queries.ids import calls_by_id
from tests.telemetry.calls import WORKSPACE, record_calls
from tests.telemetry.demo import demo

__all__ = ["demo"]
pytestmark = pytest.mark.django_db
STRANGER = UUID("00000000-0000-4000-8000-000000000002")


def test_a_call_is_read_with_what_was_said_and_its_steps(demo):
    step = Span.objects.filter(workspace_id=demo).order_by("id")[0]
    assert step.inference_id
    call = details.call(demo, step.inference_id)
    assert call
    assert call.log.id == step.inference_id
    assert [each.id for each in call.steps] == [step.id]
    assert call.content["messages"][-1]["role"] == "user"
    assert details.call(STRANGER, step.inference_id) is None
    assert details.call(demo, UUID(int=1)) is None


def test_a_long_trace_is_read_by_pages_in_the_order_of_time(demo):
    ids = list(InferenceLog.objects.filter(workspace_id=demo).order_by("id").values_list("id", flat=True)[:70])
    InferenceLog.objects.filter(id__in=ids).update(trace_id="ab" * 16)
    first = Span.objects.filter(workspace_id=demo).order_by("id")[0]
    Span.objects.filter(id=first.id).update(trace_id="ab" * 16)
    steps: list[details.Step] = []
    queries: list[int] = []
    after = None
    while True:
        with CaptureQueriesContext(connection) as captured:
            trace = details.trace(demo, "ab" * 16, after, limit=30)
        queries.append(len(captured))
        steps += trace.steps
        if (after := trace.next) is None:
            break
    assert queries == [2, 2, 2]
    assert trace.step_count == 71 == len({step.id for step in steps})
    assert [step.started_at for step in steps] == sorted(step.started_at for step in steps)
    assert {step.kind for step in steps} == {"call", "tool"}
    assert trace.error_count == sum(step.status == "error" for step in steps)
    assert not details.trace(STRANGER, "ab" * 16).steps


@pytest.mark.parametrize("kind", ["call", "conversation", "trace", "session"])
def test_calls_are_found_by_an_id_or_its_beginning(demo, kind):
    name = "id" if kind == "call" else f"{kind}_id"
    call = InferenceLog.objects.filter(workspace_id=demo).exclude(**{name: None}).order_by("id")[50]
    value = str(getattr(call, name))
    expected = set(InferenceLog.objects.filter(workspace_id=demo, **{name: value}).values_list("id", flat=True))
    for typed in (value, f" {value.upper() if kind in ('call', 'conversation') else value} ", value[:18]):
        found = calls_by_id(demo, typed)
        assert expected <= {match.line.id for match in found if match.found_by == kind}
    assert not calls_by_id(STRANGER, value)


@pytest.mark.parametrize("typed", ["", "abc", "\0\0\0\0\0\0", "%%%%%%%%", "______", "x" * 300, "'; DROP TABLE span; --"])
def test_what_is_no_id_finds_nothing(typed):
    record_calls(2)
    assert calls_by_id(WORKSPACE, typed) == []


def test_a_beginning_that_all_share_shows_the_newest(demo):
    found = calls_by_id(demo, "session", limit=10)
    assert len(found) == 10
    times = [match.line.received_at for match in found]
    assert times == sorted(times, reverse=True)
