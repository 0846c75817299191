"""The stopwatch and the recorder: what is told about a call, however it ends."""

import asyncio
import json
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest

from ollive_sdk import Memory, Recorder
from ollive_sdk.events import ClientFields, SpanClientFields


def told(recorder, memory):
    assert recorder.flush(5)
    return memory.events


def test_a_call_makes_a_started_and_a_finished_event(recorder, memory):
    call = recorder.start("gpt-4o", provider="openai", messages=[{"role": "user", "content": "Hello"}])
    call.first_token()
    call.finish(reply="Hi", input_tokens=3, output_tokens=1, finish_reason="stop")
    started, finished = told(recorder, memory)
    assert (started["phase"], finished["phase"], finished["status"]) == ("started", "finished", "success")
    assert started["inference_id"] == finished["inference_id"]
    assert UUID(started["inference_id"]).version == 7
    assert started["messages"] == [{"role": "user", "content": "Hello"}]
    assert (finished["model"], finished["provider"], finished["reply"], finished["output_tokens"]) == (
        "gpt-4o",
        "openai",
        "Hi",
        1,
    )
    assert 0 <= finished["ttft_ms"] <= finished["latency_ms"]
    assert datetime.fromisoformat(finished["ended_at"]) >= datetime.fromisoformat(finished["started_at"])


def test_the_end_of_a_call_is_complete_without_its_start(recorder, memory):
    """The start may be dropped; the prompt alone is told once."""
    recorder.start("m", provider="p", messages=["long"], session_id="s").finish()
    started, finished = told(recorder, memory)
    assert started.keys() - finished.keys() == {"messages"}


def test_every_field_that_it_tells_is_declared(recorder, memory):
    with recorder.start("m", colour="red", messages=["x"]) as call:
        call.token()
        call.token()
        call.note(tags=["a"])
    with recorder.step("tool", "search", arguments={"q": "tides"}, colour="red"):
        pass
    *calls, span = told(recorder, memory)
    assert {name for event in calls for name in event} - {"phase"} <= ClientFields.__annotations__.keys()
    assert span.keys() - {"phase"} <= SpanClientFields.__annotations__.keys()
    assert calls[1]["metadata"] == span["attributes"] == {"colour": "red"}


def test_a_call_ends_once(recorder, memory):
    call = recorder.start("m")
    call.finish()
    call.fail("too late")
    call.cancel()
    assert [event.get("status") for event in told(recorder, memory)] == [None, "success"]


def test_an_exception_in_the_block_is_recorded_and_passes(recorder, memory):
    with pytest.raises(LookupError, match="no such"), recorder.start("m"):
        raise LookupError("no such thing")
    finished = told(recorder, memory)[1]
    assert (finished["status"], finished["error_class"]) == ("error", "LookupError")
    assert finished["error_message"] == "no such thing"


async def test_a_canceled_task_is_a_canceled_call(recorder, memory):
    started = asyncio.Event()

    async def work():
        async with recorder.start("m"):
            started.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told(recorder, memory)[1]["status"] == "canceled"


async def test_tasks_at_once_keep_their_own_traces(recorder, memory):
    async def agent(name):
        async with recorder.step("agent", name):
            await asyncio.sleep(0)
            async with recorder.start("m", metadata={"of": name}):
                await asyncio.sleep(0)

    await asyncio.gather(*(agent(str(number)) for number in range(5)))
    events = told(recorder, memory)
    agents = {event["name"]: event for event in events if event["phase"] == "span"}
    calls = [event for event in events if event["phase"] == "finished"]
    assert len(calls) == 5
    for call in calls:
        mother = agents[call["metadata"]["of"]]
        assert (call["trace_id"], call["parent_span_id"]) == (mother["trace_id"], mother["span_id"])


def test_a_tools_run_is_a_step_of_its_call(recorder, memory):
    call = recorder.start("m")
    with recorder.step("tool", "weather", arguments={"city": "Paris"}, inference_id=call.id) as step:
        step.finish({"sky": "clear"})
    call.finish()
    span = next(event for event in told(recorder, memory) if event["phase"] == "span")
    assert (span["kind"], span["name"], span["status"]) == ("tool", "weather", "success")
    assert (span["arguments"], span["result"], span["inference_id"]) == ({"city": "Paris"}, {"sky": "clear"}, str(call.id))


