"""Traces of Ollive itself, for OTLP_COLLECTOR_URL: request, call at a provider, inbox, digest, all in the call's own trace.

Spans are handed in when what they tell of is over, with the ids that the log has: the span of a call is the one that its log row
names, and all of a call's spans carry `ollive.inference_id`. Without a collector nothing is done; what is said never leaves here.
"""

import atexit
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Literal

import orjson
import structlog
from django.conf import settings

from telemetry.events import Event

OURS = {"chat", "gateway"}  # an application's own calls have traces of its own
FLUSH_SECONDS = 3.0
Kind = Literal["server", "client", "internal"]

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Visit:
    """The request under way: its span, and the calls that were made for it."""

    trace_id: str
    span_id: str
    calls: list[str] = field(default_factory=list)


_visit: ContextVar[Visit | None] = ContextVar("visit", default=None)


def is_on() -> bool:
    """Whether anybody collects: with it False, nothing here costs more than this question."""
    return bool(settings.OTLP_COLLECTOR_URL)


@contextmanager
def visiting(trace_id: str) -> Iterator[Visit | None]:
    """The request's span, for as long as the request lasts; whoever opens it hands it to `tell_request`."""
    if not is_on():
        yield None
        return
    visit = Visit(trace_id, secrets.token_hex(8))
    token = _visit.set(visit)
    try:
        yield visit
    finally:
        _visit.reset(token)


def parent_of(trace_id: str, inference_id: object) -> str | None:
    """The span of the request for which a call begins, where both are of one trace. The request names the call in any case."""
    visit = _visit.get()
    if visit is None:
        return None
    visit.calls.append(str(inference_id))
    return visit.span_id if visit.trace_id == trace_id else None


def tell_request(visit: Visit | None, *, parent_id: str | None, method: str, path: str, status: int, seconds: float) -> None:
    """A request that was answered; `path` is its route."""
    if visit is None:
        return
    told: dict[str, Any] = {"http.request.method": method, "http.route": path, "http.response.status_code": status}
    if visit.calls:
        told["ollive.inference_id"] = visit.calls[0] if len(visit.calls) == 1 else visit.calls
    tell(
        f"{method} {path}",
        trace_id=visit.trace_id,
        span_id=visit.span_id,
        parent_id=parent_id,
        seconds=seconds,
        kind="server",
        attributes=told,
        error=str(status) if status >= 500 else None,
    )


def tell_events(name: str, events: Iterable[Event], *, seconds: float) -> None:
    """What was just done with events of ours, in `seconds`: a span for each, below its call's."""
    if is_on():
        tell_bodies(name, (orjson.loads(event.body) for event in events), seconds=seconds)


def tell_bodies(name: str, bodies: Iterable[Mapping[str, Any]], *, seconds: float) -> None:
    for body in bodies:
        if body.get("source") in OURS and body.get("trace_id") and body.get("span_id"):
            tell(
                f"{name} {body['phase']}",
                trace_id=body["trace_id"],
                span_id=secrets.token_hex(8),
                parent_id=body["span_id"],
                seconds=seconds,
                attributes={"ollive.inference_id": body["inference_id"], "ollive.phase": body["phase"]},
            )


def tell(
    name: str,
    *,
    trace_id: str,
    span_id: str,
    parent_id: str | None,
    seconds: float,
    ended_at: datetime | None = None,
    kind: Kind = "internal",
    attributes: Mapping[str, Any],
    error: str | None = None,
) -> None:
    """A span that ends now, or did at `ended_at`, and took so many seconds; attributes that are None are left out.

    Handing it in takes microseconds: a thread sends them.
    """
    sender = _sender()
    if sender is not None and _is_sampled(trace_id):
        ended = round(ended_at.timestamp() * 1e9) if ended_at else time.time_ns()
        sender.take(name, (trace_id, span_id, parent_id), (ended - round(seconds * 1e9), ended), kind, attributes, error)


def _is_sampled(trace_id: str) -> bool:
    """The share OTEL_TRACES_SAMPLER_ARG of the traces, each of them whole: all its spans have the same id."""
    return int(trace_id[16:], 16) < _share() * 2**64


@cache
def _share() -> float:
    try:
        return min(1.0, max(0.0, float(os.environ.get("OTEL_TRACES_SAMPLER_ARG") or 1)))
    except ValueError:
        log.error("OTEL_TRACES_SAMPLER_ARG is not a share between 0 and 1: all traces are sent")
        return 1.0


@cache
def _sender() -> "_Sender | None":
    if not is_on():
        return None
    try:
        return _Sender(settings.OTLP_COLLECTOR_URL)
    except ImportError as error:
        log.error("no traces are sent: install requirements-extras.txt, or unset OTLP_COLLECTOR_URL", missing=error.name)
        return None


class _Sender:
    """OpenTelemetry's own batching and wire, without its tracer: that one makes ids of its own."""

    def __init__(self, url: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        endpoint = url if "/" in url.partition("://")[2].rstrip("/") else f"{url.rstrip('/')}/v1/traces"
        self._resource = Resource.create({"service.name": "ollive", "ollive.process": settings.OLLIVE_PROCESS})
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=FLUSH_SECONDS))
        atexit.register(self._processor.shutdown)

    def take(
        self,
        name: str,
        ids: tuple[str, str, str | None],
        times: tuple[int, int],
        kind: Kind,
        attributes: Mapping[str, Any],
        error: str | None,
    ) -> None:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        trace_id, span_id, parent_id = ids
        sampled = TraceFlags(TraceFlags.SAMPLED)

        def context(span: str) -> SpanContext:
            return SpanContext(int(trace_id, 16), int(span, 16), is_remote=False, trace_flags=sampled)

        self._processor.on_end(
            ReadableSpan(
                name,
                context=context(span_id),
                parent=context(parent_id) if parent_id else None,
                resource=self._resource,
                attributes={key: value for key, value in attributes.items() if value is not None},
                kind=SpanKind[kind.upper()],
                status=Status(StatusCode.ERROR, error) if error else Status(StatusCode.UNSET),
                start_time=times[0],
                end_time=times[1],
            )
        )
