"""Answers that are given again to exactly the same question: at the door, whole and streamed."""

import asyncio
import json
import time
from decimal import Decimal
from typing import Any

import httpx
import pytest
import redis
from django.conf import settings
from django.utils import timezone

from chat import erasure
from gateway import answer_cache
from gateway.models import Budget
from telemetry import policies
from telemetry.models import RedactionPolicy
from tests.asking import recorded
from tests.fakes.replies import TEXT
from tests.gateway.aliases.asking import make_alias, plan
from tests.programs import client_of, make_token

QUESTION = {"model": "smart", "temperature": 0, "messages": [{"role": "user", "content": "How do tides work?"}]}


def ask(caller: httpx.Client, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
    return caller.post("/v1/chat/completions", json={**QUESTION, **changes}, headers=headers or {})


def outcome(answer: httpx.Response) -> str | None:
    """What the door says of its cache."""
    assert answer.status_code == 200, answer.text
    return answer.headers.get("x-ollive-cache")


def chunks(answer: httpx.Response) -> list[dict]:
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def said(answer: httpx.Response) -> str:
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks(answer) if chunk["choices"])


def test_the_same_question_is_answered_again_without_asking_anybody(caller, workspace, fake_provider):
    make_alias(workspace, "plain", cache_seconds=60)
    first, second = ask(caller), ask(caller)
    assert (outcome(first), outcome(second)) == ("miss", "hit")
    assert len(fake_provider.requests) == 1
    one, again = first.json(), second.json()
    assert again["choices"][0]["message"]["content"] == one["choices"][0]["message"]["content"] == TEXT
    assert (again["usage"], again["model"], again["object"]) == (one["usage"], one["model"], "chat.completion")
    assert again["id"] != one["id"]


def test_a_kept_answer_is_a_call_that_cost_nothing_and_used_no_tokens(caller, workspace):
    make_alias(workspace, "gpt-4o-mini", cache_seconds=60)
    ask(caller)
    again = ask(caller)
    made, cached = recorded(2)
    assert str(cached.id) == again.headers["x-ollive-inference-id"]
    assert (made.is_cached, cached.is_cached) == (None, True)
    assert (cached.status, cached.requested_model, cached.provider, cached.model) == ("success", "smart", "openai", "gpt-4o-mini")
    assert cached.cost_usd == 0
    assert made.cost_usd > 0
    assert not any((cached.input_tokens, cached.output_tokens))
    assert cached.output_preview == made.output_preview
    assert cached.input_preview == made.input_preview == "How do tides work?"


def test_what_was_streamed_is_given_again_whole_and_the_other_way_round(caller, workspace, fake_provider):
    make_alias(workspace, "plain", cache_seconds=60)
    options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    made, whole, streamed = ask(caller, **options), ask(caller), ask(caller, **options)
    assert [outcome(answer) for answer in (made, whole, streamed)] == ["miss", "hit", "hit"]
    assert said(made) == whole.json()["choices"][0]["message"]["content"] == said(streamed) == TEXT
    told = chunks(streamed)
    assert told[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [chunk["choices"][0]["finish_reason"] for chunk in told if chunk["choices"]][-1] == "stop"
    assert told[-1]["usage"] == whole.json()["usage"] == chunks(made)[-1]["usage"]
    assert len({chunk["id"] for chunk in told}) == 1
    assert len(fake_provider.requests) == 1


def test_calls_of_tools_are_given_again(caller, workspace):
    make_alias(workspace, "tools", cache_seconds=60)
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("weather", "clock")]
    first, again = ask(caller, tools=tools), ask(caller, tools=tools)
    assert outcome(again) == "hit"
    assert again.json()["choices"][0]["message"]["tool_calls"] == first.json()["choices"][0]["message"]["tool_calls"]
    assert again.json()["choices"][0]["finish_reason"] == "tool_calls"


def test_several_choices_are_given_again(caller, workspace):
    make_alias(workspace, "plain", cache_seconds=60)
    first, again = ask(caller, n=3), ask(caller, n=3)
    assert outcome(again) == "hit"
    texts = [[choice["message"]["content"] for choice in answer.json()["choices"]] for answer in (first, again)]
    assert texts[0] == texts[1] == [TEXT] * 3


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "content": "How do tides work"}]},
        {"max_tokens": 7},
        {"seed": 1},
        {"stop": ["."]},
        {"response_format": {"type": "json_object"}},
    ],
    ids=["words", "limit", "seed", "stop", "format"],
)
def test_another_question_is_asked(caller, workspace, fake_provider, change):
    make_alias(workspace, "plain", cache_seconds=60)
    ask(caller)
    assert outcome(ask(caller, **change)) == "miss"
    assert len(fake_provider.requests) == 2


def test_who_asks_makes_no_other_question(caller, workspace):
    make_alias(workspace, "plain", cache_seconds=60)
    ask(caller, user="u-1", metadata={"run": "1"})
    assert outcome(ask(caller, user="u-2", metadata={"run": "2"})) == "hit"


@pytest.mark.parametrize("temperature", [0.7, None])
def test_an_answer_that_is_drawn_is_kept_only_where_the_name_says_so(caller, workspace, temperature):
    make_alias(workspace, "plain", cache_seconds=60)
    make_alias(workspace, "plain", name="repeats", cache_seconds=60, caches_random=True)
    assert [outcome(ask(caller, temperature=temperature)) for _ in range(2)] == [None, None]
    assert [outcome(ask(caller, temperature=temperature, model="repeats")) for _ in range(2)] == ["miss", "hit"]


