"""E-mail addresses, and the secret part of URLs."""

import re
from collections.abc import Iterator

from telemetry.redaction.folding import WIDE
from telemetry.redaction.randomness import is_random, is_template
from telemetry.redaction.rules import Match, Rule, Subject

_MARKS = "\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0900-\u0dff"
_AT = re.compile(rf"(?:@|%40)(?=[\w{_MARKS}-]+\.)")
_LOCAL = re.compile(rf"[\w.%+'{_MARKS}-]+\Z")
_DOMAIN = re.compile(rf"[^\W_](?:[^\W_]|[.{_MARKS}-])*")
_DOMAIN_TAIL = re.compile(rf"(?:[^\W_]|[.{_MARKS}-])*")
_WIDE = re.compile(f"[{WIDE}]")
_WIDE_ENDING = re.compile(rf"[\w{WIDE}]{{1,16}}\Z")
_ESCAPES = re.compile(r".*%(?!2[BbEe])[0-9A-Fa-f]{2}")
_ASCII_LABEL = re.compile(r"[A-Za-z]{2,24}|[Xx][Nn]--[A-Za-z0-9-]{2,59}")
_VERSION = re.compile(r"v?[0-9]+\.[0-9]")
_FILES = frozenset(  # a name after `@` that ends so is a file, an attribute or a module
    "png jpg jpeg gif svg webp bmp ico tif tiff avif heic pdf mp3 mp4 avi webm wav ogg html htm css scss less json yaml yml toml"
    " xml txt csv tsv log tar tgz gz bz2 exe dll bin jar whl js jsx ts tsx mjs cjs vue lock patch diff orig bak tmp ini cfg conf"
    " transpose shape dtype mark fixture route setter getter deleter property".split()
)
_URL = re.compile(r"""://((?:(?!://)[^\s"<>`\\])*)""")
_AUTHORITY = re.compile(r"[^/?#]*")
_PASSWORD_TAIL = re.compile(r"""[^\s/@"<>`\\]*""")
_LONG_PASSWORD = re.compile(r"[^/?#:@]{0,40}:[^/?#@]{60,}\Z")


def find_emails(subject: Subject) -> Iterator[Match]:
    """Addresses with a plausible domain. `img@2x.png`, `pkg@1.2.3` and `git@host` are none."""
    text = subject.text
    ats = list(_AT.finditer(text, subject.start))
    for index, at in enumerate(ats):
        floor = ats[index - 1].end() if index else subject.start
        start = _local_start(text, floor, at.start())
        domain = _DOMAIN.match(text, at.end(), ats[index + 1].start() if index + 1 < len(ats) else len(text))
        if start is None or domain is None:
            continue
        length = _domain_length(domain[0])
        if length and text[start : at.start()] != "git":
            end = at.end() + length
            yield Match(start, end, "EMAIL", 5, _DOMAIN_TAIL if subject.is_cut and end == len(text) else None)


def _local_start(text: str, floor: int, end: int) -> int | None:
    found = _LOCAL.search(text[floor:end][-64:])
    if not found:
        return None
    local = found[0]
    if escapes := _ESCAPES.match(local):
        local = local[escapes.end() :]
    if _WIDE.search(local):
        ending = _WIDE_ENDING.search(local) if _WIDE.match(local[-1]) else None
        local = ending[0] if ending else re.split(f"[{WIDE}]", local)[-1]
    local = local.lstrip(".%+'-")
    start = end - len(local)
    if len(local) > 1 and local[0] in "nrt" and text[start - 1 : start] == "\\":
        start += 1  # the letter belongs to the escape
    return start if local and local.strip("._%+'-") else None


def _domain_length(domain: str) -> int:
    """How much of this is a domain name; 0 for none."""
    labels = domain.split(".")
    if "" in labels:
        labels = labels[: labels.index("")]
    if _VERSION.match(domain):
        return 0
    while len(labels) > 1:
        last = _top_label(labels[-1])
        if last:
            return sum(map(len, labels[:-1])) + len(labels) - 1 + len(last)
        if labels[-1].lower() in _FILES:
            return 0
        labels.pop()
    return 0


def _top_label(label: str) -> str:
    """The part of a label that can be a top-level domain."""
    ascii_part = _ASCII_LABEL.match(label)
    if ascii_part:
        following = label[ascii_part.end() : ascii_part.end() + 1]
        if following.isascii() and following.isalnum():
            return ""
        return "" if ascii_part[0].lower() in _FILES else ascii_part[0].rstrip("-")
    if label[:1].isascii():
        return ""
    label = label.rstrip("-")
    return label if len(label) > 1 else ""


def find_url_credentials(subject: Subject) -> Iterator[Match]:
    """The password of `scheme://user:password@host`, or a random token in the user's place."""
    text = subject.text
    for url in _URL.finditer(text, subject.start):
        start, end = (url.start(1) + index for index in _secret_span(url[1]))
        if start < end and not is_template(text[start:end]):
            yield Match(start, end, "URL_CREDENTIALS", 2)
        elif subject.is_cut and url.end() == len(text) and _LONG_PASSWORD.match(url[1]):
            yield Match(url.start(1) + url[1].index(":") + 1, len(text), "URL_CREDENTIALS", 2, _PASSWORD_TAIL)


def _secret_span(rest: str) -> tuple[int, int]:
    """Where in what follows `://` the secret stands; (0, 0) for none."""
    found = _AUTHORITY.match(rest)
    authority = found[0] if found else ""
    at, colon = authority.rfind("@"), authority.find(":")
    if at >= 0:
        if 0 <= colon < at:
            return colon + 1, at
        return (0, at) if is_random(authority[:at], length=20) else (0, 0)
    late = rest.rfind("@")  # a password with an unescaped slash
    if colon >= 0 and late > len(authority) and not authority[colon + 1 :].isdigit() and len(authority) > colon + 1:
        return colon + 1, late
    return 0, 0


RULES = (
    Rule(r"""[^\s(@"<>\[{,;](?:@[^\s@)]+)+|%40""", find_emails),
    Rule(r"://[^\s/@]*[:@][^\s]+", find_url_credentials),
)
