"""`wrap_openai`: every chat completion, completion, response and embedding of a client is recorded, streamed or not."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ollive_sdk.encoding import is_given
from ollive_sdk.recorder import Recorder, default_recorder
from ollive_sdk.replies import ChatReply, EmbeddingsReply, Reply, ResponsesReply
from ollive_sdk.safety import harmless, say_once
from ollive_sdk.stopwatch import Call
from ollive_sdk.watching import Watch, watched

Client = TypeVar("Client")

# path of a resource → its methods, what they do in OpenTelemetry's words, and who reads the reply
RESOURCES: tuple[tuple[str, tuple[str, ...], str, Callable[[], Reply]], ...] = (
    ("chat.completions", ("create", "parse"), "chat", ChatReply),
    ("beta.chat.completions", ("create", "parse"), "chat", ChatReply),
    ("completions", ("create",), "text_completion", ChatReply),
    ("responses", ("create", "parse"), "chat", ResponsesReply),
    ("embeddings", ("create",), "embeddings", EmbeddingsReply),
)
PARAMETERS = frozenset(
    "audio dimensions echo encoding_format frequency_penalty function_call include logit_bias logprobs "
    "max_completion_tokens max_output_tokens max_tokens modalities n parallel_tool_calls presence_penalty "
    "previous_response_id reasoning reasoning_effort response_format seed service_tier stop store stream_options "
    "suffix temperature text text_format tool_choice top_logprobs top_p truncation verbosity web_search_options".split()
)
HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gemini",
    "api.groq.com": "groq",
    "openrouter.ai": "openrouter",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.together.xyz": "together_ai",
    "api.fireworks.ai": "fireworks_ai",
    "api.x.ai": "xai",
    "api.perplexity.ai": "perplexity",
    "api.cerebras.ai": "cerebras",
}
RAW = "X-Stainless-Raw-Response"  # how the client asks itself for an answer that is not parsed yet


def wrap_openai(client: Client, recorder: Recorder | None = None, *, provider: str | None = None) -> Client:
    """The same client (OpenAI, AsyncOpenAI, Azure's), whose calls are recorded from now on.

    `provider` is told by the client's address where it is not given. Wrapping a client twice records its calls once.
    """
    _wrap(client, recorder or default_recorder(), provider)
    return client


@harmless
def _wrap(client: Any, recorder: Recorder, provider: str | None) -> None:
    if getattr(client, "_ollive_recorder", None) is not None:
        return
    name = provider or _provider(client)
    found = 0
    for path, methods, operation, reply in RESOURCES:
        resource = _resource(client, path)
        for method in methods:
            original = getattr(resource, method, None)
            if callable(original) and not hasattr(original, "_ollive_original"):
                begin = _beginning(recorder, name, operation, reply)
                setattr(resource, method, _recorded_async(original, begin) if _is_async(original) else _recorded(original, begin))
                found += 1
    if not found:
        say_once("client", "Nothing to record was found on %s.", type(client).__name__)
        return
    client._ollive_recorder = recorder
    for copying in ("with_options", "copy"):
        if hasattr(client, copying):
            setattr(client, copying, _wrapping(getattr(client, copying), recorder, provider))


def _recorded(original: Callable[..., Any], begin: Callable[[Mapping[str, Any]], Watch | None]) -> Callable[..., Any]:
    @wraps(original)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        watch = begin(kwargs)
        if watch is None:
            return original(*args, **kwargs)
        with watch:
            result = original(*args, **kwargs)
        return _answer(result, watch, kwargs, is_async=False)

    recorded._ollive_original = original  # type: ignore[attr-defined]
    return recorded


def _recorded_async(
    original: Callable[..., Awaitable[Any]], begin: Callable[[Mapping[str, Any]], Watch | None]
) -> Callable[..., Awaitable[Any]]:
    @wraps(original)
    async def recorded(*args: Any, **kwargs: Any) -> Any:
        watch = begin(kwargs)
        if watch is None:
            return await original(*args, **kwargs)
        with watch:
            result = await original(*args, **kwargs)
        return _answer(result, watch, kwargs, is_async=True)

    recorded._ollive_original = original  # type: ignore[attr-defined]
    return recorded


def _answer(result: Any, watch: Watch, kwargs: Mapping[str, Any], *, is_async: bool) -> Any:
    headers = kwargs.get("extra_headers")
    raw = headers.get(RAW) if isinstance(headers, Mapping) else None
    if raw is None:
        return watched(result, watch, is_async=is_async)
    _read_raw(result, watch, is_parsable=raw == "true" and not kwargs.get("stream"))
    return result


@harmless
def _read_raw(result: Any, watch: Watch, *, is_parsable: bool) -> None:
    """An answer that the host parses by itself: it is read where that takes nothing away from the host."""
    if is_parsable:
        watch.whole(result.parse())
    else:
        watch.call.finish()


def _beginning(
    recorder: Recorder, provider: str, operation: str, reply: Callable[[], Reply]
) -> Callable[[Mapping[str, Any]], Watch | None]:
    @harmless
    def begin(kwargs: Mapping[str, Any]) -> Watch:
        return Watch(start(recorder, provider, operation, kwargs), reply())

    return begin


def start(recorder: Recorder, provider: str | None, operation: str, kwargs: Mapping[str, Any], **more: Any) -> Call:
    """The call of OpenAI-shaped arguments."""
    asked = {name: value for name, value in kwargs.items() if is_given(value)}
    fields: dict[str, Any] = {
        "provider": provider,
        "operation": operation,
        "is_stream": bool(asked.get("stream")),
        "messages": _messages(asked),
        "tools": asked.get("tools") or asked.get("functions"),
        "parameters": {name: _shown(asked[name]) for name in PARAMETERS & asked.keys()} or None,
        "end_user": asked.get("user") or asked.get("safety_identifier"),
        "metadata": asked.get("metadata"),
    }
    return recorder.start(
        str(asked.get("model", "")), **{name: value for name, value in fields.items() if value is not None} | more
    )


def _messages(asked: Mapping[str, Any]) -> Any:
    found = asked.get("messages") or asked.get("input") or asked.get("prompt")
    if "instructions" not in asked:
        return found
    said = found if isinstance(found, list) else [{"role": "user", "content": found}]
    return [{"role": "system", "content": asked["instructions"]}, *said]


def _shown(value: Any) -> Any:
    """A class given as a format is told by its name."""
    return value.__name__ if isinstance(value, type) else value


def _resource(client: Any, path: str) -> Any:
    found = client
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _is_async(original: Any) -> bool:
    return inspect.iscoroutinefunction(inspect.unwrap(original))


def _provider(client: Any) -> str:
    if "Azure" in type(client).__name__:
        return "azure"
    host = urlsplit(str(getattr(client, "base_url", ""))).hostname or "openai"
    return HOSTS.get(host, "azure" if host.endswith(".openai.azure.com") else host)


def _wrapping(copying: Callable[..., Any], recorder: Recorder, provider: str | None) -> Callable[..., Any]:
    @wraps(copying)
    def copied(*args: Any, **kwargs: Any) -> Any:
        return wrap_openai(copying(*args, **kwargs), recorder, provider=provider)

    return copied
