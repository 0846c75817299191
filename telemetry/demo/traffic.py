"""Demo calls as lines for COPY: who calls which model when, how long it takes, what it costs, and how it ends."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from telemetry import pricing
from telemetry.demo import happenings, mix, opinions, rhythm
from telemetry.demo.mix import NULL, Model
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
    "span_id", "parent_span_id", "fallback_of", "variant", "token_times_ms",
    "input_preview", "output_preview", "payload_parts", "payload_refs",
)  # fmt: skip
KEY_COLUMNS = ("workspace_id", "inference_id", "received_at")
SEARCH_COLUMNS = ("workspace_id", "received_at", "id", "words")
SPAN_COLUMNS = (
    "id", "workspace_id", "received_at", "kind", "name", "status", "trace_id", "inference_id", "conversation_id", "user_id",
    "api_key_id", "source", "started_at", "ended_at", "latency_ms", "arguments_preview", "result_preview", "environment", "app",
    "redaction_version", "span_id", "parent_span_id",
)  # fmt: skip


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


class Made(NamedTuple):
    """One call, before it is written down."""

    identity: str
    trace: str
    at: str
    status: str
    error: tuple[str, str, str] | None
    number: int
    is_stream: bool
    usage: tuple[int, int, int, int, int]
    timing: Timing


@dataclass(slots=True)
class Lines:
    """What one call adds to each table."""

    log: str
    key: str
    search: str
    spans: list[str]
    span_keys: list[str]
    scores: list[str]
    events: list[str]


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
        self.rates = {model: _rates(model, noon) for model in mix.MODELS}
        self.models = [model for model in mix.MODELS for _ in range(model.weight)]
        self.people = [str(person) for person in people(workspace_id)]
        self.keys = [str(key) for key in keys(workspace_id)]
        self.open: list[Caller] = []
        self.outage = happenings.outage(day)
        self.runs: list[tuple[Caller, happenings.Run]] = []
        self.failed: tuple[Caller, happenings.Failed] | None = None

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
        caller, run, failed = self._next(received)
        is_struck = self.outage is not None and self.outage.strikes(caller.model.provider, received)
        status = self._status(is_struck=is_struck)
        number = int(dice.random() * len(self.words.exchanges))
        usage = self._usage(caller, number, status)
        is_stream = status == "canceled" or dice.random() < 0.72
        timing = self._timing(received, caller.model, sum(usage[3:]), is_stream=is_stream, status=status)
        if is_struck:
            timing = timing._replace(latency_ms=timing.latency_ms * 4, ttft_ms=timing.ttft_ms and timing.ttft_ms * 4)
        made = Made(
            identity=self._identity(received),
            trace=failed.trace if failed else run.trace if run else f"{dice.getrandbits(128):032x}",
            at=received.isoformat(),
            status=status,
            error=self._error(status, is_struck=is_struck),
            number=number,
            is_stream=is_stream,
            usage=usage,
            timing=timing,
        )
        if made.error and made.error[0] in happenings.RETRIED and caller.source in mix.RETRYING and dice.random() < 0.7:
            self.failed = (caller, happenings.Failed(made.identity, made.trace, failed.attempt + 1 if failed else 1))
        steps = [] if made.error else self._steps(caller, timing, call=made.identity, trace=made.trace, run=run)
        answered = opinions.Answered(
            *(self.workspace, made.identity, made.trace, caller.conversation, caller.user, caller.source, status, caller.turn),
            started_at=timing.started_at,
            ended_at=timing.started_at + timedelta(milliseconds=timing.latency_ms),
            is_slow=timing.latency_ms > mix.SLOW_MS,
        )
        vector = self.words.vector(number, made.error[2] if made.error else None)
        return Lines(
            log=self._log(caller, made, run, failed),
            key=f"{self.workspace}\t{made.identity}\t{made.at}",
            search=f"{self.workspace}\t{made.at}\t{made.identity}\t{vector}",
            spans=steps,
            span_keys=[f"{self.workspace}\t{step[:36]}\t{step.split(chr(9), 3)[2]}" for step in steps],
            scores=list(opinions.scores(dice, answered)),
            events=list(opinions.events(answered)),
        )

    def _log(self, caller: Caller, made: Made, run: happenings.Run | None, failed: happenings.Failed | None) -> str:
        dice, model, status = self.dice, caller.model, made.status
        path = f"{model.provider}/{model.name}"
        is_shared = caller.source == "gateway" and model.name in mix.SHARED
        return "\t".join(
            (
                *(made.identity, self.workspace, made.at, "3", status, made.trace),
                *(caller.session, caller.conversation, caller.user, caller.key),
                NULL if caller.source == "chat" else f"customer-{hash_of(caller.user):04}",
                *(caller.source, "chat", mix.ALIAS if is_shared else path, model.provider, model.name),
                model.served if status == "success" else NULL,
                *("t" if made.is_stream else "f", str(failed.attempt + 1 if failed else 1)),
                *(made.error or (("interrupted", NULL, NULL) if status == "interrupted" else (NULL, NULL, NULL))),
                NULL if status != "success" else "length" if dice.random() < 0.04 else "stop",
                *_times(made.timing, sum(made.usage[3:]), status),
                *self._money(model, made.usage, status),
                mix.TAGS[int(dice.random() * len(mix.TAGS))] if dice.random() < 0.3 else NULL,
                "production" if dice.random() < 0.8 else "staging",
                *(caller.app, mix.VERSIONS[int(dice.random() * len(mix.VERSIONS))], self.words.redaction_version),
                f"{dice.getrandbits(64):016x}" if caller.source in mix.TRACED else NULL,
                run.root if run else NULL,
                failed.identity if failed else NULL,
                path if is_shared else NULL,
                self._token_times(made),
                self.words.asked[made.number] if made.error else self.words.told[made.number],
            )
        )

    def _token_times(self, made: Made) -> str:
        if made.timing.ttft_ms is None or made.status == "interrupted":
            return NULL
        return happenings.token_times(self.dice, made.timing.ttft_ms, made.timing.latency_ms)

    def _error(self, status: str, *, is_struck: bool) -> tuple[str, str, str] | None:
        if status != "error":
            return None
        return mix.SERVER_ERROR if is_struck else mix.ERRORS[min(int(self.dice.expovariate(0.9)), len(mix.ERRORS) - 1)]

    def _next(self, received: datetime) -> tuple[Caller, happenings.Run | None, happenings.Failed | None]:
        """Who calls now: somebody whose call has failed, an agent at work, or anybody."""
        dice = self.dice
        if self.failed:
            (caller, failed), self.failed = self.failed, None
            if failed.attempt < 3:
                others = [model for model in self.models if model != caller.model]
                return caller._replace(model=others[int(dice.random() * len(others))]), None, failed
        if self.runs and dice.random() < 0.6:
            caller, run = self.runs.pop(0)
            run.left -= 1
            if run.left > 1:
                self.runs.append((caller, run))
            return caller._replace(turn=caller.turn + 1), run, None
        caller = self._caller()
        if caller.source in mix.TRACED and dice.random() < 0.12:
            name = happenings.AGENTS[int(dice.random() * len(happenings.AGENTS))]
            trace, root = f"{dice.getrandbits(128):032x}", f"{dice.getrandbits(64):016x}"
            run = happenings.Run(name, trace, root, received - timedelta(milliseconds=dice.randint(60, 900)), dice.randint(3, 6))
            self.runs.append((caller, run))
            return caller, run, None
        return caller, None, None

    def _status(self, *, is_struck: bool) -> str:
        luck = self.dice.random()
        if is_struck and self.dice.random() < 0.5:
            return "error"
        return "success" if luck < 0.952 else "error" if luck < 0.978 else "canceled" if luck < 0.997 else "interrupted"

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
        source = mix.SOURCES[int(dice.random() * len(mix.SOURCES))]
        is_chat = source == "chat"
        user = self.people[min(int(dice.paretovariate(0.9)) - 1, len(self.people) - 1)]
        caller = Caller(
            user=user,
            key=NULL if is_chat else self.keys[int(dice.random() ** 2 * len(self.keys))],
            conversation=str(UUID(int=dice.getrandbits(128), version=4)) if is_chat else NULL,
            session=NULL if is_chat else f"session-{dice.getrandbits(48):012x}",
            source=source,
            app="ollive" if is_chat else mix.APPS[int(dice.random() * len(mix.APPS))],
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

    def _steps(self, caller: Caller, timing: Timing, *, call: str, trace: str, run: happenings.Run | None) -> list[str]:
        """What led to the call, and what its reply asked for; the agent's own step once all else is done."""
        dice = self.dice
        ended = timing.started_at + timedelta(milliseconds=timing.latency_ms)
        if run is None:
            return [self._tool(caller, ended, call=call, trace=trace, parent=NULL)] if dice.random() < 0.04 else []
        found = []
        if timing.started_at - run.started_at < timedelta(seconds=1):
            looked_up = timedelta(milliseconds=dice.randint(20, 50))
            found.append(
                self._step(
                    caller, timing.started_at - looked_up, looked_up, of=("retriever", "search_notes", "success"), trace=trace,
                    call=NULL, parent=run.root,
                )
            )  # fmt: skip
        if run.left > 1:
            found.append(self._tool(caller, ended, call=call, trace=trace, parent=run.root))
        else:
            whole = ended - run.started_at
            agent = self._step(
                caller,
                run.started_at,
                whole,
                of=("agent", run.name, "success"),
                trace=trace,
                call=NULL,
                parent=NULL,
                span=run.root,
            )
            found.append(agent)
        return found

    def _tool(self, caller: Caller, started: datetime, *, call: str, trace: str, parent: str) -> str:
        dice = self.dice
        took = timedelta(milliseconds=int(dice.lognormvariate(5, 1)) + 1)
        status = "error" if dice.random() < 0.05 else "success"
        of = ("tool", mix.TOOLS[int(dice.random() * len(mix.TOOLS))], status)
        return self._step(caller, started, took, of=of, trace=trace, call=call, parent=parent)

    def _step(
        self,
        caller: Caller,
        started: datetime,
        took: timedelta,
        *,
        of: tuple[str, str, str],
        trace: str,
        call: str,
        parent: str,
        span: str = "",
    ) -> str:
        """A step of a kind, a name and a status; it is heard of when it ends, and on the day of its call."""
        ended = started + took
        at = min(ended, datetime(self.day.year, self.day.month, self.day.day, 23, 59, 59, tzinfo=UTC))
        is_tool, is_done = of[0] == "tool", of[2] == "success"
        return "\t".join(
            (
                *(self._identity(at), self.workspace, at.isoformat(), *of, trace, call, caller.conversation, caller.user),
                *(caller.key, caller.source, started.isoformat(), ended.isoformat(), str(took // timedelta(milliseconds=1))),
                *('{"limit": 5}' if is_tool else NULL, "5 results" if is_tool and is_done else NULL, "production", caller.app),
                *(self.words.redaction_version, span or f"{self.dice.getrandbits(64):016x}", parent),
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
