"""Answers that are given again to exactly the same question, without asking anybody: where a short name says so.

They lie in Valkey, each sealed for its own place there. A question is known by a keyed hash of it alone, and an answer is kept
only where redaction finds nothing in it, so nothing lies there that could not be in the log. While Valkey is away, no answer
is given again, and nobody waits.
"""

import asyncio
import hashlib
import hmac
import time
import uuid
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import orjson
import redis.asyncio
import structlog
from django.conf import settings
from django.db.models import F
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from accounts.encryption import DecryptionError, key_ring
from gateway import sources
from gateway.deployments import CacheRule
from gateway.models import ModelAlias
from gateway.protocol import Delta, Finish, StreamPart, ToolCallDelta, Usage
from telemetry.policies import Rules

MAX_BYTES = 256 * 1024
WAIT_SECONDS = 0.5
ASK_AGAIN_SECONDS = 5.0
# What does not change the answer: how it is carried, and who asks.
ASIDE = frozenset(
    "stream stream_options user safety_identifier metadata store prompt_cache_key prompt_cache_retention service_tier".split()
)
# Answers with more in them than is kept.
UNKEPT = ("logprobs", "top_logprobs", "audio", "modalities", "web_search_options")
FINISHED = frozenset({"stop", "length", "tool_calls", "function_call"})

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Called(msgspec.Struct):
    """A tool that the model wants used."""

    id: str
    name: str
    arguments: str
    extra: dict[str, Any] = {}


class Choice(msgspec.Struct):
    content: str = ""
    reasoning: str = ""
    calls: dict[int, Called] = {}
    reason: str = ""


