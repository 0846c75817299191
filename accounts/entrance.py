"""What passes through a door for programs: who asks (a bearer), the request in one piece, the answer, or a refusal.

A door is `async def door(request: Request) -> Response`. `ollive.doors` checks the host, the key, its scope and the size of the
body before it calls one, and gives a `Refused` the shape that errors have at that address.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import orjson

Scope = Literal["chat", "ingest", "logs:read", "logs:delete", "metrics", "admin"]
SCOPES: tuple[Scope, ...] = ("chat", "ingest", "logs:read", "logs:delete", "metrics", "admin")
Payloads = Literal["full", "preview", "none"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How many requests and tokens a minute, and how many calls at once; None: any number."""

    requests: int | None = None
    tokens: int | None = None
    concurrent: int | None = None

    def __or__(self, others: "Limits") -> "Limits":
        """These, and where there is none the others."""
        return Limits(
            others.requests if self.requests is None else self.requests,
            others.tokens if self.tokens is None else self.tokens,
            others.concurrent if self.concurrent is None else self.concurrent,
        )

    def __str__(self) -> str:
        """In words; empty without a limit."""
        told = [(self.requests, "request", "a minute"), (self.tokens, "token", "a minute"), (self.concurrent, "call", "at once")]
        return ", ".join(f"{limit:,} {what}{'' if limit == 1 else 's'} {when}" for limit, what, when in told if limit is not None)


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever holds an API key: what the key lets them do now, in which workspace, and how much of a call may be kept."""

    api_key_id: UUID
    workspace_id: UUID
    user_id: UUID
    scopes: frozenset[str]
    payloads: Payloads | None = None  # None: as the installation says
    role: str = ""  # the person's in that workspace
    models: tuple[str, ...] = ()  # model paths and short names, `openai/*` too; any, if there is none
    key_limits: Limits = NO_LIMITS
    person_limits: Limits = NO_LIMITS  # over all keys of the person in that workspace


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose key and size were checked.

    `headers` have lower-case names. `body` is decompressed; a streamed door gets `chunks` instead, decompressed as they arrive,
    which may raise `Refused` (too large, too slow, broken compression) and `Gone`. `parts` are the named pieces of the address.
    """

    bearer: Bearer
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    chunks: AsyncIterator[bytes] | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    trace_id: str = ""

    @property
    def media_type(self) -> str:
        """`application/json` for `Application/JSON; charset=utf-8`; empty when the caller does not say."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `headers` have lower-case names; the content type is JSON unless they say otherwise.

    With `chunks` it is streamed instead of `body`. They are closed (`aclose`) in every case, also when the caller hangs up.
    `ping` is sent whenever nothing else was for a while; each chunk has to be whole then.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: AsyncGenerator[bytes, None] | None = None
    ping: bytes = b""


class Refused(Exception):
    """The request is refused: a status, a code for the machine, a sentence for the person. `retry_after` is in seconds, `param`
    names the field of the body that is to blame.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: float | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.param = param
        self.headers: dict[str, str] = {}


class Gone(Exception):
    """The caller has hung up; there is nobody to answer."""


def as_json(value: Any, status: int = 200) -> Response:
    """The value as a JSON answer."""
    return Response(status, orjson.dumps(value, default=str))
