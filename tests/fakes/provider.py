"""A provider that speaks OpenAI's chat completions over real HTTP, and misbehaves on demand.

In a test: the fixture `fake_provider`. As a process of its own: `python -m tests.fakes.provider --port 9100`; then
POST /control/script `{"model": "m", "chunks": ["a", "b"], "times": 1}` (fields of `Behaviour`; model "*" is every one),
POST /control/reset, GET /control/requests, GET /control/state.
"""

import argparse
import asyncio
import json
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes import endpoints
from tests.fakes.behaviours import NAMED, Behaviour, Manners, Script, error_of
from tests.fakes.replies import Envelope, pieces, tool_call_deltas, usage_of

CRASH = {"message": "The model crashed.", "type": "server_error", "code": 500}
HUGE = b"x" * (12 * 1024 * 1024)


@dataclass(slots=True)
class Seen:
    """One request as the provider saw it."""

    model: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    received_at: float
    chunk_count: int = 0
    finished_at: float | None = None
    closed_early_at: float | None = None  # when the client went away before the reply's end
    ended: threading.Event = field(default_factory=threading.Event)

    def as_json(self) -> dict[str, Any]:
        names = ("model", "path", "headers", "body", "received_at", "chunk_count", "finished_at", "closed_early_at")
        return {name: getattr(self, name) for name in names}


class Broken(Exception):
    """The reply was broken off on purpose."""


class FakeProvider:
    """The application and its memory. Requests are kept in order; the oldest go after 20,000."""

    def __init__(self) -> None:
        self.manners = Manners()
        self.requests: deque[Seen] = deque(maxlen=20_000)
        self.open_count = 0
        self.listed_count = 0
        self._completion_count = 0

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._complete)
        for endpoint in ("embeddings", "completions", "responses", "messages"):
            app.router.add_post(f"/v1/{endpoint}", self._complete)
        app.router.add_get("/v1/models", self._list_models)
        app.router.add_post("/control/script", self._script)
        app.router.add_post("/control/reset", self._reset)
        app.router.add_get("/control/requests", self._tell_requests)
        app.router.add_get("/control/state", self._tell_state)
        return app

    def reset(self) -> None:
        self.manners.scripts.clear()
        self.manners.queues.clear()
        self.requests.clear()
        self.listed_count = 0

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        seen = Seen(str(body.get("model", "")), request.path, dict(request.headers), body, time.time())
        self.requests.append(seen)
        self.open_count += 1
        try:
            if request.path == "/v1/chat/completions":
                response = await self._answer(request, body, seen)
            else:
                response = await endpoints.answer(request, body, self.manners)
            seen.finished_at = time.time()
        except (asyncio.CancelledError, ConnectionError):
            seen.closed_early_at = time.time()
            raise
        except Broken:
            seen.finished_at = time.time()
            raise asyncio.CancelledError from None
        finally:
            self.open_count -= 1
            seen.ended.set()
        return response

    async def _answer(self, request: web.Request, body: dict[str, Any], seen: Seen) -> web.StreamResponse:
        behaviour = self.manners.of(seen.model)
        await asyncio.sleep(behaviour.headers_delay)
        if behaviour.break_at < 0:
            await _break(request, behaviour.breaks_with)
        for name in behaviour.rejects:
            if name in body:
                error = {"message": f"Unsupported parameter: '{name}' is not supported with this model.", "param": name}
                return web.json_response({"error": error}, status=400)
        if behaviour.status != 200:
            headers = {"Retry-After": behaviour.retry_after} if behaviour.retry_after else {}
            return web.json_response({"error": error_of(behaviour)}, status=behaviour.status, headers=headers)
        if behaviour.body:
            return web.Response(text=behaviour.body, content_type=behaviour.content_type)
        self._completion_count += 1
        envelope = Envelope(f"chatcmpl-fake-{self._completion_count}", seen.model, behaviour.newline)
        if body.get("stream") and not behaviour.ignores_stream:
            return await Reply(request, body, behaviour, envelope, seen).send()
        await asyncio.sleep(behaviour.first_delay)
        sent_count = sum(1 for _ in pieces(behaviour))
        return web.json_response(envelope.whole(behaviour, usage_of(behaviour, body, sent_count), body.get("n") or 1))

    async def _list_models(self, request: web.Request) -> web.Response:
        self.listed_count += 1
        script = self.manners.scripts.get("/models")
        if script:
            return web.Response(text=script.behaviour.body, status=script.behaviour.status, content_type="application/json")
        names = ["plain", "paced-20", *NAMED]
        models = [{"id": name, "object": "model", "owned_by": "fake"} for name in names]
        return web.json_response({"object": "list", "data": models})

    async def _script(self, request: web.Request) -> web.Response:
        given = await request.json()
        model, times = given.pop("model"), given.pop("times", None)
        try:
            self.manners.scripts[model] = Script(Behaviour.of_json(given), times)
        except TypeError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"model": model})

    async def _reset(self, request: web.Request) -> web.Response:
        self.reset()
        return web.json_response({})

    async def _tell_requests(self, request: web.Request) -> web.Response:
        return web.json_response([seen.as_json() for seen in list(self.requests)])

    async def _tell_state(self, request: web.Request) -> web.Response:
        return web.json_response({"open": self.open_count, "seen": len(self.requests)})


