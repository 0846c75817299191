"""The fixed table of what can go wrong with a provider: a code, a sentence for the person, whether asking again may help.

A sentence ends with the provider's own reason, cut to 500 characters.
"""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from gateway.protocol import ProviderError

REASON_CHARACTERS = 500

# code → (sentence, whether asking again may help)
TABLE: Mapping[str, tuple[str, bool]] = {
    "authentication": ("{who} refused the key.", False),
    "permission": ("{who} does not allow this with the key in use.", False),
    "not_found": ("{who} does not know this model or address.", False),
    "invalid_request": ("{who} did not accept the request.", False),
    "context_length": ("The conversation is too long for this model.", False),
    "rate_limit": ("{who} limits how often it may be asked.", True),
    "quota": ("The account at {who} has no credit left.", False),
    "timeout": ("{who} took too long.", True),
    "unavailable": ("{who} has a problem at its end.", True),
    "overloaded": ("{who} is overloaded.", True),
    "bad_response": ("{who} sent an answer that cannot be read.", True),
    "connection": ("The connection to {who} failed.", True),
    "canceled_upstream": ("{who} canceled the request.", True),
    "content_filter": ("{who} filtered this request.", False),
    "unknown_model": ("There is no such model.", False),
}
BY_STATUS = {
    400: "invalid_request",
    401: "authentication",
    402: "quota",
    403: "permission",
    404: "not_found",
    405: "not_found",
    408: "timeout",
    409: "invalid_request",
    413: "context_length",
    422: "invalid_request",
    429: "rate_limit",
    499: "canceled_upstream",
    503: "unavailable",
    504: "timeout",
    529: "overloaded",
}
# Words in a provider's code, type or text that say more than its status does; the first that is found counts.
_WORDS: tuple[tuple[str, set[int], tuple[str, ...]], ...] = (
    ("quota", {402, 403, 429}, ("insufficient_quota", "exceeded your current quota", "credit balance", "insufficient balance")),
    (
        "context_length",
        {400, 413, 422, 500},
        ("context_length", "context_size", "context length", "context size", "context window"),
    ),
    ("context_length", {400, 413, 422, 500}, ("prompt is too long",)),
    ("content_filter", {400, 403, 422}, ("content_filter", "content_policy", "responsibleaipolicy")),
    ("overloaded", {429, 500, 502, 503, 529}, ("overloaded", "at capacity", "over capacity")),
    ("authentication", {400}, ("api_key_invalid", "api key not valid", "invalid_api_key")),
    ("rate_limit", {400, 500}, ("rate_limit",)),
)


def fault(
    code: str,
    who: str,
    reason: str = "",
    *,
    retryable: bool | None = None,
    status: int | None = None,
    retry_after: float | None = None,
) -> ProviderError:
    """A fault of the table. `who` is the provider as people read it, `reason` its own words or ours."""
    sentence, may_help = TABLE[code]
    message = sentence.format(who=who)
    reason = " ".join(reason.split())
    if len(reason) > REASON_CHARACTERS:
        reason = reason[: REASON_CHARACTERS - 1] + "…"
    if reason:
        message = f"{message} {reason}"
    return ProviderError(
        code, message, retryable=may_help if retryable is None else retryable, status=status, retry_after=retry_after
    )


def refusal(who: str, status: int, body: bytes | str, *, retry_after: float | None = None) -> ProviderError:
    """The fault of an answer whose status isn't a good one."""
    if 300 <= status < 400:
        why = "It sends the request elsewhere, which is not followed: check its address."
        return fault("bad_response", who, why, retryable=False, status=status)
    return of_error(who, error_in(body), status=status, retry_after=retry_after)


def of_error(who: str, error: Any, *, status: int | None = None, retry_after: float | None = None) -> ProviderError:
    """The fault of an error object, which may have come with a status or in the middle of a stream."""
    reason, marks = _read(error)
    status = status or _status_in(error)
    assumed = status or (400 if "invalid" in marks else 500)
    code = BY_STATUS.get(assumed, "unavailable" if assumed >= 500 else "invalid_request")
    code = next(
        (better for better, statuses, words in _WORDS if assumed in statuses and any(word in marks for word in words)), code
    )
    said = f"It said: {reason}" if reason else (f"It answered with status {status}." if status else "")
    return fault(code, who, said, status=status, retry_after=retry_after)


def error_in(body: bytes | str) -> Any:
    """The error object of a refusal's body, or its text where there is none; a page of HTML is no reason."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = (body.decode("utf-8", "replace") if isinstance(body, bytes) else body).strip()
        return "" if text.startswith("<") else text
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, Mapping):
        return found.get("error") or found
    return found


def _read(error: Any) -> tuple[str, str]:
    """The words for the person, and all words in lower case to find marks in."""
    if not isinstance(error, Mapping):
        text = "" if error is None else str(error)
        return text, text.lower()
    reason: Any = error.get("message") or error.get("detail") or error.get("msg") or error.get("error") or ""
    metadata = error.get("metadata")
    if isinstance(metadata, Mapping) and isinstance(metadata.get("raw"), str):
        reason = f"{reason} {metadata['raw']}"  # what the provider behind a router said
    if not isinstance(reason, str):
        reason = msgspec.json.encode(reason).decode()
    marks = " ".join(str(part) for part in (reason, error.get("code"), error.get("type"), error.get("status")) if part)
    return reason, marks.lower()


def _status_in(error: Any) -> int | None:
    for name in ("code", "status"):
        value = error.get(name) if isinstance(error, Mapping) else None
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the provider asks to wait, whichever way it says so."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        given = headers.get(name)
        if given is None:
            continue
        try:
            return max(0.0, float(given) / unit)
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
        except ValueError:
            continue
    return None
