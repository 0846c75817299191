"""A request of Anthropic's messages API as a chat completion's.

Thoughts of earlier turns are left out: only their provider can read them, and it is asked in its own words.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.dialects.fields import MAX_MESSAGES, MAX_OUTPUT_TOKENS, MAX_TOOLS, Fields, objects, wrong
from gateway.dialects.tools import RUN_BY_CALLER, function, hosted

LONG = 4_000_000
# Budgets of thinking, in tokens, from which on they are told as this effort.
EFFORTS = ((10_000, "high"), (4_000, "medium"), (1_024, "low"))
PLAIN = ("temperature", "top_p")
# What a provider that speaks this protocol is given as it came.
PASSED = (
    *("max_tokens", "messages", "system", "stop_sequences", "temperature", "top_p", "top_k", "tools", "tool_choice", "thinking"),
    *("output_config", "stream"),
)


def read(fields: Fields) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The messages and the parameters. Raises `Refused`."""
    system = fields.given.get("system")
    messages = [{"role": "system", "content": _plain(system, "system")}] if system is not None and system != "" else []
    given = fields.list_of("messages", limit=MAX_MESSAGES)
    if not given:
        raise wrong("messages", "must hold at least one message")
    for position, message in enumerate(objects(given, "messages")):
        messages += _turn(message, f"messages[{position}]")
    return messages, _parameters(fields)


def passed(fields: Fields) -> dict[str, Any]:
    """The fields that a provider of this protocol gets as they are. Raises `Refused`."""
    _tools(fields)
    return {name: fields.given[name] for name in PASSED if fields.given.get(name) is not None}


def _parameters(fields: Fields) -> dict[str, Any]:
    most = fields.whole("max_tokens", 1, MAX_OUTPUT_TOKENS)
    if most is None:
        raise wrong("max_tokens", "is missing")
    parameters: dict[str, Any] = {"max_tokens": most}
    for name in PLAIN:
        if (value := fields.number(name, 0, 1)) is not None:
            parameters[name] = value
    if stops := fields.stops("stop_sequences"):
        parameters["stop"] = stops
    if effort := _effort(fields):
        parameters["reasoning_effort"] = effort
    if tools := _tools(fields):
        parameters["tools"] = tools
        parameters |= _choice(fields.object_of("tool_choice"))
    return parameters


def _effort(fields: Fields) -> str | None:
    told = fields.object_of("output_config").get("effort")
    if isinstance(told, str) and told in {"low", "medium", "high"}:
        return told
    thinking = fields.object_of("thinking")
    budget = thinking.get("budget_tokens")
    if thinking.get("type") != "enabled" or not isinstance(budget, int):
        return None
    return next((effort for tokens, effort in EFFORTS if budget >= tokens), None)


def _tools(fields: Fields) -> list[dict[str, Any]]:
    tools = []
    for position, tool in enumerate(objects(fields.list_of("tools", limit=MAX_TOOLS), "tools")):
        where, kind = f"tools[{position}]", tool.get("type") or "custom"
        if not RUN_BY_CALLER.fullmatch(str(kind)):
            raise hosted(kind, where)
        tools.append(function(tool.get("name"), tool, tool.get("input_schema"), where=where))
    return tools


def _choice(given: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    match given.get("type"):
        case "any":
            told["tool_choice"] = "required"
        case "tool":
            told["tool_choice"] = {"type": "function", "function": {"name": str(given.get("name"))}}
        case "auto" | "none" as plain:
            told["tool_choice"] = plain
    if given.get("disable_parallel_tool_use") is True:
        told["parallel_tool_calls"] = False
    return told


def _turn(message: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or role not in {"user", "assistant"}:
        raise wrong(f"{where}.role", "must be user or assistant")
    if isinstance(content, str):
        yield {"role": role, "content": content}
        return
    if not isinstance(content, list):
        raise wrong(f"{where}.content", "must be a text or a list of blocks")
    blocks = list(objects(content, f"{where}.content"))
    yield from _of_assistant(blocks) if role == "assistant" else _of_user(blocks, f"{where}.content")


def _of_assistant(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    text = "".join(str(block.get("text") or "") for block in blocks if block.get("type") == "text")
    calls = [
        {
            "id": str(block.get("id")),
            "type": "function",
            "function": {"name": str(block.get("name")), "arguments": orjson.dumps(block.get("input") or {}).decode()},
        }
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    if text or calls:
        yield {"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})}


def _of_user(blocks: list[dict[str, Any]], where: str) -> Iterator[dict[str, Any]]:
    """The results of tools come first, each as a message of its own; pictures among them go with what the person says."""
    parts: list[dict[str, Any]] = []
    for position, block in enumerate(blocks):
        if block.get("type") != "tool_result":
            parts.append(_part(block, f"{where}[{position}]"))
            continue
        content = block.get("content")
        inner = list(objects(content, where)) if isinstance(content, list) else []
        shown = [_part(one, f"{where}[{position}].content") for one in inner]
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in shown)
        text = f"Error: {text}" if block.get("is_error") is True else text
        yield {"role": "tool", "tool_call_id": str(block.get("tool_use_id")), "content": text}
        parts += [part for part in shown if part["type"] != "text"]
    if parts:
        only_text = all(part["type"] == "text" for part in parts)
        yield {"role": "user", "content": "\n".join(part["text"] for part in parts) if only_text else parts}


def _part(block: Mapping[str, Any], where: str) -> dict[str, Any]:
    source = block.get("source")
    source = source if isinstance(source, Mapping) else {}
    match block.get("type"), source.get("type"):
        case "text", _:
            return {"type": "text", "text": str(block.get("text") or "")}
        case "image", "base64":
            return _picture(f"data:{source.get('media_type')};base64,{source.get('data')}")
        case "image", "url":
            return _picture(str(source.get("url")))
        case "document", "text":
            return {"type": "text", "text": str(source.get("data") or "")}
        case "document", "base64":
            data = f"data:{source.get('media_type')};base64,{source.get('data')}"
            return {"type": "file", "file": {"filename": str(block.get("title") or "document.pdf"), "file_data": data}}
    raise wrong(where, f"must be a block of text, a picture or a document, not {str(block.get('type'))[:40]!r}")


def _picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def _plain(value: Any, name: str) -> str:
    """A text, or blocks of text."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise wrong(name, "must be a text or a list of text blocks")
    return "\n\n".join(str(block.get("text") or "") for block in objects(value, name))
