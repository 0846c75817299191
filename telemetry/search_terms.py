"""What a person types into the search box, as terms: words, "phrases", begin* and -without. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from telemetry.search_text import plain
from telemetry.values import repair

Kind = Literal["words", "prefix"]
TERM_LIMIT = 20
LENGTH_LIMIT = 1_000
TERM = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')


class Unsearchable(ValueError):
    """Nothing can be looked for; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that a call must hold, or must not. The words of a phrase stand next to each other."""

    text: str
    kind: Kind = "words"
    is_excluded: bool = False


def parse(typed: str) -> list[Term]:
    """The terms, all of which apply. Raises Unsearchable when there is none that a call must hold."""
    terms = [term for match in TERM.finditer(plain(repair(typed[:LENGTH_LIMIT]))) if (term := _term(match))]
    if all(term.is_excluded for term in terms):
        raise Unsearchable("Search for at least one word that calls must hold.")
    if len(terms) > TERM_LIMIT:
        raise Unsearchable(f"Search for at most {TERM_LIMIT} words at once.")
    return terms


def tsquery(terms: Sequence[Term], configuration: str) -> tuple[str, list[str]]:
    """An SQL expression of type tsquery, and its parameters."""
    parts, parameters = [], []
    for term in terms:
        made = "phraseto_tsquery" if term.kind == "words" else "to_tsquery"
        text = term.text if term.kind == "words" else "'{}':*".format(term.text.replace("\\", "\\\\").replace("'", "''"))
        parts.append(f"{'!!' if term.is_excluded else ''}{made}(%s::regconfig, %s)")
        parameters += [configuration, text]
    return " && ".join(parts), parameters


def _term(match: re.Match[str]) -> Term | None:
    is_excluded = bool(match["minus"])
    phrase = match["phrase"]
    if phrase is not None:
        return Term(phrase, is_excluded=is_excluded) if _has_word(phrase) else None
    word = match["word"]
    if word.endswith("*") and _has_word(word):
        return Term(word.rstrip("*"), "prefix", is_excluded)
    return Term(word, is_excluded=is_excluded) if _has_word(word) else None


def _has_word(text: str) -> bool:
    return any(character.isalnum() for character in text)
