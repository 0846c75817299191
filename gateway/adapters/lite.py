"""Streams through LiteLLM, for providers that don't speak OpenAI's protocol. The only module that imports it.

The import takes seconds: it happens at the first call, in a thread. Retries are ours, its logging is off, and its stream is
always closed: left open, it lets the provider go on, and bill.
"""

import asyncio
import json
import os
import re
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from gateway import directory
from gateway.adapters.concessions import OPTIONAL, next_concession
from gateway.adapters.faults import error_in, fault, of_error, retry_after_seconds
from gateway.adapters.pictures import inlined
from gateway.adapters.timeouts import Timeouts
from gateway.adapters.usage import from_openai
from gateway.protocol import ChatRequest, Delta, Finish, ProviderError, StreamPart, Target, ToolCallDelta

_lock = threading.Lock()
_loaded: ModuleType | None = None
# LiteLLM takes whatever it is given: addresses, keys, headers, files to log to. Nothing else gets there, whoever lets it pass.
PARAMETERS = frozenset(
    {
        *(
            "audio",
            "frequency_penalty",
            "function_call",
            "functions",
            "logit_bias",
            "logprobs",
            "max_completion_tokens",
            "max_tokens",
        ),
        *(
            "modalities",
            "n",
            "parallel_tool_calls",
            "prediction",
            "presence_penalty",
            "reasoning_effort",
            "response_format",
            "seed",
        ),
        *("service_tier", "stop", "temperature", "thinking", "tool_choice", "tools", "top_k", "top_logprobs", "top_p", "user"),
        *("verbosity", "web_search_options"),
    }
)
OWN_TOOLS = ("function", "custom")
# What LiteLLM puts before the provider's own words.
_WRAPPING = re.compile(r"^.*?\w*Exception - ", re.DOTALL)


def _load() -> ModuleType:
    global _loaded
    with _lock:
        if _loaded is None:
            os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
            os.environ["LITELLM_MODE"] = "PRODUCTION"  # else it reads the `.env` of the working folder
            import litellm

            litellm.telemetry = False
            litellm.suppress_debug_info = True
            litellm.disable_streaming_logging = True
            litellm.drop_params = True
            # Histories with tools in them are made fit for providers that want the tools declared, or the thoughts shown again.
            litellm.modify_params = True
            _loaded = litellm
    return _loaded


async def litellm_module() -> Any:
    """LiteLLM, loaded without holding up the event loop."""
    return _loaded if _loaded is not None else await asyncio.to_thread(_load)


async def close_clients() -> None:
    """Close the connections that LiteLLM keeps, if it was ever asked."""
    if _loaded is not None:
        await _loaded.close_litellm_async_clients()
        _loaded.in_memory_llm_clients_cache.flush_cache()


class LiteAdapter:
    """An `Adapter`. All options of a target are passed on to LiteLLM (`api_version`, `aws_region_name`, …)."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamPart, None]:
        who = directory.label(request.target.provider)
        require_own_tools(request.parameters.get("tools"), who)
        litellm = await litellm_module()
        stream = await self._open(litellm, request, who)
        reply = _Reply(who)
        patience = self._timeouts.first_byte
        try:
            # The chunk with the usage is the last one. Asked once more, it would tell its loggers.
            while not stream.sent_stream_usage:
                for delta in reply.take(await _next(stream, who, patience)):
                    yield delta
                patience = self._timeouts.idle
            reply.require_complete(stream)
            usage = _usage(litellm, stream.chunks)
            if usage is not None:
                yield from_openai(usage)
            for finish in reply.finishes():
                yield finish
        finally:
            await stream.aclose()

    async def _open(self, litellm: Any, request: ChatRequest, who: str) -> Any:
        asked: dict[str, Any] = {
            **{name: value for name, value in request.parameters.items() if name in PARAMETERS},
            **reach(request.target, self._timeouts),
            "messages": await inlined(request.messages, who),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        conceded: set[str] = set()
        while True:
            try:
                async with asyncio.timeout(self._timeouts.first_byte):
                    return await litellm.acompletion(**asked)
            except Exception as error:  # edge: LiteLLM raises its own, its transports' and Python's errors
                given_up = next_concession(getattr(error, "status_code", 0) or 0, str(error), asked, conceded)
                if given_up not in OPTIONAL:
                    raise _fault_of(error, who) from error
                conceded.add(given_up)
                del asked[given_up]


def reach(target: Target, timeouts: Timeouts) -> dict[str, Any]:
    """How LiteLLM is told of the model and where it is. Retries are ours."""
    return {
        "model": f"{target.vendor}/{target.model}",
        "api_key": target.api_key,
        "api_base": target.base_url,
        **target.options,
        "timeout": timeouts.first_byte,
        "num_retries": 0,
        "max_retries": 0,
    }


def require_own_tools(tools: Any, who: str) -> None:
    """Raise `ProviderError` for tools that LiteLLM would use itself, such as servers of MCP."""
    for tool in tools if isinstance(tools, list | tuple) else ():
        if not isinstance(tool, Mapping) or tool.get("type") not in OWN_TOOLS:
            raise fault("invalid_request", who, "Only tools of the types function and custom are passed on.")


class _Reply:
    """What one call has said so far."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._finishes: dict[int, str] = {}
        self._model = ""
        self._has_output = False

    def take(self, chunk: Any) -> Iterator[Delta]:
        self._model = chunk.model or self._model
        for choice in chunk.choices or ():
            if choice.finish_reason:
                self._finishes[choice.index] = choice.finish_reason
            delta = _delta(choice)
            if delta is not None:
                self._has_output = True
                yield delta

    def require_complete(self, stream: Any) -> None:
        """LiteLLM ends every stream with a finish, of its own making where the provider gave none."""
        if stream.received_finish_reason is None:
            if self._has_output:
                raise fault("connection", self._who, "It ended the stream before the reply was complete.")
            raise fault("bad_response", self._who, "It did not answer with a stream of events.", retryable=False)

    def finishes(self) -> Iterator[Finish]:
        for index, reason in sorted(self._finishes.items()):
            yield Finish(reason, index, self._model)


