"""A span's attributes while they are read: what is taken is gone, what is left was unknown and is kept as it came."""

import re
from collections.abc import Container
from typing import Any

import orjson

INDEX_LIMIT = 10_000
DEPTH_LIMIT = 12  # dots that are looked at in one name
JSON_TEXT = re.compile(r"\s*[\[{]")

Attributes = dict[str, Any]


def take(attributes: Attributes, *names: str) -> Any:
    """The value of the first of these names that has one; all of them are taken."""
    found = None
    for name in names:
        value = attributes.pop(name, None)
        if found is None and value is not None and value != "":
            found = value
    return found


def take_all(attributes: Attributes, prefix: str, names: Container[str]) -> dict[str, Any]:
    """The attributes of these names under a prefix, without it."""
    found = [name for name in attributes if name.startswith(prefix) and name[len(prefix) :] in names]
    taken = {name[len(prefix) :]: attributes.pop(name) for name in found}
    return {name: value for name, value in taken.items() if value is not None and value != ""}


def take_list(attributes: Attributes, prefix: str) -> list[Any]:
    """What is spread over `prefix.0.role`, `prefix.0.content`, `prefix.1`, … put together again."""
    start = prefix + "."
    names = [name for name in attributes if name.startswith(start) and name[len(start) : len(start) + 1].isdigit()]
    tree = _tree(attributes, start, names)
    return tree if isinstance(tree, list) else []


def take_object(attributes: Attributes, prefix: str) -> dict[str, Any]:
    """What is spread over `prefix.role`, `prefix.content`, … put together again."""
    start = prefix + "."
    tree = _tree(attributes, start, [name for name in attributes if name.startswith(start)])
    return tree if isinstance(tree, dict) else {}


def parsed(value: Any) -> Any:
    """JSON in a text as what it says; everything else as it is."""
    if not isinstance(value, str) or not JSON_TEXT.match(value):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def listed(value: Any) -> list[Any]:
    """A list of it: itself where it is one, none of nothing."""
    value = parsed(value)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def first_of(value: Any) -> Any:
    """The first element of a list, or what isn't a list itself."""
    value = parsed(value)
    if isinstance(value, list):
        return value[0] if value else None
    return value


def number(value: Any) -> float | None:
    """A number from 0 on; None for whatever isn't one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if 0 <= found < 2**63 else None


def text(value: Any) -> str | None:
    """A word or a number as text; None for what has parts, and for nothing."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return None
    return str(value).strip() or None


def flag(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _tree(attributes: Attributes, start: str, names: list[str]) -> Any:
    tree: dict[str, Any] = {}
    for name in names:
        value = attributes.pop(name)
        branch = tree
        (*way, last) = name[len(start) :].split(".", DEPTH_LIMIT)
        for step in way:
            inner = branch.get(step)
            if not isinstance(inner, dict):
                inner = branch[step] = {} if inner is None else {"": inner}
            branch = inner
        branch[last] = value if not isinstance(branch.get(last), dict) else branch[last] | {"": value}
    return _listed(tree)


def _listed(tree: Any) -> Any:
    """Branches named 0, 1, 2, … as lists in that order."""
    if not isinstance(tree, dict):
        return tree
    inner = {name: _listed(value) for name, value in tree.items()}
    if inner and all(name.isascii() and name.isdigit() and len(name) < 6 for name in inner):
        return [inner[name] for name in sorted(inner, key=int)[:INDEX_LIMIT]]
    return inner
