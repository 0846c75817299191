"""What PostgreSQL can hold of what a program sends."""

from typing import Any


def without_nul(value: Any) -> Any:
    """The value with every text in it made storable, keys too: NUL becomes U+FFFD."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {without_nul(key): without_nul(part) for key, part in value.items()}
    return [without_nul(part) for part in value] if isinstance(value, list) else value
