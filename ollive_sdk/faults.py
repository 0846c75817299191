"""The error of a call in the server's words: a class of its fixed table, the provider's code, a message."""

from typing import Any

BY_STATUS = {
    400: "invalid_request",
    401: "authentication",
    402: "quota",
    403: "permission",
    404: "not_found",
    408: "timeout",
    409: "invalid_request",
    413: "context_length",
    422: "invalid_request",
    429: "rate_limit",
    503: "unavailable",
    504: "timeout",
    529: "overloaded",
}
# Words in a provider's code that say more than its status, and words in the names of exceptions that have no status.
BY_CODE = {
    "insufficient_quota": "quota",
    "context_length_exceeded": "context_length",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "model_not_found": "not_found",
}
BY_NAME = {"timeout": "timeout", "connect": "connection", "contextwindow": "context_length", "contentpolicy": "content_filter"}


def fault_fields(error: BaseException | str) -> dict[str, Any]:
    """`error_class`, `error_code` and `error_message`; an exception that no provider raised keeps its own name as the class."""
    if isinstance(error, str):
        return {"error_class": "error", "error_message": error}
    status = getattr(error, "status_code", None)
    code = getattr(error, "code", None)
    name = type(error).__name__
    found = BY_CODE.get(str(code)) or next((kind for word, kind in BY_NAME.items() if word in name.lower()), None)
    if found is None and isinstance(status, int):
        found = BY_STATUS.get(status) or ("unavailable" if status >= 500 else "invalid_request")
    told = str(code or status or "") or None
    return {"error_class": found or name, "error_code": told, "error_message": str(error)[:4_000] or name}
