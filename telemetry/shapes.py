"""Calls as programs are told of them: durations in ms, tokens and money as numbers, null for what is not known."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import BeforeValidator, Field

from telemetry.models import InferenceLog, Score, Span
from telemetry.queries.pages import Line

Usd = Annotated[float | None, BeforeValidator(lambda value: float(value) if isinstance(value, Decimal) else value)]


class CallLine(Schema):
    """A call in a list."""

    id: UUID
    received_at: datetime
    status: str
    source: str | None
    operation: str | None
    provider: str | None
    model: str | None
    served_model: str | None
    requested_model: str | None = Field(description="The model as the caller named it: a path or an alias.")
    variant: str | None = Field(description="The side of a comparison.")
    is_cached: bool | None
    is_stream: bool | None
    attempt: int | None
    user_id: UUID | None
    api_key_id: UUID | None
    end_user: str | None
    conversation_id: UUID | None
    session_id: str | None
    trace_id: str | None
    error_class: str | None
    error_message: str | None = Field(description="Content, as it may quote what was said: null where the previews are.")
    finish_reason: str | None
    latency_ms: int | None
    time_to_first_token_ms: int | None
    tokens_per_second: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    input_tokens: int | None = Field(description="Of the prompt: read anew, neither from a cache nor into one.")
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None = Field(description="Of the completion: what is not reasoning.")
    reasoning_tokens: int | None
    usage_source: str | None = Field(description="Who counted: provider, counted, estimated, none.")
    cost_usd: Usd
    tags: list[str]
    environment: str | None
    app: str | None
    version: str | None
    input_preview: str | None = Field(description="Redacted. Null where the caller may not read it, or has not asked to.")
    output_preview: str | None


class CallPage(Schema):
    """Calls, newest first."""

    data: list[CallLine]
    next_cursor: str | None = Field(description="For older calls; null where there are none.")
    previous_cursor: str | None = Field(description="For newer calls.")
    searched_since: datetime | None = Field(
        description="Where the time for one page ran out: calls before it were not looked at yet. Go on with next_cursor."
    )


class CallStep(Schema):
    """What a call led to: a tool, an agent, a retrieval."""

    id: UUID
    kind: str
    name: str | None
    status: str
    span_id: str | None
    parent_span_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    latency_ms: int | None
    error_class: str | None
    error_message: str | None
    arguments_preview: str | None
    result_preview: str | None


class CallScore(Schema):
    """What somebody thinks of a call."""

    id: UUID
    name: str
    kind: str
    value: float | None
    label: str
    comment: str | None
    source: str
    user_id: UUID | None
    created_at: datetime


class CallDetail(CallLine):
    """A call with all that is known of it."""

    span_id: str | None
    parent_span_id: str | None
    message_id: UUID | None
    parameters: dict[str, Any] | None
    fallback_of: UUID | None
    error_code: str | None
    started_at: datetime | None
    first_token_at: datetime | None
    ended_at: datetime | None
    usage: dict[str, Any] | None = Field(description="As the provider told it.")
    reported_cost_usd: Usd
    metadata: dict[str, Any] | None
    sdk_version: str | None
    cut_fields: list[str]
    has_content: bool = Field(description="Whether `content` is here: one's own always, another's with reveal=true.")
    content: dict[str, Any] | None = Field(description="messages, reply and what else was said, redacted as it is stored.")
    steps: list[CallStep]
    scores: list[CallScore]


# A provider's message may quote what was asked.
SAID = ("input_preview", "output_preview", "error_message")
SAID_OF_A_STEP = ("arguments_preview", "result_preview", "error_message")
SAME = set(CallLine.model_fields) & set(Line.__dataclass_fields__)
OF_ROW = set(CallDetail.model_fields) & {field.name for field in InferenceLog._meta.get_fields()}


def line(call: Line, *, may_read: bool) -> CallLine:
    prompt = _sum(call.input_tokens, call.cache_read_tokens, call.cache_write_tokens)
    completion = _sum(call.output_tokens, call.reasoning_tokens)
    given = {name: getattr(call, name) for name in SAME}
    return CallLine(**(given | _computed(given, call.ttft_ms, prompt, completion, may_read=may_read)))


def detail(call: InferenceLog, content: dict[str, Any] | None, steps: list[Span], scores: list[Score]) -> CallDetail:
    may_read = content is not None
    given = {name: getattr(call, name) for name in OF_ROW}
    return CallDetail(
        **(given | _computed(given, call.ttft_ms, call.prompt_tokens, call.completion_tokens, may_read=may_read)),
        has_content=may_read,
        content=content,
        steps=[_step(step, may_read=may_read) for step in steps],
        scores=[_score(score, may_read=may_read) for score in scores],
    )


def _computed(
    given: dict[str, Any], ttft_ms: int | None, prompt: int | None, completion: int | None, *, may_read: bool
) -> dict[str, Any]:
    previews: dict[str, Any] = {name: given[name] if may_read else None for name in SAID}
    lists: dict[str, Any] = {name: given[name] or [] for name in ("tags", "cut_fields") if name in given}
    total = _sum(prompt, completion)
    tokens = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return {**previews, **lists, **tokens, "time_to_first_token_ms": ttft_ms}


def _step(step: Span, *, may_read: bool) -> CallStep:
    given = {name: getattr(step, name) for name in CallStep.model_fields}
    return CallStep(**given if may_read else given | dict.fromkeys(SAID_OF_A_STEP))


def _score(score: Score, *, may_read: bool) -> CallScore:
    given = {name: getattr(score, name) for name in CallScore.model_fields}
    return CallScore(**given if may_read else given | {"comment": None})


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
