"""The allow-list that every piece of rendered HTML passes last, whatever made it."""

import nh3

from chat.render.code import TOKEN_CLASSES

_PLAIN_TAGS = "p br hr em strong del code pre blockquote ul ol li table thead tbody tr th td h1 h2 h3 h4 h5 h6"
# MathML Core, as far as formulas are written in it. Nothing of it links, loads or holds foreign markup.
_MATHS_TAGS = (
    "math menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup"
    " msup mtable mtd mtext mtr munder munderover"
).split()
_MATHS_ATTRIBUTES = (
    "accent accentunder columnspan depth display displaystyle fence form height largeop linethickness lspace mathvariant maxsize"
    " minsize movablelimits notation rowspan rspace scriptlevel separator stretchy symmetric voffset width"
).split()
_CELL = {"align": {"left", "center", "right"}}

_cleaner = nh3.Cleaner(
    tags={*_PLAIN_TAGS.split(), *_MATHS_TAGS, "a", "span", "div", "button"},
    attributes={tag: set(_MATHS_ATTRIBUTES) for tag in _MATHS_TAGS}
    | {"*": set(), "a": {"href", "title"}, "ol": {"start"}, "span": {"title"}},
    tag_attribute_values={"th": _CELL, "td": _CELL, "button": {"type": {"button"}}},
    set_tag_attribute_values={"button": {"type": "button"}},
    allowed_classes={
        "a": {"image"},
        "button": {"copy"},
        "div": {"code", "code-head", "code-part", "code-more", "table", "plain"},
        "li": {"task-item"},
        "mtable": {"wide"},
        "mtd": {"left", "right", "margin"},
        "span": {"code-lang", "redacted", "task", "done", "math", "display", *TOKEN_CLASSES},
    },
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
)


def sanitize(html: str) -> str:
    return _cleaner.clean(html)
