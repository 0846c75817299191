"""A local store for events of calls that are paid for already, while PostgreSQL is away: `keep` now, `replay` once it is back.

Each process appends to a file of its own under the data folder and holds its lock as long as it lives; a file whose lock is free
is replayed by whoever finds it first. Events are redacted when they come here, and sealed with the installation's keys.
A file begins with MAGIC and how far it was replayed, then come the records of `telemetry.spool_records`.
"""

import fcntl
import mmap
import os
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from uuid_utils.compat import uuid7

from accounts.encryption import DecryptionError, key_ring
from telemetry import inbox, spool_records, tallies, wakeups
from telemetry.events import Event
from telemetry.spool_records import Record

MAGIC = b"OLLSPL01"
PROGRESS = struct.Struct(">Q")
START = len(MAGIC) + PROGRESS.size
CONTEXT = b"telemetry.spool"
BATCH, BATCH_BYTES = 500, 4 * 1024 * 1024
TORN = "torn in the spool"  # a write that never ended: nobody was told that it had
UNREADABLE = "unreadable in the spool"  # damaged since, or its key is gone, or PostgreSQL refuses it: it is put aside

log = structlog.get_logger(__name__)


class SpoolError(Exception):
    """Nothing was kept: the spool is full, or can't be written. The message is for the operator."""


@dataclass(slots=True)
class Replayed:
    """What became of the records that were found."""

    stored: int = 0
    duplicate: int = 0
    torn: int = 0
    unreadable: int = 0

    @property
    def count(self) -> int:
        return self.stored + self.duplicate + self.torn + self.unreadable


@dataclass(frozen=True, slots=True)
class State:
    """What waits in the spool, and how much of it was put aside."""

    events: int
    size_bytes: int
    aside: int


class Spool:
    """The files of one folder. One a process; safe in its threads, and beside those of other processes."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._file: int | None = None

    def keep(self, events: Sequence[Event]) -> None:
        """Durable when it returns. Raises SpoolError, and then has kept none of them."""
        data = b"".join(spool_records.frame(_seal(event)) for event in events)
        with self._lock:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if self._size() + len(data) > self._limit:
                    raise SpoolError(f"The spool in {self.folder} is full ({self._limit:,} bytes): see OLLIVE_SPOOL_BYTES.")
                if self._file is None:
                    self._file = self._open()
                _append(self._file, data)
            except OSError as error:
                self._leave()
                raise SpoolError(f"The spool in {self.folder} can't be written ({error.strerror}).") from error

    def replay(self) -> Replayed:
        """Put into the inbox what waits here, but for what other living processes are writing. Safe to repeat.

        Raises the database's errors; what was not replayed then waits on.
        """
        replayed = Replayed()
        if next(self.folder.glob("*.spool"), None) is None:
            return replayed
        connection.ensure_connection()  # before our file is let go of: while the database is away it goes on growing
        with self._lock:
            self._leave()
        for path in sorted(self.folder.glob("*.spool")):
            with _locked(path) as file:
                if file is not None:
                    self._replay(path, file, replayed)
        if replayed.count:
            log.info("the spool was replayed", stored=replayed.stored, duplicate=replayed.duplicate)
            wakeups.wake()
        return replayed

    def retry_aside(self) -> Replayed:
        """Try once more what was put aside: a key may be back, or what PostgreSQL refused may be mended."""
        replayed = Replayed()
        for path in sorted((self.folder / "aside").glob("*")):
            record = next(spool_records.read(path.read_bytes(), 0), None)
            event = _unseal(record) if record is not None else None
            refused: set[int] = set()
            if event is not None:
                with transaction.atomic(), connection.cursor() as cursor:
                    appended = _store({0: event}, refused, cursor)
                replayed.stored += appended.stored
                replayed.duplicate += appended.duplicate
            if event is None or refused:
                replayed.unreadable += 1
            else:
                path.unlink(missing_ok=True)
        return replayed

    def state(self) -> State:
        events = sum(_count(path) for path in self.folder.glob("*.spool")) if self.folder.is_dir() else 0
        aside = len(list((self.folder / "aside").glob("*"))) if self.folder.is_dir() else 0
        return State(events, self._size(), aside)

    def _size(self) -> int:
        """Bytes of the records that wait."""
        total = 0
        for path in self.folder.glob("*.spool"):
            with suppress(FileNotFoundError):
                total += max(0, path.stat().st_size - START)
        return total

    def _open(self) -> int:
        """A new file, ours alone before anything is in it."""
        while True:
            path = self.folder / f"{uuid7()}.spool"
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file).st_nlink:  # else somebody took the empty file for a dead process's and removed it
                    _append(file, MAGIC + PROGRESS.pack(START))
                    _sync_folder(self.folder)
                    return file
            except OSError:
                os.close(file)
                path.unlink(missing_ok=True)
                raise
            os.close(file)

    def _leave(self) -> None:
        """Let go of our file: whoever replays may have it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _replay(self, path: Path, file: int, replayed: Replayed) -> None:
        if os.fstat(file).st_size > START:
            with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as held:
                for batch in _batches(spool_records.read(held, _progress(held))):
                    self._take(path, held, batch, replayed)
                    os.pwrite(file, PROGRESS.pack(batch[-1].end), len(MAGIC))
        path.unlink(missing_ok=True)
        _sync_folder(self.folder)

    def _take(self, path: Path, held: Any, batch: Sequence[Record], replayed: Replayed) -> None:
        """One transaction: the events, and the count of what is no event any more."""
        events = {record.start: event for record in batch if (event := _unseal(record)) is not None}
        torn = sum(record.is_torn for record in batch)
        with transaction.atomic(), connection.cursor() as cursor:
            refused: set[int] = set()
            appended = _store(events, refused, cursor)
            lost = [record for record in batch if not record.is_torn and (record.start not in events or record.start in refused)]
            for record in lost:
                self._put_aside(f"{path.stem}-{record.start}", bytes(held[record.start : record.end]))
            for reason, count in ((TORN, torn), (UNREADABLE, len(lost))):
                if count:
                    tallies.add(cursor, reason, received=count, rejected=count)
                    log.error("records of the spool are not events", reason=reason, count=count)
        replayed.stored += appended.stored
        replayed.duplicate += appended.duplicate
        replayed.torn += torn
        replayed.unreadable += len(lost)

    def _put_aside(self, name: str, data: bytes) -> None:
        """Keep what can't be read now, sealed as it was: a key may come back."""
        folder = self.folder / "aside"
        folder.mkdir(mode=0o700, exist_ok=True)
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _append(file, data)
        finally:
            os.close(file)


