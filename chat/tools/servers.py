"""MCP servers over streamable HTTP: what tools they have, and asking for one of them.

Their addresses come from a page. So each connection is judged as a provider's is: on the resolved address, to which it is
pinned; no proxy variable is read, and no redirect leaves the server's origin. Each use has a connection of its own.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import structlog

from chat.models import ToolServer
from chat.tools.steps import ToolError

MAX_TOOLS = 128
MAX_PAGES = 10
MAX_DESCRIPTION = 1024
MAX_SCHEMA_BYTES = 16 * 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and the header that opens it."""

    name: str
    url: str
    header: str = ""
    secret: str = field(default="", repr=False)

    @classmethod
    def of(cls, server: ToolServer) -> "Address":
        return cls(server.name, server.url, server.header, server.secret.reveal() if server.secret else "")


async def discover(address: Address) -> list[dict[str, Any]]:
    """The server's tools: name, description and schema of each. Raises `ToolError`."""
    found: list[dict[str, Any]] = []
    async with _connected(address) as client:
        cursor = None
        for _ in range(MAX_PAGES):
            page = await client.list_tools(cursor=cursor)
            found += [_told(tool) for tool in page.tools]
            cursor = page.next_cursor
            if not cursor or len(found) >= MAX_TOOLS:
                break
    return found[:MAX_TOOLS]


async def call(address: Address, tool: str, arguments: Mapping[str, Any]) -> str:
    """What comes of one use of a server's tool, as text. Raises `ToolError`."""
    async with _connected(address) as client:
        result = await client.call_tool(tool, dict(arguments))
    text = "\n\n".join(_words(part) for part in result.content)
    if not text and result.structured_content is not None:
        text = json.dumps(result.structured_content, ensure_ascii=False)
    if result.is_error:
        raise ToolError(text or "The server says that the tool failed, and not why.")
    return text


def _told(tool: Any) -> dict[str, Any]:
    schema = tool.input_schema or {}
    if len(json.dumps(schema)) > MAX_SCHEMA_BYTES:
        schema = {"type": "object"}
    return {"name": tool.name, "description": (tool.description or tool.title or "")[:MAX_DESCRIPTION], "schema": schema}


def _words(part: Any) -> str:
    if part.type == "text":
        return str(part.text)
    if part.type == "resource" and isinstance(getattr(part.resource, "text", None), str):
        return str(part.resource.text)
    if part.type == "resource_link":
        return f"{part.name}: {part.uri}"
    return f"[{part.type}: not text, left out]"


@asynccontextmanager
async def _connected(address: Address) -> AsyncIterator[Any]:
    """A client of the server. Whatever goes wrong below the tool itself becomes a `ToolError` that says so."""
    # The client's packages take two seconds to import: off the event loop, at the first use.
    connections = await asyncio.to_thread(import_module, "chat.tools.connections")
    headers = {address.header: address.secret} if address.header and address.secret else {}
    reach = connections.Reach()
    try:
        async with connections.connect(address.url, headers, reach) as client:
            yield client
    except (ToolError, TimeoutError):
        raise
    except Exception as error:  # edge: the client raises its own, its transport's and groups of errors
        raise _fault(address, error, reach.fault) from error


def _fault(address: Address, error: BaseException, said: str) -> ToolError:
    found = list(_leaves(error))
    tool_error = next((one for one in found if isinstance(one, ToolError)), None)
    if tool_error is not None:
        return tool_error
    reason = said or next((str(one) for one in found if str(one)), "")
    log.info("A tool server failed.", server=address.name, error=type(error).__name__)
    words = " ".join(reason.replace(address.secret, "…").split() if address.secret else reason.split())
    return ToolError(f"{address.name} could not be used. {words[:300]}".strip())


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
