"""The client against a running Ollive: its events arrive, are digested, and make the rows that they tell of."""

import json
from typing import Any

import pytest
from openai import OpenAI

from ollive_sdk import Memory, Recorder, wrap_openai
from telemetry.digest import drain
from telemetry.models import InferenceLog, Span
from tests.programs import make_token
from tests.sdk.test_openai import SAID

PRIVATE: Any = [{"role": "user", "content": "Write to alice@example.com"}]


@pytest.fixture
def recorder(programs_server, transactional_db, alice):
    with Recorder(programs_server.url, make_token(alice), app="shop", environment="test", flush_seconds=0.02) as recorder:
        yield recorder


def rows(recorder):
    """The calls' rows, once everything has arrived."""
    assert recorder.flush(10)
    counters = recorder.counters
    assert (counters.stored, counters.rejected, counters.failed) == (counters.recorded, 0, 0), counters
    drain(seconds=20)
    return {row.requested_model: row for row in InferenceLog.objects.all()}


def test_every_kind_of_call_becomes_its_row(recorder, fake_provider):
    """One server, one pass: a whole reply, a stream, one left early, an error, a step, and a rejected event."""
    fake_provider.script("gpt-4o-mini", chunks=["Good ", "day"], cached_tokens=1)
    fake_provider.script("left", chunks=["one"] * 50, rate=50)
    with OpenAI(base_url=fake_provider.url, api_key="key", max_retries=0) as client:
        create = wrap_openai(client, recorder, provider="openai").chat.completions.create
        with recorder.step("agent", "greeter"), recorder.context(session_id="s1", tags=["night"]):
            create(model="gpt-4o-mini", messages=SAID, temperature=0.5)
        for _ in create(model="streamed", messages=SAID, stream=True):
            pass
        stream = create(model="left", messages=PRIVATE, stream=True)
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        stream.close()
        with pytest.raises(Exception, match="429"):
            create(model="error-429", messages=SAID)
    found = rows(recorder)
    assert {name: row.status for name, row in found.items()} == {
        "gpt-4o-mini": "success",
        "streamed": "success",
        "left": "canceled",
        "error-429": "error",
    }
    whole = found["gpt-4o-mini"]
    assert (whole.provider, whole.app, whole.environment, whole.session_id, whole.tags) == (
        "openai",
        "shop",
        "test",
        "s1",
        ["night"],
    )
    assert (whole.cache_read_tokens, whole.usage_source, whole.source, whole.phases) == (1, "provider", "sdk", 3)
    assert whole.cost_usd > 0
    assert (whole.parameters, whole.output_preview, whole.user_id is not None) == ({"temperature": 0.5}, "Good day", True)
    assert (found["streamed"].usage_source, found["streamed"].is_stream) == ("estimated", True)
    assert found["left"].usage_source == "estimated"
    assert "alice@example.com" not in json.dumps([row.input_preview for row in found.values()])
    assert found["error-429"].error_class == "rate_limit"
    (agent,) = Span.objects.all()
    assert (agent.kind, agent.name, agent.trace_id, agent.span_id) == ("agent", "greeter", whole.trace_id, whole.parent_span_id)


def test_what_is_sent_twice_is_stored_once(recorder):
    memory = Memory()
    with Recorder(transport=memory) as other:
        other.start("m").finish(reply="ok")
    for event in [*memory.events, *memory.events]:
        recorder._tell(event)
    assert recorder.flush(10)
    assert (recorder.counters.stored, recorder.counters.duplicate) == (2, 2)
