"""What the processes of an installation count as they work, for Prometheus: requests, calls at providers, digested events.

With PROMETHEUS_MULTIPROC_DIR each process counts in a memory-mapped file of its own, and whichever is asked sums all of them up;
`manage.py up` sets it. A count costs a few microseconds: series are looked up once and kept. Labels have few values: a path is a
route, never an id, and names that callers make up end at a limit.
"""

import os
import socket
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, values
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
HUNG_UP = 499  # the status under which proxies count a caller who did not wait for the answer
MODELS_LIMIT = 500  # series of models in one process: callers may name what does not exist
OTHER = "(other)"
CACHED = "cached"  # a kept answer, given again
# The buckets that OpenTelemetry's conventions for generative AI ask for.
DURATIONS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_CHUNKS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
TOKENS = tuple(4**power for power in range(14))
REQUESTS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000)
BATCHES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@cache
def _name_of_process(pid: int) -> str:
    """Containers that share the folder have the same process ids."""
    return f"{os.environ.get('OLLIVE_PROCESS', 'command')}-{socket.gethostname()}-{pid}"


if os.environ.get(FOLDER):
    values.ValueClass = values.MultiProcessValue(lambda: _name_of_process(os.getpid()))  # type: ignore[no-untyped-call]

disable_created_metrics()  # type: ignore[no-untyped-call]  # a time for each series, which nobody reads
REGISTRY = CollectorRegistry()
_OPERATION = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")

http_requests = Counter("http_requests_total", "Requests answered.", ("method", "path", "status"), registry=REGISTRY)
http_durations = Histogram(
    "http_request_duration_ms",
    "Milliseconds from a request to the end of its answer.",
    ("method", "path"),
    buckets=REQUESTS_MS,
    registry=REGISTRY,
)
call_durations = Histogram(
    "gen_ai_client_operation_duration_seconds",
    "Seconds that a call at a provider took.",
    (*_OPERATION, "error_type"),
    buckets=DURATIONS,
    registry=REGISTRY,
)
first_chunks = Histogram(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "Seconds from a call to the first token of its answer.",
    _OPERATION,
    buckets=FIRST_CHUNKS,
    registry=REGISTRY,
)
token_usage = Histogram(
    "gen_ai_client_token_usage",
    "Tokens of a call.",
    (*_OPERATION, "gen_ai_token_type"),
    buckets=TOKENS,
    registry=REGISTRY,
)
calls = Counter(
    "ollive_calls_total", "Calls at providers that have ended.", ("source", "provider", "model", "status"), registry=REGISTRY
)
costs = Counter("ollive_cost_usd_total", "US dollars spent, where the price is known.", ("provider", "model"), registry=REGISTRY)
unpriced = Counter("ollive_unpriced_calls_total", "Calls whose price is not known.", ("provider", "model"), registry=REGISTRY)
digest_durations = Histogram(
    "ollive_digest_batch_duration_seconds", "Seconds that a batch of the inbox took.", buckets=BATCHES, registry=REGISTRY
)
digested = Counter("ollive_digested_events_total", "Events taken from the inbox.", ("outcome",), registry=REGISTRY)


class Spoken(NamedTuple):
    """A call that has ended, as it is counted. Durations are in milliseconds; None where there was none."""

    source: str
    operation: str
    provider: str
    model: str
    status: str
    error: str | None
    latency_ms: float
    ttft_ms: float | None
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal | None


def observe_request(method: str, path: str, status: int, seconds: float) -> None:
    """Count a request; `path` is the route with the names of its pieces in braces."""
    count, durations = _request_series(method if method in METHODS else OTHER, path, status)
    count.inc()
    durations.observe(seconds * 1000)


def observe_call(call: Spoken) -> None:
    """Count one attempt at one provider, once it is over."""
    series = _call_series(call.source, call.operation, call.provider, _model(call), call.status, call.error or "")
    series.ended.inc()
    if call.status == CACHED:
        return  # nobody was asked
    series.duration.observe(call.latency_ms / 1000)
    if call.ttft_ms is not None:
        series.first_chunk.observe(call.ttft_ms / 1000)
    if call.prompt_tokens:
        series.prompt.observe(call.prompt_tokens)
    if call.completion_tokens:
        series.completion.observe(call.completion_tokens)
    if call.cost_usd is not None:
        series.cost.inc(float(call.cost_usd))
    elif call.prompt_tokens or call.completion_tokens:
        series.unpriced.inc()


def observe_batch(outcomes: Mapping[str, int], seconds: float) -> None:
    """Count a batch of the inbox, by what became of its events."""
    digest_durations.observe(seconds)
    for outcome, count in outcomes.items():
        if count:
            digested.labels(outcome).inc(count)


def counted() -> CollectorRegistry | MultiProcessCollector:
    """What was counted: by all processes that share the folder, or by this one where there is none."""
    folder = os.environ.get(FOLDER)
    return MultiProcessCollector(None, path=folder) if folder else REGISTRY  # type: ignore[no-untyped-call]


class _CallSeries(NamedTuple):
    ended: Any
    duration: Any
    first_chunk: Any
    prompt: Any
    completion: Any
    cost: Any
    unpriced: Any


@cache
def _request_series(method: str, path: str, status: int) -> tuple[Counter, Histogram]:
    return http_requests.labels(method, path, status), http_durations.labels(method, path)


@cache
def _call_series(source: str, operation: str, provider: str, model: str, status: str, error: str) -> _CallSeries:
    asked = (operation, provider, model)
    return _CallSeries(
        calls.labels(source, provider, model, status),
        call_durations.labels(*asked, error),
        first_chunks.labels(*asked),
        token_usage.labels(*asked, "input"),
        token_usage.labels(*asked, "output"),
        costs.labels(provider, model),
        unpriced.labels(provider, model),
    )


_models: set[tuple[str, str]] = set()


def _model(call: Spoken) -> str:
    """The model's name; past the limit, for one that was not seen before, one name for all."""
    known = (call.provider, call.model)
    if known not in _models:
        if len(_models) >= MODELS_LIMIT:
            return OTHER
        _models.add(known)
    return call.model
