"""Calls by what was said in them: words, phrases, beginnings; newest first, with the places where they were found.

Common words fill the first page from the newest calls. For rare ones the days are walked back with the inverted index, as long as
the time lasts: the page says how far that was, and its cursor goes on from there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from telemetry import search, search_terms
from telemetry.models import InferenceLog
from telemetry.queries import walk
from telemetry.queries.filters import Filters, by_columns
from telemetry.queries.pages import LIMIT, Cursor, Page, assemble, read_spans
from telemetry.search_text import CONFIGURATION

SECONDS = 0.4
HIT_START, HIT_END = "\x02", "\x03"
HEADLINE = f'StartSel="{HIT_START}", StopSel="{HIT_END}", MaxFragments=2, MaxWords=18, MinWords=6, FragmentDelimiter=" … "'
SHORT = 3_000  # characters of a call that are looked through for places

# The keys alone are sorted and cut, then the rows of a page fetched; with filters the rows decide, so they come first.
BY_WORDS = """
SELECT {select} FROM (
    SELECT * FROM (
        SELECT entry.workspace_id, entry.received_at, entry.id FROM search_entry AS entry
        WHERE entry.workspace_id = %(workspace)s AND entry.received_at >= %(low_{place})s AND entry.received_at < %(high_{place})s
            AND {beyond} AND entry.words @@ %(words)s::tsquery OFFSET 0
    ) AS entry ORDER BY received_at {direction}, id {direction} LIMIT %(limit)s
) AS entry JOIN inference_log AS log USING (workspace_id, received_at, id)
WHERE log.received_at >= %(low_{place})s AND log.received_at < %(high_{place})s
ORDER BY log.received_at {direction}, log.id {direction} LIMIT %(limit)s
"""
BY_WORDS_AND_MORE = """
SELECT * FROM (
    SELECT {select} FROM search_entry AS entry JOIN inference_log AS log USING (workspace_id, received_at, id)
    WHERE entry.workspace_id = %(workspace)s AND entry.received_at >= %(low_{place})s AND entry.received_at < %(high_{place})s
        AND log.received_at >= %(low_{place})s AND log.received_at < %(high_{place})s
        AND {beyond} AND entry.words @@ %(words)s::tsquery AND {condition} OFFSET 0
) AS log ORDER BY received_at {direction}, id {direction} LIMIT %(limit)s
"""
PLACES = """
SELECT ts_headline(%s::regconfig, text, %s::tsquery, %s)
FROM unnest(%s::text[]) WITH ORDINALITY AS given (text, place) ORDER BY place
"""

Place = tuple[tuple[str, bool], ...]  # pieces of text, and whether each is a hit


@dataclass(frozen=True, slots=True)
class Results:
    """A page of calls and, by their ids, where the words stand in them."""

    page: Page
    places: Mapping[UUID, Place]


@dataclass(frozen=True, slots=True)
class Entries:
    """The index of words as what is walked."""

    filters: Filters
    words: str  # a tsquery as text
    key_table: str = "search_entry"
    is_plain: bool = False
    is_exact: bool = False

    def read(self, spans: Sequence[walk.Span], *, is_near: bool) -> list[Any]:
        condition = by_columns(self.filters)
        query = BY_WORDS_AND_MORE if condition.terms else BY_WORDS
        condition.parameters["words"] = self.words
        return read_spans(query, spans, condition, alias="entry")


def words_page(
    filters: Filters,
    typed: str,
    cursor: Cursor | None = None,
    limit: int = LIMIT,
    *,
    is_newer: bool = False,
    now: datetime,
    seconds: float | None = SECONDS,
) -> Results:
    """Calls that hold what was typed and pass the filters. Raises search_terms.Unsearchable with a sentence for the person."""
    words = _query(typed)
    wanted = walk.Wanted(filters.workspace_id, filters.since, filters.until, after=cursor, limit=limit + 1, is_newer=is_newer)
    page = assemble(walk.walk(Entries(filters, words), wanted, now=now, seconds=seconds), wanted)
    return Results(
        page, places_of([(line.id, line.received_at) for line in page.lines], words, workspace_id=filters.workspace_id)
    )


def places_of(keys: Sequence[tuple[UUID, datetime]], words: str, *, workspace_id: UUID) -> dict[UUID, Place]:
    """Where the words stand in these calls (id, received_at)."""
    if not keys:
        return {}
    calls = InferenceLog.objects.filter(
        workspace_id=workspace_id,
        id__in=[key[0] for key in keys],
        received_at__gte=min(at for _, at in keys),
        received_at__lte=max(at for _, at in keys),
    )
    told = (
        "id",
        "workspace_id",
        "received_at",
        "payload_parts",
        "payload_refs",
        "input_preview",
        "output_preview",
        "error_message",
    )
    rows = [row | {name: str(row[name]) for name in ("id", "workspace_id", "received_at")} for row in calls.values(*told)]
    texts = search.texts_of([(row, {}) for row in rows])
    with connection.cursor() as cursor:
        cursor.execute(PLACES, [CONFIGURATION, words, HEADLINE, [text[:SHORT] for text in texts]])
        return {UUID(row["id"]): _split(marked) for row, (marked,) in zip(rows, cursor.fetchall(), strict=True)}


def _query(typed: str) -> str:
    """What was typed as a tsquery, written out: the planner then knows how common its words are."""
    expression, parameters = search_terms.tsquery(search_terms.parse(typed), CONFIGURATION)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT ({expression})::text", parameters)
        words = str(cursor.fetchone()[0])
    if not words:
        raise search_terms.Unsearchable("Search for at least one word that calls must hold.")
    return words


def _split(marked: str) -> Place:
    pieces: list[tuple[str, bool]] = []
    for number, part in enumerate(marked.split(HIT_START)):
        hit, end, rest = part.partition(HIT_END) if number else ("", "", part)
        if end:
            pieces.append((hit, True))
        pieces.append((rest if end or not number else part, False))
    return tuple((" ".join(text.split(" ")), is_hit) for text, is_hit in pieces if text)
