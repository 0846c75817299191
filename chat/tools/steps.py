"""One step of a run beside its calls: a tool being used, from what the model wrote to what comes of it."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from django.utils import timezone

from chat.models import ToolUse
from chat.tools import uses
from gateway.calls import Call
from gateway.tool_calls import ToolCall
from telemetry import events

RESULT_BYTES = 32 * 1024
CUT = "\n[[The rest of this result was cut.]]"
Status = ToolUse.Status


class ToolError(Exception):
    """A tool that could not do what it was asked for: a sentence for the model and for the person."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model is offered. `name` is what the model calls it, `run` takes its arguments and gives its result."""

    name: str
    description: str
    schema: Mapping[str, Any]
    run: Callable[[Mapping[str, Any]], Awaitable[str]] = field(repr=False)
    label: str = ""  # what people read
    server: str = ""

    def declaration(self) -> dict[str, Any]:
        """As OpenAI's `tools` has it."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.schema)}
        return {"type": "function", "function": function}


Toolbox = Mapping[str, Tool]
NO_TOOLS: Toolbox = {}


def declared(toolbox: Toolbox) -> dict[str, Any]:
    """The parameter that offers these tools."""
    return {"tools": [tool.declaration() for tool in toolbox.values()]} if toolbox else {}


class Use:
    """One use of a tool in a run: its row, and what only the model and the tool get to see."""

    def __init__(self, call: Call, asked: ToolCall, row: ToolUse) -> None:
        self.call = call
        self.asked = asked
        self.row = row
        self.result = ""

    @property
    def html(self) -> str:
        return uses.row_html(self.row)

    @property
    def is_over(self) -> bool:
        return self.row.status != Status.RUNNING

    def arguments(self) -> Mapping[str, Any]:
        """Raises `ToolError` when they are not what they must be."""
        try:
            given = orjson.loads(self.asked.arguments or "{}")
        except orjson.JSONDecodeError as error:
            raise ToolError(f"The arguments are not valid JSON: {error}.") from error
        if not isinstance(given, dict):
            raise ToolError("The arguments must be a JSON object.")
        return given

    def end(self, status: Status, result: str) -> None:
        """The one end of this use. The row gets the redacted result; to be called in a thread, as that takes its time."""
        self.result = shortened(result)
        self.row.result = self.call.rules.redactor.redact(self.result).text
        self.row.status = status
        self.row.ended_at = timezone.now()

    def cancel(self) -> bool:
        """End it without a result, unless it has ended; whether it had not."""
        if self.is_over:
            return False
        self.row.status, self.row.ended_at = Status.CANCELED, timezone.now()
        return True

    def span(self) -> events.Event:
        kept = self.call.kept
        return uses.span_of(self.row, self._identity(), arguments=self.asked.arguments, result=self.result, payloads=kept)

    def _identity(self) -> dict[str, Any]:
        origin = self.call.origin
        return {
            "workspace_id": origin.workspace_id,
            "user_id": origin.user_id,
            "source": origin.source,
            "conversation_id": origin.conversation_id,
            "trace_id": origin.trace_id,
            "parent_span_id": self.call.span_id,
            "inference_id": self.call.inference_id,
        }


class Steps(Protocol):
    """What `close` needs to know of a run."""

    uses: list[Use]


def close(run: Steps) -> None:
    """Store how the tools ended that were in use when the run did."""
    for use in run.uses:
        ToolUse.objects.filter(id=use.row.id, status=Status.RUNNING).update(
            status=use.row.status, result=use.row.result, ended_at=use.row.ended_at
        )


def begun(call: Call, asked: ToolCall, message_id: uuid.UUID, *, number: int, position: int, server: str) -> Use:
    """A use that is about to be run, its row not yet stored."""
    row = ToolUse(
        message_id=message_id,
        round=number,
        position=position,
        inference_id=call.inference_id,
        call_id=asked.id[:200],
        name=asked.name[:100],
        server=server,
        arguments=call.rules.redactor.redact(asked.arguments).text,
        redaction_version=call.rules.version,
        started_at=timezone.now(),
    )
    return Use(call, asked, row)


def shortened(result: str) -> str:
    """At most `RESULT_BYTES` of it, with a mark where it was cut; without what PostgreSQL and UTF-8 refuse."""
    encoded = result.replace("\x00", "").encode("utf-8", "replace")
    if len(encoded) <= RESULT_BYTES:
        return encoded.decode()
    return encoded[: RESULT_BYTES - len(CUT)].decode("utf-8", "ignore") + CUT


async def outcome(use: Use, tool: Tool | None, *, seconds: float) -> tuple[Status, str]:
    """Run one tool, and say how it ended."""
    if tool is None:
        return Status.FAILED, f"There is no tool {use.asked.name!r} here."
    try:
        async with asyncio.timeout(seconds):
            return Status.DONE, await tool.run(use.arguments())
    except ToolError as error:
        return Status.FAILED, str(error)
    except TimeoutError:
        return Status.FAILED, f"The tool gave no answer within {seconds:g} seconds."
