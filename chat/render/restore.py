"""Puts values back in the place of their placeholders, on the way to the one person they belong to.

Only placeholders that the map knows, and only where they are read: never inside a tag, an address or an attribute.
"""

import re
from collections.abc import Mapping
from html import escape

from chat.render.source import PLACEHOLDER_TITLE
from telemetry.redaction.masking import StreamRestorer

_TAG = r"<(?:\"[^\"]*\"|[^\">])*>"
_PIECE = re.compile(
    rf'<span class="redacted" title="([A-Z][A-Z0-9_]*_[0-9]+){PLACEHOLDER_TITLE}">[^<]*</span>'
    rf"|\[\[([A-Z][A-Z0-9_]*_[0-9]+)\]\]|({_TAG})"
)
_ADDRESS = re.compile(r"(?:://|\bwww\.|\bmailto:)[^\s<>\"']*\Z", re.IGNORECASE)


def restore_html(html: str, values: Mapping[str, str]) -> str:
    """Rendered HTML with the values of these placeholders (`[[EMAIL_1]]` → value), escaped."""
    pieces: list[str] = []
    done = 0
    for found in _PIECE.finditer(html):
        value = values.get(f"[[{found[1] or found[2]}]]")
        if value is None or _ADDRESS.search(html[max(done, found.start() - 2_000) : found.start()]):
            continue
        shown = f'<span class="restored" title="{found[1] or found[2]}">{escape(value)}</span>'
        pieces += [html[done : found.start()], shown]
        done = found.end()
    return "".join([*pieces, html[done:]]) if pieces else html


def restore_text(text: str, values: Mapping[str, str]) -> str:
    """Plain text with these values."""
    restorer = StreamRestorer(values)
    return restorer.feed(text) + restorer.flush()
