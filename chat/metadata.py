"""What programs keep with their conversations and messages: a small JSON object that means something to them alone."""

from typing import Any

import orjson

LARGEST = 16 * 1024
DEEPEST = 16


def checked(metadata: dict[str, Any]) -> dict[str, Any]:
    """Raises `ValueError` for what is too much to keep."""
    if not _is_shallow(metadata, DEEPEST):
        raise ValueError(f"metadata may be nested {DEEPEST} levels deep")
    if len(orjson.dumps(metadata)) > LARGEST:
        raise ValueError(f"metadata may have {LARGEST:,} bytes")
    return metadata


def _is_shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(one, levels - 1) for one in inner)
