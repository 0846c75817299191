"""A request of OpenAI's responses API as a chat completion's. Nothing is kept at a provider, so nothing kept is gone on from."""

from collections.abc import Iterator, Mapping
from typing import Any

from accounts.entrance import Refused
from gateway.dialects.fields import MAX_MESSAGES, MAX_OUTPUT_TOKENS, MAX_TOOLS, Fields, objects, wrong
from gateway.dialects.tools import function, hosted

LONG = 4_000_000
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
INCLUDED = ("reasoning.encrypted_content", "message.output_text.logprobs")
# What refers to something that is kept at the provider, where keys of several people meet.
KEPT_ELSEWHERE = ("previous_response_id", "conversation", "prompt", "background")
ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}
# What a provider that speaks this protocol is given as it came.
PASSED = (
    *(
        "input",
        "instructions",
        "max_output_tokens",
        "temperature",
        "top_p",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
    ),
    *("reasoning", "include", "truncation", "top_logprobs", "stream"),
)


def read(fields: Fields) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The messages and the parameters. Raises `Refused`."""
    for name in KEPT_ELSEWHERE:
        if fields.given.get(name):
            message = f"{name} is not supported: nothing is kept at a provider. Send the whole conversation as input."
            raise Refused(400, "unsupported_parameter", message, param=name)
    instructions = fields.text("instructions", limit=LONG)
    messages = [{"role": "system", "content": instructions}] if instructions else []
    given = fields.given.get("input")
    if isinstance(given, str) and given:
        messages.append({"role": "user", "content": given})
    elif isinstance(given, list) and 0 < len(given) <= MAX_MESSAGES:
        messages += _joined(_items(given))
    else:
        raise wrong("input", f"must be a text, or a list of 1 to {MAX_MESSAGES:,} items")
    return messages, _parameters(fields)


def passed(fields: Fields) -> dict[str, Any]:
    """The fields that a provider of this protocol gets as they are, and the word that it shall keep nothing."""
    include = fields.list_of("include", limit=10)
    if any(name not in INCLUDED for name in include):
        raise wrong("include", f"may hold {' and '.join(INCLUDED)}")
    return {name: fields.given[name] for name in PASSED if fields.given.get(name) is not None} | {"store": False}


def _parameters(fields: Fields) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "max_tokens": fields.whole("max_output_tokens", 1, MAX_OUTPUT_TOKENS),
        "temperature": fields.number("temperature", 0, 2),
        "top_p": fields.number("top_p", 0, 1),
        "response_format": _format(fields.object_of("text")),
    }
    effort = fields.object_of("reasoning").get("effort")
    if effort is not None and effort not in EFFORTS:
        raise wrong("reasoning.effort", f"must be one of {', '.join(EFFORTS)}")
    parameters["reasoning_effort"] = effort
    if tools := _tools(fields):
        parameters["tools"] = tools
        parameters["tool_choice"] = _choice(fields.given.get("tool_choice"))
        if fields.given.get("parallel_tool_calls") is not None:
            parameters["parallel_tool_calls"] = fields.flag("parallel_tool_calls")
    return {name: value for name, value in parameters.items() if value is not None}


def _tools(fields: Fields) -> list[dict[str, Any]]:
    tools = []
    for position, tool in enumerate(objects(fields.list_of("tools", limit=MAX_TOOLS), "tools")):
        where = f"tools[{position}]"
        if tool.get("type") != "function":
            raise hosted(tool.get("type"), where)
        tools.append(function(tool.get("name"), tool, tool.get("parameters"), where=where))
    return tools


def _choice(given: Any) -> Any:
    if given is None or given in ("auto", "none", "required"):
        return given
    if isinstance(given, Mapping) and given.get("type") == "function":
        return {"type": "function", "function": {"name": str(given.get("name"))}}
    raise wrong("tool_choice", "must be auto, none, required or a function")


def _format(text: Mapping[str, Any]) -> dict[str, Any] | None:
    told = text.get("format")
    if not isinstance(told, Mapping) or told.get("type") in (None, "text"):
        return None
    if told.get("type") == "json_object":
        return {"type": "json_object"}
    if told.get("type") != "json_schema":
        raise wrong("text.format.type", "must be text, json_object or json_schema")
    schema = {name: told[name] for name in ("name", "description", "schema", "strict") if told.get(name) is not None}
    return {"type": "json_schema", "json_schema": schema}


def _items(given: list[Any]) -> Iterator[dict[str, Any]]:
    for position, item in enumerate(objects(given, "input")):
        where = f"input[{position}]"
        match item.get("type") or ("message" if "role" in item else None):
            case "message":
                yield _message(item, where)
            case "function_call":
                told = {"name": str(item.get("name")), "arguments": str(item.get("arguments") or "{}")}
                call = {"id": str(item.get("call_id")), "type": "function", "function": told}
                yield {"role": "assistant", "content": None, "tool_calls": [call]}
            case "function_call_output":
                yield {"role": "tool", "tool_call_id": str(item.get("call_id")), "content": _output(item.get("output"), where)}
            case "reasoning":  # only its provider can read it, and gets it as it is
                continue
            case kind:
                raise wrong(f"{where}.type", f"must not be {str(kind)[:40]!r} here")


def _joined(messages: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Calls that were made beside each other, or with a text, are one message."""
    joined: list[dict[str, Any]] = []
    for message in messages:
        last = joined[-1] if joined else {}
        if message.get("tool_calls") and last.get("role") == "assistant":
            last["tool_calls"] = [*last.get("tool_calls", []), *message["tool_calls"]]
        else:
            joined.append(message)
    return joined


def _message(item: Mapping[str, Any], where: str) -> dict[str, Any]:
    role = ROLES.get(str(item.get("role")))
    if role is None:
        raise wrong(f"{where}.role", f"must be one of {', '.join(ROLES)}")
    content = item.get("content")
    if isinstance(content, str):
        return {"role": role, "content": content}
    if not isinstance(content, list):
        raise wrong(f"{where}.content", "must be a text or a list of parts")
    parts = [_part(part, f"{where}.content") for part in objects(content, f"{where}.content")]
    if role != "user" or all(part["type"] == "text" for part in parts):
        return {"role": role, "content": "".join(part.get("text", "") for part in parts)}
    return {"role": role, "content": parts}


def _part(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": str(part.get("text") or "")}
        case "refusal":
            return {"type": "text", "text": str(part.get("refusal") or "")}
        case "input_image" if isinstance(part.get("image_url"), str):
            detail = {"detail": part["detail"]} if part.get("detail") in ("low", "high", "auto") else {}
            return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
        case "input_file" if isinstance(part.get("file_data"), str):
            return {"type": "file", "file": {"filename": str(part.get("filename") or "file"), "file_data": part["file_data"]}}
    raise wrong(where, f"must not hold a part of the type {str(part.get('type'))[:40]!r} without its data")


def _output(value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    parts = [_part(part, where) for part in objects(value if isinstance(value, list) else [value], f"{where}.output")]
    return "".join(part.get("text", "") for part in parts)
