"""What a program sends to a conversation beside its message: the key, the models as it names them, parameters of its own."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from telemetry.events import Payloads
from telemetry.policies import Rules


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that asks in a person's name. `parameters` are OpenAI-shaped and hold for this one message."""

    api_key_id: uuid.UUID
    provider: str = ""  # both as they were sent: answers echo them
    model: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    end_user: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    trace_id: str = ""  # of the request
    payloads: Payloads | None = None  # how much of what is said the log may keep; None: as the installation says

    def redacted(self, rules: Rules) -> "Caller":
        """As it is stored."""
        redactor = rules.redactor
        return replace(
            self,
            provider=redactor.redact(self.provider).text[:50],
            model=redactor.redact(self.model).text[:300],
            end_user=redactor.redact(self.end_user).text[:255],
            metadata=redactor.redact_json(dict(self.metadata)),
        )
