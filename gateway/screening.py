"""What a provider may be told: the text as it was typed, with placeholders in place of values, or nothing at all.

The mode is the workspace's. The chat asks here for each prompt, the stateless doors for each list of messages.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from telemetry.policies import Rules
from telemetry.redaction import LABELS
from telemetry.redaction.masking import PLACEHOLDER, Mask

UNCHECKED = "This message could not be checked for personal data, so it was not sent. Try again in a moment."


class Blocked(Exception):
    """The text may not be sent; the message is a sentence for the person. `kinds` counts what was found."""

    def __init__(self, message: str, kinds: Mapping[str, int]) -> None:
        super().__init__(message)
        self.kinds = kinds


@dataclass(frozen=True, slots=True)
class Screened:
    """A prompt as it is stored, as the provider gets it, and the values behind its placeholders."""

    stored: str
    sent: str
    values: Mapping[str, str] = field(default_factory=dict)


def require_harmless(text: str, rules: Rules) -> None:
    """Raise `Blocked` where the workspace blocks and the text has anything to remove."""
    if rules.policy.mode != "block":
        return
    kinds = rules.redactor.kinds_in(text)
    if "WITHHELD" in kinds:
        raise Blocked(UNCHECKED, kinds)
    if kinds:
        raise Blocked(f"Not sent: this workspace keeps personal data and secrets from models. Found: {named(kinds)}.", kinds)


def named(kinds: Mapping[str, int]) -> str:
    """Kinds in words: `e-mail (×2), card number`."""
    words = Counter({LABELS.get(kind, kind.lower().replace("_", " ")): count for kind, count in kinds.items()})
    return ", ".join(word if count == 1 else f"{word} (×{count})" for word, count in words.items())


def screen(prompt: str, rules: Rules, *, known: Mapping[str, str], texts: Iterable[str] = ()) -> Screened:
    """What to store of a prompt and what to send of it.

    `known` are the conversation's placeholders (`[[EMAIL_1]]`) with their values; `texts` is what it stores already: one of
    its placeholders whose value has expired never stands for another. Raises `Blocked` where the prompt could not be checked.
    """
    if rules.policy.mode != "mask":
        return Screened(rules.redactor.redact(prompt).text, prompt)
    mask = Mask({**_expired(texts), **known}, rules.redactor)
    masked = mask.mask(prompt)
    if "WITHHELD" in mask.kinds:
        raise Blocked(UNCHECKED, mask.kinds)
    used = {found[0] for found in PLACEHOLDER.finditer(masked)}
    return Screened(masked, masked, {name: value for name, value in mask.values.items() if name in used})


def screen_messages(messages: Iterable[Mapping[str, Any]], rules: Rules) -> tuple[list[dict[str, Any]], Mapping[str, str]]:
    """The messages of a stateless call as the provider gets them, and the values to put back into what it answers.

    Raises `Blocked`.
    """
    asked = [dict(message) for message in messages]
    if rules.policy.mode == "block":
        for text in _texts(asked):
            require_harmless(text, rules)
    if rules.policy.mode != "mask":
        return asked, {}
    mask = Mask(None, rules.redactor)
    masked = mask.mask_messages(asked)
    if "WITHHELD" in mask.kinds:
        raise Blocked(UNCHECKED, mask.kinds)
    return masked, mask.values


def _expired(texts: Iterable[str]) -> dict[str, str]:
    """Placeholders of these texts, each with a value that nobody writes: prompts have no NUL."""
    return {found[0]: f"\0{found[0]}" for text in texts for found in PLACEHOLDER.finditer(text)}


def _texts(value: Any) -> Iterator[str]:
    """All texts inside a structured value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
