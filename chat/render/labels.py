"""What a redaction marker is called when people read it: kind → words."""

from collections.abc import Mapping

LABELS: Mapping[str, str] = {
    "EMAIL": "e-mail",
    "PHONE": "phone number",
    "CARD": "card number",
    "API_KEY": "API key",
    "WITHHELD": "text withheld",
}
