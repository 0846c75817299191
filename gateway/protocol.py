"""What the gateway asks of an adapter, and what an adapter says: a call is a stream of these, ended by one `Finish`.

Shapes follow OpenAI's chat completions; an adapter for another wire turns it into these.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a model can do besides answering in text; None where nobody says."""

    vision: bool | None = None
    tools: bool | None = None
    reasoning: bool | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a model path leads: the provider, the model's name there, and how to reach it."""

    provider: str  # "groq"
    model: str  # "llama-3.3-70b-versatile", the upstream's own name
    adapter: str  # "direct" or "litellm"
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # kind's own fields, such as api_version
    kind: str = ""  # what sort of provider it is, where its name is one that a person chose
    is_guarded: bool = False  # the address came from a page: private ones are refused at connect time
    allowed_host: str = ""  # the private host and port that an owner allowed all the same
    context_window: int | None = None  # tokens that it takes in, where somebody set it
    abilities: Abilities = Abilities()
    first_byte_seconds: float | None = None  # how long it is waited for, where not as the installation says
    idle_seconds: float | None = None

    @property
    def vendor(self) -> str:
        """The provider as LiteLLM and price lists name it."""
        return self.kind or self.provider

    @property
    def path(self) -> str:
        """The fully qualified model path, `provider/model`."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat completion to ask for. `messages` and `parameters` are OpenAI-shaped and already allow-listed."""

    target: Target
    messages: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any] = field(default_factory=dict)  # temperature, max_tokens, tools, …


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call; pieces of one call share `index`, the first has `id` and `name`."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    extra: Mapping[str, Any] | None = None  # the provider's own marks, which it wants back with the result


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of one choice: text, reasoning, tool calls, or several of them."""

    content: str = ""
    reasoning: str = ""
    tool_calls: Sequence[ToolCallDelta] = ()
    index: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens in disjoint buckets: prompt = input + cache_read + cache_write, completion = output + reasoning."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    raw: Mapping[str, Any] = field(default_factory=dict)  # the provider's own JSON

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def completion_tokens(self) -> int:
        return self.output_tokens + self.reasoning_tokens

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of one choice: OpenAI's finish reason, and the model that the provider says it served."""

    reason: str
    index: int = 0
    served_model: str = ""


StreamPart = Delta | Usage | Finish


class ProviderError(Exception):
    """A provider did not answer as it should: a code from one fixed table, a sentence for the person, and whether
    asking again may help. `message` is ours or has been cut and is redacted before it is stored or shown.

    Codes: authentication, permission, not_found, invalid_request, context_length, rate_limit, quota, timeout,
    unavailable, overloaded, bad_response, connection, canceled_upstream, content_filter, unknown_model, no_provider.
    """

    def __init__(
        self, code: str, message: str, *, retryable: bool = False, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.status = status
        self.retry_after = retry_after


class Adapter(Protocol):
    """Streams one call. Closing the generator (`aclose`) must close the provider's connection at once."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[StreamPart, None]: ...
