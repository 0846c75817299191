"""Personal data and secrets, found and replaced by markers such as `[[EMAIL]]`, in texts, streams and structured values.

Fast enough to be always on: text without anything that looks like a value is passed at memory speed. What redacts never raises:
what can't be redacted is withheld. `redact` and the rest here go by the default config; `redactor_for(config)` by another.
docs/redaction.md tells what is found and what isn't.
"""

from typing import Any

from telemetry.redaction.config import Config, CustomPattern, InvalidConfig, WordList
from telemetry.redaction.kinds import LABELS
from telemetry.redaction.patterns import InvalidPattern
from telemetry.redaction.redactor import VERSION, Redacted, Redactor, StreamRedactor, redactor_for

__all__ = [
    "LABELS",
    "VERSION",
    "Config",
    "CustomPattern",
    "InvalidConfig",
    "InvalidPattern",
    "Redacted",
    "Redactor",
    "StreamRedactor",
    "WordList",
    "redact",
    "redact_json",
    "redactor_for",
]


def redact(text: str) -> Redacted:
    """The text with each value replaced by `[[KIND]]`, and how many of each kind there were. Redacting again changes nothing."""
    return redactor_for().redact(text)


def redact_json(value: Any) -> Any:
    """A structured value with all its texts redacted: names of fields, values, JSON inside strings."""
    return redactor_for().redact_json(value)
