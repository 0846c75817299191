"""A call: one attempt at one provider, and one log row.

The call is the stopwatch, it redacts what the provider says before anything else sees it, and it tells telemetry how it
began and how it ended. Its started event is durable before the provider is asked.
"""

import secrets
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Literal, TypedDict

from django.utils import timezone
from uuid_utils.compat import uuid7

from gateway import observed
from gateway.adapters import adapter_for
from gateway.loggable import loggable
from gateway.protocol import ChatRequest, Delta, Finish, ProviderError, Target, Usage
from gateway.thinking import ThoughtSplitter
from gateway.timings import Timings
from gateway.tool_calls import Collector, ToolCall
from telemetry import events, policies, pricing, tokens, tracing

Ending = Literal["success", "error", "canceled", "interrupted"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call comes from: who asks, through which door, and for which message."""

    workspace_id: uuid.UUID
    user_id: uuid.UUID | None
    process_id: uuid.UUID | None
    source: Literal["chat", "gateway"]
    conversation_id: uuid.UUID | None = None
    message_id: uuid.UUID | None = None
    trace_id: str = ""
    payloads: events.Payloads | None = None  # how much of what is said the log keeps; None: as the installation says
    operation: str = "chat"
    api_key_id: uuid.UUID | None = None
    requested_model: str = ""  # as the caller named it, where that isn't the target's path
    is_stream: bool = True
    end_user: str | None = None  # the caller's own label for its user
    variant: str = ""  # the side of an alias' comparison that the call is on
    is_cached: bool = False  # a kept answer is given again: nobody is asked, and nothing is spent
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Buckets(TypedDict):
    """The disjoint buckets of tokens, as events and prices take them."""

    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int


@dataclass(frozen=True, slots=True)
class Bill:
    """What a call used and cost. `cost_usd` is None where no price is known: unknown is never 0."""

    usage: Usage
    source: Literal["provider", "counted", "estimated", "none"]
    price: pricing.Price | None


class Call:
    """One attempt at one provider. Texts that leave it are redacted."""

    def __init__(
        self,
        request: ChatRequest,
        origin: Origin,
        *,
        attempt: int = 1,
        fallback_of: uuid.UUID | None = None,
        rules: policies.Rules | None = None,
    ) -> None:
        self.request = request
        self.origin = origin if origin.trace_id else replace(origin, trace_id=secrets.token_hex(16))
        self.attempt = attempt
        self.fallback_of = fallback_of
        self.may_ask: Sequence[Target] = (request.target,)  # and whoever stands in for it: any of them may have to be paid
        self.inference_id: uuid.UUID = uuid7()
        self.span_id = secrets.token_hex(8)
        self._request_span_id = tracing.parent_of(self.origin.trace_id, self.inference_id)
        self.started_at = timezone.now()
        self.finish = Finish("")
        self.usage: Usage | None = None
        self.ended_at: datetime | None = None
        self.latency_ms = 0
        self._clock = perf_counter()
        self._first_token_ms: float | None = None
        self._timings = Timings()
        self.rules = rules or policies.rules_of(origin.workspace_id)
        self.kept = policies.kept(self.rules.policy, origin.payloads)
        self._content = self.rules.redactor.stream()
        self._reasoning = self.rules.redactor.stream()
        self._splitter = ThoughtSplitter()
        self._asked = Collector()
        self._is_thinking = False
        self._is_over = False
        self._is_observed = False
        self._shown: list[str] = []
        self._thought: list[str] = []
        self._received: list[str] = []
        self._said: list[str] = []

    @property
    def text(self) -> str:
        """The redacted reply so far."""
        return "".join(self._shown)

    @property
    def reasoning(self) -> str:
        """The redacted reasoning so far."""
        return "".join(self._thought)

    @property
    def tool_calls(self) -> Sequence[ToolCall]:
        """What the model wants used, as it wrote it; it is redacted where it is stored."""
        return self._asked.calls

    @property
    def original(self) -> str | None:
        """The reply as the provider wrote it, where the workspace's vault keeps it and it isn't what is shown anyway."""
        original = "".join(self._said)
        return original if original and original != self.text else None

    @property
    def has_output(self) -> bool:
        return bool(self._received)

    @property
    def received(self) -> str:
        """All that the provider said, to be counted where it did not count itself."""
        return "".join(self._received)

    @property
    def ttft_ms(self) -> int | None:
        """Time to first token, in milliseconds."""
        return None if self._first_token_ms is None else round(self._first_token_ms)

    @property
    def first_token_at(self) -> datetime | None:
        return None if self._first_token_ms is None else self.started_at + timedelta(milliseconds=self._first_token_ms)

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """Ask the provider and pass on its redacted deltas. Closing this ends the provider's call.

        Raises `ProviderError`.
        """
        self.started_at, self._clock = timezone.now(), perf_counter()
        async with aclosing(adapter_for(self.request.target).stream(self.request)) as parts:
            async for part in parts:
                if isinstance(part, Delta):
                    safe = self._take(part)
                    if safe is not None:
                        yield safe
                elif isinstance(part, Usage):
                    self.usage = part
                else:
                    self.finish = part
        rest = self.rest()
        if rest is not None:
            yield rest

    def stop_clock(self) -> None:
        """The call is over, whatever is still to be written down about it. The first time counts."""
        if self.ended_at is None:
            self.ended_at = timezone.now()
            self.latency_ms = round((perf_counter() - self._clock) * 1000)

    def rest(self) -> Delta | None:
        """The end of the texts, which was held back because it might have become a secret. There is one, and only once."""
        if self._is_over:
            return None
        self._is_over = True
        content, reasoning = self._splitter.flush()
        shown = self._say(content) + self._content.flush()
        thought = (self._reasoning.feed(reasoning) if reasoning else "") + self._reasoning.flush()
        return self._tell(shown, thought)

    def _take(self, part: Delta) -> Delta | None:
        elapsed_ms = (perf_counter() - self._clock) * 1000
        self._timings.add(elapsed_ms)
        if self._first_token_ms is None:
            self._first_token_ms = elapsed_ms
        self._received.append(part.content or part.reasoning)
        self._asked.take(part.tool_calls)
        self._received += [f"{call.name}{call.arguments}" for call in part.tool_calls]
        said, thought = self._splitter.feed(_storable(part.content))
        thought = _storable(part.reasoning) + thought
        reasoning = self._reasoning.feed(thought) if thought else ""
        self._is_thinking = self._is_thinking or bool(thought)
        if self._is_thinking and (said or part.tool_calls):
            # The reply begins: what was held back of the reasoning is not to come after it.
            reasoning += self._reasoning.flush()
            self._reasoning, self._is_thinking = self.rules.redactor.stream(), False
        return self._tell(self._say(said), reasoning, part)

    def _say(self, said: str) -> str:
        if said and self.rules.policy.vault and self.rules.policy.mode != "mask":
            self._said.append(said)
        return self._content.feed(said) if said else ""

    def _tell(self, content: str, reasoning: str, part: Delta | None = None) -> Delta | None:
        if content:
            self._shown.append(content)
        if reasoning:
            self._thought.append(reasoning)
        calls = part.tool_calls if part else ()
        return Delta(content, reasoning, calls, part.index if part else 0) if content or reasoning or calls else None

    def bill(self, ending: Ending) -> Bill:
        """What the call used: the provider's own figures, else ours. Counting may take a while: call it in a thread."""
        target = self.request.target
        if self.origin.is_cached:
            return Bill(Usage(raw=self.usage.raw if self.usage else {}), "none", None)
        if self.usage is not None:
            return Bill(self.usage, "provider", _price(target.vendor, target.model, self.usage, at=self.started_at))
        if ending == "error" and not self.has_output:
            return Bill(Usage(), "none", None)
        usage = _counted(target.model, self.request.messages, self.received)
        price = _price(target.vendor, target.model, usage, at=self.started_at)
        return Bill(usage, tokens.source(target.model) if ending == "success" else "estimated", price)

    def started(self) -> events.Event:
        """What telemetry keeps before the provider is asked."""
        messages = loggable(self.request.messages)
        return events.started(rules=self.rules, payloads=self.kept, **self._identity(), messages=messages)

    def finished(self, ending: Ending, bill: Bill, *, error: ProviderError | None = None) -> events.Event:
        """What telemetry keeps of the one end."""
        self.stop_clock()
        if not self._is_observed:
            self._is_observed = True
            observed.observe(self, ending, bill, error.code if error else None, parent_id=self._request_span_id)
        is_quotable = self.kept != "none"  # a provider's sentence may repeat what it was told
        return events.finished(
            rules=self.rules,
            payloads=self.kept,
            **self._repeated(),
            status=ending,
            served_model=self.finish.served_model or None,
            finish_reason=self.finish.reason or None,
            error_class=error.code if error else None,
            error_code=str(error.status) if error and error.status else None,
            error_message=error.message if error and is_quotable else None,
            first_token_at=self.first_token_at,
            ended_at=self.ended_at,
            latency_ms=self.latency_ms,
            ttft_ms=self.ttft_ms,
            token_times_ms=self._timings.sampled,
            reply=self._reply(),
            reasoning=self.reasoning or None,
            **_buckets(bill.usage),
            usage=dict(bill.usage.raw) or None,
            usage_source=bill.source,
        )

    def _repeated(self) -> dict[str, Any]:
        """What the event of the end says again, in case that the first one is lost."""
        return self._identity() | {"messages": loggable(self.request.messages)}

    def _reply(self) -> Any:
        if not self.tool_calls:
            return self.text
        calls = [call.message() for call in self.tool_calls]
        return {"role": "assistant", "content": self.text or None, "tool_calls": calls}

    def _identity(self) -> dict[str, Any]:
        """The fields that both events carry, so that either one can make the row."""
        target, origin = self.request.target, self.origin
        return {
            "inference_id": self.inference_id,
            "workspace_id": origin.workspace_id,
            "user_id": origin.user_id,
            "api_key_id": origin.api_key_id,
            "end_user": origin.end_user,
            "tags": list(origin.tags) or None,
            "metadata": dict(origin.metadata) or None,
            "process_id": origin.process_id,
            "source": origin.source,
            "conversation_id": origin.conversation_id,
            "message_id": origin.message_id,
            "trace_id": origin.trace_id,
            "span_id": self.span_id,
            "attempt": self.attempt,
            "fallback_of": self.fallback_of,
            "variant": origin.variant or None,
            "is_cached": origin.is_cached or None,
            "operation": origin.operation,
            "requested_model": origin.requested_model or target.path,
            "provider": target.provider,
            "model": target.model,
            "is_stream": origin.is_stream,
            "parameters": _recorded(self.request.parameters, self.kept),
            "tools": self.request.parameters.get("tools"),
            "started_at": self.started_at,
        }


def _recorded(parameters: Mapping[str, Any], kept: events.Payloads | None) -> dict[str, Any]:
    """The parameters for the log; where it keeps no content, those that can hold none."""
    is_bare = kept == "none"
    return {
        name: value
        for name, value in parameters.items()
        if name != "tools" and (not is_bare or isinstance(value, bool | int | float) or name == "reasoning_effort")
    }


def _storable(text: str) -> str:
    """The text without what PostgreSQL and UTF-8 refuse: NULs and lone surrogates."""
    if text.isascii():
        return text.replace("\x00", "") if "\x00" in text else text
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def abandoned_call(
    *,
    inference_id: uuid.UUID,
    workspace_id: uuid.UUID,
    path: str,
    messages: Sequence[Mapping[str, Any]],
    reply: str,
    ended_at: datetime,
    payloads: events.Payloads | None = None,
) -> tuple[events.Event, Bill]:
    """The end of a call whose process is gone: its finished event and an estimated bill."""
    provider, _, model = path.partition("/")
    usage = _counted(model, messages, reply)
    bill = Bill(usage, "estimated", _price(provider, model, usage, at=ended_at))
    event = events.finished(
        payloads=payloads,
        inference_id=inference_id,
        workspace_id=workspace_id,
        status="interrupted",
        error_class="interrupted",
        error_message="The process that wrote this reply ended.",
        ended_at=ended_at,
        reply=reply,
        usage_source="estimated",
        **_buckets(usage),
    )
    return event, bill


def _counted(model: str, messages: Sequence[Mapping[str, Any]], reply: str) -> Usage:
    return Usage(input_tokens=tokens.count_messages(messages, model), output_tokens=tokens.count(reply, model))


def _buckets(usage: Usage) -> Buckets:
    return {
        "input_tokens": usage.input_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }


def _price(provider: str, model: str, usage: Usage, *, at: datetime) -> pricing.Price | None:
    return pricing.cost_usd(provider, model, at=at, **_buckets(usage))
