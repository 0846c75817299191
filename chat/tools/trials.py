"""Asking an MCP server for its tools, and keeping what it said."""

import asyncio
from datetime import datetime
from typing import Any

from asgiref.sync import async_to_sync

from chat.models import ToolServer
from chat.tools import servers
from chat.tools.steps import ToolError
from telemetry import policies

SECONDS = 20.0


def test(server: ToolServer, *, now: datetime) -> bool:
    """Ask now; whether it answered. A server that fails keeps the tools that it had."""
    try:
        found = async_to_sync(_discover)(servers.Address.of(server))
    except ToolError as error:
        found, fault = None, policies.rules_of(server.workspace_id).redactor.redact(str(error)).text
    else:
        fault = ""
    changes: dict[str, Any] = {"tested_at": now, "test_error": fault}
    if found is not None:
        changes["tools"] = found
    for name, value in changes.items():
        setattr(server, name, value)
    ToolServer.objects.filter(id=server.id).update(**changes)
    return found is not None


async def _discover(address: servers.Address) -> list[dict[str, Any]]:
    try:
        async with asyncio.timeout(SECONDS):
            return await servers.discover(address)
    except TimeoutError as error:
        raise ToolError(f"{address.name} gave no answer within {SECONDS:g} seconds.") from error
