"""The declaration of every field of an event and of the log row it becomes: name, type, meaning, sensitivity, OpenTelemetry name.

Each is declared once, here. The server's validation, its table, its API documents, docs/events.md and this client read the same
declaration; a test compares them both ways. A call makes two events: `started` before the provider is asked, `finished` after.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Literal, Required, TypedDict, Union, get_args, get_origin, get_type_hints
from uuid import UUID

Phase = Literal["started", "finished"]
Status = Literal["in_progress", "success", "error", "canceled", "interrupted"]
SpanStatus = Literal["success", "error", "canceled", "interrupted"]
SpanKind = Literal["tool", "agent", "chain", "retriever", "embedding", "other"]
Source = Literal["chat", "gateway", "sdk", "otlp", "litellm"]
UsageSource = Literal["provider", "counted", "estimated", "none"]
Place = Literal["row", "payload", "event"]
PHASE_BITS: dict[str, int] = {"started": 1, "finished": 2}

NAME, LABEL, TRACE = 255, 1_000, 64
TYPE_NAMES = {
    str: "text",
    UUID: "uuid",
    int: "integer",
    float: "number",
    bool: "boolean",
    datetime: "timestamp",
    Decimal: "money",
    list[str]: "texts",
    list[int]: "integers",
    list[UUID]: "uuids",
    Any: "json",
}


@dataclass(frozen=True, slots=True)
class About:
    """What an annotation says about its field. `place` is the log row, its payload, or the event alone."""

    meaning: str
    otel: str
    sensitive: bool = False
    limit: int = NAME  # characters of a text; of each element in a list of texts
    place: Place = "row"


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field. `type` is one of TYPE_NAMES' values or "choice"."""

    name: str
    type: str
    choices: tuple[str, ...]
    about: About
    sender: Literal["client", "door", "server"]


