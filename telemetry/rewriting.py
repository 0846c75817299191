"""Stored rows, rewritten where they lie: what was said, previews, errors, metadata, the index of words.

The work is done outside any transaction and written in a short one, if the row is still the one that was read. Rewritten pieces
are new pieces; those that no row refers to any more are deleted by `sweep`, once for all rows of a day.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q

from ollive_sdk.events import FIELDS, SPAN_FIELDS, Field
from telemetry import events, locks, payloads, raw_payloads, search
from telemetry.models import InferenceLog, Span
from telemetry.values import shorten

Row = InferenceLog | Span
PREVIEWS = {"input_preview": "messages", "output_preview": "reply", "arguments_preview": "arguments", "result_preview": "result"}
Change = Callable[[Any], Any]


def _told(fields: Mapping[str, Field], table: type[Row]) -> dict[str, Field]:
    columns = {field.column for field in table._meta.concrete_fields}
    return {name: field for name, field in fields.items() if field.about.sensitive and name in columns}


TOLD: Mapping[type[Row], Mapping[str, Field]] = {
    InferenceLog: _told(FIELDS, InferenceLog),
    Span: _told(SPAN_FIELDS, Span),
}


class Reading:
    """A row with all that was said in it, and what a change makes of both."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.content = payloads.content_of(row)
        self.fields = {name: value for name in TOLD[type(row)] if (value := getattr(row, name)) is not None}

    def changed(self, change: Change) -> tuple[dict[str, Any], dict[str, Any]]:
        """Only the fields, and the parts of the content, that the change makes others."""
        declared = TOLD[type(self.row)]
        fields = {name: _fitting(declared[name], change(value)) for name, value in self.fields.items()}
        content = {part: change(value) for part, value in self.content.items() if value is not None}
        for name, part in PREVIEWS.items():
            # Of a cut text less may be understood than of the whole.
            if name in fields and part in content and self.fields[name] == _preview(self.content[part]):
                fields[name] = _preview(content[part])
        return (
            {name: value for name, value in fields.items() if value != self.fields[name]},
            {part: value for part, value in content.items() if value != self.content[part]},
        )


def rewrite(reading: Reading, change: Change, stamp: Mapping[str, Any]) -> bool | None:
    """Change what was said in one row and stamp it.

    Returns whether anything changed, or None when the row is another one by now: it is left to the next look.
    """
    fields, content = reading.changed(change)
    row = reading.row
    outside = raw_payloads.PART if isinstance(row, InferenceLog) and raw_payloads.is_ours(row) else None
    inside = {part: value for part, value in (reading.content | content).items() if part != outside}
    if isinstance(row, InferenceLog) and outside in content:
        # Under its old key: whoever reads the row meanwhile reads the new text.
        raw_payloads.put_back(row, content[raw_payloads.PART])
    with transaction.atomic(), connection.cursor() as cursor:
        locks.share(cursor, locks.ERASURE)
        pieces: dict[UUID, tuple[int, str]] = {}
        if content:
            packed = payloads.pack(row.workspace_id, inside)
            fields["payload_parts"], fields["payload_refs"] = payloads.join(None, None, packed)
            pieces = packed.pieces
        if not _same(row).update(**fields, **stamp):
            return None
        payloads.write(((row.day, row.workspace_id, digest, *piece) for digest, piece in pieces.items()), cursor)
        if fields and isinstance(row, InferenceLog):
            _index(row, fields, inside, cursor)
    return bool(fields)


def stamp_all(rows: Iterable[Row], stamp: Mapping[str, Any]) -> int:
    """Stamp rows in which nothing changed, those that are still the same; returns how many."""
    return sum(_same(row).update(**stamp) for row in rows)


def sweep(places: Iterable[tuple[date, UUID]]) -> int:
    """Delete the pieces of these days and workspaces that nothing refers to any more; returns how many."""
    count = 0
    for day, workspace_id in sorted(places):
        with transaction.atomic(), connection.cursor() as cursor:
            locks.hold(cursor, locks.ERASURE)
            count += payloads.sweep(day, workspace_id)
    return count


def _preview(content: Any) -> str:
    return events.preview_of(content) or events.preview_of(
        content if isinstance(content, str) else orjson.dumps(content).decode()
    )


def _fitting(field: Field, value: Any) -> Any:
    return shorten(value, field.about.limit) if field.type == "text" and isinstance(value, str) else value


def _same(row: Row) -> Any:
    """The row, as long as no event, erasure or other rewriting has changed it."""
    refs = Q(payload_refs__isnull=True) if row.payload_refs is None else Q(payload_refs=row.payload_refs)
    same: Any = type(row)._default_manager.filter(refs, workspace_id=row.workspace_id, received_at=row.received_at, id=row.id)
    return same.filter(phases=row.phases, status=row.status) if isinstance(row, InferenceLog) else same


def _index(row: InferenceLog, fields: Mapping[str, Any], content: Mapping[str, Any], cursor: CursorWrapper) -> None:
    told = {name: fields.get(name, getattr(row, name)) for name in ("input_preview", "output_preview", "error_message")}
    known = {"id": str(row.id), "workspace_id": str(row.workspace_id), "received_at": row.received_at.isoformat()}
    search.index(cursor, [({**known, **told, "status": row.status}, content)])