class Kept(msgspec.Struct):
    """An answer: its choices, what it used when it was made, and by which model (`path`) that was."""

    choices: dict[int, Choice]
    path: str
    served_model: str = ""
    usage: dict[str, Any] = {}

    def parts(self) -> Iterator[StreamPart]:
        """As an adapter would say it, in few pieces."""
        for index, choice in sorted(self.choices.items()):
            if choice.reasoning:
                yield Delta(reasoning=choice.reasoning, index=index)
            if choice.content:
                yield Delta(choice.content, index=index)
            calls = sorted(choice.calls.items())
            if calls:
                told = [ToolCallDelta(place, call.id, call.name, call.arguments, call.extra) for place, call in calls]
                yield Delta(tool_calls=told, index=index)
        for index, choice in sorted(self.choices.items()):
            yield Finish(choice.reason, index, self.served_model)
        if self.usage:
            yield Usage(**self.usage)


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the answer to one question lies."""

    key: str
    seconds: int
    is_read: bool = True
    is_written: bool = True

    async def find(self) -> Kept | None:
        """The answer, if there is one."""
        if not self.is_read:
            return None
        sealed = await _ask("get", self.key)
        if not sealed:
            return None
        try:
            return msgspec.json.decode(key_ring().unseal(sealed.decode(), self._context), type=Kept)
        except (DecryptionError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("A kept answer can't be read.", error=type(error).__name__)
            return None

    async def keep(self, answer: Kept, rules: Rules) -> bool:
        """Keep it, if it is whole and there is nothing in it that would be redacted. Says whether it was."""
        if not self.is_written or not answer.choices or any(one.reason not in FINISHED for one in answer.choices.values()):
            return False
        plain = msgspec.json.encode(answer).decode()
        if len(plain) > MAX_BYTES or not await asyncio.to_thread(_is_clean, answer, rules):
            return False
        return bool(await _ask("set", self.key, key_ring().seal(plain, self._context), ex=self.seconds))

    @property
    def _context(self) -> bytes:
        return self.key.encode()


class Keeping:
    """Puts an answer together as it comes."""

    def __init__(self, path: str) -> None:
        self.answer = Kept({}, path)

    def take(self, part: StreamPart) -> None:
        if isinstance(part, Usage):
            self.answer.usage = {name: getattr(part, name) for name in USED} | {"raw": dict(part.raw)}
        elif isinstance(part, Finish):
            self._choice(part.index).reason = part.reason
            self.answer.served_model = part.served_model
        else:
            choice = self._choice(part.index)
            choice.content += part.content
            choice.reasoning += part.reasoning
            for piece in part.tool_calls:
                called = choice.calls.setdefault(piece.index, Called("", "", ""))
                called.id = called.id or piece.id
                called.name += piece.name
                called.arguments += piece.arguments
                called.extra = dict(piece.extra) if piece.extra else called.extra

    def _choice(self, index: int) -> Choice:
        return self.answer.choices.setdefault(index, Choice())


USED = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


def slot(
    rule: CacheRule | None,
    messages: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    *,
    workspace_id: uuid.UUID,
    rules: Rules,
    control: str = "",
) -> Slot | None:
    """The place of the answer to this question; None where answers to it are not kept.

    `control` is HTTP's Cache-Control: no-cache asks for a new answer, no-store for one that is not kept.
    """
    if rule is None or any(parameters.get(name) for name in UNKEPT):
        return None
    # A temperature that isn't given is the provider's own, which is above 0.
    if parameters.get("temperature") != 0 and not rule.is_for_random:
        return None
    wanted = {word.strip().lower() for word in control.split(",")}
    if "no-store" in wanted and "no-cache" in wanted:
        return None
    said = {name: value for name, value in parameters.items() if name not in ASIDE and value is not None}
    told = [str(workspace_id), rule.name, rules.version, messages, said]
    digest = hmac.new(_secret(), orjson.dumps(told, option=orjson.OPT_SORT_KEYS), hashlib.sha256).hexdigest()
    return Slot(f"ollive:answer:{digest}", rule.seconds, "no-cache" not in wanted, "no-store" not in wanted)


def forget(workspaces: Iterable[uuid.UUID] | None = None) -> None:
    """Give none of these workspaces' answers again that were kept until now; of all of them, if none are named.

    Other processes follow within seconds; what lies in Valkey can't be found by anybody, and runs out.
    """
    keeping = ModelAlias.objects.filter(cache_seconds__gt=0)
    if workspaces is not None:
        keeping = keeping.filter(workspace_id__in=list(workspaces))
    keeping.update(cache_epoch=F("cache_epoch") + 1)
    sources.forget()


def _secret() -> bytes:
    return b"gateway.answer_cache" + settings.SECRET_KEY.encode()


def _is_clean(answer: Kept, rules: Rules) -> bool:
    """Whether redaction would leave it as it is."""
    texts = [text for one in answer.choices.values() for text in (one.content, one.reasoning) if text]
    texts += [call.arguments for one in answer.choices.values() for call in one.calls.values()]
    extras = [call.extra for one in answer.choices.values() for call in one.calls.values() if call.extra]
    redact = rules.redactor
    return all(redact.redact(text).text == text for text in texts) and redact.redact_json(extras) == extras


_clients: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis]" = weakref.WeakKeyDictionary()
_away_until = 0.0


async def _ask(command: str, *args: Any, **options: Any) -> Any:
    """What Valkey says; None while it is away."""
    global _away_until
    if time.monotonic() < _away_until:
        return None
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None:
        client = _clients[loop] = redis.asyncio.Redis.from_url(
            settings.REDIS_URL or "redis://127.0.0.1:1",
            socket_timeout=WAIT_SECONDS,
            socket_connect_timeout=WAIT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    try:
        return await getattr(client, command)(*args, **options)
    except (redis.RedisError, OSError, TimeoutError) as error:
        _away_until = time.monotonic() + ASK_AGAIN_SECONDS
        log.warning("Valkey is away: no kept answer is given again.", error=str(error))
        return None


async def aclose() -> None:
    """Close this loop's connections, at shutdown."""
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()
