"""Where events go: to a server, into memory (tests), to standard output, or nowhere."""

import gzip
import http.client
import json
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from ollive_sdk.version import __version__

PATH = "/api/v1/ingest"
ANSWER_LIMIT = 4 * 1024 * 1024
GZIP_FROM = 1_024  # bytes
LONGEST_WAIT = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a batch. `later`: try it again; `too_large`: try smaller ones; `refused`: never try it again."""

    kind: Literal["stored", "later", "too_large", "refused"]
    accepted: int = 0
    duplicate: int = 0
    rejected: Sequence[dict[str, Any]] = ()
    problems: Sequence[dict[str, Any]] = ()  # of events that were taken: fields that had to be left out
    reason: str = ""
    retry_after: float | None = None  # seconds


class Transport(Protocol):
    """Sends encoded events. May block, and may raise OSError: it runs in the sender's thread."""

    def send(self, events: Sequence[bytes]) -> Answer: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class Memory:
    """Keeps the events, decoded, in `events`."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def send(self, events: Sequence[bytes]) -> Answer:
        self.events += [json.loads(event) for event in events]
        return Answer("stored", accepted=len(events))

    def close(self) -> None: ...


class Stdout:
    """Writes one line of JSON an event."""

    def send(self, events: Sequence[bytes]) -> Answer:
        sys.stdout.write("".join(f"{event.decode()}\n" for event in events))
        sys.stdout.flush()
        return Answer("stored", accepted=len(events))

    def close(self) -> None: ...


class Null:
    """Forgets the events."""

    def send(self, events: Sequence[bytes]) -> Answer:
        return Answer("stored", accepted=len(events))

    def close(self) -> None: ...


class Http:
    """Posts batches to an Ollive over one kept connection. No redirect is followed, and no proxy asked."""

    def __init__(self, url: str, api_key: str, *, timeout: float = 10.0) -> None:
        """Raises ValueError for what is no http or https address."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is not an http or https address")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path = parts.path.rstrip("/") + PATH
        self._timeout = timeout
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
            "User-Agent": f"ollive-sdk/{__version__}",
        }
        self._connection: http.client.HTTPConnection | None = None

    def send(self, events: Sequence[bytes]) -> Answer:
        body = b'{"events":[' + b",".join(events) + b"]}"
        headers = dict(self._headers)
        if len(body) >= GZIP_FROM:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        try:
            status, found, retry_after = self._post(body, headers)
        except http.client.HTTPException as error:
            self.close()
            return Answer("later", reason=f"an answer that is no HTTP ({type(error).__name__})")
        except OSError:
            self.close()
            raise
        return _read(status, found, retry_after, len(events))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, str | None]:
        """A kept connection may have been closed at the other end meanwhile: then a new one is opened, once."""
        kept = self._connection
        if kept is not None:
            try:
                return self._exchange(kept, body, headers)
            except (http.client.RemoteDisconnected, http.client.CannotSendRequest, ConnectionError):
                self.close()
        self._connection = self._connect()
        return self._exchange(self._connection, body, headers)

    def _exchange(
        self, connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes, str | None]:
        connection.request("POST", self._path, body, headers)
        answer = connection.getresponse()
        found = answer.read(ANSWER_LIMIT)
        if answer.will_close or not answer.isclosed():
            self.close()
        return answer.status, found, answer.headers.get("Retry-After")

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)


def _read(status: int, body: bytes, retry_after: str | None, count: int) -> Answer:
    if status in {200, 202, 207}:
        return _of_items(body, count)
    reason = f"status {status}"
    if status == 413:
        return Answer("too_large", reason=reason)
    if status in {400, 415, 422}:
        return Answer("refused", reason=f"{reason}: {body[:200].decode('utf-8', 'replace')}")
    return Answer("later", reason=reason, retry_after=_seconds(retry_after))


def _of_items(body: bytes, count: int) -> Answer:
    """An answer that does not account for every event came from something else than an Ollive: nothing is known to be stored."""
    unreadable = Answer("later", reason="an answer that no Ollive gives")
    try:
        found = json.loads(body)
        accepted, duplicate, rejected = int(found["accepted"]), int(found["duplicate"]), list(found["rejected"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return unreadable
    if accepted + duplicate + len(rejected) != count or not all(isinstance(item, dict) for item in rejected):
        return unreadable
    problems = found.get("problems")
    return Answer("stored", accepted, duplicate, rejected, problems if isinstance(problems, list) else ())


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After, in seconds or as a date."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else None  # noqa: PLR0124 (NaN)
