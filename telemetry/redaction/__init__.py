"""Personal data and secrets, found and replaced by markers such as `[[EMAIL]]`, in texts, streams and structured values.

Fast enough to be always on: text without anything that looks like a value is passed at memory speed. Nothing here raises:
what can't be redacted is withheld. docs/redaction.md tells what is found and what isn't.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from telemetry.redaction.documents import redact_document
from telemetry.redaction.redactor import Redacted, StreamRedactor, redactor_for

__all__ = ["LABELS", "VERSION", "Redacted", "StreamRedactor", "redact", "redact_json"]

VERSION = 1  # raised when a rule changes; stored with what was redacted
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "EMAIL": "e-mail",
        "PHONE": "phone number",
        "CARD": "card number",
        "IBAN": "bank account",
        "US_SSN": "social security number",
        "US_ITIN": "taxpayer number",
        "IP": "IP address",
        "MAC": "hardware address",
        "URL_CREDENTIALS": "URL password",
        "JWT": "access token",
        "PRIVATE_KEY": "private key",
        "API_KEY": "API key",
        "PASSWORD": "password",
        "WITHHELD": "text withheld",
    }
)


def redact(text: str) -> Redacted:
    """The text with each value replaced by `[[KIND]]`, and how many of each kind there were. Redacting again changes nothing."""
    return redactor_for().redact(text)


def redact_json(value: Any) -> Any:
    """A structured value with all its texts redacted: names of fields, values, JSON inside strings."""
    return redact_document(value, redactor_for())
