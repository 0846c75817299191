"""How each model of the fake provider answers: a model's name chooses its manners, and a test may script its own.

Names: `plain` (any unknown name is plain too), `paced-20` (20 tokens a second, without end of text before 200 tokens),
`paced-20x400` (400 of them), `stamped-20x400` (each token is the time it was sent), `error-429` (any status),
`slow-start-2.5` and `slow-headers-2.5` (seconds), `drip` and `drip-1` (one byte a TCP segment, seconds between),
and those of `NAMED`.
"""

import re
from dataclasses import dataclass, field, fields, replace
from typing import Any

WEATHER_CALL: dict[str, Any] = {"id": "call_weather", "name": "weather", "arguments": ['{"city": ', '"Paris"}']}
CLOCK_CALL: dict[str, Any] = {"id": "call_clock", "name": "clock", "arguments": ["{}"]}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One model's manners. Times are seconds; `rate` is tokens a second, 0 for all at once."""

    status: int = 200
    error: Any = None  # the `error` of the body when status isn't 200; a fitting one is made when None
    retry_after: str = ""
    headers_delay: float = 0.0
    first_delay: float = 0.0
    rate: float = 0.0
    tokens: int = 0  # how many of the text, repeated as needed; 0 for its length
    is_stamped: bool = False
    chunks: tuple[str, ...] = ()  # scripted pieces instead of the text
    reasoning: tuple[str, ...] = ()
    tool_calls: tuple[dict[str, Any], ...] = ()
    finish_reason: str = "stop"
    break_at: int = 3  # before which piece `breaks_with` strikes
    breaks_with: str = ""  # reset, cut, hang, garbage, error, truncate, huge, not-utf8, null-choices
    has_usage: bool = True
    has_done: bool = True
    hangs_at_end: bool = False  # after the finish, before usage and [DONE]
    cached_tokens: int = 0
    content_type: str = "text/event-stream"
    ignores_stream: bool = False  # answers a whole completion though a stream was asked for
    newline: str = "\n"
    drip: float = -1.0  # seconds between bytes; negative: whole events
    pings: int = 0  # comments sent before each piece
    rejects: tuple[str, ...] = ()  # parameters answered with 400 that names them
    body: str = ""  # sent as it is, with status and content_type

    @classmethod
    def of_json(cls, given: dict[str, Any]) -> "Behaviour":
        """From the control endpoint's JSON; unknown fields are a TypeError."""
        names = {field.name for field in fields(cls)}
        unknown = set(given) - names
        if unknown:
            raise TypeError(f"unknown fields: {', '.join(sorted(unknown))}")
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        return cls(**values)


@dataclass(slots=True)
class Script:
    """A behaviour laid over a model's own, for all requests or for the next `times`."""

    behaviour: Behaviour
    times: int | None = None


QUOTA = {"message": "You exceeded your current quota.", "type": "insufficient_quota", "code": "insufficient_quota"}
TOO_LONG = {"message": "This model's maximum context length is 8 tokens.", "code": "context_length_exceeded"}
FILTERED = {"message": "The prompt was filtered.", "type": "invalid_request_error", "code": "content_filter"}
LOCAL_TOO_LONG = '{"error": {"code": 400, "message": "the request exceeds the context", "type": "exceed_context_size_error"}}'

