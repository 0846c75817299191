"""Markdown to safe HTML, once it is whole and while it streams. Pure: no Django, no clock, no network."""

from chat.render.code import warm
from chat.render.markdown import render
from chat.render.source import escape_plain as render_plain
from chat.render.stream import BlockRenderer, Patch

# Raise it when the same text is rendered otherwise: cached HTML of another version is rendered anew.
RENDERER_VERSION = 2

__all__ = ["RENDERER_VERSION", "BlockRenderer", "Patch", "render", "render_plain", "warm"]
