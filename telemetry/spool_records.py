"""How the spool writes a record: mark, length, checksum, sealed text. A damaged one costs itself and nothing after it. Pure."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

MARK = b"\xa5\xe0SP"  # its first byte is no ASCII, and sealed text is: no record's inside looks like the start of one
HEAD = struct.Struct(">4sII")  # mark, length of the text, CRC-32 of length and text
LENGTH = struct.Struct(">I")


class Bytes(Protocol):
    """bytes, or a file that is mapped into memory."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: slice, /) -> bytes: ...
    def find(self, sub: bytes, start: int = ..., /) -> int: ...


@dataclass(frozen=True, slots=True)
class Record:
    """One record from `start` to `end`; `text` is None when it is damaged, and `is_torn` when its writing was cut short."""

    start: int
    end: int
    text: str | None
    is_torn: bool = False


def frame(text: str) -> bytes:
    """A record of sealed (ASCII) text."""
    body = text.encode("ascii")
    return HEAD.pack(MARK, len(body), _checksum(body)) + body


def read(held: Bytes, start: int) -> Iterator[Record]:
    """The records from `start` on, the damaged ones too."""
    size = len(held)
    while start < size:
        record = _whole(held, start)
        if record is None:
            following = held.find(MARK, start + 1)
            end = following if following > 0 else size
            record = Record(start, end, None, is_torn=end == size and _is_beginning(held, start, size))
        yield record
        start = record.end


def _whole(held: Bytes, start: int) -> Record | None:
    head = held[start : start + HEAD.size]
    if len(head) < HEAD.size:
        return None
    mark, length, checksum = HEAD.unpack(head)
    end = start + HEAD.size + length
    if mark != MARK or end > len(held):
        return None
    body = held[start + HEAD.size : end]
    return Record(start, end, body.decode("ascii")) if _checksum(body) == checksum else None


def _is_beginning(held: Bytes, start: int, size: int) -> bool:
    """Whether what is left is the first part of a record: what a death in the middle of a write leaves."""
    head = held[start : start + HEAD.size]
    if len(head) < HEAD.size:
        return MARK.startswith(head[: len(MARK)])
    mark, length, _ = HEAD.unpack(head)
    return mark == MARK and start + HEAD.size + int(length) > size


def _checksum(body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(LENGTH.pack(len(body))))
