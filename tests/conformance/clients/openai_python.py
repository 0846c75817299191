"""OpenAI's own client, blocking and not."""

import asyncio
import json
import os
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.conformance.clients.checks import BASE_URL, TOKEN, WEATHER, run, script

client = openai.OpenAI(base_url=f"{BASE_URL}/v1", api_key=TOKEN, max_retries=0, timeout=100)
HELLO: Any = [{"role": "user", "content": "How do tides work?"}]


def chat(prefix):
    answer = client.chat.completions.create(model=prefix + "plain", messages=HELLO, max_tokens=500)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content.startswith("## Tides")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens > 100
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def stream(prefix):
    chunks = list(
        client.chat.completions.create(
            model=prefix + "plain", messages=HELLO, max_tokens=500, stream=True, stream_options={"include_usage": True}
        )
    )
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices).startswith("## Tides")
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 100


def stream_without_usage(prefix):
    chunks = list(client.chat.completions.create(model=prefix + "plain", messages=HELLO, max_tokens=500, stream=True))
    assert all(chunk.choices for chunk in chunks)


def tools(prefix):
    answer = client.chat.completions.create(model=prefix + "tools", messages=HELLO, tools=[WEATHER], max_tokens=500)
    calls = {call.function.name: json.loads(call.function.arguments) for call in answer.choices[0].message.tool_calls}
    assert calls == {"weather": {"city": "Paris"}, "clock": {}}
    assert answer.choices[0].finish_reason == "tool_calls"


def streamed_tools(prefix):
    with client.chat.completions.stream(model=prefix + "tools", messages=HELLO, tools=[WEATHER], max_tokens=500) as events:
        message = events.get_final_completion().choices[0].message
    assert {call.function.name: json.loads(call.function.arguments) for call in message.tool_calls} == {
        "weather": {"city": "Paris"},
        "clock": {},
    }


def results_of_tools(prefix):
    call = {"id": "call_weather", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    history = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_weather", "content": "Rain."},
    ]
    answer = client.chat.completions.create(model=prefix + "plain", messages=history, tools=[WEATHER], max_tokens=500)
    assert answer.choices[0].message.content.startswith("## Tides")


def structured_output():
    class Sum(BaseModel):
        total: int

    script("sum", chunks=['{"total": ', "4}"])
    answer = client.chat.completions.parse(model="openai/sum", messages=HELLO, response_format=Sum)
    assert answer.choices[0].message.parsed == Sum(total=4)


def several_choices():
    answer = client.chat.completions.create(model="openai/plain", messages=HELLO, n=2)
    assert [choice.index for choice in answer.choices] == [0, 1]
    texts = {0: "", 1: ""}
    for chunk in client.chat.completions.create(model="openai/plain", messages=HELLO, n=2, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts[0] == texts[1] == answer.choices[0].message.content


def raw_response(prefix):
    raw = client.chat.completions.with_raw_response.create(model=prefix + "plain", messages=HELLO, max_tokens=500)
    assert raw.status_code == 200
    assert raw.headers["x-request-id"]
    assert raw.headers["x-ollive-inference-id"]
    assert raw.parse()._request_id == raw.headers["x-request-id"]
    with client.chat.completions.with_streaming_response.create(model=prefix + "plain", messages=HELLO, max_tokens=500) as answer:
        assert json.loads(answer.read())["object"] == "chat.completion"


def retries():
    script("flaky", status=503, times=3)
    answer = client.with_options(max_retries=2).chat.completions.create(model="openai/flaky", messages=HELLO)
    assert answer.choices[0].message.content.startswith("## Tides")


def timeouts(prefix):
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.4).chat.completions.create(model=prefix + "slow-headers-3", messages=HELLO, max_tokens=9)


def errors():
    expected: list[tuple[type[openai.APIStatusError], str, dict[str, Any]]] = [
        (openai.NotFoundError, "model_not_found", {"model": "nowhere/nothing"}),
        (openai.BadRequestError, "invalid_value", {"temperature": 9}),
        (openai.BadRequestError, "context_length_exceeded", {"model": "openai/too-long"}),
        (openai.RateLimitError, "insufficient_quota", {"model": "openai/quota"}),
        (openai.InternalServerError, "provider_authentication", {"model": "openai/error-401"}),
    ]
    for kind, code, change in expected:
        with pytest.raises(kind) as caught:
            client.chat.completions.create(**{"model": "openai/plain", "messages": HELLO, **change})
        assert caught.value.code == code, change
        assert caught.value.body["message"], change
    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key="olv_no-such-key").models.list()
    assert caught.value.code


def an_error_in_mid_stream(prefix):
    script("breaks", rate=50, breaks_with="error")
    said = ""
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.chat.completions.create(model=prefix + "breaks", messages=HELLO, max_tokens=500, stream=True):
            said += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert said
    assert caught.value.body["message"]


def the_rest_of_the_api():
    assert "openai/plain" in [model.id for model in client.models.list()]
    assert client.models.retrieve("openai/plain").owned_by == "openai"
    vectors = client.embeddings.create(model="openai/embed", input=["four", "seventh"])
    assert [row.embedding[0] for row in vectors.data] == [4.0, 7.0]
    assert client.completions.create(model="openai/plain", prompt="The sea").choices[0].text.startswith("## Tides")
    texts = [chunk.choices[0].text for chunk in client.completions.create(model="openai/plain", prompt="The sea", stream=True)]
    assert "".join(texts).startswith("## Tides")


def responses():
    for model in ("openai/plain", "openai/no-responses", "anthropic/plain"):
        answer = client.responses.create(model=model, input="How do tides work?", max_output_tokens=500)
        assert answer.output_text.startswith("## Tides"), model
        assert answer.usage.output_tokens > 100
        with client.responses.stream(model=model, input="How do tides work?", max_output_tokens=500) as events:
            kinds = [event.type for event in events]
            final = events.get_final_response()
        assert final.output_text == answer.output_text, model
        assert kinds[0] == "response.created"
        assert kinds[-1] == "response.completed"


def asynchronous(prefix):
    async def ask():
        async with openai.AsyncOpenAI(base_url=f"{BASE_URL}/v1", api_key=TOKEN, max_retries=0) as asking:
            asked = {"model": prefix + "plain", "messages": HELLO, "max_tokens": 500}
            answers = await asyncio.gather(*(asking.chat.completions.create(**asked) for _ in range(4)))
            said = ""
            async for chunk in await asking.chat.completions.create(**asked, stream=True):
                said += "".join(choice.delta.content or "" for choice in chunk.choices)
            return [answer.choices[0].message.content for answer in answers], said

    whole, streamed = asyncio.run(ask())
    assert set(whole) == {streamed}


def an_idempotency_key():
    key = {"Idempotency-Key": os.urandom(8).hex()}
    first, second = (
        client.chat.completions.with_raw_response.create(model="openai/plain", messages=HELLO, extra_headers=key)
        for _ in range(2)
    )
    assert first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"


CHECKS = [chat, stream, stream_without_usage, tools, streamed_tools, results_of_tools, structured_output, several_choices]
CHECKS += [raw_response, retries, timeouts, errors, an_error_in_mid_stream, the_rest_of_the_api, responses, asynchronous]
CHECKS += [an_idempotency_key]
run(CHECKS)
