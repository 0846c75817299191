"""Placeholders in place of values, for a provider that shall not see them, and the way back.

A `Mask` belongs to one conversation: the same value is the same placeholder in all of it. What a person wrote in the form of a
placeholder is masked too, as `[[TEXT_1]]`, so that it comes back as it was written and is never taken for one of ours.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from telemetry.redaction.documents import redact_document
from telemetry.redaction.redactor import Redacted, Redactor, redactor_for
from telemetry.redaction.withholding import WITHHELD, withhold_on_error

WRITTEN = "TEXT"  # the kind of what was written in the form of a placeholder
PLACEHOLDER = re.compile(r"\[\[([A-Z][A-Z0-9_]{1,39})_([0-9]{1,9})\]\]")
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
_SPOKEN_FIELDS = ("reasoning", "reasoning_content", "refusal")

_OPEN = re.compile(r"\[(?:\[(?:[A-Z][A-Z0-9_]{0,49}\]?)?)?\Z")
_URL = re.compile(r"(?i:[a-z][a-z0-9+.-]*:/|//|\bwww\.|\b(?:mailto|tel|sms|data|javascript):|[a-z0-9-]\.[a-z]{2,}[/?#:])")
_DEFINITION = re.compile(r"[ >]{0,6}\[[^\]\n]{1,99}\]:")
_LONGEST_WORD = 500


class Mask:
    """What stands for what in a conversation. `values` maps placeholders to values: the caller keeps it, encrypted.

    `kinds` counts what has been masked. Nothing here raises: what can't be masked is withheld.
    """

    def __init__(self, values: Mapping[str, str] | None = None, redactor: Redactor | None = None) -> None:
        self.values = dict(values or {})
        self.kinds: Counter[str] = Counter()
        self._redactor = redactor or redactor_for()
        self._by_value: dict[tuple[str, str], str] = {}
        self._last: Counter[str] = Counter()
        for placeholder, value in self.values.items():
            if found := PLACEHOLDER.fullmatch(placeholder):
                self._by_value[found[1], value] = placeholder
                self._last[found[1]] = max(self._last[found[1]], int(found[2]))

    def mask(self, text: str) -> str:
        """The text with a placeholder for each value."""
        return self.redact(withhold_on_error(lambda: PLACEHOLDER.sub(self._escape, text), WITHHELD)).text

    def mask_json(self, value: Any) -> Any:
        """A structured value with all its texts masked: names of fields, values, JSON inside strings."""
        return redact_document(withhold_on_error(lambda: self._escape_all(value), WITHHELD), self)

    def redact(self, text: str, before: str = "") -> Redacted:
        """As `Redactor.redact`, with placeholders for markers. Those that stand in the text already are taken for ours."""
        redacted = self._redactor.redact(text, before, replace=self.placeholder_of)
        self.kinds.update(redacted.kinds)
        return redacted

    def mask_messages(self, messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Messages in the shape of the chat completions API: what is said, and the arguments of tools.

        Roles, ids and names stay, and parts that hold no text, such as images.
        """
        return [self._mask_message(message) for message in messages]

    def placeholder_of(self, kind: str, value: str) -> str:
        """What stands for this value: the same as before, or the next of its kind."""
        if known := self._by_value.get((kind, value)):
            return known
        self._last[kind] += 1
        placeholder = f"[[{kind}_{self._last[kind]}]]"
        self._by_value[kind, value] = placeholder
        self.values[placeholder] = value
        return placeholder

    def _escape(self, written: re.Match[str]) -> str:
        return self.placeholder_of(WRITTEN, written[0])

    def _escape_all(self, value: Any) -> Any:
        if isinstance(value, str):
            return PLACEHOLDER.sub(self._escape, value)
        if isinstance(value, Mapping):
            return {self._escape_all(name): self._escape_all(inner) for name, inner in value.items()}
        return [self._escape_all(inner) for inner in value] if isinstance(value, list) else value

    def restore(self, text: str) -> str:
        """The text with values for the placeholders of this mask, as `StreamRestorer` does it."""
        restorer = StreamRestorer(self.values)
        return restorer.feed(text) + restorer.flush()

    def _mask_message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        masked = dict(message)
        for field in ("content", *_SPOKEN_FIELDS):
            if field in masked:
                masked[field] = self._mask_content(masked[field])
        if isinstance(calls := masked.get("tool_calls"), list):
            masked["tool_calls"] = [self._mask_call(call) for call in calls]
        return masked

    def _mask_content(self, content: Any) -> Any:
        if isinstance(content, list):
            return [self._mask_part(part) for part in content]
        return self.mask_json(content)

    def _mask_part(self, part: Any) -> Any:
        if isinstance(part, Mapping) and part.get("type") in _TEXT_PARTS:
            return {**part, "text": self.mask_json(part.get("text"))}
        return self.mask_json(part) if isinstance(part, str) else part

    def _mask_call(self, call: Any) -> Any:
        if not isinstance(call, Mapping) or not isinstance(function := call.get("function"), Mapping):
            return call
        return {**call, "function": {**function, "arguments": self.mask_json(function.get("arguments"))}}


