"""OpenAI's own client, wrapped, against a provider on loopback: what it answers stays the same, and every call is recorded."""

import asyncio
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion

from ollive_sdk import wrap_openai

SAID: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def client(fake_provider, recorder):
    with OpenAI(base_url=fake_provider.url, api_key="key", max_retries=0) as client:
        yield wrap_openai(client, recorder, provider="openai")


@pytest.fixture
async def async_client(fake_provider, recorder):
    async with AsyncOpenAI(base_url=fake_provider.url, api_key="key", max_retries=0) as client:
        yield wrap_openai(client, recorder, provider="openai")


@pytest.fixture
def plain(fake_provider):
    with OpenAI(base_url=fake_provider.url, api_key="key", max_retries=0) as client:
        yield client


def ended(recorder, memory):
    """The one call's end."""
    assert recorder.flush(5)
    started, finished = memory.events
    assert (started["phase"], finished["phase"]) == ("started", "finished")
    return {**{name: started[name] for name in ("messages", "tools", "parameters") if name in started}, **finished}


def test_a_whole_reply_is_recorded_with_its_usage(client, recorder, memory, fake_provider):
    fake_provider.script("gpt-4o", chunks=["Good ", "day"], cached_tokens=1)
    answer = client.chat.completions.create(model="gpt-4o", messages=SAID, temperature=0.3, user="u1")
    assert isinstance(answer, ChatCompletion)
    call = ended(recorder, memory)
    assert (call["status"], call["model"], call["provider"], call["operation"]) == ("success", "gpt-4o", "openai", "chat")
    assert (call["messages"], call["parameters"], call["end_user"]) == (SAID, {"temperature": 0.3}, "u1")
    assert call["reply"] == {"role": "assistant", "content": "Good day"}
    assert (call["finish_reason"], call["served_model"], call["is_stream"]) == ("stop", "gpt-4o", False)
    buckets = [
        call[name] for name in ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
    ]
    assert sum(buckets) == answer.usage.total_tokens
    assert call["cache_read_tokens"] == 1
    assert call["usage_source"] == "provider"


def test_a_stream_is_the_same_chunk_by_chunk(client, plain, recorder, memory, fake_provider):
    fake_provider.script("m", chunks=["a", "b", "c"])
    stream = client.chat.completions.create(model="m", messages=SAID, stream=True, stream_options={"include_usage": True})
    bare = plain.chat.completions.create(model="m", messages=SAID, stream=True, stream_options={"include_usage": True})
    assert isinstance(stream, openai.Stream)
    assert stream.response.status_code == 200
    with stream:
        chunks = [chunk.model_dump(exclude={"id", "created"}) for chunk in stream]
    assert chunks == [chunk.model_dump(exclude={"id", "created"}) for chunk in bare]
    call = ended(recorder, memory)
    assert (call["status"], call["reply"]["content"], call["finish_reason"]) == ("success", "abc", "stop")
    assert call["usage"]["total_tokens"] == sum(
        call[name] for name in ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens")
    )
    assert call["ttft_ms"] <= call["latency_ms"]


def test_a_stream_without_usage_says_nothing_of_tokens(client, recorder, memory):
    for _ in client.chat.completions.create(model="m", messages=SAID, stream=True):
        pass
    call = ended(recorder, memory)
    assert call["status"] == "success"
    assert not {"usage_source", "input_tokens", "output_tokens"} & call.keys()
    assert call["reply"]["content"]


@pytest.mark.parametrize("leaving", ["close", "with", "forget"])
def test_a_stream_that_is_left_is_canceled(client, recorder, memory, fake_provider, leaving):
    fake_provider.script("m", chunks=["one", " two", " three"], rate=50)
    stream = client.chat.completions.create(model="m", messages=SAID, stream=True)
    if leaving == "with":
        with stream:
            _said(stream)
    else:
        _said(stream)
        if leaving == "close":
            stream.close()
        else:
            inner = stream._ollive_stream
            del stream
            inner.close()
    call = ended(recorder, memory)
    assert (call["status"], call["reply"]["content"]) == ("canceled", "one")


def _said(stream):
    """Read up to the first words."""
    for chunk in stream:
        if chunk.choices[0].delta.content:
            return


def test_leaving_after_the_models_last_word_is_no_cancellation(client, recorder, memory):
    stream = client.chat.completions.create(model="m", messages=SAID, stream=True, stream_options={"include_usage": True})
    for chunk in stream:
        if chunk.choices and chunk.choices[0].finish_reason:
            break
    stream.close()
    assert ended(recorder, memory)["status"] == "success"


def test_tools_and_reasoning_are_recorded(client, recorder, memory, fake_provider):
    weather = {"id": "call_1", "name": "weather", "arguments": ['{"city": ', '"Paris"}']}
    fake_provider.script("m", chunks=[], reasoning=["Let me ", "see"], tool_calls=[weather], finish_reason="tool_calls")
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    for _ in client.chat.completions.create(model="m", messages=SAID, tools=tools, stream=True):
        pass
    call = ended(recorder, memory)
    assert call["tools"] == tools
    assert (call["reasoning"], call["finish_reason"]) == ("Let me see", "tool_calls")
    (asked,) = call["reply"]["tool_calls"]
    assert (asked["id"], asked["function"]) == ("call_1", {"name": "weather", "arguments": '{"city": "Paris"}'})


