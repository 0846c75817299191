"""Which tools a chat has: what an admin of the workspace switched on, and of that what the person did."""

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chat.models import Conversation, ToolServer, WorkspaceTool
from chat.tools import servers
from chat.tools.builtin import BUILTIN
from chat.tools.steps import Tool, Toolbox
from gateway import efforts
from gateway.protocol import Target

MAX_TOOLS = 64  # most providers take no more than this many, and choose badly among more
NAME_CHARACTERS = 64
_UNFIT = re.compile(r"[^a-zA-Z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of the menu: a built-in tool, or an MCP server with all its tools. `key` is what the chat remembers."""

    key: str
    label: str
    description: str
    is_on: bool


def offers(workspace_id: uuid.UUID, chosen: Iterable[str]) -> list[Offer]:
    """What the person may switch on in a chat; empty where no admin has switched on anything."""
    on = set(chosen)
    lines = [(tool.name, tool.label, tool.description) for tool in _builtin(workspace_id)]
    lines += [(key_of(server), server.name, _summary(server)) for server in _servers(workspace_id)]
    return [Offer(key, label, description, key in on) for key, label, description in lines]


def toolbox(conversation: Conversation, target: Target) -> Toolbox:
    """The tools that a model gets in this chat, by the names it calls them."""
    chosen = set(conversation.tools)
    if not chosen or not efforts.takes_tools(target, conversation.workspace_id):
        return {}
    found = [tool for tool in _builtin(conversation.workspace_id) if tool.name in chosen]
    for server in _servers(conversation.workspace_id):
        if key_of(server) in chosen:
            found += tools_of(server)
    named: dict[str, Tool] = {}
    for tool in found[:MAX_TOOLS]:
        named.setdefault(tool.name, tool)
    return named


def choose(conversation: Conversation, keys: Sequence[str]) -> None:
    """Switch these on in a chat, as far as they mean something here, and all others off."""
    found = [offer.key for offer in offers(conversation.workspace_id, keys) if offer.is_on] if keys else []
    if found != conversation.tools:
        conversation.tools = found
        conversation.save(update_fields=["tools"])


def key_of(server: ToolServer) -> str:
    return f"mcp:{server.id}"


def tools_of(server: ToolServer) -> list[Tool]:
    """A server's tools as they were found, but for those that an admin switched off."""
    address = servers.Address.of(server)
    off = set(server.disabled_tools)
    return [_tool_of(server, told, address) for told in server.tools if told["name"] not in off]


def _tool_of(server: ToolServer, told: Mapping[str, Any], address: servers.Address) -> Tool:
    return Tool(
        name=name_for(server.name, told["name"]),
        label=told["name"],
        server=server.name,
        description=told["description"],
        schema=told["schema"] if told["schema"].get("type") == "object" else {"type": "object", **told["schema"]},
        run=partial(servers.call, address, told["name"]),
    )


def name_for(server: str, tool: str) -> str:
    """What a model calls a server's tool: letters, digits, _ and -, at most 64 of them, and none twice."""
    name = f"{_UNFIT.sub('_', server).strip('_').lower() or 'server'}__{_UNFIT.sub('_', tool)}"
    if len(name) <= NAME_CHARACTERS:
        return name
    return f"{name[: NAME_CHARACTERS - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _builtin(workspace_id: uuid.UUID) -> list[Tool]:
    on = set(WorkspaceTool.objects.filter(workspace_id=workspace_id).values_list("name", flat=True))
    return [tool for name, tool in BUILTIN.items() if name in on]


def _servers(workspace_id: uuid.UUID) -> list[ToolServer]:
    found = ToolServer.objects.filter(workspace_id=workspace_id, is_enabled=True).order_by("name")
    return [server for server in found if {tool["name"] for tool in server.tools} - set(server.disabled_tools)]


def _summary(server: ToolServer) -> str:
    names = [tool["name"] for tool in server.tools if tool["name"] not in server.disabled_tools]
    return ", ".join(names[:6]) + ("…" if len(names) > 6 else "")