def test_the_context_goes_with_what_starts_inside(recorder, memory):
    with recorder.context(session_id="s1", tags=["night"]), recorder.context(end_user="u7"):
        recorder.start("m").finish()
        recorder.step("tool", "t").finish()
    recorder.start("m").finish()
    events = told(recorder, memory)
    assert [(event.get("session_id"), event.get("end_user")) for event in events] == [("s1", "u7")] * 3 + [(None, None)] * 2
    assert "tags" not in events[2]


def test_the_callers_own_id_is_kept_and_a_wrong_one_replaced(recorder, memory):
    own = "01890a5d-ac96-774b-bcce-b302099a8057"
    recorder.start("m", inference_id=own).finish()
    recorder.start("m", inference_id="no id").finish()
    first, _, third, _ = told(recorder, memory)
    assert first["inference_id"] == own
    assert UUID(third["inference_id"]).version == 7


def test_whatever_is_in_an_event_it_becomes_json(recorder, memory):
    circle: list = []
    circle.append(circle)

    class Rude:
        def __str__(self):
            raise RuntimeError("no")

    metadata = {"money": Decimal("1.5"), "nan": float("nan"), 7: b"bytes", "lone": "\ud800", "set": {1}}
    recorder.start("m", metadata=metadata, messages=circle, raw_payload=Rude()).finish(reply="ok")
    recorder.start("m").finish(reply=Rude())
    events = told(recorder, memory)
    assert events[0]["metadata"] == {"money": "1.5", "nan": None, "7": "<5 bytes>", "lone": "\ud800", "set": [1]}
    assert json.dumps(events[0]["messages"]).startswith("[[[")
    assert (events[0]["raw_payload"], events[1]["reply"], events[3]["reply"]) == (None, "ok", None)


def test_what_is_too_long_loses_its_content_and_nothing_else(recorder, memory):
    recorder.start("m", provider="p", messages=["x" * 3_000_000]).finish(reply="short")
    started, finished = told(recorder, memory)
    assert "messages" not in started
    assert (started["model"], finished["reply"]) == ("m", "short")
    assert recorder.counters.shortened == 1


def test_without_content_no_text_leaves_the_program():
    memory = Memory()
    with Recorder(transport=memory, content=False) as recorder:
        call = recorder.start("m", messages=["secret"], tools=["secret"], input_preview="secret")
        recorder.step("tool", "t", arguments="secret").finish("secret")
        call.finish(reply="secret", reasoning="secret", output_tokens=4)
    assert len(memory.events) == 3
    assert "secret" not in json.dumps(memory.events)
    assert memory.events[-1]["output_tokens"] == 4


def test_sampled_token_times_are_bounded_and_span_the_reply(recorder, memory):
    call = recorder.start("m")
    for _ in range(5_000):
        call.token()
    call.finish()
    finished = told(recorder, memory)[1]
    assert 128 <= len(finished["token_times_ms"]) <= 256
    assert finished["token_times_ms"] == sorted(finished["token_times_ms"])


def test_a_call_that_others_timed_is_one_event(recorder, memory):
    recorder.record(status="success", model="m", started_at="2026-11-21T10:00:00+00:00", ended_at="2026-11-21T10:00:01+00:00")
    (event,) = told(recorder, memory)
    assert (event["phase"], event["status"], event["started_at"]) == ("finished", "success", "2026-11-21T10:00:00+00:00")


def test_a_recorder_without_an_address_says_so_and_does_no_harm(caplog):
    with Recorder() as recorder:
        with recorder.start("m"):
            pass
        assert recorder.flush(5)
    assert "nothing is recorded" in caplog.text


@pytest.mark.parametrize("url", ["ftp://example.com", "http://", "no address", "http://[::1"])
def test_a_wrong_address_is_told_and_does_no_harm(url, caplog):
    with Recorder(url, "key") as recorder:
        recorder.start("m").finish()
    assert "Recording failed" in caplog.text


def test_the_address_and_the_key_come_from_the_environment(intake, monkeypatch):
    monkeypatch.setenv("OLLIVE_URL", f"{intake.url}/")
    monkeypatch.setenv("OLLIVE_API_KEY", "olv_test")
    with Recorder() as recorder:
        recorder.start("m").finish()
    assert len(intake.events) == 2
