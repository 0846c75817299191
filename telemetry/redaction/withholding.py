"""Failing closed: what could not be redacted is withheld, and the call that it belongs to goes on."""

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

WITHHELD = "[[WITHHELD]]"


def withhold_on_error(work: Callable[[], Result], withheld: Result) -> Result:
    """What `work` returns, or `withheld` when it fails."""
    try:
        return work()
    except Exception:  # edge: a text that could not be redacted must not pass, and must not stop the call that it belongs to
        return withheld
