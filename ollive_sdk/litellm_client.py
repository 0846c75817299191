"""LiteLLM: `install()` records every call of the process by its callbacks; `completion` and `acompletion` are its own, recorded.

The callbacks say nothing of a stream that the host leaves early, the wrapped functions do. Both may be used together: a call
then has one id for both, and is stored once.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from uuid import UUID

from ollive_sdk.openai_client import start
from ollive_sdk.recorder import Recorder, default_recorder
from ollive_sdk.replies import REASONING, ChatReply
from ollive_sdk.safety import harmless, say_once
from ollive_sdk.usage import usage_fields
from ollive_sdk.watching import Watch, watched

STATUSES = {"success": "success", "failure": "error"}
OPERATIONS = {"embedding": "embeddings", "aembedding": "embeddings", "text_completion": "text_completion"}


def completion(*args: Any, recorder: Recorder | None = None, **kwargs: Any) -> Any:
    """`litellm.completion`, recorded; a streamed one too, until its end or until it is left."""
    litellm = import_module("litellm")
    watch = _begin(litellm, recorder, args, kwargs)
    if watch is None:
        return litellm.completion(*args, **kwargs)
    with watch:
        result = litellm.completion(*args, **_named(kwargs, watch))
    return watched(result, watch, is_async=False)


async def acompletion(*args: Any, recorder: Recorder | None = None, **kwargs: Any) -> Any:
    """`litellm.acompletion`, recorded."""
    litellm = import_module("litellm")
    watch = _begin(litellm, recorder, args, kwargs)
    if watch is None:
        return await litellm.acompletion(*args, **kwargs)
    with watch:
        result = await litellm.acompletion(*args, **_named(kwargs, watch))
    return watched(result, watch, is_async=True)


@harmless
def install(recorder: Recorder | None = None) -> None:
    """Record every call that this process makes through LiteLLM from now on. Calling it again changes nothing."""
    try:
        litellm = import_module("litellm")
        base = import_module("litellm.integrations.custom_logger").CustomLogger
    except ImportError:
        say_once("litellm", "LiteLLM is not installed: there is nothing to record.")
        return
    if any(type(callback).__name__ == "OlliveCallbacks" for callback in litellm.callbacks):
        return
    to = recorder or default_recorder()

    def log(_self: Any, kwargs: Any, **_rest: Any) -> None:  # LiteLLM calls it by these names
        _record(to, kwargs)

    async def async_log(_self: Any, kwargs: Any, **_rest: Any) -> None:
        _record(to, kwargs)

    methods: dict[str, Any] = {"log_success_event": log, "log_failure_event": log}
    methods |= {f"async_{name}": async_log for name in methods}
    litellm.callbacks.append(type("OlliveCallbacks", (base,), methods)())


@harmless
def _begin(litellm: Any, recorder: Recorder | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Watch:
    asked = {**dict(zip(("model", "messages"), args, strict=False)), **kwargs}
    path = str(asked.get("model", ""))
    model, provider = _split(litellm, path)
    more = {"inference_id": asked["litellm_call_id"]} if "litellm_call_id" in asked else {}
    call = start(recorder or default_recorder(), provider, "chat", {**asked, "model": model}, requested_model=path, **more)
    return Watch(call, ChatReply())


def _split(litellm: Any, path: str) -> tuple[str, str | None]:
    try:
        model, provider, *_ = litellm.get_llm_provider(path)
    except (ValueError, litellm.exceptions.BadRequestError):
        return path, None
    return model, provider


def _named(kwargs: Mapping[str, Any], watch: Watch) -> dict[str, Any]:
    return {"litellm_call_id": str(watch.call.id), **kwargs}


@harmless
def _record(recorder: Recorder, kwargs: Mapping[str, Any]) -> None:
    """What LiteLLM tells its callbacks when a call has ended."""
    told = kwargs.get("standard_logging_object")
    if not isinstance(told, Mapping):
        return
    error = told.get("error_information") or {}
    fields = {
        "inference_id": _id(kwargs.get("litellm_call_id") or told.get("litellm_call_id")),
        "status": STATUSES.get(str(told.get("status")), "error"),
        "operation": OPERATIONS.get(str(told.get("call_type")), "chat"),
        "provider": told.get("custom_llm_provider"),
        "requested_model": told.get("model_group") or told.get("model"),
        "model": str(told.get("model") or "").removeprefix(f"{told.get('custom_llm_provider')}/"),
        "parameters": told.get("model_parameters") or None,
        "is_stream": bool(told.get("stream")),
        "started_at": _time(told.get("startTime")),
        "ended_at": _time(told.get("endTime")),
        "first_token_at": _time(told.get("completionStartTime")) if told.get("stream") else None,
        "messages": told.get("messages"),
        "end_user": told.get("end_user") or None,
        "tags": told.get("request_tags") or None,
        "session_id": told.get("session_id") or None,
        "reported_cost_usd": told.get("response_cost") or None,
        "error_class": error.get("error_class") or None,
        "error_code": error.get("error_code") or None,
        "error_message": told.get("error_str"),
        **_reply(told.get("response")),
    }
    if "usage_source" not in fields and told.get("total_tokens"):
        fields |= usage_fields(
            {name: told.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens") if told.get(name)}
        )
    recorder.record(**fields)


def _reply(response: Any) -> dict[str, Any]:
    if not isinstance(response, Mapping):
        return {"reply": response} if isinstance(response, str) and response else {}
    choices = [choice for choice in response.get("choices") or [] if isinstance(choice, Mapping)]
    messages = [dict(choice.get("message") or {"role": "assistant", "content": choice.get("text")}) for choice in choices]
    reasoning = [message.pop(name) for message in messages for name in REASONING if message.get(name)]
    told: dict[str, Any] = usage_fields(response.get("usage"))
    if messages:
        told["reply"] = messages[0] if len(messages) == 1 else messages
        told["finish_reason"] = choices[0].get("finish_reason")
    if reasoning:
        told["reasoning"] = reasoning[0]
    return told | {"served_model": response.get("model")}


def _id(value: Any) -> str | None:
    try:
        return str(UUID(str(value)))
    except ValueError:
        return None


def _time(value: Any) -> str | None:
    return datetime.fromtimestamp(value, UTC).isoformat() if isinstance(value, int | float) and value > 0 else None
