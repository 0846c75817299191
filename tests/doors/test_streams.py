"""A door that answers in a stream, and one that is left before its answer is there."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from accounts.entrance import Bearer, Refused, Request, Response
from ollive import door_list, doors
from ollive.door_list import Door

ALICE = Bearer(UUID(int=1), UUID(int=2), UUID(int=3), frozenset({"chat"}))


class Caller:
    """The other end of a request: what it sends, what it has read, and when it hangs up."""

    def __init__(self) -> None:
        self.read: list[bytes] = []
        self.status = 0
        self.has_read = asyncio.Event()
        self.hangs_up = asyncio.Event()
        self._has_sent = False

    async def receive(self) -> dict[str, Any]:
        if not self._has_sent:
            self._has_sent = True
            return {"type": "http.request", "body": b"{}"}
        await self.hangs_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.status = message.get("status", self.status)
        if body := message.get("body"):
            self.read.append(body)
            self.has_read.set()

    async def ask(self, door: Door) -> None:
        headers = [(b"host", b"localhost"), (b"content-length", b"2"), (b"content-type", b"application/json")]
        await doors.enter((door, {}), {"method": "POST", "path": "/v1/x", "headers": headers}, self.receive, self.send)


@pytest.fixture(autouse=True)
def _alice(monkeypatch):
    class Known:
        async def of(self, _headers: Any) -> Bearer:
            return ALICE

    monkeypatch.setattr(doors, "bearers", Known())


def streaming(*, then: Any = None, ended: list[str]) -> Door:
    async def chunks():
        try:
            yield b"one"
            yield b"two"
            if then is not None:
                await then()
        finally:
            ended.append("closed")

    async def answer(_request: Request) -> Response:
        return Response(200, headers={"content-type": "text/event-stream"}, chunks=chunks())

    return Door("chat", answer, is_watched=True)


@pytest.mark.asyncio
async def test_a_stream_is_sent_as_it_comes_and_closed():
    caller, ended = Caller(), list[str]()
    await caller.ask(streaming(ended=ended))
    assert (caller.status, caller.read, ended) == (200, [b"one", b"two"], ["closed"])


@pytest.mark.asyncio
async def test_a_caller_who_hangs_up_ends_the_stream():
    caller, ended = Caller(), list[str]()
    asking = asyncio.create_task(caller.ask(streaming(then=asyncio.Event().wait, ended=ended)))
    await caller.has_read.wait()
    caller.hangs_up.set()
    await asyncio.wait_for(asking, 5)
    assert ended == ["closed"]


@pytest.mark.asyncio
async def test_a_caller_who_hangs_up_before_the_answer_ends_the_work():
    caller, ended = Caller(), list[str]()

    async def answer(_request: Request) -> Response:
        try:
            caller.hangs_up.set()
            await asyncio.Event().wait()
        finally:
            ended.append("closed")
        raise Refused(500, "never", "This is not reached.")

    await asyncio.wait_for(caller.ask(Door("chat", answer, is_watched=True)), 5)
    assert (ended, caller.status) == (["closed"], 0)


@pytest.mark.asyncio
async def test_a_stream_that_nobody_begins_to_read_is_closed_too():
    ended = list[str]()

    class Slow(Caller):
        async def send(self, message: dict[str, Any]) -> None:
            self.hangs_up.set()
            await asyncio.Event().wait()

    await asyncio.wait_for(Slow().ask(streaming(ended=ended)), 5)
    assert ended == ["closed"]


@pytest.mark.asyncio
async def test_a_process_that_ends_is_not_taken_for_a_caller_who_has_gone():
    caller, ended = Caller(), list[str]()
    asking = asyncio.create_task(caller.ask(streaming(then=asyncio.Event().wait, ended=ended)))
    await caller.has_read.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert ended == ["closed"]


def test_an_address_with_named_pieces_leads_to_its_door(monkeypatch):
    door = Door("chat", door_list.nothing_here, methods=("GET",))
    compiled = [(door_list._expression(address), door) for address in ("/v1/models/{path:id}", "/api/v1/runs/{id}/stream")]
    monkeypatch.setattr(door_list, "_compiled", compiled)
    assert door_list.find("GET", "/v1/models/openai/gpt-5/") == (door, {"id": "openai/gpt-5"})
    assert door_list.find("GET", "/api/v1/runs/7/stream") == (door, {"id": "7"})
    assert door_list.find("GET", "/api/v1/runs/7/8/stream") is None
    assert door_list.find("POST", "/api/v1/runs/7/stream") is None


def test_what_is_not_under_v1_is_refused_as_openais_clients_read_it():
    found = door_list.find("POST", "/v1/images/generations")
    assert found is not None
    assert found[0] is door_list.NOTHING_HERE
