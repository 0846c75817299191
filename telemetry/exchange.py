"""What was said in a call, as a page shows it: plain text, with a chip where something was removed."""

import re
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from telemetry import redaction, tokens

MARKER = re.compile(r"\[\[([A-Z][A-Z0-9_]*)\]\]")


@dataclass(frozen=True, slots=True)
class Said:
    """One message: who said it, its words, and the tools it called."""

    role: str
    text: SafeString
    calls: list[SafeString] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call's content in the order of reading; `others` are the parts that are JSON."""

    messages: list[Said]
    reply: list[Said]
    reasoning: SafeString
    others: list[tuple[str, SafeString]]


def exchange(content: dict[str, Any]) -> Exchange:
    others = [("Tools that were offered", "tools"), ("As the caller saw it", "raw_payload")]
    return Exchange(
        messages=[_said(message) for message in content.get("messages") or []],
        reply=[_said(message) for message in content.get("reply") or []],
        reasoning=with_chips(_words(content.get("reasoning"))),
        others=[(title, with_chips(as_json(content[part]))) for title, part in others if content.get(part) is not None],
    )


def with_chips(text: str) -> SafeString:
    """Escaped text in which each redaction marker is a labelled chip."""
    pieces = MARKER.split(text)
    parts = [(_chip(piece) if index % 2 else piece,) for index, piece in enumerate(pieces)]
    return format_html_join("", "{}", parts)


def as_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()


def _said(message: Any) -> Said:
    if not isinstance(message, dict):
        return Said("", with_chips(_words(message)))
    calls = [call.get("function") or {} for call in message.get("tool_calls") or [] if isinstance(call, dict)]
    called = [with_chips(f"{function.get('name')}({function.get('arguments') or ''})") for function in calls]
    words = tokens.text_of({"content": message.get("content")})
    return Said(str(message.get("role") or ""), with_chips(words), called)


def _words(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else as_json(value)


def _chip(kind: str) -> SafeString:
    if kind == "WITHHELD":
        return mark_safe('<span class="redacted">withheld</span>')
    label = redaction.LABELS.get(kind, kind.lower().replace("_", " "))
    return format_html('<span class="redacted">{} removed</span>', label)
