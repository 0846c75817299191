"""What must be right before Ollive starts."""

from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from accounts.encryption import key_ring


def check_key_ring(**_: Any) -> list[CheckMessage]:
    """A ring that cannot be read is noticed at the start, not when the first secret is needed."""
    try:
        key_ring()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="accounts.E001")]
    return []
