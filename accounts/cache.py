"""The cache behind sign-in's rate limits: Redis, and this process's memory while Redis is away.

Failing open would lift the limits, failing closed would keep everybody out. So each process counts alone until Redis
answers again: the limits then hold per process instead of for the installation.
"""

import functools
import json
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django.utils.functional import cached_property
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = structlog.get_logger(__name__)

ASK_AGAIN_AFTER_S = 5.0
WAIT_S = 1.0

_ask_again_at: dict[str, float] = {}


class JSONSerializer:
    """Values are JSON: whoever writes to Redis must not be able to make us run a pickle."""

    def dumps(self, obj: Any) -> bytes:
        return json.dumps(obj).encode()

    def loads(self, data: Any) -> Any:
        return json.loads(data)


@functools.cache
def _client(server: str) -> RedisCacheClient:
    """One pool for the process: Django makes a new cache object for each request."""
    return RedisCacheClient(
        [server],
        serializer=JSONSerializer,
        socket_connect_timeout=WAIT_S,
        socket_timeout=WAIT_S,
        retry=Retry(NoBackoff(), 0),
    )


class RedisOrMemoryCache(RedisCache):
    """Django's Redis cache for the calls that rate limits make; other calls go to Redis only."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.server = server
        self.memory = LocMemCache(f"accounts.cache:{server}", {})

    @cached_property
    def _cache(self) -> RedisCacheClient:
        return _client(self.server)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._either(lambda cache: cache.add(key, value, timeout, version)))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._either(lambda cache: cache.get(key, default, version))

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._either(lambda cache: cache.set(key, value, timeout, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(self._either(lambda cache: cache.delete(key, version)))

    def _either(self, act: Callable[[Any], Any]) -> Any:
        if time.monotonic() >= _ask_again_at.get(self.server, 0.0):
            try:
                return act(super())
            except (RedisError, OSError) as error:
                _ask_again_at[self.server] = time.monotonic() + ASK_AGAIN_AFTER_S
                logger.warning("Redis is away: sign-in attempts are counted by this process alone", error=str(error))
        return act(self.memory)
