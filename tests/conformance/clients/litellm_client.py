"""LiteLLM as a client: `openai/` there is this server, the rest of the path is the model here."""

import asyncio
import os
from typing import Any

os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}
import litellm
import pytest

from tests.conformance.clients.checks import BASE_URL, TOKEN, WEATHER, run

litellm.telemetry = False
litellm.suppress_debug_info = True
HELLO: Any = [{"role": "user", "content": "How do tides work?"}]
HERE: dict[str, Any] = {"api_base": f"{BASE_URL}/v1", "api_key": TOKEN, "num_retries": 0, "max_tokens": 500}


def chat(prefix):
    answer = litellm.completion(model=f"openai/{prefix}plain", messages=HELLO, **HERE)
    assert answer.choices[0].message.content.startswith("## Tides")
    assert answer.usage.completion_tokens > 100


def stream(prefix):
    chunks = litellm.completion(model=f"openai/{prefix}plain", messages=HELLO, stream=True, **HERE)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).startswith("## Tides")


def tools(prefix):
    answer = litellm.completion(model=f"openai/{prefix}tools", messages=HELLO, tools=[WEATHER], **HERE)
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["weather", "clock"]


def asynchronous():
    async def ask():
        return await litellm.acompletion(model="openai/openai/plain", messages=HELLO, **HERE)

    assert asyncio.run(ask()).choices[0].message.content.startswith("## Tides")


def errors():
    with pytest.raises(litellm.NotFoundError, match="nowhere"):
        litellm.completion(model="openai/nowhere/nothing", messages=HELLO, **HERE)


def embeddings():
    there = {"api_base": HERE["api_base"], "api_key": TOKEN}
    assert litellm.embedding(model="openai/openai/embed", input=["four"], **there).data[0]["embedding"][0] == 4.0


run([chat, stream, tools, asynchronous, errors, embeddings])
