"""What a model has said, choice by choice, put together for the log, which alone reads it."""

from collections.abc import Mapping
from typing import Any

from gateway.tool_calls import Collector


class Said:
    """One choice."""

    __slots__ = ("asked", "content", "finish", "reasoning")

    def __init__(self) -> None:
        self.content: list[str] = []
        self.reasoning: list[str] = []
        self.asked = Collector()
        self.finish = ""

    @property
    def reply(self) -> Any:
        """The text, or the message where tools are asked for."""
        text = "".join(self.content)
        if not self.asked.calls:
            return text
        return {"role": "assistant", "content": text or None, "tool_calls": [call.message() for call in self.asked.calls]}

    @property
    def text(self) -> str:
        """All of it that counts as tokens."""
        return "".join([*self.reasoning, *self.content, *(f"{call.name}{call.arguments}" for call in self.asked.calls)])


class Collected(dict[int, Said]):
    """The choices by their index."""

    def __missing__(self, index: int) -> Said:
        said = self[index] = Said()
        return said

    @property
    def finished_count(self) -> int:
        return sum(1 for said in self.values() if said.finish)

    @property
    def reply(self) -> Any:
        """One choice as it is; several as a list of messages."""
        replies = [said.reply for _, said in sorted(self.items())]
        if len(replies) <= 1:
            return replies[0] if replies else ""
        return [reply if isinstance(reply, Mapping) else {"role": "assistant", "content": reply} for reply in replies]

    @property
    def reasoning(self) -> str:
        return "\n\n".join(thought for _, said in sorted(self.items()) if (thought := "".join(said.reasoning)))

    @property
    def text(self) -> str:
        return "".join(said.text for said in self.values())
