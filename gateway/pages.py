"""Web pages as plain text for a model: the words, with links as `[words](address)`, without what is not read.

It never fails and takes linear time, whatever the page: it looks at each character a fixed number of times. (A proper parser
with a sanitiser took minutes for a megabyte of open tags.)
"""

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

MAX_CHARACTERS = 1_000_000
BLOCKS = frozenset(
    "address article aside blockquote br caption dd details div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr"
    " li main nav ol p pre section summary table tbody tfoot thead title tr ul".split()
)
UNREAD = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object", "textarea", "select"})
_SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")
_GAPS = re.compile(r"\n{3,}")
_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]*)")
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)


def readable(html: str, *, base: str) -> str:
    """The text of a page that was found at the address `base`."""
    reader = _Reader(base)
    head, *pieces = _without_comments(html[:MAX_CHARACTERS]).split("<")
    reader.say(head)
    for piece in pieces:
        reader.take(piece)
    return reader.text()


def _without_comments(html: str) -> str:
    kept, at = [], 0
    while (start := html.find("<!--", at)) >= 0:
        kept.append(html[at:start])
        end = html.find("-->", start + 4)
        if end < 0:
            return "".join(kept)
        at = end + 3
    return "".join([*kept, html[at:]])


class _Reader:
    """Takes a page cut at each `<`."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._parts: list[str] = []
        self._unread = ""  # the element whose end is waited for
        self._link = ("", 0)  # the address of the open link, and where its words begin

    def take(self, piece: str) -> None:
        tag, closing, words = piece.partition(">")
        name = _NAME.match(tag)
        if name is None or not closing:
            # Not a tag, but for a declaration.
            if not self._unread and not tag.startswith(("!", "?")):
                self.say(f"<{piece}")
            return
        element, is_end = name[1].lower(), tag.startswith("/")
        if self._unread:
            if is_end and element == self._unread:
                self._unread = ""
                self.say(words)
            return
        if element in UNREAD and not is_end and not tag.endswith("/"):
            self._unread = element
            return
        self._mark(element, tag, is_end=is_end)
        self.say(words)

    def say(self, words: str) -> None:
        self._parts.append(unescape(words) if "&" in words else words)

    def _mark(self, element: str, tag: str, *, is_end: bool) -> None:
        if element == "a":
            self._end_link()
            href = None if is_end else _HREF.search(tag)
            if href:
                self._link = (unescape(href[1] or href[2] or href[3] or ""), len(self._parts))
        elif element in ("td", "th") and not is_end:
            self._parts.append(" | ")
        elif element in BLOCKS:
            self._parts.append(_opening(element) if not is_end else "\n")

    def _end_link(self) -> None:
        (href, start), self._link = self._link, ("", 0)
        words = "".join(self._parts[start:]) if href else ""
        if words.strip() and (address := _address(self._base, href)):
            self._parts[start:] = [f"[{' '.join(words.split())}]({address})"]

    def text(self) -> str:
        lines = (_SPACES.sub(" ", line).strip() for line in "".join(self._parts).split("\n"))
        return _GAPS.sub("\n\n", "\n".join(lines)).strip()


def _opening(element: str) -> str:
    if element == "li":
        return "\n- "
    return f"\n\n{'#' * int(element[1])} " if element[0] == "h" and element[1:].isdigit() else "\n"


def _address(base: str, href: str) -> str:
    try:
        address = urljoin(base, href)
        return address if urlsplit(address).scheme in ("http", "https") and not href.startswith("#") else ""
    except ValueError:
        return ""
