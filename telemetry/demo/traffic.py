"""Demo calls as lines for COPY: who calls which model when, how long it takes, what it costs, and how it ends."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from telemetry import pricing
from telemetry.demo import rhythm
from telemetry.demo.words import Words

PEOPLE = 240
KEYS = 24
MEASURE_TOKENS = 1_000

LOG_COLUMNS = (
    "id", "workspace_id", "received_at", "phases", "status", "trace_id", "session_id", "conversation_id", "user_id", "api_key_id",
    "end_user", "source", "operation", "requested_model", "provider", "model", "served_model", "is_stream", "attempt",
    "error_class", "error_code", "error_message", "finish_reason", "started_at", "first_token_at", "ended_at", "latency_ms",
    "ttft_ms", "tokens_per_second", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens",
    "reasoning_tokens", "usage_source", "cost_usd", "price_id", "tags", "environment", "app", "version", "redaction_version",
    "input_preview", "output_preview", "payload_parts", "payload_refs",
)  # fmt: skip
KEY_COLUMNS = ("workspace_id", "inference_id", "received_at")
SEARCH_COLUMNS = ("workspace_id", "received_at", "id", "words")
SPAN_COLUMNS = (
    "id", "workspace_id", "received_at", "kind", "name", "status", "trace_id", "inference_id", "conversation_id", "user_id",
    "api_key_id", "source", "started_at", "ended_at", "latency_ms", "arguments_preview", "result_preview", "environment", "app",
    "redaction_version",
)  # fmt: skip
NULL = r"\N"


class Model(NamedTuple):
    """A model in the mix: how often it is asked, its median time to first token, its tokens a second."""

    weight: int
    provider: str
    name: str
    served: str
    ttft_ms: float
    speed: float
    reasoning: float = 0.0  # share of the completion


MODELS = (
    Model(26, "openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 420, 95),
    Model(13, "openai", "gpt-4o", "gpt-4o-2024-08-06", 560, 70),
    Model(8, "openai", "gpt-4.1", "gpt-4.1-2025-04-14", 610, 80),
    Model(5, "openai", "o4-mini", "o4-mini-2025-04-16", 2600, 110, 0.6),
    Model(12, "anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5", 900, 62),
    Model(8, "anthropic", "claude-haiku-4-5", "claude-haiku-4-5", 480, 120),
    Model(9, "gemini", "gemini-2.5-flash", "gemini-2.5-flash", 380, 150),
    Model(4, "gemini", "gemini-2.5-pro", "gemini-2.5-pro", 1900, 90, 0.3),
    Model(6, "groq", "llama-3.3-70b-versatile", "llama-3.3-70b-versatile", 180, 260),
    Model(3, "azure", "gpt-4o", "gpt-4o", 640, 66),
    Model(2, "mistral", "mistral-small-latest", "mistral-small-latest", 330, 100),
    Model(3, "local", "smollm2-135m-instruct", "smollm2-135m-instruct", 150, 55),
    Model(1, "openai", "in-house-preview", "in-house-preview", 700, 60),  # without a price
)
SOURCES = ("chat",) * 45 + ("gateway",) * 25 + ("sdk",) * 20 + ("otlp",) * 6 + ("litellm",) * 4
APPS = ("web", "web", "web", "mobile", "support-bot", "batch", "notebook")
VERSIONS = ("1.4.0", "1.4.1", "1.5.0", "1.5.0", "2.0.0-rc1")
TAGS = ("{support}", "{search,beta}", "{batch}", "{evaluation}", "{onboarding}", "{vip,support}")
ERRORS = (
    ("rate_limit", "429", "The provider limits how often it may be asked."),
    ("timeout", NULL, "The provider did not answer in time."),
    ("server_error", "503", "The provider has a fault of its own."),
    ("context_length", "400", "The conversation is too long for this model."),
    ("authentication", "401", "The provider does not accept the key."),
)
TOOLS = ("search_documents", "fetch_page", "run_query", "send_mail", "read_calendar")


class Rates(NamedTuple):
    """US dollars a token by bucket, and the price that says so; None when it is not known."""

    price_id: str
    usd: tuple[float, float, float, float, float]


class Caller(NamedTuple):
    """A conversation or session in progress."""

    user: str
    key: str
    conversation: str
    session: str
    source: str
    app: str
    model: Model
    turn: int


class Timing(NamedTuple):
    started_at: datetime
    latency_ms: int
    ttft_ms: int | None


@dataclass(slots=True)
class Lines:
    """What one call adds to each table."""

    log: str
    key: str
    search: str
    span: str | None
    span_key: str | None


def people(workspace_id: UUID) -> list[UUID]:
    return [uuid5(workspace_id, f"person {number}") for number in range(PEOPLE)]


def keys(workspace_id: UUID) -> list[UUID]:
    return [uuid5(workspace_id, f"key {number}") for number in range(KEYS)]


class Traffic:
    """Draws the calls of a day. The same seed and day give the same calls."""

    def __init__(self, workspace_id: UUID, words: Words, *, seed: int, day: date) -> None:
        self.workspace = str(workspace_id)
        self.words = words
        self.dice = random.Random(f"{seed}:{day}")
        self.day = day
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        self.rates = {model: _rates(model, noon) for model in MODELS}
        self.models = [model for model in MODELS for _ in range(model.weight)]
        self.people = [str(person) for person in people(workspace_id)]
        self.keys = [str(key) for key in keys(workspace_id)]
        self.open: list[Caller] = []

    def lines(self, count: int, until: datetime) -> Iterator[Lines]:
        """So many calls, in the order of their time."""
        minutes = list(rhythm.minutes(self.day, until))
        per_minute = rhythm.portions(count, [rhythm.weight(minute) for minute in minutes])
        self.pool = max(8, min(2_000, 4 * max(per_minute, default=0)))
        for minute, calls in zip(minutes, per_minute, strict=True):
            for second in sorted(self.dice.random() * 60 for _ in range(calls)):
                yield self._call(minute + timedelta(seconds=second))

    def _call(self, received: datetime) -> Lines:
        dice = self.dice
        caller = self._caller()
        model = caller.model
        number = int(dice.random() * len(self.words.exchanges))
        luck = dice.random()
        status = "success" if luck < 0.952 else "error" if luck < 0.978 else "canceled" if luck < 0.997 else "interrupted"
        is_stream = status == "canceled" or dice.random() < 0.72
        error = ERRORS[min(int(dice.expovariate(0.9)), len(ERRORS) - 1)] if status == "error" else None
        usage = self._usage(caller, number, status)
        timing = self._timing(received, model, sum(usage[3:]), is_stream=is_stream, status=status)
        identity = self._identity(received)
        trace = f"{dice.getrandbits(128):032x}" if caller.source != "chat" else NULL
        at = received.isoformat()
        environment = "production" if dice.random() < 0.8 else "staging"
        log = "\t".join(
            (
                *(identity, self.workspace, at, "3", status, trace, caller.session, caller.conversation, caller.user, caller.key),
                NULL if caller.source == "chat" else f"customer-{hash_of(caller.user):04}",
                *(caller.source, "chat", f"{model.provider}/{model.name}", model.provider, model.name),
                model.served if status == "success" else NULL,
                *("t" if is_stream else "f", "2" if dice.random() < 0.03 else "1"),
                *(error or (("interrupted", NULL, NULL) if status == "interrupted" else (NULL, NULL, NULL))),
                NULL if status != "success" else "length" if dice.random() < 0.04 else "stop",
                *_times(timing, sum(usage[3:]), status),
                *self._money(model, usage, status),
                TAGS[int(dice.random() * len(TAGS))] if dice.random() < 0.3 else NULL,
                *(environment, caller.app, VERSIONS[int(dice.random() * len(VERSIONS))], self.words.redaction_version),
                self.words.asked[number] if error else self.words.told[number],
            )
        )
        search = f"{self.workspace}\t{at}\t{identity}\t{self.words.vector(number, error[2] if error else None)}"
        span = self._span(caller, timing, identity, trace) if dice.random() < 0.04 and not error else None
        return Lines(
            log=log,
            key=f"{self.workspace}\t{identity}\t{at}",
            search=search,
            span=span,
            span_key=f"{self.workspace}\t{span[:36]}\t{span.split(chr(9), 3)[2]}" if span else None,
        )

    def _caller(self) -> Caller:
        """Somebody who goes on, or somebody new."""
        dice, waiting = self.dice, self.open
        if waiting and dice.random() < 0.78:
            place = int(dice.random() * len(waiting))
            caller = waiting[place]
            if caller.turn >= 12 or dice.random() < 0.2:
                waiting[place] = waiting[-1]
                waiting.pop()
            else:
                waiting[place] = caller._replace(turn=caller.turn + 1)
            return caller
        source = SOURCES[int(dice.random() * len(SOURCES))]
        is_chat = source == "chat"
        user = self.people[min(int(dice.paretovariate(0.9)) - 1, len(self.people) - 1)]
        caller = Caller(
            user=user,
            key=NULL if is_chat else self.keys[int(dice.random() ** 2 * len(self.keys))],
            conversation=str(UUID(int=dice.getrandbits(128), version=4)) if is_chat else NULL,
            session=NULL if is_chat else f"session-{dice.getrandbits(48):012x}",
            source=source,
            app="ollive" if is_chat else APPS[int(dice.random() * len(APPS))],
            model=self.models[int(dice.random() * len(self.models))],
            turn=1,
        )
        if len(waiting) < self.pool:
            waiting.append(caller)
        return caller

    def _usage(self, caller: Caller, number: int, status: str) -> tuple[int, int, int, int, int]:
        """Tokens in disjoint buckets: input, cache read, cache write, output, reasoning."""
        dice, exchange = self.dice, self.words.exchanges[number]
        if status == "error":
            return 0, 0, 0, 0, 0
        prompt = exchange.prompt_tokens + int(dice.lognormvariate(4.6, 1.1)) + 170 * (caller.turn - 1)
        completion = max(1, int(exchange.completion_tokens * dice.lognormvariate(0.2, 0.6)))
        if status != "success":
            completion = max(1, int(completion * dice.random()))
        reasoning = int(completion * caller.model.reasoning)
        if prompt < 600 or caller.turn == 1:
            return prompt, 0, 0, completion - reasoning, reasoning
        cached = prompt // 2
        written = prompt // 8 if caller.model.provider == "anthropic" else 0
        return prompt - cached - written, cached, written, completion - reasoning, reasoning

    def _timing(self, received: datetime, model: Model, completion: int, *, is_stream: bool, status: str) -> Timing:
        dice = self.dice
        started = received - timedelta(milliseconds=dice.randint(1, 40))
        if status == "error":
            return Timing(started, int(dice.lognormvariate(6.0, 1.3)), None)
        first = model.ttft_ms * dice.lognormvariate(0, 0.45)
        if dice.random() < 0.01:
            first *= dice.uniform(3, 12)
        latency = first + completion * 1000 / (model.speed * dice.lognormvariate(0, 0.2))
        return Timing(started, int(latency) + 1, int(first) if is_stream else None)

    def _money(self, model: Model, usage: tuple[int, int, int, int, int], status: str) -> tuple[str, ...]:
        source = {"success": "provider", "error": "none", "canceled": "counted", "interrupted": "estimated"}[status]
        rates = self.rates[model]
        if status == "error":
            return (NULL, NULL, NULL, NULL, NULL, source, NULL, NULL)
        counts = [str(count) for count in usage]
        if rates is None:
            return (*counts, source, NULL, NULL)
        cost = sum(count * usd for count, usd in zip(usage, rates.usd, strict=True))
        return (*counts, source, f"{cost:.12f}", rates.price_id)

    def _identity(self, at: datetime) -> str:
        """A UUIDv7 of that time."""
        stamp = f"{int(at.timestamp() * 1000):012x}"
        chance = f"{self.dice.getrandbits(74):019x}"
        variant = "89ab"[int(chance[0], 16) & 3]
        return f"{stamp[:8]}-{stamp[8:]}-7{chance[1:4]}-{variant}{chance[4:7]}-{chance[7:]}"

    def _span(self, caller: Caller, timing: Timing, call: str, trace: str) -> str:
        """A tool that the call's reply asked for."""
        dice = self.dice
        started = timing.started_at + timedelta(milliseconds=timing.latency_ms)
        took = int(dice.lognormvariate(5, 1)) + 1
        status = "error" if dice.random() < 0.05 else "success"
        at = min(started, datetime(self.day.year, self.day.month, self.day.day, 23, 59, 59, tzinfo=UTC))
        return "\t".join(
            (
                *(self._identity(at), self.workspace, at.isoformat(), "tool", TOOLS[int(dice.random() * len(TOOLS))], status),
                *(trace, call, caller.conversation, caller.user, caller.key, caller.source, started.isoformat()),
                *((started + timedelta(milliseconds=took)).isoformat(), str(took)),
                *('{"limit": 5}', "5 results" if status == "success" else NULL, "production", caller.app),
                self.words.redaction_version,
            )
        )


