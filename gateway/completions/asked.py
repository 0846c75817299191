"""What a program asks for: the body of a chat completion, read once, checked, and cut down to what may be passed on.

The fields of `Body` are the whole list of what a provider may be told. Whatever else a program sends, such as an address or a key
to call with, goes nowhere; the answer's header `x-ollive-ignored` names it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from accounts.entrance import Refused
from telemetry import tokens

MAX_CHOICES = 16
MAX_TOKENS = 262_144
MAX_MESSAGES = 2_048
MAX_TOOLS = 128
MAX_DEPTH = 32
BYTES_A_TOKEN = 4
LARGE = 16_384  # bytes

Limit = Annotated[int, Meta(ge=1, le=MAX_TOKENS)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Share = Annotated[float, Meta(ge=0, le=1)]
Label = Annotated[str, Meta(max_length=512)]
Word = Annotated[str, Meta(max_length=64)]
Object = dict[str, Any]


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Body(msgspec.Struct):
    """OpenAI's parameters, and those that its relatives share. null is the same as leaving a field out."""

    model: Annotated[str, Meta(min_length=1, max_length=300)]
    messages: Annotated[list[Object], Meta(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    audio: Object | None = None
    chat_template_kwargs: Object | None = None
    frequency_penalty: Penalty | None = None
    function_call: Word | Object | None = None
    functions: Annotated[list[Object], Meta(max_length=MAX_TOOLS)] | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    logprobs: bool | None = None
    max_completion_tokens: Limit | None = None
    max_tokens: Limit | None = None
    metadata: Object | None = None
    min_p: Share | None = None
    modalities: Annotated[list[Word], Meta(max_length=8)] | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CHOICES)] | None = None
    parallel_tool_calls: bool | None = None
    prediction: Object | None = None
    presence_penalty: Penalty | None = None
    prompt_cache_key: Label | None = None
    prompt_cache_retention: Word | None = None
    reasoning: Object | None = None
    reasoning_effort: Word | None = None
    repetition_penalty: Annotated[float, Meta(ge=0, le=2)] | None = None
    response_format: Object | None = None
    safety_identifier: Label | None = None
    seed: int | None = None
    service_tier: Word | None = None
    stop: str | Annotated[list[str], Meta(max_length=16)] | None = None
    store: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    thinking: Object | None = None
    tool_choice: Word | Object | None = None
    tools: Annotated[list[Object], Meta(max_length=MAX_TOOLS)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    top_p: Share | None = None
    user: Label | None = None
    verbosity: Word | None = None
    web_search_options: Object | None = None


OURS = frozenset({"model", "messages", "stream", "stream_options", "metadata"})  # what is told otherwise, or not at all
KNOWN = frozenset(Body.__struct_fields__)
PASSED = tuple(name for name in Body.__struct_fields__ if name not in OURS)
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
MESSAGE = frozenset(
    "role content name refusal audio tool_calls tool_call_id function_call cache_control".split()
    + "reasoning reasoning_content reasoning_details prefix".split()
)
PART = frozenset(
    {"type", "text", "refusal", "image_url", "input_audio", "video_url", "file", "thinking", "signature", "data", "cache_control"}
)
CALL = frozenset({"id", "type", "index", "function", "custom", "extra_content"})
TOOL = frozenset({"type", "function", "custom", "cache_control"})

_WHERE = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat completion that a program asks for. `parameters` are allow-listed and OpenAI-shaped."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    is_stream: bool = False
    has_usage: bool = False  # whether a stream ends with the chunk that tells the usage
    end_user: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    ignored: Sequence[str] = ()
    size: int = 0  # bytes of the body

    @property
    def choice_count(self) -> int:
        return int(self.parameters.get("n") or 1)

    @property
    def tokens(self) -> int:
        """How many tokens it takes, roughly: the prompt by its bytes, and as much as the replies may have where that is said."""
        limit = self.parameters.get("max_completion_tokens") or self.parameters.get("max_tokens") or 0
        prompt = self.size // BYTES_A_TOKEN
        if self.size > LARGE:  # it may hold pictures
            words = sum(len(tokens.text_of(message)) for message in self.messages) // BYTES_A_TOKEN
            prompt = min(prompt, words + tokens.AN_IMAGE * sum(map(_enclosed, self.messages)))
        return prompt + int(limit) * self.choice_count


def read(body: bytes) -> Asked:
    """Raises `Refused` (400), in the words that OpenAI's clients know."""
    try:
        given = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "invalid_json", "We could not parse the JSON body of your request.") from None
    _require_shallow(given, body)
    try:
        asked = msgspec.convert(given, Body)
    except msgspec.ValidationError as error:
        raise _refusal(error) from None
    options = asked.stream_options
    metadata = asked.metadata or {}
    parameters = {name: value for name in PASSED if (value := getattr(asked, name)) is not None}
    if "tools" in parameters:
        parameters["tools"] = [_tool(tool, place) for place, tool in enumerate(parameters["tools"])]
    if metadata and asked.store:
        parameters["metadata"] = metadata
    return Asked(
        model=asked.model,
        messages=[_message(message, place) for place, message in enumerate(asked.messages)],
        parameters=parameters,
        is_stream=bool(asked.stream),
        has_usage=bool(options and options.include_usage),
        end_user=asked.user or asked.safety_identifier,
        metadata=metadata,
        tags=_tags(metadata),
        ignored=sorted(given.keys() - KNOWN),
        size=len(body),
    )