class Reply:
    """One streamed reply."""

    def __init__(self, request: web.Request, body: dict[str, Any], behaviour: Behaviour, envelope: Envelope, seen: Seen) -> None:
        self._request = request
        self._body = body
        self._behaviour = behaviour
        self._envelope = envelope
        self._seen = seen
        self._response = web.StreamResponse(headers={"Content-Type": behaviour.content_type, "Cache-Control": "no-cache"})

    async def send(self) -> web.StreamResponse:
        behaviour, envelope = self._behaviour, self._envelope
        count = min(self._body.get("n") or 1, 8)
        await self._response.prepare(self._request)
        if behaviour.break_at == 0:
            await self._strike()
        await asyncio.sleep(behaviour.first_delay)
        for index in range(count):
            await self._write(envelope.delta({"role": "assistant", "content": ""}, index))
        for piece in behaviour.reasoning:
            await asyncio.sleep(1 / behaviour.rate if behaviour.rate else 0)
            for index in range(count):
                await self._write(envelope.delta({"reasoning_content": piece}, index))
        await self._write_text(count)
        for delta in tool_call_deltas(behaviour):
            for index in range(count):
                await self._write(envelope.delta(delta, index))
        if behaviour.finish_reason:
            for index in range(count):
                await self._write(envelope.delta({}, index, behaviour.finish_reason))
        if behaviour.hangs_at_end:
            await _break(self._request, "hang")
        if behaviour.has_usage and (self._body.get("stream_options") or {}).get("include_usage"):
            await self._write(envelope.usage(usage_of(behaviour, self._body, self._seen.chunk_count)))
        if behaviour.has_done:
            await self._write(envelope.raw(b"[DONE]"))
        await self._response.write_eof()
        return self._response

    async def _write_text(self, count: int) -> None:
        behaviour, write, text = self._behaviour, self._write, self._envelope.text
        loop = asyncio.get_running_loop()
        started, interval = loop.time(), 1 / behaviour.rate if behaviour.rate else 0.0
        for position, piece in enumerate(pieces(behaviour)):
            if interval:
                await asyncio.sleep(started + position * interval - loop.time())
            if position == behaviour.break_at and behaviour.breaks_with:
                await self._strike()
            for _ in range(behaviour.pings):
                await self._response.write(b": ping" + behaviour.newline.encode() * 2)
            for index in range(count):
                await write(text(piece, index))
            self._seen.chunk_count += 1

    async def _write(self, data: bytes) -> None:
        if self._behaviour.drip < 0:
            await self._response.write(data)
            return
        for position in range(len(data)):
            await self._response.write(data[position : position + 1])
            await asyncio.sleep(self._behaviour.drip)

    async def _strike(self) -> None:
        """Do to the stream what the behaviour breaks with; some of it lets the stream go on."""
        envelope = self._envelope
        match self._behaviour.breaks_with:
            case "garbage":
                await self._write(envelope.raw(b'{"choices": [{"delta": {"con'))
            case "not-utf8":
                await self._write(envelope.text("caf", 0).replace(b"caf", b"caf\xe9 \xff"))
            case "null-choices":
                await self._write(envelope.null_choices())
            case "huge":
                await self._write(envelope.raw(HUGE))
            case "error":
                await self._write(envelope.raw(json.dumps({"error": CRASH}).encode()))
                await self._response.write_eof()
                raise Broken
            case "truncate":
                await self._response.write_eof()
                raise Broken
            case breaking:
                await _break(self._request, breaking)


async def _break(request: web.Request, how: str) -> None:
    """Hang until the client leaves, or cut or reset the connection; nothing where `how` is another word."""
    if how == "hang":
        await asyncio.Event().wait()
    if how == "cut" and request.transport is not None:
        request.transport.close()  # an orderly end of the connection, in the middle of the chunked body
        raise Broken
    if how == "reset" and request.transport is not None:
        sock = request.transport.get_extra_info("socket")
        # Linger of zero makes the close a reset (RST) instead of an orderly end.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
        raise Broken


async def serve(provider: FakeProvider, port: int = 0) -> tuple[web.AppRunner, int]:
    """Start listening on loopback; the runner to clean up, and the port."""
    runner = web.AppRunner(provider.application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
    await site.start()
    return runner, runner.addresses[0][1]


async def _run_until_stopped(port: int) -> None:
    _, port = await serve(FakeProvider(), port)
    print(f"http://127.0.0.1:{port}/v1", flush=True)  # noqa: T201  # the caller reads the address
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; the address is printed")
    arguments = parser.parse_args()
    try:
        import uvloop
    except ImportError:
        asyncio.run(_run_until_stopped(arguments.port))
    else:
        uvloop.run(_run_until_stopped(arguments.port))


if __name__ == "__main__":
    main()
