"""Figures over time for programs: every metric, by group and filter, with steps that nothing happened in."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, get_args

import pytest
from django.test import Client
from django.utils import timezone

from telemetry.api.timeseries import Metric
from telemetry.models import InferenceLog
from tests.programs import make_token
from tests.telemetry.rows import make_row, store

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def ask(user: Any, **query: Any) -> Any:
    client = Client(headers={"authorization": f"Bearer {make_token(user, scopes=['metrics'])}"})
    return client.get("/api/v1/metrics/timeseries", query)


def rows(alice: Any, bob: Any) -> list[InferenceLog]:
    """Two calls of Alice's two hours ago, one of them failed; one of Bob's an hour ago."""
    workspace = alice.workspaces.get().id
    told = {"provider": "openai", "status": "success", "latency_ms": 1000, "ttft_ms": 200, "usage_source": "provider"}
    tokens = {"input_tokens": 100, "output_tokens": 50, "cost_usd": Decimal("0.25"), "source": "gateway"}
    dice = random.Random(1)
    early, late = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    return store(
        [
            make_row(dice, early, workspace, **(told | tokens | {"model": "gpt-4o", "user_id": alice.id})),
            make_row(dice, early, workspace, **(told | tokens | {"model": "gpt-4o", "user_id": alice.id, "status": "error"})),
            make_row(dice, late, workspace, **(told | tokens | {"model": "gpt-4o-mini", "user_id": bob.id, "latency_ms": 3000})),
        ]
    )


def values(answer: Any) -> list[Any]:
    (line,) = answer.json()["series"]
    return [point["value"] for point in line["points"]]


@pytest.mark.parametrize(
    ("metric", "early", "late", "nothing"),
    [
        ("calls", 2, 1, 0),
        ("errors", 1, 0, 0),
        ("error_rate", 0.5, 0, None),
        ("cost_usd", 0.5, 0.25, 0),
        ("prompt_tokens", 200, 100, 0),
        ("completion_tokens", 100, 50, 0),
        ("total_tokens", 300, 150, 0),
        ("tokens_per_second", 50, 50 / 3, None),
        ("latency_ms_mean", 1000, 3000, None),
        ("latency_ms_p50", 1000, 3000, None),
        ("time_to_first_token_ms_p99", 200, 200, None),
        ("time_to_first_token_ms_mean", 200, 200, None),
    ],
)
def test_a_figure_is_told_for_each_step(alice, bob, metric, early, late, nothing):
    rows(alice, bob)
    answer = ask(alice, metric=metric, window="6h", interval="hour")
    assert answer.json()["interval"] == "hour"
    found = values(answer)
    assert len(found) == 7
    assert found[0] == nothing
    assert found[-3] == pytest.approx(early, rel=0.02)
    assert found[-2] == pytest.approx(late, rel=0.02)


@pytest.mark.parametrize("metric", get_args(Metric))
def test_every_figure_can_be_asked_for_where_nothing_was_recorded(alice, metric):
    answer = ask(alice, metric=metric)
    assert (answer.status_code, answer.json()["series"]) == (200, [])


def test_a_group_has_a_series_for_each_of_its_values(alice, bob):
    rows(alice, bob)
    series = ask(alice, window="24h", group_by="model").json()["series"]
    assert {line["group"]["model"]: sum(point["value"] for point in line["points"]) for line in series} == {
        "gpt-4o": 2,
        "gpt-4o-mini": 1,
    }


def test_filters_of_the_log_hold_here_too(alice, bob):
    rows(alice, bob)
    assert sum(values(ask(alice, window="24h", min_latency_ms=2000))) == 1
    assert sum(values(ask(alice, window="24h", provider="openai", status=["error"]))) == 1


@pytest.mark.parametrize(
    ("query", "interval", "count"),
    [
        ({"window": "1h"}, "minute", 60),
        ({"window": "24h"}, "hour", 25),
        ({"window": "30d"}, "day", 31),
        ({"window": "90d", "interval": "minute"}, "day", 91),
        ({"window": "24h", "interval": "minute"}, "minute", 1440),
        ({"since": "2026-11-01T00:00:00Z", "until": "2026-11-01T01:00:00Z", "interval": "minute"}, "hour", 1),
        ({"since": "1990-01-01T00:00:00Z"}, "day", 401),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else None,
)
def test_a_long_period_is_told_in_coarser_steps(alice, bob, query, interval, count):
    row = rows(alice, bob)[0]
    if "until" in query:
        store([make_row(random.Random(2), datetime(2026, 11, 1, 0, 30, tzinfo=UTC), row.workspace_id)])
    answer = ask(alice, **query).json()
    (line,) = answer["series"]
    assert (answer["interval"], len(line["points"])) == (interval, count)
    moments = [datetime.fromisoformat(point["at"]) for point in line["points"]]
    assert len({later - earlier for earlier, later in pairwise(moments)}) <= 1


def test_a_member_is_told_sums_of_all_and_of_people_only_themselves(alice, bob):
    rows(alice, bob)
    whole = ask(bob, window="24h")
    assert (whole.json()["of"], sum(values(whole))) == ("workspace", 3)
    people = ask(bob, window="24h", group_by="user_id").json()
    assert people["of"] == "own"
    assert [line["group"]["user_id"] for line in people["series"]] == [str(bob.id)]
    assert ask(bob, window="24h", user_id=str(alice.id)).json()["series"] == []


def test_a_stranger_is_told_nothing(alice, bob, charlie):
    rows(alice, bob)
    assert ask(charlie, window="24h").json()["series"] == []


@pytest.mark.parametrize("query", [{"metric": "magic"}, {"window": "2h"}, {"group_by": "tags"}, {"widnow": "1h"}])
def test_what_is_not_offered_is_refused(alice, query):
    assert ask(alice, **query).status_code == 422
