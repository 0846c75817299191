"""The recorder: hands out stopwatches, and has their events sent. Nothing in here blocks its host, or raises into it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ollive_sdk import identity
from ollive_sdk.counters import Counters
from ollive_sdk.encoding import CONTENT, encode
from ollive_sdk.events import SpanKind
from ollive_sdk.safety import harmless, say_once
from ollive_sdk.sender import EXIT_SECONDS, Sender
from ollive_sdk.spool import Spool
from ollive_sdk.stopwatch import CALL_FIELDS, STEP_FIELDS, Call, Step, declared
from ollive_sdk.transports import Http, Null, Transport
from ollive_sdk.version import __version__

PREVIEWS = ("input_preview", "output_preview", "arguments_preview", "result_preview")
SPOOL_BYTES = 64 * 1024 * 1024

_around: ContextVar[Mapping[str, Any] | None] = ContextVar("ollive_fields", default=None)


class Recorder:
    """Records calls to language models, and the steps around them.

    `url` and `api_key` are OLLIVE_URL and OLLIVE_API_KEY of the environment where they are not given; without them nothing is
    sent. `app`, `version` and `environment` go with every event. `spool` is a folder for events while the server is away, which
    this user alone may read; without it they wait in memory. With `content=False` no prompt and no reply leaves the program.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        app: str | None = None,
        version: str | None = None,
        environment: str | None = None,
        transport: Transport | None = None,
        spool: str | os.PathLike[str] | None = None,
        spool_bytes: int = SPOOL_BYTES,
        content: bool = True,
        queue_size: int = 10_000,
        flush_seconds: float = 0.2,
        flush_events: int = 100,
    ) -> None:
        self._content = content
        base = {"app": app, "version": version, "environment": environment, "sdk_version": __version__}
        self._base = {name: value for name, value in base.items() if value is not None}
        folder = spool or os.environ.get("OLLIVE_SPOOL")
        self._sender = Sender(
            transport or _transport(url or os.environ.get("OLLIVE_URL"), api_key or os.environ.get("OLLIVE_API_KEY")) or Null(),
            Spool(Path(folder), spool_bytes) if folder else None,
            queue_size=queue_size,
            flush_seconds=flush_seconds,
            flush_events=flush_events,
        )
        if folder:
            self._resume()

    def start(self, model: str | None = None, **fields: Any) -> Call:
        """A call begins: `provider`, `messages`, `parameters` and whatever else docs/events.md declares for a client.

        Use it in a `with` block, or end it by its `finish`, `fail` or `cancel`.
        """
        return Call(self._tell, {**self._base, **(_around.get() or {}), "requested_model": model, "model": model, **fields})

    @harmless
    def record(self, *, status: str, **fields: Any) -> None:
        """A call that has ended already, with its own `started_at` and `ended_at`: for what other programs tell."""
        told = declared({**self._base, **(_around.get() or {}), **fields}, CALL_FIELDS, "metadata")
        self._tell({"phase": "finished", "inference_id": str(identity.uuid7()), **told, "status": status})

    def step(self, kind: SpanKind, name: str, **fields: Any) -> Step:
        """A step begins that is no call to a model: a tool's run with its `arguments`, an agent's turn, a look-up."""
        around = {key: value for key, value in (_around.get() or {}).items() if key in STEP_FIELDS}
        return Step(self._tell, {**self._base, **around, "kind": kind, "name": name, **fields})

    @contextmanager
    def context(self, **fields: Any) -> Iterator[None]:
        """Fields for every call that starts inside: `session_id`, `end_user`, `conversation_id`, `tags`, `metadata`, …"""
        token = _around.set({**(_around.get() or {}), **fields})
        try:
            yield
        finally:
            _around.reset(token)

    @property
    def counters(self) -> Counters:
        """What became of the events so far."""
        return self._sender.state()

    @harmless
    def flush(self, seconds: float = EXIT_SECONDS) -> bool:
        """Send what waits; whether all of it was dealt with in time. Blocks, unlike all else: for the end of a short program."""
        return self._sender.flush(seconds)

    @harmless
    def close(self, seconds: float = EXIT_SECONDS) -> None:
        """Flush, then record no more. It happens by itself when the interpreter ends."""
        self._sender.close(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @harmless
    def _resume(self) -> None:
        self._sender.resume()

    @harmless
    def _tell(self, event: dict[str, Any]) -> None:
        if not self._content:
            event = {name: value for name, value in event.items() if name not in CONTENT and name not in PREVIEWS}
        data, is_shortened = encode(event)
        if is_shortened:
            self._sender.counters.shortened += 1
            say_once("shortened", "An event was too long for Ollive, or not readable; some of its content was left out.")
        self._sender.put(data)


@harmless
def _transport(url: str | None, api_key: str | None) -> Transport:
    if url and api_key:
        return Http(url, api_key)
    say_once("address", "No OLLIVE_URL or no OLLIVE_API_KEY: nothing is recorded.")
    return Null()


_default: Recorder | None = None


def default_recorder() -> Recorder:
    """The recorder of the environment's address and key, made when it is first asked for."""
    global _default
    if _default is None:
        _default = Recorder()
    return _default
