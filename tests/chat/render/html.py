"""What tests read from rendered HTML: that it is inside the allow-list, and what a person sees of it."""

from html.parser import HTMLParser

from chat.render.code import TOKEN_CLASSES
from chat.render.sanitizer import _MATHS_ATTRIBUTES, _MATHS_TAGS

PLAIN = {"p", "br", "hr", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li", "table", "thead", "tbody", "tr"}
PLAIN |= {"h1", "h2", "h3", "h4", "h5", "h6"}
ATTRIBUTES = {
    "a": {"href", "title", "rel", "class"},
    "button": {"type", "class"},
    "div": {"class"},
    "li": {"class"},
    "ol": {"start"},
    "span": {"class", "title"},
    "td": {"align"},
    "th": {"align"},
}
CLASSES = {"image", "copy", "code", "code-head", "code-part", "code-more", "code-lang", "table", "plain", "task-item"}
CLASSES |= {"wide", "left", "right", "margin"}
CLASSES |= {"redacted", "task", "done", "math", "display", *TOKEN_CLASSES}
REL = "noopener noreferrer nofollow"
SCHEMES = ("http:", "https:", "mailto:")
ATTRIBUTES |= {tag: {*_MATHS_ATTRIBUTES, "class"} for tag in _MATHS_TAGS}
VOID = {"br", "hr"}


class Page(HTMLParser):
    """Reads as a browser does; `faults` are what no rendered message may contain."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.texts: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        self.faults += [f"open: {tag}" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in PLAIN | set(ATTRIBUTES):
            self.faults.append(f"tag: {tag}")
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            self._read_attribute(tag, name, value or "")
        if tag == "a" and dict(attrs).get("rel") != REL:
            self.faults.append("a link without its rel")

    def _read_attribute(self, tag: str, name: str, value: str) -> None:
        if name not in ATTRIBUTES.get(tag, set()):
            self.faults.append(f"attribute: {tag} {name}")
        if name == "class" and not set(value.split()) <= CLASSES:
            self.faults.append(f"class: {value}")
        if name == "href":
            self.links.append(value)
            if not value.lower().startswith(SCHEMES):
                self.faults.append(f"link: {value}")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"unbalanced: {tag}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment: {data}")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"declaration: {decl}")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"instruction: {data}")

    def unknown_decl(self, data: str) -> None:
        self.faults.append(f"declaration: {data}")


def faults(html: str) -> list[str]:
    return Page(html).faults


def text(html: str) -> str:
    """The visible words, without the white space between blocks."""
    return " ".join("".join(Page(html).texts).split())


def letters(html: str) -> str:
    """The visible characters without any white space, nor the heads of code blocks."""
    return "".join("".join(Page(html).texts).split())