def hash_of(user: str) -> int:
    return int(user[:4], 16) % 500


def _times(timing: Timing, completion: int, status: str) -> tuple[str, ...]:
    """From started_at to tokens_per_second. What was cut off by a crash has no end."""
    started, latency, ttft = timing
    first = NULL if ttft is None else (started + timedelta(milliseconds=ttft)).isoformat()
    told = NULL if ttft is None else str(ttft)
    if status == "interrupted":
        return (started.isoformat(), first, NULL, NULL, told, NULL)
    ended = (started + timedelta(milliseconds=latency)).isoformat()
    speed = NULL if ttft is None or latency <= ttft or not completion else f"{completion * 1000 / (latency - ttft):.2f}"
    return (started.isoformat(), first, ended, str(latency), told, speed)


def _rates(model: Model, at: datetime) -> Rates | None:
    """By bucket, asked of the price list a thousand tokens at a time."""
    buckets = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
    counts: list[Mapping[str, int]] = [{bucket: MEASURE_TOKENS} for bucket in buckets]
    prices = [pricing.cost_usd(model.provider, model.name, at=at, **count) for count in counts]
    known = [price for price in prices if price]
    if len(known) < len(buckets):
        return None
    usd = [float(price.usd) / MEASURE_TOKENS for price in known]
    return Rates(known[0].id, (usd[0], usd[1], usd[2], usd[3], usd[4]))
