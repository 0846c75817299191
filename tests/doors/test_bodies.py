"""Bodies are capped while they arrive, decompressed in small steps, and not waited for for ever."""

import asyncio
import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import Iterable
from typing import Any

import pytest

from accounts.entrance import Gone, Refused
from ollive import bodies
from ollive.bodies import Body

CAP = 1024 * 1024
PLAIN = {"transfer-encoding": "chunked"}
TEXT = b'{"events": ["how do tides work?"]}' * 100


def arriving(chunks: Iterable[bytes], *, hangs_up: bool = False):
    messages = iter([{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks])

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"} if hangs_up else {"type": "http.request", "body": b""})

    return receive


async def read(chunks: Iterable[bytes], *, encoding: str = "", cap: int = CAP) -> bytes:
    body = Body(arriving(chunks), PLAIN | {"content-encoding": encoding}, cap)
    try:
        return await body.read()
    finally:
        body.close()


async def refused(chunks: Iterable[bytes], **options: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as refusal:
        await read(chunks, **options)
    return refusal.value.status, refusal.value.code


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def raw_deflate(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:])),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
    ],
    ids=["plain", "identity", "gzip", "x-gzip", "two members", "deflate", "raw deflate"],
)
async def test_a_body_is_read_however_it_is_compressed_and_cut(encoding, data, size):
    assert await read(cut(data, size), encoding=encoding) == TEXT


async def test_a_body_that_grows_too_large_is_refused_before_it_has_arrived():
    endless = itertools.repeat(b"x" * 50_000)
    body = Body(arriving(itertools.islice(endless, 10_000)), PLAIN, CAP)
    with pytest.raises(Refused) as refusal:
        await body.read()
    assert refusal.value.status == 413
    assert not body.is_read
    body.close()


async def test_a_bomb_is_noticed_by_its_ratio_before_it_goes_off():
    bomb = gzip.compress(b"0" * 50_000_000, 9)
    assert len(bomb) < 50_000
    tracemalloc.start()
    assert await refused([bomb], encoding="gzip", cap=500_000_000) == (413, "compression_ratio")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


async def test_a_body_that_is_too_large_when_decompressed_is_refused():
    noise = b"".join(b"%d " % (number * 7919) for number in range(300_000))
    assert await refused([zlib.compress(noise)], encoding="deflate") == (413, "too_large")


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(TEXT)[:-10]),
        ("gzip", gzip.compress(TEXT) + b"and more"),
        ("gzip", TEXT),
        ("gzip", b""),
        ("deflate", zlib.compress(TEXT) + zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)[:20]),
        ("deflate", b"xyz"),
    ],
    ids=["cut short", "more behind it", "no gzip", "nothing", "two streams", "deflate cut short", "no deflate"],
)
async def test_broken_compression_is_said(encoding, data):
    assert await refused(cut(data, 100), encoding=encoding) == (400, "bad_compression")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 411, "length_required"),
        ({"content-length": str(CAP + 1)}, 413, "too_large"),
        ({"content-length": "5", "content-encoding": "br"}, 415, "unsupported_encoding"),
        ({"content-length": "5", "content-encoding": "gzip, gzip"}, 415, "unsupported_encoding"),
    ],
)
async def test_what_the_headers_tell_is_refused_before_anything_is_read(headers, status, code):
    with pytest.raises(Refused) as refusal:
        Body(arriving([]), headers, CAP)
    assert (refusal.value.status, refusal.value.code) == (status, code)


async def test_a_body_that_stops_arriving_is_not_waited_for(settings):
    settings.OLLIVE_BODY_TIMEOUT = 0.05

    async def receive() -> dict[str, Any]:
        return await asyncio.get_running_loop().create_future()

    with pytest.raises(Refused) as refusal:
        await Body(receive, PLAIN, CAP).read()
    assert refusal.value.status == 408


async def test_a_body_that_trickles_is_not_waited_for_either(settings):
    settings.OLLIVE_BODY_TIMEOUT = 0.05

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(Refused) as refusal:
        await Body(receive, PLAIN, CAP).read()
    assert refusal.value.status == 408


async def test_a_caller_who_hangs_up_is_gone():
    with pytest.raises(Gone):
        await Body(arriving([b"half"], hangs_up=True), PLAIN, CAP).read()


async def test_all_bodies_together_are_bounded_and_what_is_answered_is_given_back(monkeypatch):
    monkeypatch.setattr(bodies, "HELD_LIMIT", bodies._held + 1_500_000)
    held = Body(arriving([b"x" * 1_000_000]), PLAIN, CAP)
    await held.read()
    assert await refused([b"x" * 1_000_000]) == (503, "busy")
    held.close()
    assert len(await read([b"x" * 1_000_000])) == 1_000_000


async def test_a_streamed_body_is_not_held():
    before = bodies._held
    body = Body(arriving([b"x" * 10_000] * 50), PLAIN, CAP)
    assert sum([len(chunk) async for chunk in body.chunks()]) == 500_000
    assert bodies._held == before