NAMED: dict[str, Behaviour] = {
    "reset-before": Behaviour(breaks_with="reset", break_at=-1),
    "reset-mid": Behaviour(breaks_with="reset"),
    "hang-headers": Behaviour(breaks_with="hang", break_at=-1),
    "hang-before": Behaviour(breaks_with="hang", break_at=0),
    "hang-mid": Behaviour(breaks_with="hang"),
    "garbage": Behaviour(breaks_with="garbage"),
    "error-mid": Behaviour(breaks_with="error"),
    "truncated": Behaviour(breaks_with="truncate"),
    "cut": Behaviour(breaks_with="cut"),
    "huge": Behaviour(breaks_with="huge"),
    "not-utf8": Behaviour(breaks_with="not-utf8"),
    "null-choices": Behaviour(breaks_with="null-choices"),
    "no-usage": Behaviour(has_usage=False),
    "no-done": Behaviour(has_done=False),
    "no-finish": Behaviour(finish_reason=""),
    "crlf": Behaviour(newline="\r\n"),
    "pings": Behaviour(pings=2),
    "wrong-type": Behaviour(content_type="application/octet-stream"),
    "html": Behaviour(body="<!doctype html><title>Sign in</title><p>Please sign in.</p>", content_type="text/html"),
    "empty": Behaviour(body=" ", content_type="text/event-stream"),
    "whole": Behaviour(ignores_stream=True),
    "cached": Behaviour(cached_tokens=4),
    "tools": Behaviour(tool_calls=(WEATHER_CALL, CLOCK_CALL), chunks=(), finish_reason="tool_calls"),
    "reasoning": Behaviour(reasoning=("First ", "I ", "count. "), chunks=("Four.",)),
    "filtered": Behaviour(finish_reason="content_filter"),
    "length": Behaviour(finish_reason="length"),
    "picky": Behaviour(rejects=("stream_options",)),
    "new-school": Behaviour(rejects=("max_tokens", "temperature")),
    "quota": Behaviour(status=429, error=QUOTA),
    "too-long": Behaviour(status=400, error=TOO_LONG),
    "overloaded": Behaviour(status=503, error={"message": "The engine is overloaded.", "type": "overloaded_error"}),
    "policy": Behaviour(status=400, error=FILTERED),
    "error-as-200": Behaviour(body=LOCAL_TOO_LONG, content_type="application/json"),
}

REASONS = {
    401: ("invalid_api_key", "Incorrect API key provided: sk-wr...ong."),
    403: ("permission_denied", "Your project may not use this model."),
    404: ("model_not_found", "The model does not exist or you have no access to it."),
    429: ("rate_limit_exceeded", "Rate limit reached for requests per minute."),
    500: ("server_error", "The server had an error while processing your request."),
}
_PACED = re.compile(r"(?P<kind>paced|stamped)-(?P<rate>\d+(?:\.\d+)?)(?:x(?P<tokens>\d+))?")
_TIMED = re.compile(r"(?P<kind>slow-start|slow-headers|drip)(?:-(?P<seconds>\d+(?:\.\d+)?))?")
_TIMED_FIELDS = {"slow-start": "first_delay", "slow-headers": "headers_delay", "drip": "drip"}


@dataclass(slots=True)
class Manners:
    """Which behaviour a model name gets: a script first, then the name's own."""

    scripts: dict[str, Script] = field(default_factory=dict)
    queues: dict[str, list[Behaviour]] = field(default_factory=dict)  # one behaviour a request, before any script

    def of(self, model: str) -> Behaviour:
        if queued := self.queues.get(model):
            return queued.pop(0)
        for name in (model, "*"):
            script = self.scripts.get(name)
            if script is None:
                continue
            if script.times is not None:
                script.times -= 1
                if script.times <= 0:
                    del self.scripts[name]
            return script.behaviour
        return behaviour_of(model)


def behaviour_of(model: str) -> Behaviour:
    """The behaviour that a model's name asks for."""
    if model in NAMED:
        return NAMED[model]
    if match := _PACED.fullmatch(model):
        paced = Behaviour(rate=float(match["rate"]), tokens=int(match["tokens"] or 200))
        return replace(paced, is_stamped=match["kind"] == "stamped")
    if match := _TIMED.fullmatch(model):
        return Behaviour.of_json({_TIMED_FIELDS[match["kind"]]: float(match["seconds"] or 0)})
    if model.startswith("error-") and model[6:].isdigit():
        status = int(model[6:])
        return Behaviour(status=status, retry_after="7" if status == 429 else "")
    return Behaviour()


def error_of(behaviour: Behaviour) -> Any:
    """The error object of a refusal, in OpenAI's shape unless scripted otherwise."""
    if behaviour.error is not None:
        return behaviour.error
    code, message = REASONS.get(behaviour.status, ("error", f"Status {behaviour.status}, on demand."))
    return {"message": message, "type": code, "param": None, "code": code}
