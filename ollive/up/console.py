"""One stream for everything that the processes say: each line begins with the name of its process."""

import sys

WIDTH = 8


def say(name: str, line: str) -> None:
    _write(f"{name:<{WIDTH}} | {line}\n")


def announce(text: str) -> None:
    """Words for the person: no prefix."""
    _write(f"{text}\n")


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        # Whoever read our output is gone, as after `make run | head`. That is no reason to stop serving.
        pass
