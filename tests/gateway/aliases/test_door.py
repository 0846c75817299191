"""Names of several models at the door: what a program gets, and what is recorded of it."""

from decimal import Decimal

from django.utils import timezone

from gateway.budgets import Spender, left
from gateway.models import Budget
from telemetry.queries import variants
from tests.asking import recorded
from tests.fakes.replies import TEXT
from tests.gateway.aliases.asking import make_alias

QUESTION = {"model": "smart", "messages": [{"role": "user", "content": "How do tides work?"}]}


def ask(caller, **changes: object):
    return caller.post("/v1/chat/completions", json={**QUESTION, **changes})


def test_a_program_gets_the_answer_of_the_model_that_stands_in(caller, workspace):
    make_alias(workspace, "error-503", max_attempts=1, fallbacks=["plain"])
    answer = ask(caller)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == TEXT
    assert answer.headers["x-ollive-model"] == "openai/plain"
    failed, answered = recorded(2)
    assert (failed.status, failed.model, failed.attempt, failed.error_class) == ("error", "error-503", 1, "unavailable")
    assert (answered.status, answered.model, answered.attempt) == ("success", "plain", 2)
    assert answered.fallback_of == failed.id
    assert {failed.requested_model, answered.requested_model} == {"smart"}
    assert failed.trace_id == answered.trace_id
    assert str(answered.id) == answer.headers["x-ollive-inference-id"]


def test_a_stream_begins_with_the_model_that_stands_in(caller, workspace):
    make_alias(workspace, "quota", fallbacks=["plain"])
    with caller.stream("POST", "/v1/chat/completions", json={**QUESTION, "stream": True}) as answer:
        assert answer.status_code == 200
        frames = [line for line in answer.iter_lines() if line.startswith("data: ")]
    assert frames[-1] == "data: [DONE]"
    assert not any('"error"' in frame for frame in frames)


def test_a_completion_of_the_older_kind_goes_by_the_name_too(caller, workspace):
    make_alias(workspace, "error-503", max_attempts=1, fallbacks=["plain"])
    answer = caller.post("/v1/embeddings", json={"model": "smart", "input": "tides"})
    assert answer.status_code == 200, answer.text
    assert [row.model for row in recorded(2)] == ["error-503", "plain"]


def test_calls_tell_their_side_of_a_comparison_but_not_those_that_took_over(caller, workspace):
    make_alias(workspace, "plain", "error-503=1", weight=1, compared_since=timezone.now(), failures_to_rest=0, max_attempts=2)
    for _ in range(6):
        assert ask(caller).status_code == 200
    rows = recorded(6)
    sides = {(row.attempt, row.model, row.variant) for row in rows}
    assert sides <= {
        (1, "plain", "openai/plain"),
        (1, "error-503", "openai/error-503"),
        (2, "plain", None),
    }
    found = {one.variant: one for one in variants.figures(workspace.id, "smart", since=rows[0].received_at)}
    assert sum(one.call_count for one in found.values()) == 6


def test_a_person_is_on_the_same_side_each_time(caller, workspace):
    make_alias(workspace, "plain", "whole", split_by="user", compared_since=timezone.now())
    for user in ("u-1", "u-2", "u-3", "u-1", "u-2", "u-3"):
        ask(caller, user=user)
    rows = recorded(6)
    assert len({(row.end_user, row.variant) for row in rows}) == 3


def test_a_budget_has_room_for_the_dearest_model_or_nobody_is_asked(caller, workspace, fake_provider):
    budget = Budget.objects.create(workspace=workspace, limit_usd=Decimal("0.002"))
    make_alias(workspace, "gpt-4o-mini", fallbacks=["gpt-4"])
    refused = ask(caller, max_tokens=100)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert not fake_provider.requests
    Budget.objects.filter(id=budget.id).update(limit_usd=Decimal("0.05"))
    assert ask(caller, max_tokens=100).status_code == 200
    [row] = recorded(1)
    [standing] = left(Spender(workspace.id), now=timezone.now())
    assert standing.spent_usd == row.cost_usd
    assert not standing.reserved_usd


def test_the_error_of_the_last_model_is_told_when_none_answers(caller, workspace):
    make_alias(workspace, "error-503", max_attempts=1, fallbacks=["error-429"])
    answer = ask(caller)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert [row.status for row in recorded(2)] == ["error", "error"]
