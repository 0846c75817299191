"""What a program is told when there is no answer: a status and a code that OpenAI's clients know, for each fault of the table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from django.db import Error as DatabaseError

from accounts.entrance import Refused
from gateway.protocol import ProviderError
from gateway.screening import Blocked
from gateway.spending import BudgetRefusal
from telemetry.policies import Rules


@dataclass(frozen=True, slots=True)
class Told:
    """How a fault is told. Its own code stands where no other is given."""

    status: int
    code: str = ""
    param: str | None = None


# A provider that refuses our key is no fault of the caller's key: 401 would send them looking in the wrong place.
TABLE: Mapping[str, Told] = {
    "authentication": Told(502, "provider_authentication"),
    "permission": Told(403, "model_not_allowed", "model"),
    "not_found": Told(404, "model_not_found", "model"),
    "unknown_model": Told(404, "model_not_found", "model"),
    "no_provider": Told(404, "model_not_found", "model"),
    "invalid_request": Told(400, "invalid_request"),
    "context_length": Told(400, "context_length_exceeded", "messages"),
    "content_filter": Told(400, "content_filter"),
    "rate_limit": Told(429, "rate_limit_exceeded"),
    "quota": Told(429, "insufficient_quota"),
    "timeout": Told(504, "provider_timeout"),
    "unavailable": Told(503, "provider_unavailable"),
    "overloaded": Told(503, "provider_overloaded"),
    "bad_response": Told(502, "provider_bad_response"),
    "connection": Told(502, "provider_connection"),
    "canceled_upstream": Told(502, "provider_canceled"),
}


@contextmanager
def told(rules: Rules) -> Iterator[None]:
    """Whatever speaks against asking a provider, as the program reads it. Raises `Refused`."""
    try:
        yield
    except ProviderError as error:
        raise of_provider(error, rules) from None
    except Blocked as blocked:
        raise of_block(blocked) from None
    except DatabaseError:
        raise away() from None


def away(retry_after: float = 2) -> Refused:
    return Refused(503, "unavailable", "Calls can't be recorded at the moment; try again shortly.", retry_after=retry_after)


def of_provider(error: ProviderError, rules: Rules | None = None) -> Refused:
    """A provider's words pass the redactor: they may repeat what it was told."""
    told = TABLE.get(error.code, Told(502, error.code))
    message = rules.redactor.redact(error.message).text if rules else error.message
    refused = Refused(told.status, told.code or error.code, message, param=told.param, retry_after=error.retry_after)
    if not error.retryable and told.status >= 429:
        refused.headers["x-should-retry"] = "false"  # OpenAI's clients would ask twice more
    return refused


def of_budget(error: BudgetRefusal, *, now: datetime) -> Refused:
    """Asking again helps when the next period begins."""
    begins = datetime.combine(error.resets_on, time(), UTC)
    refused = Refused(429, "insufficient_quota", error.message, retry_after=(begins - now).total_seconds())
    refused.headers["x-should-retry"] = "false"
    return refused


def of_block(error: Blocked) -> Refused:
    return Refused(400, "blocked_by_policy", str(error), param="messages")


def as_error(refused: Refused) -> dict[str, Any]:
    """The error object, for a stream that has begun."""
    return {"message": refused.message, "type": kind(refused.status), "param": refused.param, "code": refused.code}


def kind(status: int) -> str:
    if status >= 500:
        return "server_error"
    return {403: "permission_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
