"""The doors for programs, before Django's handler: a request there costs a tenth of what a page does.

One entry checks the host, the key and its scope, and reads the body under its cap; it gives errors the shape that they have at
the address, and writes the line of the access log. What is not in the table goes on to Django.
"""

import asyncio
import re
import secrets
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from csp.utils import build_policy
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from accounts.entrance import Bearer, Gone, Refused, Request, Response
from gateway.completions.refusals import as_error
from ollive.bearers import Bearers
from ollive.bodies import Body
from ollive.door_list import Door, address_of
from ollive.pulse import Pulse
from telemetry import metrics, tracing

REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
TRACE_PARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
IDS = "ollive.ids"  # where the scope of a page's request has them
DEBUG_HOSTS = [".localhost", "127.0.0.1", "[::1]"]

log = structlog.get_logger(__name__)

Send = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ids:
    """What an answer and the log lines of its request are found by."""

    request_id: str
    trace_id: str
    parent_id: str | None = None  # the caller's span

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Ids":
        """The caller's own, where they are well-formed."""
        given = headers.get("x-request-id", "")
        parent = TRACE_PARENT.fullmatch(headers.get("traceparent", ""))
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        return cls(request_id, parent[1], parent[2]) if parent else cls(request_id, secrets.token_hex(16))


bearers = Bearers()


async def enter(found: tuple[Door, Mapping[str, str]], scope: Mapping[str, Any], receive: Any, send: Send) -> None:
    """Answer one HTTP request."""
    began = time.perf_counter()
    door, parts = found
    headers = read_headers(scope)
    ids = Ids.of(headers)
    visit = Visit(door, parts, scope, headers, ids)
    with structlog.contextvars.bound_contextvars(request_id=ids.request_id, trace_id=ids.trace_id), traced(ids, scope) as span:
        status, told = 500, "the answer broke off"
        try:
            async with visit.watch:
                response = await _answer(visit, receive)
                await reply(send, response, visit)
                status, told = response.status, "request"
        except Gone:
            status, told = metrics.HUNG_UP, "the caller hung up"
        finally:
            visit.close()
            seconds = time.perf_counter() - began
            address = address_of(door, scope["path"])
            metrics.observe_request(scope["method"], address, status, seconds)
            tracing.tell_request(
                span, parent_id=ids.parent_id, method=scope["method"], path=address, status=status, seconds=seconds
            )
            log.info(told, method=scope["method"], path=scope["path"], status=status, latency_ms=round(seconds * 1000, 1))


def traced(ids: Ids, scope: Mapping[str, Any]) -> AbstractContextManager[tracing.Visit | None]:
    """The span of a request. Receiving spans makes none: they may be our own, which would never end."""
    is_told = tracing.is_on() and not scope["path"].startswith("/v1/traces")
    return tracing.visiting(ids.trace_id) if is_told else nullcontext()


class Visit:
    """One request on its way through a door."""

    __slots__ = ("body", "door", "headers", "ids", "parts", "scope", "watch")

    def __init__(self, door: Door, parts: Mapping[str, str], scope: Mapping[str, Any], headers: dict[str, str], ids: Ids) -> None:
        self.door = door
        self.parts = parts
        self.scope = scope
        self.headers = headers
        self.ids = ids
        self.body: Body | None = None
        self.watch = Watch()

    @property
    def is_last(self) -> bool:
        """Whether to hang up after the answer: what is still to come of the body is not worth reading."""
        return self.scope["method"] != "GET" and (self.body is None or not self.body.is_read)

    async def request(self, bearer: Bearer) -> Request:
        """Raises `Refused` and `Gone`."""
        body, is_streamed = self.body, self.door.is_streamed
        return Request(
            bearer=bearer,
            method=self.scope["method"],
            path=self.scope["path"],
            query=self.scope.get("query_string", b"").decode("latin-1"),
            headers=self.headers,
            body=await body.read() if body and not is_streamed else b"",
            chunks=body.chunks() if body and is_streamed else None,
            parts=self.parts,
            request_id=self.ids.request_id,
            trace_id=self.ids.trace_id,
        )

    def close(self) -> None:
        if self.body is not None:
            self.body.close()


