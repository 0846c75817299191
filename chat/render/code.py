"""Code blocks: the frame with its language and copy button, and colours for finished blocks."""

import re
from enum import Enum
from functools import lru_cache
from html import escape, unescape
from time import thread_time

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token, _TokenType

from chat.render.source import CLOSE, DOLLAR, LESS, OPEN

HIGHLIGHT_MAX_CHARS = 20_000
_LINE_MAX_CHARS = 1_000
_LABEL_MAX_CHARS = 30
_BASE_BUDGET_S = 0.02
_CHAR_BUDGET_S = 0.000_01

# Only well-trodden lexers: each is a set of regular expressions run over text that a stranger wrote.
_NAMES = (
    "bash c c# c++ console cpp cs csharp css diff docker dockerfile go golang graphql hcl html http ini java javascript "
    "js json jsonc jsx kotlin lua make makefile nginx perl php powershell properties protobuf py python python3 r rb ruby "
    "rs rust scala scss sh shell sql swift terraform toml ts tsx typescript xml yaml yml zsh"
)
_USUAL = "bash css html javascript json python sql typescript yaml"
LANGUAGES = frozenset(_NAMES.split())
_ALIASES = {"jsonc": "json", "tsx": "typescript", "jsx": "javascript"}

_CLASSES: dict[_TokenType, str] = {
    Token.Comment: "c",
    Token.Comment.Preproc: "k",
    Token.Keyword: "k",
    Token.Keyword.Constant: "m",
    Token.Operator.Word: "k",
    Token.Literal.Number: "m",
    Token.Literal.String: "s",
    Token.Name.Attribute: "na",
    Token.Name.Builtin: "nb",
    Token.Name.Class: "nc",
    Token.Name.Constant: "m",
    Token.Name.Decorator: "na",
    Token.Name.Exception: "nc",
    Token.Name.Function: "nf",
    Token.Name.Tag: "k",
    Token.Name.Variable: "nv",
    Token.Generic.Deleted: "gd",
    Token.Generic.Heading: "gh",
    Token.Generic.Inserted: "gi",
    Token.Generic.Subheading: "gh",
}
TOKEN_CLASSES = frozenset(_CLASSES.values())

_MARKER = re.compile(f"{OPEN}([A-Z0-9_]+){CLOSE}")
_STAND_IN = re.compile(r"redacted0([A-Z0-9_]+)0x")


class Part(Enum):
    """A fence too long to hold is shown in several pieces: the first has the head, the others continue it."""

    WHOLE = "code"
    FIRST = "code code-part"
    MORE = "code code-part code-more"


def warm() -> None:
    """Load the usual lexers, 5 to 50 ms each, so that no stream waits for one. Call it in a thread when a process starts."""
    for language in _USUAL.split():
        highlight("x", language)


def frame(info: str, escaped: str, *, is_highlighted: bool, part: Part) -> str:
    """HTML of one block from the parser's escaped text. An empty continuation is nothing at all."""
    if part is Part.MORE and not escaped.strip("\n"):
        return ""
    language = unescape(info).strip()
    coloured = highlight(unescape(escaped), language.lower()) if is_highlighted and part is Part.WHOLE else None
    body = f"<pre><code>{escaped if coloured is None else coloured}</code></pre>"
    if part is Part.MORE:
        return f'<div class="{part.value}">{body}</div>'
    label = escape(language[:_LABEL_MAX_CHARS])
    head = f'<span class="code-lang">{label}</span><button type="button" class="copy">Copy</button>'
    return f'<div class="{part.value}"><div class="code-head">{head}</div>{body}</div>'


def highlight(code: str, language: str) -> str | None:
    """Coloured spans, or None where colours are not worth their price or their risk."""
    if language not in LANGUAGES or len(code) > HIGHLIGHT_MAX_CHARS:
        return None
    if max(map(len, code.split("\n"))) > _LINE_MAX_CHARS:
        return None
    marker_count = code.count(OPEN)
    # As one identifier, so that no lexer cuts a marker in two.
    plain = _MARKER.sub(r"redacted0\g<1>0x", code) if marker_count else code
    coloured = _spans(_lexer(language), plain.replace(LESS, "<").replace(DOLLAR, "$"))
    if marker_count and coloured is not None:
        coloured, found_count = _STAND_IN.subn(rf"{OPEN}\g<1>{CLOSE}", coloured)
        return coloured if found_count == marker_count else None
    return coloured


def _spans(lexer: Lexer, code: str) -> str | None:
    # Some lexers look ahead to the end at each word (Java, C#, C). Ordinary code takes a tenth of this.
    gives_up_at = thread_time() + _BASE_BUDGET_S + len(code) * _CHAR_BUDGET_S
    out: list[str] = []
    last, run = "", ""
    for count, (token, value) in enumerate(lexer.get_tokens(code)):
        if not count % 16 and thread_time() > gives_up_at:
            return None
        name = _class_of(token)
        if name != last:
            out.append(_span(last, run))
            last, run = name, ""
        run += value
    out.append(_span(last, run))
    return "".join(out)


def _span(name: str, text: str) -> str:
    shown = escape(text, quote=False)
    return f'<span class="{name}">{shown}</span>' if name and text else shown


@lru_cache(maxsize=256)
def _class_of(token: _TokenType) -> str:
    for ancestor in reversed(token.split()):
        if ancestor in _CLASSES:
            return _CLASSES[ancestor]
    return ""


@lru_cache(maxsize=len(LANGUAGES))
def _lexer(language: str) -> Lexer:
    return get_lexer_by_name(_ALIASES.get(language, language), stripnl=False, ensurenl=False)