def _enclosed(message: Mapping[str, Any]) -> int:
    """How many pictures, sounds and files a message carries."""
    content = message.get("content")
    parts = content if isinstance(content, list) else ()
    return sum(1 for part in parts if isinstance(part, dict) and part.get("type") not in {"text", "refusal"})


def invalid(param: str | None, message: str, code: str = "invalid_value") -> Refused:
    return Refused(400, code, message, param=param)


def _message(message: Object, place: int) -> Object:
    where = f"messages[{place}]"
    if message.get("role") not in ROLES:
        raise invalid(f"{where}.role", f"Invalid value for '{where}.role'. Supported values are: {', '.join(sorted(ROLES))}.")
    content = message.get("content")
    if isinstance(content, list):
        message["content"] = [_part(part, f"{where}.content[{index}]") for index, part in enumerate(content)]
    elif content is not None and not isinstance(content, str):
        raise invalid(f"{where}.content", f"Invalid type for '{where}.content': expected a string or an array.", "invalid_type")
    calls = message.get("tool_calls")
    if calls is not None:
        message["tool_calls"] = [_only(call, CALL, f"{where}.tool_calls") for call in _listed(calls, f"{where}.tool_calls")]
    return message if message.keys() <= MESSAGE else {name: value for name, value in message.items() if name in MESSAGE}


def _part(part: Any, where: str) -> Any:
    """Some servers take plain texts among the parts."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise invalid(where, f"Invalid value for '{where}': expected an object with a type.")
    return _only(part, PART, where)


def _tool(tool: Object, place: int) -> Object:
    """Tools that a provider would run itself, reaching who knows where, are none of a program's business here."""
    where, kind = f"tools[{place}]", tool.get("type")
    if kind not in {"function", "custom"} or not isinstance(tool.get(kind), dict):
        raise invalid(f"{where}.type", f"Invalid value for '{where}': only tools of the types function and custom are taken.")
    return _only(tool, TOOL, where)


def _only(value: Any, names: frozenset[str], where: str) -> Object:
    if not isinstance(value, dict):
        raise invalid(where, f"Invalid type for '{where}': expected an object.", "invalid_type")
    return value if value.keys() <= names else {name: inner for name, inner in value.items() if name in names}


def _listed(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(where, f"Invalid type for '{where}': expected an array.", "invalid_type")
    return value


def _tags(metadata: Mapping[str, Any]) -> Sequence[str]:
    """A program may give its calls words to find them by: `metadata: {"tags": …}`."""
    tags = metadata.get("tags")
    if isinstance(tags, str):
        tags = tags.split(",")
    return [tag.strip() for tag in tags if isinstance(tag, str) and tag.strip()] if isinstance(tags, list) else ()


def _require_shallow(given: Any, body: bytes) -> None:
    if not isinstance(given, dict):
        raise Refused(400, "invalid_json", "The body of your request is not a JSON object.")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and not _is_shallow(given, MAX_DEPTH):
        raise invalid(None, f"The body of your request is nested deeper than {MAX_DEPTH} levels.", "too_deep")


def _is_shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(one, levels - 1) for one in inner)


def _refusal(error: msgspec.ValidationError) -> Refused:
    """OpenAI's code and words for what is wrong."""
    told = str(error)
    if missing := _MISSING.match(told):
        return invalid(missing[1], f"Missing required parameter: '{missing[1]}'.", "missing_required_parameter")
    found = _WHERE.fullmatch(told)
    what, param = (found[1], found[2]) if found else (told, "")
    code: Literal["invalid_type", "invalid_value"] = "invalid_type" if ", got " in what else "invalid_value"
    return invalid(param or None, f"Invalid {'type' if code == 'invalid_type' else 'value'} for '{param}'. {what}.", code)
