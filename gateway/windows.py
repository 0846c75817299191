"""How much was asked in the last minute, counted in one process: the same windows as `limits.lua` keeps for all of them.

A window holds the running second and the sixty before it, so no minute, wherever it begins, ever holds more than its limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from accounts.entrance import Limits

SLOTS = 61
MOST_KNOWN = 10_000

Kind = Literal["requests", "tokens", "concurrent"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose requests are counted together: a key's, or all of a person's."""

    name: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Used:
    """What a window holds, and in how many seconds it will be empty."""

    requests: int
    tokens: int
    requests_gone_in: float = SLOTS
    tokens_gone_in: float = SLOTS


@dataclass(frozen=True, slots=True)
class Booked:
    """A request that was counted: in which second of the counter, and what each subject's window holds with it."""

    second: int
    used: Sequence[Used] = ()


@dataclass(frozen=True, slots=True)
class Full:
    """A request that was not counted: whose limit (by position) of what is in the way, and for how many seconds yet."""

    position: int
    kind: Kind
    wait: float
    used: Used


@dataclass(slots=True)
class Window:
    """One subject's last minute, and its running calls."""

    at: int
    requests: int = 0
    tokens: int = 0
    running: int = 0
    requests_in: list[int] = field(default_factory=lambda: [0] * SLOTS)
    tokens_in: list[int] = field(default_factory=lambda: [0] * SLOTS)

    def move(self, second: int) -> None:
        """Take off what has left it."""
        for passed in range(max(self.at + 1, second - SLOTS + 1), second + 1):
            slot = passed % SLOTS
            self.requests -= self.requests_in[slot]
            self.tokens -= self.tokens_in[slot]
            self.requests_in[slot] = self.tokens_in[slot] = 0
        self.at = max(self.at, second)

    def book(self, second: int, requests: int, tokens: int) -> None:
        """What a second holds never falls below nothing."""
        slot = second % SLOTS
        more = max(tokens, -self.tokens_in[slot])
        self.requests_in[slot] += requests
        self.tokens_in[slot] += more
        self.requests += requests
        self.tokens += more

    def used(self, now: float) -> Used:
        return Used(self.requests, self.tokens, self._gone_in(self.requests_in, now), self._gone_in(self.tokens_in, now))

    def wait(self, kind: Kind, surplus: int, now: float) -> float:
        """In how many seconds so much will have left it."""
        held = self.requests_in if kind == "requests" else self.tokens_in
        gone = 0
        for second in range(self.at - SLOTS + 1, self.at + 1):
            gone += held[second % SLOTS]
            if gone >= surplus:
                return second + SLOTS - now
        return SLOTS

    def _gone_in(self, held: Sequence[int], now: float) -> float:
        newest = next((second for second in range(self.at, self.at - SLOTS, -1) if held[second % SLOTS]), None)
        return 0.0 if newest is None else newest + SLOTS - now


class Tally:
    """The windows of one process. `share` makes each limit stricter: so many processes count without each other."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}

    def admit(self, subjects: Sequence[Subject], tokens: int, *, now: float, share: int = 1) -> Booked | Full:
        """Count a request for all of the subjects, or for none."""
        windows = [self._window(subject.name, int(now)) for subject in subjects]
        for position, (subject, window) in enumerate(zip(subjects, windows, strict=True)):
            full = _full(window, subject.limits, tokens, share)
            if full is not None:
                kind, surplus = full
                wait = 0.0 if kind == "concurrent" else window.wait(kind, surplus, now)
                return Full(position, kind, wait, window.used(now))
        for window in windows:
            window.book(window.at, 1, tokens)
            window.running += 1
        return Booked(int(now))

    def used(self, subjects: Sequence[Subject], *, now: float) -> list[Used]:
        return [self._window(subject.name, int(now)).used(now) for subject in subjects]

    def close(self, subjects: Sequence[Subject], booked: Booked, *, tokens: int, taken: int, now: float) -> None:
        """The call has ended, and took so many tokens instead of those that it was counted with."""
        for subject in subjects:
            window = self._window(subject.name, int(now))
            window.running = max(0, window.running - 1)
            if window.at - booked.second < SLOTS:
                window.book(booked.second, 0, taken - tokens)
            elif taken > tokens:
                window.book(window.at, 0, taken - tokens)

    def undo(self, subjects: Sequence[Subject], booked: Booked, *, tokens: int, now: float) -> None:
        """The call was not made after all."""
        self.close(subjects, booked, tokens=tokens, taken=0, now=now)
        for subject in subjects:
            window = self._windows[subject.name]
            if window.at - booked.second < SLOTS:
                window.book(booked.second, -1, 0)

    def _window(self, name: str, second: int) -> Window:
        window = self._windows.get(name)
        if window is None:
            if len(self._windows) >= MOST_KNOWN:
                self._forget(second)
            window = self._windows[name] = Window(second)
        else:
            window.move(second)
        return window

    def _forget(self, second: int) -> None:
        self._windows = {name: window for name, window in self._windows.items() if window.running or second - window.at < SLOTS}


def _full(window: Window, limits: Limits, tokens: int, share: int) -> tuple[Kind, int] | None:
    """Which limit the request would pass, and by how much."""
    if limits.requests is not None and (surplus := window.requests + 1 - part(limits.requests, share)) > 0:
        return "requests", surplus
    if limits.tokens is not None and (surplus := window.tokens + tokens - part(limits.tokens, share)) > 0:
        return "tokens", surplus
    if limits.concurrent is not None and window.running >= part(limits.concurrent, share):
        return "concurrent", 1
    return None


def part(limit: int, share: int) -> int:
    """A process's part of a limit: rounded down, so that the parts never come to more; nobody is shut out by it."""
    return max(1, limit // share)
