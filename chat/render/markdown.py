"""Markdown to safe HTML: guard, parse, dress, sanitise. Anything that goes wrong is shown as plain text."""

import logging
import re
from functools import lru_cache

from comrak import ExtensionOptions, ParseOptions, RenderOptions, render_markdown

from chat.render import maths
from chat.render.code import Part, frame
from chat.render.sanitizer import sanitize
from chat.render.source import clean, escape_plain, hide, reveal

_log = logging.getLogger(__name__)

SOURCE_MAX_CHARS = 256_000
DEPTH_MAX = 60
# The parser fills every short row up to the width of its table: 21 kB of pipes made 360 MB of cells. A table that was
# written out has fewer cells than characters.
FREE_CELLS = 1_000
# It looks for the end of each `\(` through the whole paragraph.
MATHS_MAX_STEPS = 20_000_000

_CODE = re.compile(r'<pre><code(?: class="language-([^"]*)")?>([^<]*)</code></pre>')
_LINKED_IMAGE = re.compile(r'(<a href="[^"]*"[^>]*>)<img src="[^"]*" alt="([^"]*)"[^>]*>(?=</a>)')
_IMAGE = re.compile(r'<img src="([^"]*)" alt="([^"]*)"[^>]*>')
_DELIMITER = re.compile(r"-[ \t]*:?[ \t]*\|")
_NESTING = re.compile(r"<(/?)(?:em|strong|del|blockquote|ul|ol)\b")
_TASKS = (
    ('<li><input type="checkbox" disabled="" />', '<li class="task-item"><span class="task">☐</span>'),
    ('<li><input type="checkbox" checked="" disabled="" />', '<li class="task-item"><span class="task done">☑</span>'),
)

_parse_options = ParseOptions()
_render_options = RenderOptions()
_render_options.escape = True


def to_html(text: str, *, is_highlighted: bool = True, part: Part = Part.WHOLE) -> str:
    """Sanitised HTML of cleaned Markdown."""
    try:
        if len(text) > SOURCE_MAX_CHARS:
            return sanitize(escape_plain(text))
        hidden = hide(text)
        html = _dress(_parse(hidden), is_highlighted=is_highlighted, part=part)
        return sanitize(html if hidden == text else reveal(html))
    except BaseException as error:  # edge: a panic in the parser is no Exception, and a reply must be shown
        if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":
            raise
        _log.warning("render.failed", extra={"error_type": type(error).__name__, "char_count": len(text)})
        return escape_plain(text)


def render(text: str) -> str:
    """The whole of a finished message."""
    whole = clean(text)
    # An open fence ends with a newline or not, as its text does: a stream always ends with one.
    return to_html(whole if whole.endswith("\n") else f"{whole}\n")


class TooDeep(ValueError):
    """Nested further than a browser shows or a sanitiser walks in linear time."""


def _parse(text: str) -> str:
    has_tables = "|" not in text or _cell_count(text) <= FREE_CELLS + len(text)
    opener_count = text.count("\\(") + text.count("\\[")
    extensions = _extensions(has_tables, opener_count * len(text) <= MATHS_MAX_STEPS)
    html = render_markdown(text, extensions, _parse_options, _render_options)
    _check_depth(html)
    return html


def _dress(html: str, *, is_highlighted: bool, part: Part) -> str:
    if "<pre>" in html:
        html = _CODE.sub(lambda found: frame(found[1] or "", found[2], is_highlighted=is_highlighted, part=part), html)
    if "<img" in html:
        html = _LINKED_IMAGE.sub(lambda found: found[1] + (found[2] or "image"), html)
        html = _IMAGE.sub(lambda found: f'<a href="{found[1]}" class="image">{found[2] or "image"}</a>', html)
    if "<table>" in html:
        html = html.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")
    if "<input" in html:
        for box, sign in _TASKS:
            html = html.replace(box, sign)
    if "data-math-style" in html:
        html = maths.draw(html)
    return html


def _cell_count(text: str) -> int:
    """An upper bound of the cells the parser would make: columns of each delimiter row × rows until a blank line."""
    total = row_count = 0
    for line in reversed(text.split("\n")):
        row_count = row_count + 1 if line.strip() else 0
        if row_count > 1 and "|" in line and (bar_count := len(_DELIMITER.findall(line))):
            total += (bar_count + 1) * row_count
    return total


def _check_depth(html: str) -> None:
    if html.count("<") <= 2 * DEPTH_MAX:
        return
    depth = 0
    for found in _NESTING.finditer(html):
        depth += -1 if found[1] else 1
        if depth > DEPTH_MAX:
            raise TooDeep


@lru_cache(maxsize=4)
def _extensions(has_tables: bool, has_maths: bool) -> ExtensionOptions:
    options = ExtensionOptions()
    options.table = has_tables
    options.strikethrough = True
    options.tasklist = True
    options.autolink = True
    options.math_dollars = has_maths
    options.math_latex = has_maths
    return options
