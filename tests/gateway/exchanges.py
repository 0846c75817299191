"""Asking the fake provider through an adapter, and what came of it."""

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from gateway.adapters.timeouts import Timeouts
from gateway.protocol import Adapter, ChatRequest, Delta, Finish, StreamPart, Target, Usage

PATIENT = Timeouts(connect=5, first_byte=20, idle=20, ending=5)
HASTY = Timeouts(connect=5, first_byte=0.3, idle=0.3, ending=0.3)


@dataclass
class Heard:
    """Everything that an adapter said, by sort."""

    parts: list[StreamPart] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(part.content for part in self.parts if isinstance(part, Delta))

    @property
    def reasoning(self) -> str:
        return "".join(part.reasoning for part in self.parts if isinstance(part, Delta))

    @property
    def usage(self) -> Usage | None:
        return next((part for part in self.parts if isinstance(part, Usage)), None)

    @property
    def finishes(self) -> list[Finish]:
        return [part for part in self.parts if isinstance(part, Finish)]

    def text_of(self, index: int) -> str:
        return "".join(part.content for part in self.parts if isinstance(part, Delta) and part.index == index)

    def tool_calls(self) -> list[tuple[str, str, str]]:
        """Id, name and arguments of each call, put together from its pieces."""
        calls: dict[int, list[str]] = {}
        for part in self.parts:
            for piece in part.tool_calls if isinstance(part, Delta) else ():
                call = calls.setdefault(piece.index, ["", "", ""])
                call[:] = call[0] + piece.id, call[1] + piece.name, call[2] + piece.arguments
        return [(call[0], call[1], call[2]) for _, call in sorted(calls.items())]


def ask(url: str, model: str, *, adapter: str = "direct", prompt: str = "How do tides work?", **parameters: Any) -> ChatRequest:
    target = Target(provider="openai", model=model, adapter=adapter, base_url=url, api_key="sk-of-alice-0123456789")
    return ChatRequest(target, [{"role": "user", "content": prompt}], parameters)


async def hear(adapter: Adapter, request: ChatRequest, heard: Heard | None = None) -> Heard:
    """Listen to the end; what was heard before a fault is in `heard`."""
    heard = heard or Heard()
    async with aclosing(adapter.stream(request)) as stream:
        async for part in stream:
            heard.parts.append(part)
    return heard
