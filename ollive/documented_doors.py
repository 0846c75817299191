"""What the doors that declare nothing themselves offer, as OpenAPI operations. Pure data."""

from typing import Any

SCHEMAS: dict[str, Any] = {}
OPERATIONS: dict[str, Any] = {}