class ClientFields(TypedDict, total=False):
    """What whoever makes the call knows, and may send."""

    inference_id: Required[
        Annotated[UUID, About("The call's identity; a UUIDv7 unless the caller has its own.", "ollive.inference.id")]
    ]
    trace_id: Annotated[str | None, About("The trace that the call is part of, 32 hexadecimal digits.", "trace_id", limit=TRACE)]
    span_id: Annotated[str | None, About("The call's own span, 16 hexadecimal digits.", "span_id", limit=TRACE)]
    parent_span_id: Annotated[str | None, About("The span that caused the call.", "parent_span_id", limit=TRACE)]
    session_id: Annotated[str | None, About("What the caller groups calls by.", "session.id", sensitive=True)]
    conversation_id: Annotated[
        UUID | None, About("The conversation, while it exists; NULL once it is deleted.", "gen_ai.conversation.id")
    ]
    message_id: Annotated[UUID | None, About("The reply's message in that conversation.", "ollive.message.id")]
    end_user: Annotated[
        str | None, About("The caller's own label for its user; never an access right.", "user.id", sensitive=True)
    ]

    operation: Annotated[str | None, About("What was asked for: chat, embeddings, completion, …", "gen_ai.operation.name")]
    requested_model: Annotated[
        str | None, About("The model as the caller named it: a path or an alias.", "ollive.request.model_path")
    ]
    provider: Annotated[str | None, About("The provider that was asked.", "gen_ai.provider.name")]
    model: Annotated[str | None, About("The model that was asked, by the provider's own name.", "gen_ai.request.model")]
    served_model: Annotated[str | None, About("The model that the provider says it served.", "gen_ai.response.model")]
    parameters: Annotated[
        Any, About("Temperature, max_tokens and the like, as sent.", "gen_ai.request.parameters", sensitive=True)
    ]
    is_stream: Annotated[bool | None, About("Whether the reply was streamed.", "ollive.request.stream")]
    attempt: Annotated[int | None, About("1 for the first try, 2 for its first retry.", "ollive.request.attempt")]
    fallback_of: Annotated[UUID | None, About("The call whose failure led to this one.", "ollive.request.fallback_of")]
    variant: Annotated[
        str | None, About("The side of a comparison that the call was put on: an alias’ own, or the caller’s.", "ollive.variant")
    ]
    is_cached: Annotated[
        bool | None, About("Whether a kept answer was given again; no provider was asked.", "ollive.response.is_cached")
    ]

    status: Annotated[Status | None, About("How the call stands or ended.", "ollive.status")]
    error_class: Annotated[str | None, About("The error's class, from one fixed table: timeout, rate_limit, …", "error.type")]
    error_code: Annotated[str | None, About("The provider's or HTTP's own code.", "ollive.error.code", sensitive=True)]
    error_message: Annotated[str | None, About("The error in words, redacted.", "exception.message", sensitive=True, limit=4_000)]
    finish_reason: Annotated[
        str | None, About("Why the model stopped: stop, length, tool_calls, …", "gen_ai.response.finish_reasons")
    ]

    started_at: Annotated[datetime | None, About("When the call began, by the caller's clock.", "start_time")]
    first_token_at: Annotated[
        datetime | None, About("When the first token came, by the caller's clock.", "ollive.first_token_time")
    ]
    ended_at: Annotated[datetime | None, About("When the call ended, by the caller's clock.", "end_time")]
    latency_ms: Annotated[int | None, About("From start to end.", "gen_ai.client.operation.duration")]
    ttft_ms: Annotated[int | None, About("From start to first token.", "gen_ai.server.time_to_first_token")]
    tokens_per_second: Annotated[
        float | None, About("Completion tokens a second, after the first token.", "ollive.tokens_per_second")
    ]
    token_times_ms: Annotated[list[int] | None, About("When sampled tokens came, from the start.", "ollive.token_times")]

    input_tokens: Annotated[
        int | None, About("Prompt tokens that were neither read from nor written to a cache.", "ollive.usage.input_tokens")
    ]
    cache_read_tokens: Annotated[
        int | None, About("Prompt tokens read from the provider's cache.", "gen_ai.usage.cache_read.input_tokens")
    ]
    cache_write_tokens: Annotated[
        int | None, About("Prompt tokens written to the provider's cache.", "gen_ai.usage.cache_creation.input_tokens")
    ]
    output_tokens: Annotated[int | None, About("Completion tokens without reasoning.", "ollive.usage.output_tokens")]
    reasoning_tokens: Annotated[int | None, About("Completion tokens spent on reasoning.", "ollive.usage.reasoning_tokens")]
    delivered_tokens: Annotated[
        int | None, About("Completion tokens that reached the reader; fewer when stopped.", "ollive.usage.delivered_tokens")
    ]
    usage: Annotated[Any, About("The provider's own usage, as it came.", "ollive.usage.raw", sensitive=True)]
    usage_source: Annotated[UsageSource | None, About("Who counted the tokens.", "ollive.usage.source")]
    reported_cost_usd: Annotated[
        Decimal | None, About("What the caller says the call cost, in US dollars.", "ollive.cost.reported_usd")
    ]

    tags: Annotated[list[str] | None, About("Words to find the call by.", "ollive.tags", sensitive=True)]
    metadata: Annotated[Any, About("Whatever else the caller wants to keep.", "ollive.metadata", sensitive=True)]
    environment: Annotated[str | None, About("Where the caller runs: production, staging, …", "deployment.environment.name")]
    app: Annotated[str | None, About("The calling program.", "service.name")]
    version: Annotated[str | None, About("The calling program's version.", "service.version")]
    sdk_version: Annotated[str | None, About("The version of the client that sent the event.", "telemetry.sdk.version")]

    input_preview: Annotated[
        str | None, About("The last thing said to the model, shortened.", "ollive.input.preview", sensitive=True, limit=200)
    ]
    output_preview: Annotated[str | None, About("The reply, shortened.", "ollive.output.preview", sensitive=True, limit=200)]
    messages: Annotated[
        Any, About("What was said to the model, OpenAI-shaped.", "gen_ai.input.messages", sensitive=True, place="payload")
    ]
    reply: Annotated[
        Any,
        About(
            "What the model said: text, a message, or a list of messages.",
            "gen_ai.output.messages",
            sensitive=True,
            place="payload",
        ),
    ]
    reasoning: Annotated[
        Any, About("The reasoning that the model showed.", "ollive.output.reasoning", sensitive=True, place="payload")
    ]
    tools: Annotated[
        Any, About("The tools that the model was offered.", "gen_ai.tool.definitions", sensitive=True, place="payload")
    ]
    raw_payload: Annotated[
        Any, About("Request and response as the caller saw them.", "ollive.raw_payload", sensitive=True, place="payload")
    ]
    raw_payload_uri: Annotated[
        str | None, About("Where the caller keeps the original.", "ollive.raw_payload.uri", sensitive=True, limit=LABEL)
    ]


