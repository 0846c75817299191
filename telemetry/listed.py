"""The list of calls as its address asks for it: the period, the filters, what is looked for, which columns, which page.

Nothing in an address is an error: what cannot be understood is left out, and said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import QueryDict

from accounts.entrance import Bearer
from telemetry import addressed, embeddings, figures, reading, search_terms
from telemetry.addressed import Wanted
from telemetry.queries import ids, meaning, pages, words
from telemetry.queries.filters import Filters
from telemetry.queries.pages import Cursor, Line
from telemetry.queries.words import Place

By = Literal["words", "meaning", "id"]
WINDOW, ALL, CUSTOM = "30d", "all", "custom"
EXACT = ("conversation_id", "session_id", "trace_id")
SECONDS = 2.0  # that a page may take; then it says how far it came
TYPED_LIMIT = 1_000
FIRST, LAST = 1971, 2200  # years that a cursor may be of


@dataclass(frozen=True, slots=True)
class Look:
    """What is asked for. `window` is one of `figures.WINDOWS`, `all` or `custom`; `columns` is empty where none were chosen."""

    wanted: Wanted
    window: str
    typed: str = ""
    by: By = "words"
    columns: tuple[str, ...] = ()
    cursor: Cursor | None = None
    is_newer: bool = False
    is_live: bool = False
    notices: tuple[str, ...] = ()

    def filters(self, workspace_id: UUID) -> Filters:
        found = self.wanted.filters(workspace_id)
        return replace(found, since=None, until=None) if self.window == ALL else self._opened(found)

    @property
    def told(self) -> dict[str, Any]:
        """As parameters of an address, without the page."""
        period: Mapping[str, Any] = {"window": self.window} if self.window != CUSTOM else self.wanted.period
        search = {"q": self.typed, "by": self.by if self.typed and self.by != "words" else None}
        return {**period, **search, **self.wanted.given, "cols": self.columns}

    def url(self, **changes: Any) -> str:
        """`?` and the same list with something else: a value, several, or None for none."""
        told = self.told | changes
        if "window" in changes:
            told |= {name: None for name in ("since", "until") if name not in changes}
        return "?" + encoded(told)

    @property
    def query(self) -> str:
        """The list without its page, as it is kept in a saved view."""
        return encoded(self.told)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.typed or self.wanted.given)

    def _opened(self, found: Filters) -> Filters:
        # A list that ends now has no end: what comes while it is read is newer than its first page.
        return found if self.wanted.is_ended else replace(found, until=None)


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of calls; where the words stand in them, and by which id they were found; what went otherwise than asked."""

    lines: Sequence[Line]
    older: Cursor | None = None
    newer: Cursor | None = None
    searched_since: datetime | None = None
    places: Mapping[UUID, Place] | None = None
    found_by: Mapping[UUID, str] | None = None
    notice: str = ""


def read(query: QueryDict, now: datetime, *, columns: Sequence[str] = ()) -> Look:
    """What an address asks for; `columns` are those that there are."""
    notices: list[str] = []
    given = _cleaned(query)
    window = given.get("window", "")
    named = window in figures.WINDOWS or window == ALL
    if named or not (window or given.get("since") or given.get("until")):
        for name in ("since", "until"):
            given.pop(name, None)
        if not named:
            window = ALL if any(given.get(name) for name in EXACT) else WINDOW
    else:
        window = window if window and not given.get("since") and window != CUSTOM else CUSTOM
    given["window"] = WINDOW if window in (ALL, CUSTOM) else window
    wanted = addressed.read(given, now)
    if window not in (ALL, CUSTOM) and wanted.window != window:
        window = wanted.window  # there is no such window, as the notices say
    cursor, is_newer = _cursor(given, notices)
    by = given.get("by", "words")
    return Look(
        wanted=wanted,
        window=window,
        typed=given.get("q", "").strip()[:TYPED_LIMIT],
        by=by if by in get_args(By) else "words",  # type: ignore[arg-type]  # it has just been looked at
        columns=tuple(name for name in columns if name in given.getlist("cols")),
        cursor=cursor,
        is_newer=is_newer,
        is_live=given.get("live") == "1",
        notices=(*wanted.notices, *notices),
    )


def within(look: Look, bearer: Bearer, *, is_revealed: bool = False) -> Filters | None:
    """The calls that a person may list so. By what was said they find their own alone, unless others' was revealed to them."""
    filters = reading.narrowed(look.filters(bearer.workspace_id), bearer)
    if filters is None or is_revealed or not look.typed or look.by == "id":
        return filters
    if filters.user_id and bearer.user_id not in filters.user_id:
        return None
    return replace(filters, user_id=(bearer.user_id,))


def found(look: Look, bearer: Bearer, *, now: datetime, is_revealed: bool = False) -> Listed:
    """The page that is asked for, within what the person may list."""
    filters = within(look, bearer, is_revealed=is_revealed)
    if filters is None:
        return Listed([])
    if look.typed and look.by == "id":
        return _by_id(look.typed, bearer)
    if look.typed and look.by == "meaning":
        return _by_meaning(look.typed, filters, now)
    if look.typed:
        return _by_words(look, filters, now)
    page = pages.logs_page(filters, look.cursor, is_newer=look.is_newer, now=now, seconds=SECONDS)
    return Listed(page.lines, page.older, page.newer, page.searched_since)


def has_meaning() -> bool:
    """Whether calls can be found by what they mean here."""
    return bool(settings.OLLIVE_MEANING_SEARCH) and embeddings.is_installed()


def encoded(told: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in told.items() if value not in (None, "", [], ())}, doseq=True)


def _by_words(look: Look, filters: Filters, now: datetime) -> Listed:
    try:
        results = words.words_page(filters, look.typed, look.cursor, is_newer=look.is_newer, now=now, seconds=SECONDS)
    except search_terms.Unsearchable as error:
        return Listed([], notice=str(error))
    page = results.page
    return Listed(page.lines, page.older, page.newer, page.searched_since, places=results.places)


def _by_meaning(typed: str, filters: Filters, now: datetime) -> Listed:
    if not has_meaning():
        return Listed([], notice="The search by meaning is off here: an operator turns it on with OLLIVE_MEANING_SEARCH.")
    near = meaning.hybrid(filters, typed, limit=pages.LIMIT, now=now)
    return Listed([each.line for each in near], places={each.line.id: each.place for each in near if each.place})


def _by_id(typed: str, bearer: Bearer) -> Listed:
    if len(typed) < ids.SHORTEST:
        return Listed([], notice=f"Type at least the first {ids.SHORTEST} characters of an id.")
    matches = [
        match
        for match in ids.calls_by_id(bearer.workspace_id, typed)
        if reading.sees_all(bearer) or reading.is_own(bearer, match.line.user_id)
    ]
    lines = {match.line.id: match.line for match in matches}  # one call may be found by several of its ids
    return Listed(list(lines.values()), found_by={match.line.id: match.found_by for match in reversed(matches)})


def _cursor(given: QueryDict, notices: list[str]) -> tuple[Cursor | None, bool]:
    for name in ("after", "before"):
        if text := given.get(name):
            try:
                cursor = Cursor.read(text)
                if FIRST < cursor.received_at.year < LAST:
                    return cursor, name == "before"
            except (ValueError, OverflowError):
                pass  # told below: the list begins at its top
            notices.append("This page does not exist: the newest calls are shown.")
    return None, False


def _cleaned(query: QueryDict) -> QueryDict:
    """Without what no database stores."""
    given = QueryDict(mutable=True)
    for name, values in query.lists():
        given.setlist(name, [value.replace("\0", "") for value in values])
    return given