class StreamRestorer:
    """Puts values back for placeholders, in a text that comes in pieces. Only those of the given map, and only in what is read:
    not inside URLs and link targets, where a value would leave with the first click. For content only: the arguments of tools
    are passed by their caller as they are.

    All that it returns, joined, is the same however the text was cut. It holds back only what a placeholder may begin with.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._held = ""
        self._place = _Place()

    @property
    def held_count(self) -> int:
        """How many characters are held back at the moment."""
        return len(self._held)

    def feed(self, piece: str) -> str:
        """Take a piece in; returns what is known of the text."""
        return self._pass(self._held + piece, is_final=False)

    def flush(self) -> str:
        """The text has ended: returns the rest."""
        return self._pass(self._held, is_final=True)

    def _pass(self, text: str, *, is_final: bool) -> str:
        opened = None if is_final else _OPEN.search(text)
        end = opened.start() if opened and self._can_become(opened[0]) else len(text)
        self._held = text[end:]
        pieces, done = [], 0
        for found in PLACEHOLDER.finditer(text, 0, end):
            pieces.append(text[done : found.start()])
            self._place.follow(text[done : found.start()])
            value = self._values.get(found[0])
            pieces.append(found[0] if value is None or self._place.is_address else value)
            self._place.follow(found[0])
            done = found.end()
        pieces.append(text[done:end])
        self._place.follow(text[done:end])
        return "".join(pieces)

    def _can_become(self, beginning: str) -> bool:
        return any(placeholder.startswith(beginning) for placeholder in self._values)


class _Place:
    """Where in a Markdown text the walk stands: in a URL, in the target of a link, in the definition of one."""

    def __init__(self) -> None:
        self._word = self._line = ""
        self._depth = 0  # of brackets, in the target of a link
        self._last = "\n"

    @property
    def is_address(self) -> bool:
        return bool(self._depth or _URL.search(self._word) or len(self._word) > _LONGEST_WORD or _DEFINITION.match(self._line))

    def follow(self, text: str) -> None:
        """Go on over a stretch of text, the same in one step or in many."""
        for character in text:
            if character == "\n":
                self._depth = 0 if self._last == "\n" else self._depth
                self._word = self._line = ""
            elif character.isspace() or character in '<>"':
                self._word = ""
            elif character == "(" and (self._depth or self._last == "]"):
                self._depth += 1
            elif character == ")" and self._depth:
                self._depth -= 1
                self._word = ""
            if not character.isspace():
                self._word = self._word if len(self._word) > _LONGEST_WORD else self._word + character
            if character != "\n" and len(self._line) < _LONGEST_WORD:
                self._line += character
            self._last = character
