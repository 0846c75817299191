"""One Idempotency-Key, one answer: whole or streamed, however often and however much at once it is asked for."""

import asyncio
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from accounts.entrance import Refused
from gateway import answers, claims
from gateway.models import StoredAnswer
from telemetry.models import ProductEvent
from tests.gateway.idempotent import FRAMES, QUESTION, Caller, ask, bearers, model, new_caller, run

__all__ = ["ask", "bearers", "model", "run"]


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
