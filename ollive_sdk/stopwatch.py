"""The stopwatch of one call to a model, and of one step around the calls (a tool's run, an agent's turn)."""

import asyncio
import time
from collections.abc import Mapping
from contextvars import ContextVar, Token
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self

from ollive_sdk import identity
from ollive_sdk.events import ClientFields, SpanClientFields
from ollive_sdk.faults import fault_fields
from ollive_sdk.safety import harmless

CALL_FIELDS = frozenset(ClientFields.__annotations__)
STEP_FIELDS = frozenset(SpanClientFields.__annotations__)
HEAVY = ("messages", "tools", "parameters")  # told once, when the call starts
CANCELED = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt)
SAMPLES = 256

current: ContextVar[tuple[str, str] | None] = ContextVar("ollive_span", default=None)  # trace and span


class Told(Protocol):
    """Takes an event as it is told."""

    def __call__(self, event: dict[str, Any]) -> None: ...


class Stopwatch:
    """Runs from its making; ends once. As a context manager it ends by itself: failed, canceled, or finished."""

    def __init__(self, tell: Told) -> None:
        self._tell = tell
        self.started_at = datetime.now(UTC)
        self._began = time.perf_counter()
        self.is_ended = False
        self.trace_id, self.span_id, self.parent_span_id = _place()
        self._token: Token[tuple[str, str] | None] | None = None

    @harmless
    def fail(self, error: BaseException | str, **fields: Any) -> None:
        """It ended with an error."""
        self._end("error", fault_fields(error) | fields)

    @harmless
    def cancel(self, **fields: Any) -> None:
        """Whoever wanted it wants it no more."""
        self._end("canceled", fields)

    @harmless
    def end_with(self, error: BaseException, **fields: Any) -> None:
        """It ended with this exception: canceled or failed, as its kind says."""
        if isinstance(error, CANCELED):
            self._end("canceled", fields)
        else:
            self._end("error", fault_fields(error) | fields)

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave(error)

    async def __aenter__(self) -> Self:
        self._begin()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave(error)

    @harmless
    def _begin(self) -> None:
        self._token = current.set((self.trace_id, self.span_id))

    @harmless
    def _leave(self, error: BaseException | None) -> None:
        if error is not None:
            self.end_with(error)
        else:
            self._end("success", {})
        if self._token is not None:
            current.reset(self._token)

    def _after(self, seconds: float) -> str:
        return (self.started_at + timedelta(seconds=seconds)).isoformat()

    def _end(self, status: str, fields: Mapping[str, Any]) -> None:
        raise NotImplementedError


class Call(Stopwatch):
    """One call to a model: `first_token` when it comes, then one of `finish`, `fail` and `cancel`."""

    def __init__(self, tell: Told, fields: dict[str, Any]) -> None:
        super().__init__(tell)
        self.id = (identity.given(fields.pop("inference_id", None)) if "inference_id" in fields else None) or identity.uuid7()
        self._fields = fields
        self._first: float | None = None
        self._times: list[int] = []
        self._stride, self._tokens = 1, 0
        self._tell_start()

    @harmless
    def first_token(self) -> None:
        """The first token came now; later ones change nothing."""
        if self._first is None:
            self._first = time.perf_counter() - self._began

    @harmless
    def token(self) -> None:
        """A token came now: the first one is timed, the others are sampled, at most 256 of them."""
        elapsed = time.perf_counter() - self._began
        if self._first is None:
            self._first = elapsed
        if self._tokens % self._stride == 0:
            if len(self._times) == SAMPLES:
                self._times, self._stride = self._times[::2], self._stride * 2
            if self._tokens % self._stride == 0:
                self._times.append(round(elapsed * 1000))
        self._tokens += 1

    @harmless
    def note(self, **fields: Any) -> None:
        """Tell more about the call; it goes with its end. A field that is not declared goes to `metadata`."""
        self._fields.update(fields)

    @harmless
    def finish(self, **fields: Any) -> None:
        """It ended well: `reply`, `finish_reason`, `served_model`, tokens (see `ollive_sdk.usage`), …"""
        self._end("success", fields)

    @harmless
    def _tell_start(self) -> None:
        self._tell({"phase": "started", **self._told(self._fields)})

    def _end(self, status: str, fields: Mapping[str, Any]) -> None:
        if self.is_ended:
            return
        self.is_ended = True
        elapsed = time.perf_counter() - self._began
        light = {name: value for name, value in self._fields.items() if name not in HEAVY}
        event = {"phase": "finished", **self._told({**light, **fields}), "status": status}
        event["ended_at"], event["latency_ms"] = self._after(elapsed), round(elapsed * 1000)
        if self._first is not None:
            event["first_token_at"], event["ttft_ms"] = self._after(self._first), round(self._first * 1000)
        if len(self._times) > 1:
            event["token_times_ms"] = self._times
        self._tell(event)

    def _told(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        ids = {"inference_id": str(self.id), "trace_id": self.trace_id, "span_id": self.span_id}
        if self.parent_span_id:
            ids["parent_span_id"] = self.parent_span_id
        return {**ids, "started_at": self.started_at.isoformat(), **declared(fields, CALL_FIELDS, "metadata")}


class Step(Stopwatch):
    """One step around the calls. What happens inside its `with` block becomes part of its trace."""

    def __init__(self, tell: Told, fields: dict[str, Any]) -> None:
        super().__init__(tell)
        self.id = (identity.given(fields.pop("id", None)) if "id" in fields else None) or identity.uuid7()
        self._fields = fields

    @harmless
    def note(self, **fields: Any) -> None:
        """Tell more about the step. A field that is not declared goes to `attributes`."""
        self._fields.update(fields)

    @harmless
    def finish(self, result: Any = None, **fields: Any) -> None:
        """It ended well, with this result."""
        self._end("success", fields if result is None else {"result": result, **fields})

    def _end(self, status: str, fields: Mapping[str, Any]) -> None:
        if self.is_ended:
            return
        self.is_ended = True
        elapsed = time.perf_counter() - self._began
        event = {"phase": "span", "id": str(self.id), "trace_id": self.trace_id, "span_id": self.span_id}
        if self.parent_span_id:
            event["parent_span_id"] = self.parent_span_id
        told = declared({**self._fields, **fields}, STEP_FIELDS, "attributes")
        times = {"started_at": self.started_at.isoformat(), "ended_at": self._after(elapsed), "latency_ms": round(elapsed * 1000)}
        self._tell({**event, **times, **told, "status": status})


def declared(fields: Mapping[str, Any], names: frozenset[str], rest: str) -> dict[str, Any]:
    """The declared ones of these fields, and the others inside the field `rest`: a stray name costs no event."""
    told = {name: value for name, value in fields.items() if name in names and value is not None}
    if len(told) < len(fields):
        stray = {str(name): value for name, value in fields.items() if name not in names and value is not None}
        if stray:
            known = told.get(rest)
            told[rest] = {**known, **stray} if isinstance(known, Mapping) else stray
    return told


def _place() -> tuple[str, str, str | None]:
    """Trace, span and parent of what begins here."""
    around = current.get()
    if around is None:
        return identity.trace_id(), identity.span_id(), None
    return around[0], identity.span_id(), around[1]