class DoorFields(TypedDict, total=False):
    """What the door adds: who sent the event, and through which entrance."""

    workspace_id: Required[Annotated[UUID, About("The workspace that the call belongs to.", "ollive.workspace.id")]]
    user_id: Annotated[UUID | None, About("The signed-in person, or the key's owner.", "ollive.user.id")]
    api_key_id: Annotated[UUID | None, About("The key that the call came in with.", "ollive.api_key.id")]
    source: Annotated[Source | None, About("The door that the event came through.", "ollive.source")]


class EventFields(ClientFields, DoorFields, total=False):
    """A call's event as it is told: by the caller, and by the door."""

    process_id: Annotated[
        UUID | None, About("The server process that makes the call; its silence closes the row.", "ollive.process.id")
    ]


class RowFields(EventFields, total=False):
    """With what the server works out."""

    event_id: Annotated[str, About("The event's identity: inference id, colon, phase.", "ollive.event.id", place="event")]
    phase: Annotated[Phase, About("Which of the call's two events this is.", "ollive.event.phase", place="event")]
    received_at: Annotated[
        datetime, About("When the call was first heard of, by the server's clock; its partition.", "ollive.received_at")
    ]
    phases: Annotated[int, About("The events merged into the row: 1 started, 2 finished, 3 both.", "ollive.phases")]
    cost_usd: Annotated[
        Decimal | None, About("What the call cost, in US dollars; NULL when unknown, never 0.", "ollive.cost.usd")
    ]
    price_id: Annotated[str | None, About("The price that was applied.", "ollive.cost.price_id")]
    payload_parts: Annotated[Any, About("How many references each part of the payload has.", "ollive.payload.parts")]
    payload_refs: Annotated[list[UUID] | None, About("The payload's parts, by content.", "ollive.payload.refs")]
    cut_fields: Annotated[list[str] | None, About("Fields that were shortened, left out, or withheld.", "ollive.cut_fields")]
    redaction_version: Annotated[
        int | None, About("The redactor's version when the row was last redacted.", "ollive.redaction.version")
    ]
    deep_redacted_at: Annotated[datetime | None, About("When names were looked for too.", "ollive.redaction.deep_at")]


