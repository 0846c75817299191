"""The index of what was said: written with the log row, in the same transaction, once the call has ended."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db.backends.utils import CursorWrapper

from telemetry import arrays, payloads
from telemetry.models import Payload
from telemetry.search_text import CONFIGURATION, searched

Row = Mapping[str, Any]  # a log row as JSON, ids and times as text
Key = tuple[UUID, datetime, UUID]  # workspace, received_at, id
Piece = tuple[date, UUID, UUID]  # day, workspace, digest

# A locked row can't be indexed twice at once, so the order of the keys is only for the index's sake.
WRITE = """
INSERT INTO search_entry (workspace_id, received_at, id, words)
SELECT workspace_id, received_at, id, to_tsvector(%s::regconfig, text)
FROM json_to_recordset(%s::json) AS given (workspace_id uuid, received_at timestamptz, id uuid, text text)
ORDER BY workspace_id, received_at, id
ON CONFLICT (workspace_id, received_at, id) DO UPDATE SET words = EXCLUDED.words
"""
FORGET = """
DELETE FROM {table} USING unnest(%s::uuid[], %s::timestamptz[], %s::uuid[]) AS called (workspace_id, received_at, id)
WHERE {table}.workspace_id = called.workspace_id AND {table}.received_at = called.received_at AND {table}.id = called.id
"""
HAS_MEANINGS = "SELECT to_regclass('search_meaning') IS NOT NULL"


def index(cursor: CursorWrapper, calls: Iterable[tuple[Row, Mapping[str, Any]]]) -> int:
    """Index the calls that have ended (row, and what of its content is at hand); returns how many.

    What is not at hand is read from the payloads, so that a call is indexed whole by whoever changes it last.
    """
    ended = [(row, content) for row, content in calls if row["status"] != "in_progress"]
    if not ended:
        return 0
    texts = texts_of(ended)
    records = [
        {"workspace_id": row["workspace_id"], "received_at": row["received_at"], "id": row["id"], "text": text}
        for (row, _), text in zip(ended, texts, strict=True)
    ]
    cursor.execute(WRITE, [CONFIGURATION, orjson.dumps(records).decode()])
    if settings.OLLIVE_MEANING_SEARCH and has_meanings(cursor):  # what was said may be other words now
        _forget(cursor, "search_meaning", [(row["workspace_id"], row["received_at"], row["id"]) for row, _ in ended])
    return len(records)


def forget(cursor: CursorWrapper, keys: Sequence[Key]) -> None:
    """Delete what is known of these calls, in the caller's transaction."""
    tables = ["search_entry", *(["search_meaning"] if has_meanings(cursor) else [])]
    for table in tables:
        _forget(cursor, table, [(workspace, at.isoformat(), call) for workspace, at, call in keys])


def has_meanings(cursor: CursorWrapper) -> bool:
    """Whether this database can hold vectors: it needs pgvector."""
    cursor.execute(HAS_MEANINGS)
    return bool(cursor.fetchone()[0])


def _forget(cursor: CursorWrapper, table: str, keys: Sequence[tuple[UUID | str, str, UUID | str]]) -> None:
    columns = [arrays.literal(column) for column in zip(*keys, strict=True)]
    cursor.execute(FORGET.format(table=table), columns)


def texts_of(calls: Sequence[tuple[Row, Mapping[str, Any]]]) -> list[str]:
    """What is searched of each call. Reads all payloads that are needed at once, a query for each day and workspace."""
    wanted = [list(_lacking(row, content)) for row, content in calls]
    stored = _read({piece for pieces in wanted for _, piece in pieces})
    texts = []
    for (row, content), pieces in zip(calls, wanted, strict=True):
        found: dict[str, list[Any]] = {}
        for part, piece in pieces:
            found.setdefault(part, []).extend(_expand(piece, stored))
        messages = content.get("messages") or found.get("messages") or row.get("input_preview")
        reply = content.get("reply") or found.get("reply") or row.get("output_preview")
        texts.append(searched(messages, reply, row.get("error_message")))
    return texts


def _lacking(row: Row, content: Mapping[str, Any]) -> Iterator[tuple[str, Piece]]:
    """The pieces of the last message and of the reply, where they are not at hand."""
    parts, refs = row.get("payload_parts") or {}, row.get("payload_refs") or []
    day, workspace = datetime.fromisoformat(row["received_at"]).astimezone(UTC).date(), UUID(row["workspace_id"])
    start = 0
    for part in (part for part in payloads.PARTS if part in parts):
        end = start + parts[part]
        if part in {"messages", "reply"} and part not in content:
            needed = refs[end - 1 : end] if part == "messages" else refs[start:end]
            yield from ((part, (day, workspace, UUID(str(ref)))) for ref in needed)
        start = end


def _read(wanted: set[Piece]) -> dict[Piece, tuple[int, Any]]:
    """These pieces, and of those that list others the last one listed."""
    stored: dict[Piece, tuple[int, Any]] = {}
    while wanted:
        by_place: dict[tuple[date, UUID], list[UUID]] = {}
        for day, workspace, digest in wanted:
            by_place.setdefault((day, workspace), []).append(digest)
        for (day, workspace), digests in by_place.items():
            stored |= {(day, workspace, digest): piece for digest, piece in payloads.pieces(day, workspace, digests).items()}
        listed = {(*at[:2], _last(body)) for at in wanted if at in stored for form, body in [stored[at]] if _is_list(form)}
        wanted = listed - stored.keys()
    return stored


def _expand(piece: Piece, stored: Mapping[Piece, tuple[int, Any]]) -> list[Any]:
    form, body = stored.get(piece, (Payload.Form.CONTENT, None))
    return _expand((*piece[:2], _last(body)), stored) if _is_list(form) else [body]


def _is_list(form: int) -> bool:
    return form == Payload.Form.DIGESTS


def _last(body: Any) -> UUID:
    return UUID(body[-1])