async def _next(stream: Any, who: str, patience: float) -> Any:
    with understood(who):
        try:
            async with asyncio.timeout(patience):
                return await anext(stream)
        except TimeoutError as error:
            raise fault("timeout", who, f"It said nothing for {patience:g} seconds.") from error
        except StopAsyncIteration as error:
            raise fault("connection", who, "It ended the stream before the reply was complete.") from error


@contextmanager
def understood(who: str) -> Iterator[None]:
    """Whatever LiteLLM raises inside comes out as a `ProviderError`."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:  # edge: LiteLLM raises its own, its transports' and Python's errors
        raise _fault_of(error, who) from error


def _delta(choice: Any) -> Delta | None:
    said = choice.delta
    calls = tuple(
        ToolCallDelta(call.index or 0, call.id or "", call.function.name or "", call.function.arguments or "")
        for call in said.tool_calls or ()
    )
    content, reasoning = said.content or "", getattr(said, "reasoning_content", None) or ""
    return Delta(content, reasoning, calls, choice.index) if content or reasoning or calls else None


def _usage(litellm: Any, chunks: list[Any]) -> dict[str, Any] | None:
    """The provider's own usage. LiteLLM would count where there is none, and call that usage too."""
    if not any(getattr(chunk, "usage", None) for chunk in chunks):
        return None
    total = litellm.litellm_core_utils.streaming_handler.calculate_total_usage(chunks=chunks)
    found: dict[str, Any] = total.model_dump(exclude_none=True)
    return found


def _fault_of(error: BaseException, who: str) -> ProviderError:
    """The fault of whatever LiteLLM raised: by the root of it where that is below the protocol, else by its status."""
    for cause in _chain(error):
        names = {kind.__name__ for kind in type(cause).__mro__}
        if isinstance(cause, json.JSONDecodeError | UnicodeDecodeError):
            return fault("bad_response", who, f"A piece of the stream is not what it should be: {cause}.")
        if isinstance(cause, TimeoutError) or names & {"TimeoutException", "Timeout", "APITimeoutError"}:
            return fault("timeout", who, "It sent no answer in time.")
        if names & {"TransportError", "ClientError"} or isinstance(cause, ConnectionError):
            return fault("connection", who, "It could not be reached, or broke the connection off.")
    text = _WRAPPING.sub("", str(getattr(error, "message", error)), count=1)
    if "LLM Provider NOT provided" in text:
        return fault("unknown_model", who, "No provider of that name is known.")
    headers = getattr(error, "litellm_response_headers", None) or getattr(getattr(error, "response", None), "headers", None)
    status = getattr(error, "status_code", None)
    return of_error(
        who,
        _body_of(error) or error_in(text),
        status=status if isinstance(status, int) else None,
        retry_after=retry_after_seconds(headers or {}),
    )


def _body_of(error: BaseException) -> Any:
    """The provider's own error object, where LiteLLM or what it wraps has kept it."""
    bodies = (getattr(cause, "body", None) for cause in _chain(error))
    found = next((body for body in bodies if isinstance(body, Mapping)), None)
    return found.get("error") or found if found else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made of, once each."""
    waiting: list[BaseException | None] = [error]
    seen: list[BaseException] = []
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, BaseException) and found not in seen:
            seen.append(found)
            yield found
            waiting += [getattr(found, "original_exception", None), found.__cause__, found.__context__]
