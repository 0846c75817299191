"""A door behind an Idempotency-Key: who asks it, and a model that counts how often it is asked."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from django.db import connections
from django.utils import timezone

from accounts import api_keys
from accounts.database import in_thread
from accounts.entrance import Bearer, Request, Response
from gateway import answers
from ollive import doors
from ollive.door_list import Door

QUESTION = {"model": "openai/fake", "messages": [{"role": "user", "content": "How do tides work?"}]}
FRAMES = [b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n', b": ping\n\n", b'data: {"id":1}\n\n', b"data: [DONE]\n\n"]


@dataclass
class Caller:
    """One request to a door, and what came of it."""

    body: bytes
    headers: Mapping[str, str]
    status: int = 0
    answered: dict[str, str] = field(default_factory=dict)
    read: list[bytes] = field(default_factory=list)
    has_read: asyncio.Event = field(default_factory=asyncio.Event)
    hangs_up: asyncio.Event = field(default_factory=asyncio.Event)
    _has_sent: bool = False

    async def receive(self) -> dict[str, Any]:
        if not self._has_sent:
            self._has_sent = True
            return {"type": "http.request", "body": self.body}
        await self.hangs_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.answered = {name.decode(): value.decode() for name, value in message["headers"]}
        elif body := message.get("body"):
            self.read.append(body)
            self.has_read.set()

    @property
    def text(self) -> bytes:
        return b"".join(self.read)

    @property
    def code(self) -> str:
        return str(orjson.loads(self.text)["error"]["code"])


class Model:
    """What stands behind the door: it counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_stream = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.frames = FRAMES
        self.fails: Exception | None = None

    async def answer(self, _request: Request) -> Response:
        self.asked += 1
        number = self.asked
        if not self.is_stream:
            await self.may_answer.wait()
        if self.fails:
            raise self.fails
        headers = {"x-ratelimit-remaining-requests": "7", "x-model": "fake"}
        if self.is_stream:
            return Response(200, headers=headers | {"content-type": "text/event-stream"}, chunks=self._stream())
        return Response(200, b'{"answer":%d}' % number, headers)

    async def _stream(self) -> AsyncGenerator[bytes, None]:
        yield self.frames[0]
        await self.may_answer.wait()
        for frame in self.frames[1:]:
            yield frame


Ask = Callable[..., Awaitable[Caller]]


Run = Callable[..., Awaitable[Any]]


@pytest.fixture
def run(db, request, monkeypatch) -> Iterator[Run]:
    """Calls what uses the database.

    Emptying every table takes half a second, so only what happens at once gets transactions that others see: else all work is
    done in the test's own, by one thread that has its connection.
    """
    if request.node.get_closest_marker("django_db"):
        yield in_thread
        return
    mine = connections["default"]
    mine.inc_thread_sharing()
    with ThreadPoolExecutor(1, initializer=lambda: connections.__setitem__("default", mine)) as thread:

        async def run(function: Callable[..., Any], *arguments: Any) -> Any:
            return await asyncio.get_running_loop().run_in_executor(thread, function, *arguments)

        monkeypatch.setattr(answers, "in_thread", run)
        yield run
    mine.dec_thread_sharing()


@pytest.fixture
def bearers(run, alice, bob, workspace) -> dict[str, Bearer]:
    def bearer(person: Any, name: str) -> Bearer:
        token = api_keys.issue(person, workspace, name=name, now=timezone.now(), scopes=["chat"])[1]
        known = api_keys.verify(token, timezone.now())
        assert known is not None
        return known

    return {"alice": bearer(alice, "one"), "alice's other": bearer(alice, "two"), "bob": bearer(bob, "three")}


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def ask(monkeypatch, bearers, model) -> Ask:
    """Send a request to the model's door, by default Alice's under the key k1."""

    class Known:
        async def of(self, headers: Mapping[str, str]) -> Bearer:
            return bearers[headers["authorization"]]

    monkeypatch.setattr(doors, "bearers", Known())

    async def answer(request: Request) -> Response:
        return await answers.once(request, lambda: model.answer(request))

    async def send(
        *, key: str | None = "k1", body: Any = QUESTION, who: str = "alice", path: str = "/v1/x", caller: Caller | None = None
    ) -> Caller:
        given = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {"host": "localhost", "content-type": "application/json", "authorization": who}
        headers["content-length"] = str(len(given))
        if key is not None:
            headers["idempotency-key"] = key
        caller = caller or Caller(given, headers)
        caller.body, caller.headers = given, headers
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        scope = {"method": "POST", "path": path, "headers": raw}
        await doors.enter((Door("chat", answer, is_watched=True), {}), scope, caller.receive, caller.send)
        return caller

    return send


def new_caller() -> Caller:
    return Caller(b"", {})