class Watch:
    """Ends the work for a caller who has hung up: it is canceled where it waits, and `Gone` comes out of it."""

    __slots__ = ("_has_gone", "_watcher", "_worker")

    def __init__(self) -> None:
        self._has_gone = False
        self._watcher: asyncio.Task[None] | None = None
        self._worker: asyncio.Task[Any] | None = None

    def begin(self, receive: Any) -> None:
        """The body has been read: what comes now is the end."""
        self._worker = asyncio.current_task()
        self._watcher = asyncio.create_task(self._wait(receive))

    def rest(self) -> None:
        """The answer is complete. The server says then, too, that the caller is gone."""
        if self._watcher is not None:
            self._watcher.cancel()

    async def _wait(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._has_gone = True
        if self._worker is not None:
            self._worker.cancel()

    async def __aenter__(self) -> "Watch":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.rest()
        if kind is asyncio.CancelledError and self._has_gone and self._worker is not None:
            self._worker.uncancel()
            raise Gone


async def _answer(visit: Visit, receive: Any) -> Response:
    door, scope, headers = visit.door, visit.scope, visit.headers
    try:
        check(door, scope, headers)
        bearer = await bearers.of(headers)
        if door.scope not in bearer.scopes:
            raise Refused(403, "missing_scope", f"This API key may not do that: it needs the scope {door.scope}.")
        visit.body = Body(receive, headers, door.cap) if scope["method"] in {"POST", "PUT", "PATCH"} else None
        request = await visit.request(bearer)
        if door.is_watched:
            visit.watch.begin(receive)
        return await door.answer(request)
    except Refused as refused:
        return door.refuse(refused, headers) if door.refuse else refusal(scope["path"], refused)
    except Gone:
        raise
    except Exception:  # edge: whatever breaks behind a door, the caller is told in the shape that they can read
        log.exception("a door broke", method=scope["method"], path=scope["path"])
        broken = Refused(500, "server_error", "Something broke here. It was noted.")
        return door.refuse(broken, headers) if door.refuse else refusal(scope["path"], broken)


def with_ids(scope: Mapping[str, Any], send: Send) -> tuple[dict[str, Any], Send]:
    """A request for Django, under the same ids, which its answer carries too."""
    ids = Ids.of(read_headers(scope))
    others = [(name, value) for name, value in scope["headers"] if name.lower() != b"x-request-id"]
    added = [(b"x-request-id", ids.request_id.encode()), (b"x-trace-id", ids.trace_id.encode())]

    async def send_with_ids(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return {**scope, "headers": [*others, added[0]], IDS: ids}, send_with_ids


def read_headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers by lower-case name. What comes twice is joined, so that two keys are no key."""
    headers: dict[str, str] = {}
    for raw_name, raw in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def check(door: Door, scope: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """What can be told before anything is looked up. Raises `Refused`."""
    domain, _ = split_domain_port(headers.get("host", ""))
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS or (DEBUG_HOSTS if settings.DEBUG else [])):
        raise Refused(400, "bad_host", "This is not the name of this server: see OLLIVE_ALLOWED_HOSTS.")
    if scope["method"] not in door.methods:
        refused = Refused(405, "method_not_allowed", f"Use {' or '.join(door.methods)} here.")
        refused.headers["allow"] = ", ".join(door.methods)
        raise refused
    media_type, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = re.search(r'charset\s*=\s*"?([\w-]+)', parameters)
    is_known = not media_type or media_type.strip() in door.media_types
    if scope["method"] != "GET" and not (is_known and (charset is None or charset[1] in {"utf-8", "utf8", "us-ascii"})):
        raise Refused(415, "unsupported_media_type", f"Send {' or '.join(door.media_types)}, in UTF-8.")


def refusal(path: str, refused: Refused) -> Response:
    """The error in OpenAI's shape under /v1, as RFC 9457's problem elsewhere."""
    headers = dict(refused.headers)
    if refused.retry_after is not None:
        headers["retry-after"] = str(max(1, round(refused.retry_after)))
    if path.startswith("/v1/"):
        return Response(refused.status, orjson.dumps({"error": as_error(refused)}), headers)
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(refused.status).phrase,
        "status": refused.status,
        "detail": refused.message,
        "code": refused.code,
        **({"param": refused.param} if refused.param else {}),
    }
    return Response(refused.status, orjson.dumps(problem), headers | {"content-type": "application/problem+json"})


async def reply(send: Send, response: Response, visit: Visit) -> None:
    """Send the answer, in one piece or as it comes."""
    headers = {
        "content-type": "application/json",
        "cache-control": "no-store",
        "content-security-policy": _policy(),
        "x-content-type-options": "nosniff",
        **response.headers,
        "x-request-id": visit.ids.request_id,
        "x-trace-id": visit.ids.trace_id,
    }
    if response.chunks is None:
        headers["content-length"] = str(len(response.body))
        visit.watch.rest()
    if visit.is_last:
        headers["connection"] = "close"
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    try:
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
    except asyncio.CancelledError:
        if response.chunks is not None:
            await _abandon(response.chunks)
        raise
    if response.chunks is not None:
        async with aclosing(response.chunks) as chunks, Pulse(send, response.ping) as pulse:
            async for chunk in chunks:
                await pulse.send(chunk)
        visit.watch.rest()
    await send({"type": "http.response.body", "body": response.body})


async def _abandon(chunks: AsyncGenerator[bytes, None]) -> None:
    """Nobody is there to read the stream. A generator tidies up after itself only when it has begun."""
    async with aclosing(chunks):
        await anext(chunks, b"")


@cache
def _policy() -> str:
    return str(build_policy())
