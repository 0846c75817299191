"""A Valkey stream for each run: what lets other processes follow it, and what a crash leaves to recover from.

The entry of frame n has the id `n-0`. Tokens never travel through the channel layer, which drops messages.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis
import redis.asyncio
import structlog
from django.conf import settings

from chat.asides import Aside
from chat.feed import Frame

log = structlog.get_logger(__name__)

KEPT_SECONDS = 3600
BLOCK_MS = 1000
READ_COUNT = 500
TIMEOUT_SECONDS = 2


class RelayAwayError(Exception):
    """The relay did not acknowledge."""


class GapError(Exception):
    """The stream does not go on where the reader left off: it was flushed or trimmed."""


def key(run_id: uuid.UUID) -> str:
    return f"ollive:run:{run_id.hex}"


@dataclass(frozen=True, slots=True)
class Writing:
    """Frames of one run that wait for their acknowledgement."""

    run_id: uuid.UUID
    frames: Sequence[Frame]


class Relay:
    """The asynchronous side, for one event loop."""

    def __init__(self) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            max_connections=10_000,
        )

    async def write(self, writings: Sequence[Writing]) -> None:
        """Append the frames of many runs in one round trip.

        Raises `RelayAwayError` when it is not acknowledged. Writing a frame twice is harmless.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for writing in writings:
            for frame in writing.frames:
                pipeline.xadd(key(writing.run_id), _fields(frame), id=f"{frame.seq}-0")
                if frame.seq == 1:
                    pipeline.expire(key(writing.run_id), KEPT_SECONDS)
        await self._execute(pipeline)

    async def close(self, run_id: uuid.UUID, seq: int, end: str) -> None:
        """Append the end sentinel, after which the stream is kept for an hour."""
        await self._execute(_with_end(self._redis.pipeline(transaction=False), run_id, seq, end))

    async def lengths(self, run_ids: Sequence[uuid.UUID]) -> list[int]:
        """How many frames each stream still has; its life is prolonged by asking."""
        pipeline = self._redis.pipeline(transaction=False)
        for run_id in run_ids:
            pipeline.xlen(key(run_id))
            pipeline.expire(key(run_id), KEPT_SECONDS)
        return [int(answer) for answer in (await self._execute(pipeline))[::2]]

    async def forget(self, run_id: uuid.UUID) -> None:
        """Remove a stream that has holes, so that it can be written anew."""
        try:
            await self._redis.delete(key(run_id))
        except (redis.RedisError, OSError) as error:
            raise RelayAwayError(str(error)) from error

    async def read(self, run_id: uuid.UUID, after: int) -> AsyncIterator[list[Frame] | str]:
        """Batches of frames after `after`, then the end as JSON; an empty batch each second without news.

        Raises `RelayAwayError`, or `GapError` when frames are missing.
        """
        while True:
            try:
                answer = await self._redis.xread({key(run_id): f"{after}-0"}, count=READ_COUNT, block=BLOCK_MS)
            except (redis.RedisError, OSError) as error:
                raise RelayAwayError(str(error)) from error
            frames, end = _parse(_entries(answer))
            if frames and frames[0].seq != after + 1:
                raise GapError(f"run {run_id}: frame {after + 1} is missing")
            yield frames
            if end is not None:
                yield end
                return
            after = frames[-1].seq if frames else after

    async def aclose(self) -> None:
        with contextlib.suppress(redis.RedisError, OSError):
            await self._redis.aclose()

    @staticmethod
    async def _execute(pipeline: Any) -> list[Any]:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS + 1):
                answers: list[Any] = await pipeline.execute(raise_on_error=False)
        except (redis.RedisError, OSError, TimeoutError) as error:
            raise RelayAwayError(str(error)) from error
        for answer in answers:
            # A frame that arrived although its acknowledgement did not is refused the second time.
            if isinstance(answer, redis.RedisError) and "equal or smaller" not in str(answer):
                raise RelayAwayError(str(answer))
        return answers


def stored_frames(run_id: uuid.UUID, after: int) -> list[Frame]:
    """The frames after `after` that a run left behind, as far as none is missing (synchronous). Raises `RelayAwayError`."""
    with _synchronous() as client:
        entries = client.xrange(key(run_id), min=f"{after + 1}-0")
    found = _parse(entries)[0]
    return [frame for position, frame in enumerate(found) if frame.seq == after + 1 + position]


def close_stored(run_id: uuid.UUID, seq: int, end: str) -> None:
    """Append the end sentinel of a run whose runner is gone (synchronous). Raises `RelayAwayError`."""
    with _synchronous() as client:
        _with_end(client.pipeline(transaction=False), run_id, seq, end).execute()


@contextlib.contextmanager
def _synchronous() -> Iterator[redis.Redis]:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        ) as client:
            yield client
    except (redis.RedisError, OSError) as error:
        raise RelayAwayError(str(error)) from error


def _with_end(pipeline: Any, run_id: uuid.UUID, seq: int, end: str) -> Any:
    pipeline.xadd(key(run_id), {"e": end}, id=f"{seq + 1}-0")
    return pipeline.expire(key(run_id), KEPT_SECONDS)


def _fields(frame: Frame) -> dict[Any, Any]:
    fields: dict[Any, Any] = {"t": frame.text, "a": frame.append, "l": frame.tail}
    return fields | {"x": frame.aside.dump()} if frame.aside else fields


def _entries(answer: Any) -> Sequence[tuple[bytes, dict[bytes, bytes]]]:
    """XREAD's answer is a list of pairs under RESP2 and a mapping under RESP3."""
    if not answer:
        return []
    streams: Iterator[Any] = iter(answer.values()) if isinstance(answer, dict) else (pair[1] for pair in answer)
    entries: Any = next(streams)
    return entries[0] if entries and isinstance(entries[0], list) and isinstance(answer, dict) else entries


def _parse(entries: Any) -> tuple[list[Frame], str | None]:
    frames: list[Frame] = []
    for entry_id, fields in entries:
        if b"e" in fields:
            return frames, fields[b"e"].decode()
        seq = int(entry_id.partition(b"-")[0])
        aside = Aside.load(fields[b"x"]) if b"x" in fields else None
        frames.append(Frame(seq, fields[b"t"].decode(), fields[b"a"].decode(), fields[b"l"].decode(), aside))
    return frames, None
