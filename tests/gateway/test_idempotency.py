"""One Idempotency-Key, one answer: whole or streamed, however often and however much at once it is asked for."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from accounts import api_keys
from accounts.database import in_thread
from accounts.entrance import Bearer, Refused, Request, Response
from gateway import answers, claims
from gateway.models import StoredAnswer
from ollive import doors
from ollive.door_list import Door
from telemetry.models import ProductEvent

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


async def test_the_same_key_gives_the_same_answer(ask, model):
    first, again = await ask(), await ask()
    assert (first.status, first.text, model.asked) == (200, b'{"answer":1}', 1)
    assert (again.status, again.text, again.answered["idempotent-replayed"]) == (200, first.text, "true")
    assert (again.answered["x-model"], again.answered["content-length"]) == ("fake", first.answered["content-length"])
    assert "idempotent-replayed" not in first.answered
    assert "x-ratelimit-remaining-requests" not in again.answered  # it was true then
    assert again.answered["x-request-id"] != first.answered["x-request-id"]


async def test_a_replay_is_noted(ask, alice, run):
    await ask()
    await ask()
    [event] = await run(list, ProductEvent.objects.all())
    assert (event.name, event.user_id) == ("idempotency_replay", alice.id)


async def test_without_a_key_nothing_is_kept(ask, model, run):
    assert (await ask(key=None)).text != (await ask(key=None)).text
    assert not await run(StoredAnswer.objects.exists)


async def test_without_a_key_the_database_is_not_asked(ask, model, monkeypatch):
    async def fail(*_: Any) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(answers, "in_thread", fail)
    assert (await ask(key=None)).status == 200


async def test_a_stream_is_given_again_byte_for_byte(ask, model):
    model.is_stream = True
    first, again = await ask(), await ask()
    assert (first.text, first.read) == (b"".join(FRAMES), FRAMES)
    assert (again.text, again.answered["content-type"], model.asked) == (first.text, "text/event-stream", 1)
    assert again.answered["idempotent-replayed"] == "true"


async def test_who_has_read_the_last_frame_can_ask_again(ask, model):
    """The answer is stored before the frame is sent."""
    model.is_stream = True
    caller = new_caller()

    class Eager(Caller):
        async def send(self, message: dict[str, Any]) -> None:
            await super().send(message)
            if b"[DONE]" in message.get("body", b""):
                self.again = await ask()

    caller = Eager(b"", {})
    await ask(caller=caller)
    assert (caller.again.status, caller.again.text) == (200, caller.text)


async def test_another_payload_under_the_same_key_is_refused(ask, model):
    await ask()
    other = await ask(body=QUESTION | {"temperature": 1})
    assert (other.status, other.code, model.asked) == (409, "idempotency_key_reused", 1)
    assert b"Idempotency key reused with different request" in other.text


async def test_another_address_under_the_same_key_is_refused(ask):
    await ask()
    assert (await ask(path="/v1/y")).code == "idempotency_key_reused"


async def test_the_order_and_spaces_of_json_make_no_other_payload(ask, model):
    await ask(body=b'{"model": "m", "n": 1}')
    again = await ask(body=b'{"n":1,"model":"m"}')
    assert (again.answered.get("idempotent-replayed"), model.asked) == ("true", 1)


async def test_what_is_no_json_is_compared_as_it_is(ask, model):
    await ask(body=b"\x0a\x01m")
    assert (await ask(body=b"\x0a\x01m")).answered["idempotent-replayed"] == "true"
    assert (await ask(body=b"\x0a\x01n")).code == "idempotency_key_reused"


@pytest.mark.parametrize("who", ["alice's other", "bob"])
async def test_a_key_is_the_callers_own(ask, model, who):
    await ask()
    other = await ask(who=who)
    assert (other.text, model.asked) == (b'{"answer":2}', 2)


@pytest.mark.parametrize("key", ["", "   ", "k" * 256, "line\x00feed"], ids=["empty", "blank", "long", "control"])
async def test_a_key_that_is_none_is_refused(ask, model, key):
    refused = await ask(key=key)
    assert (refused.status, refused.code, model.asked) == (400, "invalid_idempotency_key", 0)


async def test_a_key_of_255_characters_is_taken(ask):
    assert (await ask(key="k" * 255)).status == 200


async def test_who_asks_meanwhile_is_told_to_wait(ask, model):
    model.may_answer.clear()
    first = asyncio.create_task(ask())
    while not model.asked:
        await asyncio.sleep(0.01)
    meanwhile = await ask()
    assert (meanwhile.status, meanwhile.code, meanwhile.answered["retry-after"]) == (409, "idempotency_in_progress", "1")
    model.may_answer.set()
    assert ((await first).status, (await ask()).status, model.asked) == (200, 200, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
async def test_fifty_at_once_ask_the_model_once(ask, model, is_stream):
    model.is_stream = is_stream
    model.may_answer.clear()
    asking = [asyncio.create_task(ask()) for _ in range(50)]
    while sum(task.done() for task in asking) < 49:
        await asyncio.sleep(0.01)
    model.may_answer.set()
    callers = await asyncio.gather(*asking)
    assert Counter(caller.status for caller in callers) == {200: 1, 409: 49}
    assert {caller.code for caller in callers if caller.status == 409} == {"idempotency_in_progress"}
    again = await asyncio.gather(*(ask() for _ in range(50)))
    assert {caller.text for caller in again} == {caller.text for caller in callers if caller.status == 200}
    assert model.asked == 1


@pytest.mark.parametrize("failure", [Refused(503, "provider_away", "Try again."), ValueError("broke")], ids=["refused", "broken"])
async def test_an_error_frees_the_key(ask, model, failure):
    model.fails = failure
    assert (await ask()).status in {500, 503}
    model.fails = None
    assert (await ask()).text == b'{"answer":2}'


async def test_a_stream_that_breaks_frees_the_key(ask, model):
    model.is_stream = True
    model.frames = [FRAMES[0], b'data: {"error":{"message":"The provider broke off."}}\n\n']
    assert b"broke off" in (await ask()).text
    model.frames = FRAMES
    assert ((await ask()).text, model.asked) == (b"".join(FRAMES), 2)


async def test_words_about_errors_are_no_error(ask, model):
    model.is_stream = True
    model.frames = [b'data: {"content":"data: {\\"error\\": 1}\\nevent: error"}\n\n', b"data: [DONE]\n\n"]
    await ask()
    assert ((await ask()).answered.get("idempotent-replayed"), model.asked) == ("true", 1)


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
async def test_a_caller_who_hangs_up_frees_the_key(ask, model, is_stream):
    model.is_stream = is_stream
    model.may_answer.clear()
    caller = new_caller()
    asking = asyncio.create_task(ask(caller=caller))
    while not model.asked or (is_stream and not caller.read):
        await asyncio.sleep(0.01)
    caller.hangs_up.set()
    await asking
    model.may_answer.set()
    assert ((await ask()).status, model.asked) == (200, 2)


async def test_a_process_that_died_loses_its_key(ask, model, run):
    await ask()
    dead = {"ended_at": None, "lease_until": timezone.now() + timedelta(seconds=1)}
    await run(partial(StoredAnswer.objects.update, **dead))
    assert (await ask()).code == "idempotency_in_progress"
    await run(partial(StoredAnswer.objects.update, lease_until=timezone.now() - timedelta(seconds=1)))
    assert ((await ask()).text, model.asked) == (b'{"answer":2}', 2)


async def test_a_long_call_keeps_its_key(ask, model, monkeypatch, run):
    monkeypatch.setattr(answers, "RENEW_SECONDS", 0.05)
    model.may_answer.clear()
    first = asyncio.create_task(ask())
    while not model.asked:
        await asyncio.sleep(0.01)
    await run(partial(StoredAnswer.objects.update, lease_until=timezone.now() - timedelta(seconds=1)))
    while (await run(StoredAnswer.objects.get)).lease_until < timezone.now():
        await asyncio.sleep(0.01)
    assert (await ask()).code == "idempotency_in_progress"
    model.may_answer.set()
    assert (await first).status == 200


async def test_an_answer_waits_for_the_database(ask, model, monkeypatch, run):
    """It was paid for: the caller gets it, and so does a retry."""
    monkeypatch.setattr(answers, "RENEW_SECONDS", 0.05)
    keep, tries = claims.keep, list[int]()

    def fail_once(*arguments: Any) -> bool:
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError
        return keep(*arguments)

    monkeypatch.setattr(claims, "keep", fail_once)
    assert (await ask()).text == b'{"answer":1}'
    while not (await run(StoredAnswer.objects.get)).ended_at:
        await asyncio.sleep(0.01)
    assert ((await ask()).text, model.asked) == (b'{"answer":1}', 1)


async def test_without_the_database_no_key_can_be_kept(ask, model, monkeypatch):
    def away(*_: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(claims, "claim", away)
    refused = await ask()
    assert (refused.status, refused.answered["retry-after"], model.asked) == (503, "2", 0)


async def test_an_answer_that_is_too_large_is_not_made_twice(ask, model, monkeypatch):
    monkeypatch.setattr(answers, "LARGEST_BODY", 5)
    assert (await ask()).status == 200
    assert ((await ask()).code, model.asked) == ("idempotency_answer_too_large", 1)


async def test_the_stored_answer_cannot_be_read_in_the_database(ask, run):
    await ask()

    def stored() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT gateway_storedanswer::text FROM gateway_storedanswer")
            return str(cursor.fetchone()[0])

    text = await run(stored)
    assert "answer" not in text
    assert "k1" not in text


async def test_an_answer_is_forgotten_after_a_day(ask, model, run):
    await ask()
    assert await run(claims.purge, timezone.now() + timedelta(hours=23)) == 0
    await run(partial(StoredAnswer.objects.update, expires_at=timezone.now() - timedelta(seconds=1)))
    assert ((await ask()).text, model.asked) == (b'{"answer":2}', 2)
    assert await run(claims.purge, timezone.now() + timedelta(hours=25)) == 1


async def test_answers_go_with_their_owner(ask, alice, run):
    await ask()
    await run(alice.delete)
    assert not await run(StoredAnswer.objects.exists)
