"""What frames bring beside the reply's text: the model's reasoning, and the rows of the tools that it used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from chat.render import BlockRenderer


def thinking_time(milliseconds: int | None) -> str:
    """How long a model has thought, in words."""
    if not milliseconds or milliseconds < 1000:
        return "Thought for a moment"
    minutes, rest = divmod(round(milliseconds / 1000), 60)
    return f"Thought for {minutes} min {rest} s" if minutes else f"Thought for {rest} s"


@dataclass(frozen=True, slots=True)
class Thought:
    """One step of the reasoning: the redacted text it adds, what that does to the page, and how long it took so far.

    `tail` is None where it stays as it was.
    """

    text: str
    append: str
    tail: str | None
    ms: int
    is_live: bool

    def content(self) -> dict[str, Any]:
        """For the page."""
        return {
            "append": self.append,
            "tail": self.tail,
            "ms": self.ms,
            "label": None if self.is_live else thinking_time(self.ms),
        }


@dataclass(frozen=True, slots=True)
class Aside:
    """`rows` are the tools' rows that changed, as HTML by the id of the use."""

    thought: Thought | None = None
    rows: Mapping[str, str] = field(default_factory=dict)

    def dump(self) -> bytes:
        return orjson.dumps({"thought": asdict(self.thought) if self.thought else None, "rows": dict(self.rows)})

    @classmethod
    def load(cls, stored: bytes) -> "Aside":
        content = orjson.loads(stored)
        return cls(Thought(**content["thought"]) if content["thought"] else None, content["rows"])

    def content(self) -> dict[str, Any]:
        """The keys of a frame."""
        return {
            **({"thought": self.thought.content()} if self.thought else {}),
            **({"tools": list(self.rows.items())} if self.rows else {}),
        }


def merged(asides: Iterable[Aside | None]) -> Aside | None:
    """Several steps as one; None where there is nothing in them."""
    thoughts: list[Thought] = []
    rows: dict[str, str] = {}
    for aside in asides:
        if aside is not None:
            thoughts += [aside.thought] if aside.thought else []
            rows |= aside.rows
    thought = thoughts[-1] if thoughts else None
    if thought is not None and len(thoughts) > 1:
        thought = Thought(
            "".join(one.text for one in thoughts),
            "".join(one.append for one in thoughts),
            next((one.tail for one in reversed(thoughts) if one.tail is not None), None),
            thought.ms,
            thought.is_live,
        )
    return Aside(thought, rows) if thought or rows else None


class Reasoning:
    """The reasoning of one run as it grows: its text, how it looks, and how long the model has thought. Times in seconds."""

    def __init__(self) -> None:
        self._renderer = BlockRenderer()
        self._steps: list[Thought] = []
        self._pending: list[str] = []
        self._tail = ""
        self._spent = 0.0
        self._since: float | None = None
        self._is_changed = False

    def add(self, text: str, *, now: float) -> None:
        if self._since is None:
            self._since = now
            if self._steps or self._pending:
                self._pending.append("\n\n")  # the model thinks again, after a tool
        self._pending.append(text)

    def pause(self, *, now: float) -> None:
        """The model does something else."""
        if self._since is not None:
            self._spent += now - self._since
            self._since, self._is_changed = None, True

    def cut(self, *, now: float) -> Thought | None:
        """One step of what has come in since the last one."""
        if not self._pending and not self._is_changed:
            return None
        text = "".join(self._pending)
        self._pending.clear()
        self._is_changed = False
        patch = self._renderer.feed(text)
        tail = None if patch.tail == self._tail and not patch.append else patch.tail
        self._tail = patch.tail
        step = Thought(text, patch.append, tail, self.spent_ms(now), self._since is not None)
        self._steps.append(step)
        return step

    def spent_ms(self, now: float) -> int:
        return round((self._spent + (now - self._since if self._since is not None else 0.0)) * 1000)

    @property
    def text(self) -> str:
        return text_of(self._steps)

    @property
    def html(self) -> str:
        """What a page that followed from the start shows."""
        return "".join(step.append for step in self._steps) + self._tail


def text_of(steps: Sequence[Thought]) -> str:
    return "".join(step.text for step in steps)