def test_a_name_keeps_nothing_unless_it_says_so(caller, workspace):
    make_alias(workspace, "plain")
    assert [outcome(ask(caller)) for _ in range(2)] == [None, None]


def test_an_answer_with_log_probabilities_is_not_kept(caller, workspace):
    make_alias(workspace, "plain", cache_seconds=60)
    assert [outcome(ask(caller, logprobs=True)) for _ in range(2)] == [None, None]


def test_a_program_can_have_a_new_answer_and_one_that_is_not_kept(caller, workspace, fake_provider):
    make_alias(workspace, "plain", cache_seconds=60)
    assert outcome(ask(caller, {"cache-control": "no-store"})) == "miss"
    assert outcome(ask(caller)) == "miss"
    fake_provider.script("plain", chunks=["Anew."])
    assert outcome(ask(caller, {"cache-control": "no-cache"})) == "miss"
    assert ask(caller).json()["choices"][0]["message"]["content"] == "Anew."


def test_an_answer_in_which_redaction_finds_something_is_not_kept(caller, workspace, fake_provider):
    fake_provider.script("plain", chunks=["Write to alice.liddell", "@example.org."])
    make_alias(workspace, "plain", cache_seconds=60)
    assert [outcome(ask(caller)) for _ in range(2)] == ["miss", "miss"]
    assert ask(caller).json()["choices"][0]["message"]["content"] == "Write to alice.liddell@example.org."


def test_nothing_of_what_is_kept_can_be_read_where_it_lies(caller, workspace, fake_provider):
    fake_provider.script("plain", chunks=["The moon pulls at the seaside of Wonderland."])
    make_alias(workspace, "plain", cache_seconds=60)
    ask(caller)
    store = redis.Redis.from_url(settings.REDIS_URL)
    kept = {key: store.get(key) for key in store.scan_iter("ollive:answer:*")}
    assert kept
    assert not any(word in key + value for key, value in kept.items() for word in (b"moon", b"tides", b"smart", b"plain"))
    assert all(0 < store.ttl(key) <= 60 for key in kept)


def test_an_answer_that_was_moved_to_another_question_is_not_given(caller, workspace, fake_provider):
    make_alias(workspace, "plain", cache_seconds=60)
    store = redis.Redis.from_url(settings.REDIS_URL)
    before = set(store.scan_iter("ollive:answer:*"))
    ask(caller)
    [first] = set(store.scan_iter("ollive:answer:*")) - before
    ask(caller, seed=1)
    [second] = set(store.scan_iter("ollive:answer:*")) - before - {first}
    store.copy(first, second, replace=True)
    assert outcome(ask(caller, seed=1)) == "miss"


def test_two_workspaces_share_no_answers(caller, workspace, charlie, asking_server, fake_provider):
    make_alias(workspace, "plain", cache_seconds=60)
    make_alias(charlie.workspaces.get(), "plain", cache_seconds=60)
    ask(caller)
    with client_of(asking_server, make_token(charlie, scopes=["chat"])) as stranger:
        assert outcome(ask(stranger)) == "miss"


def test_where_nothing_is_kept_of_calls_no_answers_are(caller, workspace, alice, asking_server):
    make_alias(workspace, "plain", cache_seconds=60)
    with client_of(asking_server, make_token(alice, scopes=["chat"], payloads="none")) as quiet:
        assert [outcome(ask(quiet)) for _ in range(2)] == [None, None]


def test_masked_questions_share_an_answer_and_each_gets_its_own_values_back(caller, workspace, fake_provider):
    RedactionPolicy.objects.create(workspace=workspace, mode="mask")
    fake_provider.script("plain", chunks=["I write to ", "[[EMAIL_1]]", "."])
    make_alias(workspace, "plain", cache_seconds=60)
    told = [ask(caller, messages=[{"role": "user", "content": f"Write to {name}@example.org"}]) for name in ("alice", "queen")]
    assert [outcome(answer) for answer in told] == ["miss", "hit"]
    contents = [answer.json()["choices"][0]["message"]["content"] for answer in told]
    assert contents == ["I write to alice@example.org.", "I write to queen@example.org."]


def test_a_kept_answer_is_given_when_the_budget_is_used_up(caller, workspace):
    make_alias(workspace, "gpt-4o-mini", cache_seconds=60)
    ask(caller)
    recorded(1)
    Budget.objects.create(workspace=workspace, limit_usd=Decimal(0))
    assert outcome(ask(caller)) == "hit"


def test_an_answer_that_was_filtered_is_not_kept(caller, workspace):
    make_alias(workspace, "filtered", cache_seconds=60)
    assert [outcome(ask(caller, stream=True)) for _ in range(2)] == ["miss", "miss"]


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_leaves_no_answers_behind(openai, workspace, bob):
    make_alias(workspace, "plain", cache_seconds=60)
    before = plan(workspace).cache
    erasure.erase(bob, requested_by="dora@example.com", now=timezone.now(), tell=lambda kind, count: None)
    after = plan(workspace).cache
    assert before is not None
    assert after is not None
    assert after.name != before.name


def test_without_valkey_every_question_is_asked_and_nobody_waits(settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(answer_cache, "_away_until", 0.0)
    place = answer_cache.Slot("ollive:answer:nowhere", 60)
    kept = answer_cache.Kept({0: answer_cache.Choice("By the moon.", reason="stop")}, "openai/plain")

    async def try_it() -> tuple[object, bool]:
        try:
            return await place.find(), await place.keep(kept, policies.DEFAULT)
        finally:
            await answer_cache.aclose()

    began = time.perf_counter()
    assert asyncio.run(try_it()) == (None, False)
    assert time.perf_counter() - began < 2
