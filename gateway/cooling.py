"""Which deployments rest because they fail: known to all processes through Valkey, and never waited for by a request.

A process reads what it remembers, at most a second old. What it has seen fail it tells in a thread of its own; while Valkey is
away it goes by what it has seen itself.
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.protocol import ProviderError

RESTING = "ollive:resting"  # a sorted set: which deployment, until when (seconds since 1970)
FRESH_SECONDS = 1.0
WAIT_SECONDS = 1.0
ASK_AGAIN_SECONDS = 5.0
WINDOW_SECONDS = 60  # failures further apart than this have nothing to do with each other
LONGEST_SECONDS = 3600.0
# These fail for everybody until somebody does something about it.
AT_ONCE = frozenset({"authentication", "permission", "quota", "not_found"})
UNWELL = AT_ONCE | {"rate_limit", "timeout", "unavailable", "overloaded", "bad_response", "connection"}

T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rule:
    """After how many failures in a row a deployment rests, and for how long."""

    failures: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Rest:
    """Until when one rests (seconds since 1970), and the code of the error that it began with."""

    until: float
    code: str


class Health:
    """What this process knows of all deployments."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._failures: dict[str, tuple[int, float]] = {}  # how many in a row, and when the last one was
        self._looked_at = 0.0
        self._away_until = 0.0
        self._lock = threading.Lock()
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._pid = 0
        self._client: redis.Redis | None = None

    def rests(self, one: str) -> bool:
        """Whether it had better not be asked now."""
        now = time.monotonic()
        if now - self._looked_at >= FRESH_SECONDS:
            self._looked_at = now
            self._do(self._look)
        return self._until.get(one, 0.0) > time.time()

    def failed(self, one: str, error: ProviderError, rule: Rule) -> None:
        """Count a failure that says something about the deployment; enough of them in a row have it rest."""
        if not rule.failures or error.code not in UNWELL:
            return
        now = time.time()
        with self._lock:
            count, at = self._failures.get(one, (0, 0.0))
            count = count + 1 if now - at < WINDOW_SECONDS + rule.seconds else 1
            self._failures[one] = count, now
        # A provider that says when to come back is left alone until then.
        is_told = error.code == "rate_limit" and error.retry_after is not None
        seconds = min(LONGEST_SECONDS, max(1.0, error.retry_after or 0.0)) if is_told else rule.seconds
        needed = 1 if is_told or error.code in AT_ONCE else rule.failures
        if count >= needed:
            self._until[one] = max(self._until.get(one, 0.0), now + seconds)
        self._do(lambda: self._tell_failure(one, error.code, needed, seconds))

    def succeeded(self, one: str) -> None:
        """It answered: failures before that count no more."""
        if one in self._failures:
            with self._lock:
                self._failures.pop(one, None)
            self._do(lambda: self._ask(lambda client: client.delete(_count(one))))

    def resting(self, ones: Iterable[str]) -> Mapping[str, Rest]:
        """Those of them that rest, as Valkey says now; as this process says while that is away. For pages: it waits."""
        wanted, now = list(ones), time.time()
        found = self._ask(lambda client: _read(client, wanted)) if wanted else {}
        if found is None:
            found = {one: Rest(until, "") for one in wanted if (until := self._until.get(one, 0.0))}
        return {one: rest for one, rest in found.items() if rest.until > now}

    def wake(self, ones: Iterable[str]) -> None:
        """Have them asked again at once; other processes follow within a second."""
        for one in ones:
            with self._lock:
                self._failures.pop(one, None)
                self._until.pop(one, None)
            self._ask(lambda client, one=one: _clear(client, one))  # type: ignore[misc]

    def forget(self) -> None:
        """Know nothing, in this process."""
        with self._lock:
            self._until.clear()
            self._failures.clear()
        self._looked_at = self._away_until = 0.0

    def settle(self) -> None:
        """Wait until what was seen is told."""
        done = threading.Event()
        self._do(done.set)
        done.wait(2 * WAIT_SECONDS)

    def _look(self) -> None:
        now = time.time()
        found = self._ask(lambda client: _all(client, now))
        if found is not None:
            self._until = dict(found)

    def _tell_failure(self, one: str, code: str, needed: int, seconds: float) -> None:
        def tell(client: redis.Redis) -> None:
            kept = round(WINDOW_SECONDS + seconds)
            pipeline = client.pipeline()
            pipeline.incr(_count(one))
            pipeline.expire(_count(one), kept)
            if int(pipeline.execute()[0]) < needed:
                return
            now = time.time()
            # Once it has rested, a single failure more has it rest again.
            pipeline = client.pipeline()
            pipeline.set(_count(one), max(0, needed - 1), ex=kept)
            pipeline.zremrangebyscore(RESTING, "-inf", now)
            pipeline.zadd(RESTING, {one: now + seconds}, gt=True)
            pipeline.set(_why(one), code, ex=round(seconds) + 1)
            pipeline.execute()
            self._until[one] = max(self._until.get(one, 0.0), now + seconds)
            log.warning("A deployment rests.", code=code, seconds=round(seconds))

        self._ask(tell)

    def _ask(self, act: Callable[[redis.Redis], T]) -> T | None:
        """What Valkey says; None while it is away."""
        if time.monotonic() < self._away_until:
            return None
        if self._client is None:
            self._client = redis.Redis.from_url(
                settings.REDIS_URL or "redis://127.0.0.1:1",
                socket_timeout=WAIT_SECONDS,
                socket_connect_timeout=WAIT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        try:
            return act(self._client)
        except (redis.RedisError, OSError) as error:
            self._away_until = time.monotonic() + ASK_AGAIN_SECONDS
            log.warning("Valkey is away: this process goes by the failures that it sees itself.", error=str(error))
            return None

    def _do(self, task: Callable[[], None] | Callable[[], object]) -> None:
        self._tasks.put(task)  # type: ignore[arg-type]
        if self._pid != os.getpid():  # the first time, and in a process that was forked since
            with self._lock:
                if self._pid != os.getpid():
                    self._pid = os.getpid()
                    threading.Thread(target=self._run, name="health of deployments", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._tasks.get()()


def _all(client: redis.Redis, now: float) -> dict[str, float]:
    told: Any = client.zrangebyscore(RESTING, now, "+inf", withscores=True)
    return {_text(one): float(until) for one, until in told}


def _read(client: redis.Redis, ones: list[str]) -> dict[str, Rest]:
    pipeline = client.pipeline(transaction=False)
    for one in ones:
        pipeline.zscore(RESTING, one)
        pipeline.get(_why(one))
    said = pipeline.execute()
    told = zip(ones, said[::2], said[1::2], strict=True)
    return {one: Rest(float(until), _text(why or b"")) for one, until, why in told if until}


def _clear(client: redis.Redis, one: str) -> None:
    pipeline = client.pipeline()
    pipeline.zrem(RESTING, one)
    pipeline.delete(_count(one), _why(one))
    pipeline.execute()


def _count(one: str) -> str:
    return f"ollive:failures:{one}"


def _why(one: str) -> str:
    return f"ollive:resting:{one}"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


health = Health()