def keep(events: Sequence[Event]) -> None:
    """Keep events in this installation's spool. Raises SpoolError."""
    _here().keep(events)


def replay() -> Replayed:
    """Replay this installation's spool. Raises the database's errors."""
    return _here().replay()


def retry_aside() -> Replayed:
    return _here().retry_aside()


def state() -> State:
    return _here().state()


@cache
def _here() -> Spool:
    return Spool(Path(settings.OLLIVE_DATA_DIR) / "spool", settings.OLLIVE_SPOOL_BYTES)


def _seal(event: Event) -> str:
    told = {name: getattr(event, name) for name in inbox.COLUMNS} | {"received_at": event.received_at or datetime.now(UTC)}
    return key_ring().seal(orjson.dumps(told).decode(), CONTEXT)


def _unseal(record: Record) -> Event | None:
    """The record's event; None when there is none to be read."""
    if record.text is None:
        return None
    try:
        told: dict[str, str] = orjson.loads(key_ring().unseal(record.text, CONTEXT))
        return Event(
            workspace_id=UUID(told["workspace_id"]),
            inference_id=UUID(told["inference_id"]),
            event_id=told["event_id"],
            body=told["body"],
            received_at=datetime.fromisoformat(told["received_at"]),
        )
    except (DecryptionError, ValueError, KeyError, TypeError):
        return None


def _store(events: dict[int, Event], refused: set[int], cursor: CursorWrapper) -> inbox.Appended:
    """Append the events; the places of those that PostgreSQL refuses, whatever comes with them, go to `refused`."""
    try:
        with transaction.atomic():
            return inbox.append(list(events.values()), cursor)
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError:
        if len(events) == 1:
            refused.update(events)
            return inbox.Appended(0, 0)
    halves = [_store({start: events[start] for start in list(events)[part]}, refused, cursor) for part in _halves(len(events))]
    return inbox.Appended(sum(half.stored for half in halves), sum(half.duplicate for half in halves))


def _halves(count: int) -> tuple[slice, slice]:
    return slice(0, count // 2), slice(count // 2, count)


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == BATCH or record.end - batch[0].start > BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def _progress(held: Any) -> int:
    """Where the next record is; the first one where that can't be told: replaying twice does no harm."""
    (end,) = PROGRESS.unpack(held[len(MAGIC) : START])
    return int(end) if end == len(held) or held[end : end + len(spool_records.MARK)] == spool_records.MARK else START


def _count(path: Path) -> int:
    """How many records wait in a file; what others remove meanwhile waits no more."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
            return sum(1 for _ in spool_records.read(held, _progress(held))) if len(held) > START else 0
    except (FileNotFoundError, ValueError):
        return 0


@contextmanager
def _locked(path: Path) -> Iterator[int | None]:
    """The file, ours alone; None while its writer lives or somebody else replays it."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file if os.fstat(file).st_nlink else None
    except BlockingIOError:
        yield None
    finally:
        os.close(file)


def _append(file: int, data: bytes) -> None:
    """Write and sync all of it, or leave the file as it was."""
    size = os.fstat(file).st_size
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, size)
            os.fsync(file)
        raise


def _sync_folder(folder: Path) -> None:
    """Make the coming or going of a file durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
