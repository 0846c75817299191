"""What is noticed at the start, before a worker needs it."""

from typing import Any

from django.conf import settings
from django.core import checks

from telemetry import deep_redaction


def check_deep_model(**_: Any) -> list[checks.CheckMessage]:
    """A model for deep redaction that is named and can't be used."""
    problem = deep_redaction.problem() if settings.OLLIVE_DEEP_MODEL else None
    return [checks.Warning(problem, id="telemetry.W001")] if problem else []
