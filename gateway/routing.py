"""Where a request goes: the provider that is asked first, and what is tried when it fails."""

import random
import uuid
from dataclasses import dataclass

from gateway import catalogue
from gateway.protocol import ProviderError, Target

MAX_ATTEMPTS = 3
MAX_PAUSE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Step:
    """The next attempt: where, and after which pause."""

    target: Target
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Route:
    """What a caller's name for a model leads to."""

    name: str
    target: Target

    def after(self, error: ProviderError, *, attempt: int, has_output: bool) -> Step | None:
        """What follows a failed attempt. None: the error is the answer, as it always is once something was said."""
        if not error.retryable or has_output or attempt >= MAX_ATTEMPTS:
            return None
        return Step(self.target, _pause_seconds(attempt, error.retry_after))


def plan(name: str, *, workspace_id: uuid.UUID | None, role: str = "") -> Route:
    """The route of a model path or a short name. It may ask the database: call it in a thread.

    Raises `ProviderError` as `catalogue.resolve` does.
    """
    return Route(name, catalogue.resolve(name, workspace_id=workspace_id, role=role))


def _pause_seconds(attempt: int, retry_after: float | None) -> float:
    """Exponential back-off with jitter; a provider's own word counts when it is bearable."""
    if retry_after is not None:
        return min(retry_after, MAX_PAUSE_SECONDS)
    return float(0.5 * 2 ** (attempt - 1) * (0.75 + random.random() / 2))
