"""Events on the disk while the server is away: `keep` now, `peek` and `advance` once it is back, by whichever process.

Each process appends to a file of its own in the folder and holds its lock as long as it lives; a file whose lock is free is
replayed by whoever finds it first. A file begins with MAGIC and how far it was replayed; then come records of mark, length,
CRC-32 and payload. The payload is ASCII and the mark is not: after a damaged record the next one is found.
The content is what the host program said, readable: the folder is made 0700 and its files 0600.
"""

import os
import struct
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ollive_sdk.identity import uuid7

try:
    import fcntl

    CAN_LOCK = True
except ImportError:  # on Windows a spool answers that it can't be written
    CAN_LOCK = False

MAGIC = b"OLLSDK01"
PROGRESS = struct.Struct(">Q")
START = len(MAGIC) + PROGRESS.size
MARK = b"\xa5\xe0EV"
HEAD = struct.Struct(">4sII")
CHUNK = 4 * 1024 * 1024


class Spool:
    """The files of one folder, at most `limit_bytes` of them. Safe in threads and beside other processes."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.torn_count = 0
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._writing: tuple[Path, int] | None = None
        self._reading: tuple[Path, int] | None = None
        self._place = self._next = START  # in the file being read: where it is, and where it goes on after `advance`
        self._damaged = 0  # records between the two

    def keep(self, events: Sequence[bytes]) -> None:
        """On the disk when it returns. Raises OSError, and then has kept none."""
        data = b"".join(HEAD.pack(MARK, len(event), zlib.crc32(event)) + event for event in events)
        if not self._lock.acquire(timeout=1.0):
            raise OSError("the spool is busy")
        try:
            if not CAN_LOCK:
                raise OSError("files can't be locked on this system")
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._size() + len(data) > self._limit:
                raise OSError(f"the spool is full ({self._limit:,} bytes)")
            if self._writing is None:
                self._writing = self._create()
            _append(self._writing[1], data)
        finally:
            self._lock.release()

    def peek(self, count: int, size: int) -> list[bytes]:
        """The next events, at most so many and about so many bytes; the same ones until `advance`. Empty when none wait here."""
        with self._lock:
            while self._reading is not None or self._open_next():
                events = self._read(count, size)
                if events:
                    return events
                self._pass()
                assert self._reading is not None
                if self._place >= os.fstat(self._reading[1]).st_size:
                    self._finish_reading()
            return []

    def advance(self) -> None:
        """What `peek` gave is dealt with."""
        with self._lock:
            if self._reading is not None:
                self._pass()

    def leave(self) -> None:
        """Let go of the files, for whoever comes next."""
        with self._lock:
            for held in (self._writing, self._reading):
                if held is not None:
                    os.close(held[1])
            self._writing = self._reading = None

    def forget(self) -> None:
        """In a forked child: the files stay the parent's. Closing our copies does not free its locks."""
        self._lock = threading.Lock()
        self.leave()

    def _size(self) -> int:
        total = 0
        for path in self.folder.glob("*.spool"):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def _create(self) -> tuple[Path, int]:
        """A new file, locked before anything is in it."""
        while True:
            path = self.folder / f"{uuid7()}.spool"
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file).st_nlink:  # else somebody took the empty file for a dead process's and removed it
                    _append(file, MAGIC + PROGRESS.pack(START))
                    return path, file
            except OSError:
                os.close(file)
                path.unlink(missing_ok=True)
                raise
            os.close(file)

    def _open_next(self) -> bool:
        """Take the oldest file that nobody holds; our own too, from then on new events go to another one."""
        if not CAN_LOCK or not self.folder.is_dir():
            return False
        if self._writing is not None:
            os.close(self._writing[1])
            self._writing = None
        for path in sorted(self.folder.glob("*.spool")):
            try:
                file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(file).st_nlink:
                    self._reading = path, file
                    self._place = self._next = _progress(file)
                    return True
            except BlockingIOError:
                pass
            os.close(file)
        return False

    def _read(self, count: int, size: int) -> list[bytes]:
        """Whole records from our place on, until `_next`; between them may be damaged ones."""
        assert self._reading is not None
        file = self._reading[1]
        held = os.pread(file, max(CHUNK, size), self._place)
        is_end = self._place + len(held) >= os.fstat(file).st_size
        events: list[bytes] = []
        position = taken = self._damaged = 0
        while position < len(held) and len(events) < count and taken < size:
            event = _record(held, position)
            if event is not None:
                events.append(event)
                taken += len(event)
                position += HEAD.size + len(event)
            elif events and not is_end:
                break  # perhaps only our reading cut it: the next one begins with it
            else:
                following = held.find(MARK, position + 1)
                position = following if following > 0 else len(held)
                self._damaged += 1
        self._next = self._place + position
        return events

    def _pass(self) -> None:
        assert self._reading is not None
        self._place = self._next
        self.torn_count += self._damaged
        self._damaged = 0
        os.pwrite(self._reading[1], PROGRESS.pack(self._place), len(MAGIC))

    def _finish_reading(self) -> None:
        assert self._reading is not None
        path, file = self._reading
        path.unlink(missing_ok=True)
        os.close(file)
        self._reading = None


def _record(held: bytes, position: int) -> bytes | None:
    """The payload of the whole record that begins here."""
    head = held[position : position + HEAD.size]
    if len(head) < HEAD.size:
        return None
    mark, length, checksum = HEAD.unpack(head)
    event = held[position + HEAD.size : position + HEAD.size + length]
    return event if mark == MARK and len(event) == length and zlib.crc32(event) == checksum else None


def _progress(file: int) -> int:
    """Where the file goes on; from its start where that can't be told: sending twice does no harm."""
    held = os.pread(file, START, 0)
    if len(held) < START or not held.startswith(MAGIC):
        return min(START, len(held))
    return max(START, int(PROGRESS.unpack(held[len(MAGIC) :])[0]))


def _append(file: int, data: bytes) -> None:
    """Write and sync all of it, or leave the file as it was."""
    size = os.lseek(file, 0, os.SEEK_END)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, size)
        raise