class SpanClientFields(TypedDict, total=False):
    """A step around the calls (a tool's run, an agent's turn, a look-up): what whoever takes it may send."""

    id: Required[
        Annotated[UUID, About("The step's identity; derived from trace and span where the caller has none.", "ollive.span.id")]
    ]
    kind: Annotated[SpanKind | None, About("What the step is.", "openinference.span.kind")]
    name: Annotated[str | None, About("The tool, the agent, or whatever else the step is called.", "name", sensitive=True)]
    trace_id: Annotated[str | None, About("The trace that the step is part of, 32 hexadecimal digits.", "trace_id", limit=TRACE)]
    span_id: Annotated[str | None, About("The step's own span, 16 hexadecimal digits.", "span_id", limit=TRACE)]
    parent_span_id: Annotated[str | None, About("The span that caused the step.", "parent_span_id", limit=TRACE)]
    inference_id: Annotated[UUID | None, About("The call that asked for the step, where known.", "ollive.inference.id")]
    session_id: Annotated[str | None, About("What the caller groups steps by.", "session.id", sensitive=True)]
    conversation_id: Annotated[
        UUID | None, About("The conversation, while it exists; NULL once it is deleted.", "gen_ai.conversation.id")
    ]
    end_user: Annotated[
        str | None, About("The caller's own label for its user; never an access right.", "user.id", sensitive=True)
    ]
    status: Annotated[SpanStatus | None, About("How the step ended; success unless told.", "status")]
    error_class: Annotated[str | None, About("The error's class: timeout, or the caller's own.", "error.type")]
    error_code: Annotated[str | None, About("The error's code.", "ollive.error.code", sensitive=True)]
    error_message: Annotated[str | None, About("The error in words, redacted.", "exception.message", sensitive=True, limit=4_000)]
    started_at: Annotated[datetime | None, About("When the step began, by the caller's clock.", "start_time")]
    ended_at: Annotated[datetime | None, About("When the step ended, by the caller's clock.", "end_time")]
    latency_ms: Annotated[int | None, About("From start to end.", "ollive.span.latency")]
    environment: Annotated[str | None, About("Where the caller runs: production, staging, …", "deployment.environment.name")]
    app: Annotated[str | None, About("The calling program.", "service.name")]
    version: Annotated[str | None, About("The calling program's version.", "service.version")]
    sdk_version: Annotated[str | None, About("The version of the client that sent the event.", "telemetry.sdk.version")]
    attributes: Annotated[Any, About("Whatever else the span carries.", "ollive.span.attributes", sensitive=True)]
    arguments_preview: Annotated[
        str | None, About("What the step was given, shortened.", "ollive.arguments.preview", sensitive=True, limit=200)
    ]
    result_preview: Annotated[
        str | None, About("What came of it, shortened.", "ollive.result.preview", sensitive=True, limit=200)
    ]
    arguments: Annotated[
        Any, About("What the step was given, where longer.", "gen_ai.tool.call.arguments", sensitive=True, place="payload")
    ]
    result: Annotated[Any, About("What came of it, where longer.", "gen_ai.tool.call.result", sensitive=True, place="payload")]


class SpanFields(SpanClientFields, DoorFields, total=False):
    """A step as it is told: by the caller, and by the door."""


class SpanRowFields(SpanFields, total=False):
    """With what the server works out."""

    event_id: Annotated[str, About("The event's identity: the step's id, colon, span.", "ollive.event.id", place="event")]
    phase: Annotated[Literal["span"], About("A step has one event only.", "ollive.event.phase", place="event")]
    received_at: Annotated[
        datetime, About("When the step was first heard of, by the server's clock; its partition.", "ollive.received_at")
    ]
    payload_parts: Annotated[Any, About("How many references each part of the payload has.", "ollive.payload.parts")]
    payload_refs: Annotated[list[UUID] | None, About("The payload's parts, by content.", "ollive.payload.refs")]
    cut_fields: Annotated[list[str] | None, About("Fields that were shortened, left out, or withheld.", "ollive.cut_fields")]
    redaction_version: Annotated[
        int | None, About("The redactor's version when the row was last redacted.", "ollive.redaction.version")
    ]
    deep_redacted_at: Annotated[datetime | None, About("When names were looked for too.", "ollive.redaction.deep_at")]


def event_id(inference_id: UUID, phase: Phase) -> str:
    """The same call and phase have the same id, so sending an event twice stores it once."""
    return f"{inference_id}:{phase}"


def span_event_id(span_id: UUID) -> str:
    """The id of a step's only event."""
    return f"{span_id}:span"


def _declared(told: Any) -> dict[str, Field]:
    return {name: _field(name, hint) for name, hint in get_type_hints(told, include_extras=True).items()}


def _field(name: str, hint: Any) -> Field:
    if get_origin(hint) is Required:
        (hint,) = get_args(hint)
    kind, about = get_args(hint)
    choices: tuple[str, ...] = ()
    if get_origin(kind) in {Union, UnionType}:
        kind = next(part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is Literal:
        choices = get_args(kind)
    sender: Literal["client", "door", "server"] = "server"
    if name in ClientFields.__annotations__ or name in SpanClientFields.__annotations__:
        sender = "client"
    elif name in EventFields.__annotations__:
        sender = "door"
    return Field(name, "choice" if choices else TYPE_NAMES[kind], choices, about, sender)


FIELDS: dict[str, Field] = _declared(RowFields)
SPAN_FIELDS: dict[str, Field] = _declared(SpanRowFields)
