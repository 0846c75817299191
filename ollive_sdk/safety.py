"""Keeps what goes wrong in here away from the host program: it is counted, and said once through `logging`."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

SAYINGS = 1_000
log = logging.getLogger("ollive_sdk")
_said: set[str] = set()
failure_count = 0


def harmless(function: Callable[P, R]) -> Callable[P, R | None]:
    """The function, which answers None instead of raising."""

    @wraps(function)
    def safely(*args: P.args, **kwargs: P.kwargs) -> R | None:
        global failure_count
        try:
            return function(*args, **kwargs)
        except Exception as error:  # edge: recording must never change what the host program does
            failure_count += 1
            say_once(f"{function.__qualname__} {type(error).__name__}", "Recording failed: %s (%s)", function.__qualname__, error)
            return None

    return safely


def say_once(key: str, message: str, *values: object) -> None:
    """Log a warning, the first time that this key comes."""
    if key not in _said and len(_said) < SAYINGS:
        _said.add(key)
        try:
            log.warning(message, *values)
        except Exception:  # edge: a handler of the host's that raises is the host's own trouble, but not here
            _said.add("log")
