"""Calls by what they mean, and the best of both searches: words and meaning, fused by rank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from telemetry import embeddings, search_terms
from telemetry.queries.filters import Filters, by_columns
from telemetry.queries.pages import COLUMNS, SELECT, Line
from telemetry.queries.words import Place, words_page

LIMIT = 50
CANDIDATES = 200  # of each search, before they are fused
SMOOTHING = 60  # of reciprocal rank fusion: how little the very first ranks stand out

# The index goes on looking while the filters let too few through.
ITERATE = "SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.ef_search = 200"
NEAREST = """
SELECT {select}, 1 - distance FROM (
    SELECT workspace_id, received_at, id, meaning <=> %(vector)s::halfvec AS distance FROM search_meaning
    WHERE workspace_id = %(workspace)s AND model = %(embedder)s AND {period} ORDER BY distance LIMIT %(candidates)s
) AS nearest JOIN inference_log AS log USING (workspace_id, received_at, id)
WHERE {condition} ORDER BY distance, log.received_at DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Near:
    """A call and how near its meaning is: the cosine, at most 1."""

    line: Line
    likeness: float


@dataclass(frozen=True, slots=True)
class Fused:
    """A call that one search found or both, its score, and where the words stand when they do."""

    line: Line
    score: float
    likeness: float | None
    place: Place | None


def nearest(filters: Filters, typed: str, *, limit: int = LIMIT) -> list[Near]:
    """The calls whose meaning is nearest, nearest first, among the 200 nearest of the period. Raises embeddings.Unavailable."""
    (vector,) = embeddings.embed([typed])
    condition = by_columns(filters)
    period = [f"received_at {sign} %({name})s" for name, sign in (("since", ">="), ("until", "<")) if getattr(filters, name)]
    parameters: dict[str, Any] = condition.parameters | {
        "vector": embeddings.literal(vector),
        "workspace": filters.workspace_id,
        "embedder": embeddings.NAME,
        "candidates": CANDIDATES,
        "limit": limit,
        "since": filters.since,
        "until": filters.until,
    }
    statement = NEAREST.format(select=SELECT, condition=condition.sql, period=" AND ".join(period) or "true")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ITERATE)
        cursor.execute(statement, parameters)
        return [Near(Line(*row[: len(COLUMNS)]), float(row[-1])) for row in cursor.fetchall()]


def hybrid(filters: Filters, typed: str, *, limit: int = LIMIT, now: datetime) -> list[Fused]:
    """The best of both: reciprocal rank fusion of the newest calls with the words and of the nearest ones in meaning."""
    near = {each.line.id: each for each in nearest(filters, typed, limit=CANDIDATES)}
    try:
        results = words_page(filters, typed, limit=CANDIDATES, now=now)
        worded, places = {line.id: line for line in results.page.lines}, results.places
    except search_terms.Unsearchable:
        worded, places = {}, {}
    scores = fuse([list(near), list(worded)])
    best = sorted(scores, key=lambda call: (-scores[call], str(call)))[:limit]
    lines: Mapping[UUID, Line] = worded | {call: each.line for call, each in near.items()}
    return [Fused(lines[call], scores[call], near[call].likeness if call in near else None, places.get(call)) for call in best]


def fuse(rankings: Sequence[Sequence[UUID]]) -> dict[UUID, float]:
    """Reciprocal rank fusion: what several rankings have near their top comes first."""
    scores: dict[UUID, float] = {}
    for ranking in rankings:
        for rank, call in enumerate(ranking, start=1):
            scores[call] = scores.get(call, 0.0) + 1 / (SMOOTHING + rank)
    return scores
