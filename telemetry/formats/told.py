"""What a format's reader makes of one item, and what it says of one that it can't read."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Literal
from uuid import UUID

NANOSECONDS = 1_000_000_000


class Malformed(ValueError):
    """The whole request can't be read; the message says why."""


class Unreadable(ValueError):
    """One item can't be told of: `code` for the machine, the message for the person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Told:
    """One call (`finished`, or only `started`) or one step around it (`span`): the caller's name for it, and declared fields."""

    name: str
    phase: Literal["started", "finished", "span"]
    fields: dict[str, Any] = field(default_factory=dict)


def identify(*parts: str) -> UUID:
    """The same parts make the same identity, so that what is sent again is stored once."""
    return UUID(bytes=blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).digest(), version=5)


def moment(nanoseconds: int | None) -> datetime | None:
    """A time in UTC from nanoseconds since 1970; None for none, and for what no calendar holds."""
    if not nanoseconds or nanoseconds < 0:
        return None
    seconds, rest = divmod(nanoseconds, NANOSECONDS)
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    except (OverflowError, ValueError, OSError):
        return None


def milliseconds(start_ns: int, end_ns: int) -> int | None:
    """From start to end; clocks that go backwards give 0, a missing one None."""
    if start_ns <= 0 or end_ns <= 0:
        return None
    return min(max(0, round((end_ns - start_ns) / 1_000_000)), 2**31 - 1)
