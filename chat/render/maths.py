"""Formulas as MathML, which browsers draw themselves: no font, no script."""

import re
from functools import lru_cache
from html import unescape

from math_core import LatexError, LatexToMathML

# The converter goes down with each brace and each command, and a stack that is used up ends the process: 2,000
# characters of the worst forms need less than 2 MB, and a thread has 8.
MAX_CHARS = 2_000
MAX_DEPTH = 50
PRIVATE = re.compile("[\ufdd0-\ufdd3]")  # what `source.hide` put there: a chip is drawn in text, not in a formula

_SPAN = re.compile(r'<span data-math-style="(inline|display)">([^<]*)</span>')
_STYLE = re.compile(r' style="([^"]*)"')
_CLASSES = (("text-align: right", "right"), ("text-align: left", "left"), ("width: 50%", "margin"), ("width: 100%", "wide"))
_converter = LatexToMathML()


def draw(html: str) -> str:
    """Every formula that the parser marked, as MathML; one that can't be drawn stays as it was written."""
    return _SPAN.sub(lambda found: _formula(found[2], is_display=found[1] == "display"), html)


@lru_cache(maxsize=1_024)
def _formula(escaped: str, *, is_display: bool) -> str:
    """A growing message shows the same formulas again with every frame, hence the cache."""
    opening = '<span class="math display">' if is_display else '<span class="math">'
    latex = unescape(escaped)
    if len(latex) <= MAX_CHARS and not PRIVATE.search(latex) and _depth(latex) <= MAX_DEPTH:
        try:
            mathml = _converter.convert_with_local_state(latex, displaystyle=is_display)
        except LatexError:
            pass
        else:
            return f"{opening}{_STYLE.sub(_class, mathml)}</span>"
    return f"{opening}{escaped.removeprefix(chr(10))}</span>"


def _class(found: re.Match[str]) -> str:
    """The policy of the pages allows no inline style; the few that align columns are classes here."""
    names = [name for style, name in _CLASSES if style in found[1]]
    return f' class="{" ".join(names)}"' if names else ""


def _depth(latex: str) -> int:
    depth = deepest = 0
    for character in latex:
        if character == "{":
            depth += 1
            deepest = max(deepest, depth)
        elif character == "}":
            depth -= 1
    return deepest
