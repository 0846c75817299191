"""A streamed answer that is silent for a while says that it is still there."""

import asyncio
from typing import Any

import pytest

from ollive import pulse
from ollive.pulse import Pulse

PING = b": ping\n\n"


class Line:
    """What was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def __call__(self, message: dict[str, Any]) -> None:
        assert message["more_body"]
        self.sent.append(message["body"])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(pulse, "SECONDS", 0.05)


async def test_a_silence_is_filled_and_the_end_is_quiet():
    line = Line()
    async with Pulse(line, PING) as beating:
        await beating.send(b"one")
        await asyncio.sleep(0.18)
        await beating.send(b"two")
    await asyncio.sleep(0.1)
    assert (line.sent[0], line.sent[-1]) == (b"one", b"two")
    assert 1 <= line.sent.count(PING) <= 3


async def test_who_goes_on_talking_is_not_interrupted():
    line = Line()
    async with Pulse(line, PING) as beating:
        for _ in range(20):
            await beating.send(b"word")
            await asyncio.sleep(0.01)
    assert PING not in line.sent


async def test_an_answer_without_a_ping_has_none():
    line = Line()
    async with Pulse(line, b""):
        await asyncio.sleep(0.12)
    assert line.sent == []
