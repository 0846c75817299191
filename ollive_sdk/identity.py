"""Ids of calls, traces and spans."""

import os
import time
from uuid import UUID

from ollive_sdk.safety import harmless


def uuid7() -> UUID:
    """A UUID that begins with the time, so that newer calls sort after older ones."""
    value = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10))
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def trace_id() -> str:
    return os.urandom(16).hex()


def span_id() -> str:
    return os.urandom(8).hex()


@harmless
def given(value: object) -> UUID:
    """The caller's own id."""
    return value if isinstance(value, UUID) else UUID(str(value))