@pytest.mark.parametrize(
    ("model", "kind", "code"),
    [
        ("error-429", openai.RateLimitError, "rate_limit"),
        ("error-401", openai.AuthenticationError, "authentication"),
        ("error-500", openai.InternalServerError, "unavailable"),
        ("reset-before", openai.APIConnectionError, "connection"),
    ],
)
def test_an_error_passes_through_and_is_recorded(client, recorder, memory, model, kind, code):
    with pytest.raises(kind) as raised:
        client.chat.completions.create(model=model, messages=SAID)
    assert "ollive" not in str(raised.value)
    call = ended(recorder, memory)
    assert (call["status"], call["error_class"]) == ("error", code)
    assert call["error_message"]


def test_an_error_in_the_middle_of_a_stream_passes_through(client, recorder, memory):
    with pytest.raises(httpx.HTTPError):
        for _ in client.chat.completions.create(model="reset-mid", messages=SAID, stream=True):
            pass
    call = ended(recorder, memory)
    assert call["status"] == "error"
    assert call["reply"]["content"]


async def test_the_asynchronous_client_is_recorded_too(async_client, recorder, memory):
    answer = await async_client.chat.completions.create(model="m", messages=SAID)
    call = ended(recorder, memory)
    assert call["reply"]["content"] == answer.choices[0].message.content


async def test_an_asynchronous_stream_is_recorded(async_client, recorder, memory):
    async with await async_client.chat.completions.create(model="m", messages=SAID, stream=True) as stream:
        said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    call = ended(recorder, memory)
    assert (call["status"], call["reply"]["content"]) == ("success", said)


async def test_a_canceled_task_cancels_its_stream(async_client, recorder, memory, fake_provider):
    fake_provider.script("m", chunks=["one"] * 50, rate=20)
    begun = asyncio.Event()

    async def read():
        async for _ in await async_client.chat.completions.create(model="m", messages=SAID, stream=True):
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended(recorder, memory)["status"] == "canceled"


def test_the_clients_own_stream_helper_goes_on_working(client, recorder, memory, fake_provider):
    fake_provider.script("m", chunks=["a", "b"])
    with client.chat.completions.stream(model="m", messages=SAID) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "ab"
    assert ended(recorder, memory)["reply"]["content"] == "ab"


def test_a_raw_response_goes_on_working(client, recorder, memory, fake_provider):
    fake_provider.script("m", chunks=["raw"])
    raw = client.chat.completions.with_raw_response.create(model="m", messages=SAID)
    assert raw.parse().choices[0].message.content == "raw"
    assert ended(recorder, memory)["reply"]["content"] == "raw"


def test_a_copy_of_the_client_is_recorded_and_nothing_twice(client, recorder, memory):
    wrap_openai(client, recorder).with_options(timeout=5).chat.completions.create(model="m", messages=SAID)
    assert ended(recorder, memory)["status"] == "success"


def test_a_recorder_that_fails_changes_nothing(fake_provider, plain):
    """Every place where the recorder is asked raises; the host sees the client's own answers."""

    class Broken:
        def __getattr__(self, name):
            raise RuntimeError("broken")

    class BrokenLater:
        def start(self, *args, **fields):
            return Broken()

    recorders: list[Any] = [Broken(), BrokenLater()]
    for recorder in recorders:
        with OpenAI(base_url=fake_provider.url, api_key="key", max_retries=0) as client:
            wrapped = wrap_openai(client, recorder)
            assert wrapped.chat.completions.create(model="m", messages=SAID).choices[0].message.content
            assert len(list(wrapped.chat.completions.create(model="m", messages=SAID, stream=True))) > 1
            with pytest.raises(openai.RateLimitError):
                wrapped.chat.completions.create(model="error-429", messages=SAID)


def test_what_is_no_client_comes_back_as_it_is(recorder, caplog):
    thing = object()
    assert wrap_openai(thing, recorder) is thing
    assert "Nothing to record" in caplog.text


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("http://vllm.example:8000/v1", "vllm.example"),
    ],
)
def test_the_provider_is_told_by_the_address(url, provider, recorder, memory):
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=RESPONSES[request.url.path.rpartition("/")[2]]))
    with OpenAI(base_url=url, api_key="k", http_client=httpx.Client(transport=transport)) as client:
        wrap_openai(client, recorder).embeddings.create(model="e", input="Hello", encoding_format="float")
    call = ended(recorder, memory)
    assert (call["provider"], call["operation"], call["messages"], call["input_tokens"]) == (provider, "embeddings", "Hello", 2)
    assert "reply" not in call


def test_the_responses_api_is_recorded(recorder, memory):
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=RESPONSES[request.url.path.rpartition("/")[2]]))
    with OpenAI(base_url="https://api.openai.com/v1", api_key="k", http_client=httpx.Client(transport=transport)) as client:
        wrap_openai(client, recorder).responses.create(model="gpt-5", input="Hello", instructions="Be brief")
    call = ended(recorder, memory)
    assert [message["role"] for message in call["messages"]] == ["system", "user"]
    assert call["reply"]["content"][0]["text"] == "Hi"
    assert [call[name] for name in ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens")] == [6, 4, 3, 2]


RESPONSES = {
    "embeddings": {
        "object": "list",
        "model": "e",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}],
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    },
    "responses": {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5",
        "status": "completed",
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "output": [
            {"type": "reasoning", "id": "r", "summary": []},
            {
                "type": "message",
                "id": "m",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
            },
        ],
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 15,
        },
    },
}
