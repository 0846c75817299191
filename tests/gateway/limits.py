"""Bearers with limits, for tests."""

import uuid
from typing import Any

from accounts.entrance import Bearer


def bearer(**fields: Any) -> Bearer:
    """A key that nobody has used before; `key_limits`, `person_limits` and `models` as a test wants them."""
    ids = {name: fields.pop(name, uuid.uuid4()) for name in ("api_key_id", "workspace_id", "user_id")}
    return Bearer(**ids, scopes=frozenset({"chat"}), **fields)
