"""How a person wants the pages to look and behave, on every device."""

from dataclasses import dataclass
from typing import Any

CHOICES: dict[str, tuple[tuple[str, str], ...]] = {
    "theme": (("auto", "As the system"), ("light", "Light"), ("dark", "Dark")),
    "text": (("small", "Small"), ("normal", "Normal"), ("large", "Large")),
    "width": (("normal", "Comfortable"), ("wide", "Wide"), ("full", "Full")),
    "enter": (("send", "Sends the message"), ("break", "Starts a new line")),
    "sidebar": (("open", "Open"), ("closed", "Closed")),
}


@dataclass(frozen=True, slots=True)
class Appearance:
    """What was chosen. Empty: nothing yet, so the browser's own memory or the default holds."""

    theme: str = ""
    text: str = ""
    width: str = ""
    enter: str = ""
    sidebar: str = ""

    @classmethod
    def of(cls, preferences: dict[str, Any]) -> "Appearance":
        """The known choices among the stored ones; anything else counts as not chosen."""
        known = {name: {value for value, _ in choices} for name, choices in CHOICES.items()}
        chosen = {name: preferences.get(name) for name in known}
        return cls(**{name: value for name, value in chosen.items() if isinstance(value, str) and value in known[name]})
