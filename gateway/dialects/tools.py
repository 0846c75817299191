"""Tools that a program declares: those that it uses itself. What a provider would use is refused: nobody here would see what it
reads, where it connects to, and what that costs.
"""

import re
from collections.abc import Mapping
from typing import Any

from accounts.entrance import Refused
from gateway.dialects.fields import wrong

# Anthropic's own tools that run at the caller's.
RUN_BY_CALLER = re.compile(r"(custom|(bash|text_editor|computer|memory)_\d{8})", re.ASCII)


def hosted(kind: Any, where: str) -> Refused:
    """The refusal of a tool that isn't the caller's own."""
    message = f"Tools of the type {str(kind)[:60]!r} are run by the provider, which is not allowed here: declare functions."
    return Refused(400, "hosted_tool", message, param=where)


def function(name: Any, described: Mapping[str, Any], schema: Any, *, where: str) -> dict[str, Any]:
    """A function as chat completions declare it."""
    if not isinstance(name, str) or not 0 < len(name) <= 128:
        raise wrong(f"{where}.name", "must be a text of 1 to 128 characters")
    if schema is not None and not isinstance(schema, Mapping):
        raise wrong(where, "must have a JSON schema")
    told: dict[str, Any] = {"name": name, "parameters": schema or {"type": "object", "properties": {}}}
    if isinstance(described.get("description"), str):
        told["description"] = described["description"]
    if isinstance(described.get("strict"), bool):
        told["strict"] = described["strict"]
    return {"type": "function", "function": told}
