"""What calls can be asked for by, and how that is said to the database.

Exact values and ranges are looked up in one inverted index of facets (migration 0005); ids have indexes of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from math import floor, log
from typing import Any
from uuid import UUID

TOKENS = " + ".join(
    f"coalesce(log.{name}, 0)"
    for name in ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
)
# As the index has it, word by word: the planner compares expressions.
FACETS = f"""log_facets(
    log.workspace_id, log.status, log.source, log.operation, log.provider, log.model, log.served_model, log.user_id,
    log.api_key_id, log.end_user, log.environment, log.app, log.version, log.error_class, log.finish_reason, log.is_stream,
    log.latency_ms, log.cost_usd, {TOKENS}
)"""
# Column → its letter in the facets.
LETTERS = {
    "status": "s", "source": "d", "operation": "o", "provider": "p", "model": "m", "served_model": "v", "user_id": "u",
    "api_key_id": "k", "end_user": "n", "environment": "e", "app": "a", "version": "r", "error_class": "x", "finish_reason": "f",
}  # fmt: skip
WORKSPACE, STREAM, LATENCY, COST, TOTAL = "w", "i", "l", "c", "t"
STEPS = 3  # of a range's facets, for each power of e
LATENCY_LIMIT = COUNT_LIMIT = 2**31
COST_LIMIT = 10**7
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Filters:
    """Which calls of a workspace. An empty tuple asks for nothing; several values are alternatives, several tags all apply.

    The period is half open, by `received_at`; ranges include both ends. Amounts are in ms, US dollars and tokens of all buckets.
    """

    workspace_id: UUID
    since: datetime | None = None
    until: datetime | None = None
    status: Sequence[str] = ()
    source: Sequence[str] = ()
    operation: Sequence[str] = ()
    provider: Sequence[str] = ()
    model: Sequence[str] = ()
    served_model: Sequence[str] = ()
    user_id: Sequence[UUID] = ()
    api_key_id: Sequence[UUID] = ()
    end_user: Sequence[str] = ()
    environment: Sequence[str] = ()
    app: Sequence[str] = ()
    version: Sequence[str] = ()
    error_class: Sequence[str] = ()
    finish_reason: Sequence[str] = ()
    tags: Sequence[str] = ()
    is_stream: bool | None = None
    has_score: bool | None = None
    min_latency_ms: int | None = None
    max_latency_ms: int | None = None
    min_cost_usd: Decimal | None = None
    max_cost_usd: Decimal | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    conversation_id: UUID | None = None
    session_id: str | None = None
    trace_id: str | None = None

    @property
    def named(self) -> list[str]:
        """What is filtered by, the workspace and the period aside."""
        told = (name.name for name in fields(self) if getattr(self, name.name) not in ((), None, []))
        return [name for name in told if name not in {"workspace_id", "since", "until"}]

    @property
    def is_plain(self) -> bool:
        return not self.named

    @property
    def is_exact(self) -> bool:
        """By an id that few calls share."""
        return bool(self.conversation_id or self.session_id or self.trace_id)


@dataclass(slots=True)
class Condition:
    """SQL over `log` with its parameters."""

    terms: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)

    def add(self, term: str, **parameters: Any) -> None:
        self.terms.append(term)
        self.parameters |= parameters

    @property
    def sql(self) -> str:
        return " AND ".join(self.terms) or "true"


def by_columns(filters: Filters) -> Condition:
    """What the columns must hold, the workspace and the period aside."""
    condition = Condition()
    for name in LETTERS:
        if values := getattr(filters, name):
            condition.add(f"log.{name} = ANY(%({name})s)", **{name: list(values)})
    if filters.tags:
        condition.add("log.tags @> %(tags)s", tags=list(filters.tags))
    if filters.is_stream is not None:
        condition.add("log.is_stream = %(is_stream)s", is_stream=filters.is_stream)
    _add_scores(condition, filters)
    for name, expression in (("latency_ms", "log.latency_ms"), ("cost_usd", "log.cost_usd"), ("tokens", f"({TOKENS})")):
        for end, comparison in (("min", ">="), ("max", "<=")):
            if (value := getattr(filters, f"{end}_{name}")) is not None:
                condition.add(f"{expression} {comparison} %({end}_{name})s", **{f"{end}_{name}": value})
    for name in ("conversation_id", "session_id", "trace_id"):
        if (value := getattr(filters, name)) is not None:
            condition.add(f"log.{name} = %({name})s", **{name: value})
    return condition


def by_facets(filters: Filters) -> Condition:
    """The same as the inverted index finds it; ranges are wider by up to a step at their ends."""
    condition = Condition()
    needed = [f"{WORKSPACE}:{filters.workspace_id}"]
    if filters.is_stream is not None:
        needed.append(f"{STREAM}:{str(filters.is_stream).lower()}")
    alternatives: list[list[str]] = []
    for name, letter in LETTERS.items():
        values = [f"{letter}:{value}" for value in getattr(filters, name)]
        if len(values) == 1:
            needed += values
        elif values:
            alternatives.append(values)
    alternatives += [steps for steps in (_latency(filters), _cost(filters), _total(filters)) if steps]
    condition.add(f"{FACETS} @> %(facets)s", facets=needed)
    for number, values in enumerate(alternatives):
        condition.add(f"{FACETS} && %(facets_{number})s", **{f"facets_{number}": values})
    if filters.tags:
        condition.add("log.tags @> %(tags)s", tags=list(filters.tags))
    return condition


def _add_scores(condition: Condition, filters: Filters) -> None:
    """Scores have a table of their own, and may have come before the call."""
    if filters.has_score is not None:
        found = "(SELECT FROM telemetry_score WHERE inference_id = log.id AND workspace_id = log.workspace_id)"
        condition.add(f"{'' if filters.has_score else 'NOT '}EXISTS {found}")


def _latency(filters: Filters) -> list[str]:
    return _steps(LATENCY, filters.min_latency_ms, filters.max_latency_ms, LATENCY_LIMIT)


def _cost(filters: Filters) -> list[str]:
    low, high = (None if usd is None else float(usd) * MILLION for usd in (filters.min_cost_usd, filters.max_cost_usd))
    return _steps(COST, low, high, COST_LIMIT * MILLION)


def _total(filters: Filters) -> list[str]:
    return _steps(TOTAL, filters.min_tokens, filters.max_tokens, COUNT_LIMIT)


def _steps(letter: str, low: float | None, high: float | None, limit: float) -> list[str]:
    """Each step that the range touches, and one more at each end: logarithms of two libraries may differ in the last digit."""
    if low is None and high is None:
        return []
    first = max(0, _step(low or 0) - 1)
    last = _step(min(limit, high) if high is not None else limit) + 1
    return [f"{letter}:{step}" for step in range(first, last + 1)]


def _step(value: float) -> int:
    return floor(log(max(0.0, value) + 1) * STEPS)
