"""LangChain's ChatOpenAI and OpenAIEmbeddings."""

import asyncio
from typing import Any

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from tests.conformance.clients.checks import BASE_URL, TOKEN, WEATHER, run, script

HERE: dict[str, Any] = {"base_url": f"{BASE_URL}/v1", "api_key": TOKEN, "max_retries": 0}
MOST: dict[str, Any] = {"max_tokens": 500}


def chat(prefix):
    answer = ChatOpenAI(model=prefix + "plain", **HERE, **MOST).invoke("How do tides work?")
    assert answer.content.startswith("## Tides")
    assert answer.usage_metadata["output_tokens"] > 100


def stream(prefix):
    asking = ChatOpenAI(model=prefix + "plain", stream_usage=True, **HERE, **MOST)
    whole = None
    for chunk in asking.stream("How do tides work?"):
        whole = chunk if whole is None else whole + chunk
    assert whole.content.startswith("## Tides")
    assert whole.usage_metadata["output_tokens"] > 100


def tools(prefix):
    answer = ChatOpenAI(model=prefix + "tools", **HERE, **MOST).bind_tools([WEATHER]).invoke("Weather?")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("weather", {"city": "Paris"}), ("clock", {})]


def structured_output():
    class Sum(BaseModel):
        total: int

    script("sum", chunks=['{"total": ', "4}"])
    asking = ChatOpenAI(model="openai/sum", **HERE).with_structured_output(Sum, method="json_schema")
    assert asking.invoke("2 + 2?") == Sum(total=4)


def asynchronous():
    answer = asyncio.run(ChatOpenAI(model="openai/plain", **HERE).ainvoke("How do tides work?"))
    assert answer.content.startswith("## Tides")


def through_responses():
    answer = ChatOpenAI(model="openai/no-responses", use_responses_api=True, **HERE).invoke("How do tides work?")
    assert answer.text.startswith("## Tides")


def embeddings():
    asking = OpenAIEmbeddings(model="openai/embed", check_embedding_ctx_length=False, **HERE)
    assert asking.embed_query("four")[0] == 4.0


run([chat, stream, tools, structured_output, asynchronous, through_responses, embeddings])
