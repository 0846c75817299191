"""Calls from the lines that an export wrote. A line is checked like an event, redacted again, and keeps the time of its call.

Whoever was first wins: a call that is known already stays as it is. What can't be taken is told by its line's number.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import DataError, connection, transaction
from django.db.backends.utils import CursorWrapper

from accounts.models import Workspace
from ollive_sdk.events import FIELDS, PHASE_BITS
from telemetry import (
    arrays,
    digest,
    events,
    feed,
    locks,
    logs,
    partitions,
    payloads,
    policies,
    raw_payloads,
    rollups,
    search,
    tallies,
)
from telemetry.events import CONTENT, PREVIEWS
from telemetry.exports import COLUMNS
from telemetry.values import Refused, shorten, take

BATCH = 500
LINE_LIMIT = 32 * 1024 * 1024  # bytes
FIRST_DAY = date(2015, 1, 1)  # before it there was nothing to record: such a time is a mistake
NAMES = {name: FIELDS.get(name, FIELDS["inference_id"]) for name in COLUMNS}

KNOWN = """
SELECT key.workspace_id, key.inference_id FROM inference_key AS key
JOIN unnest(%s::uuid[], %s::uuid[]) AS called (workspace_id, inference_id) USING (workspace_id, inference_id)
"""
CLAIM = """
INSERT INTO inference_key (workspace_id, inference_id, received_at)
SELECT workspace_id, inference_id, received_at FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[])
    AS called (workspace_id, inference_id, received_at)
ORDER BY workspace_id, inference_id
ON CONFLICT DO NOTHING RETURNING workspace_id, inference_id
"""
SEALED = "SELECT day, workspace_id FROM telemetry_sealed_day WHERE day = ANY(%s)"

Key = tuple[UUID, UUID]  # workspace, call


class InvalidLine(ValueError):
    """The line is no call; the message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """A call as its line tells it: row and content, checked and redacted."""

    number: int
    row: dict[str, Any]
    content: dict[str, Any]

    @property
    def key(self) -> Key:
        return UUID(self.row["workspace_id"]), UUID(self.row["id"])

    @property
    def received_at(self) -> datetime:
        return datetime.fromisoformat(self.row["received_at"])

    @property
    def day(self) -> date:
        return self.received_at.astimezone(UTC).date()

    @property
    def event_count(self) -> int:
        return sum(bool(self.row["phases"] & bit) for bit in PHASE_BITS.values())


@dataclass(slots=True)
class Imported:
    """What became of the lines."""

    stored: int = 0
    known: int = 0
    refused: int = 0
    last_line: int = 0
    refusals: list[str] = field(default_factory=list)  # those of the last batch


@dataclass(slots=True)
class Importer:
    """Takes lines in batches, each in one transaction. `workspace_id` takes the place of the workspaces that the lines name."""

    now: datetime
    workspace_id: UUID | None = None
    is_dry: bool = False
    total: Imported = field(default_factory=Imported)
    _workspaces: set[UUID] = field(default_factory=lambda: set(Workspace.objects.values_list("id", flat=True)))

    def take(self, lines: Iterable[tuple[int, bytes]]) -> Iterator[Imported]:
        """Import these lines (number, text); yields the totals after each batch."""
        batch: list[Line] = []
        self.total.refusals = []
        for number, text in lines:
            self.total.last_line = number
            if not text.strip():
                continue
            try:
                batch.append(self.read(number, text))
            except InvalidLine as error:
                self._refuse(number, str(error))
            if len(batch) == BATCH or len(self.total.refusals) >= BATCH:
                yield self._finish(batch)
                batch = []
        yield self._finish(batch)

    def read(self, number: int, text: bytes) -> Line:
        """One line. Raises InvalidLine."""
        if len(text) > LINE_LIMIT:
            raise InvalidLine(f"is longer than {LINE_LIMIT:,} bytes")
        try:
            told = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InvalidLine(f"is not JSON ({error})") from None
        if not isinstance(told, dict):
            raise InvalidLine("is not a JSON object")
        content = told.pop("content", None) or {}
        row = {name: _taken(name, value) for name, value in told.items() if value is not None}
        if self.workspace_id:
            row["workspace_id"] = str(self.workspace_id)
        self._check(row)
        return self._redacted(number, row, _content(content))

    def _check(self, row: Mapping[str, Any]) -> None:
        for name in ("id", "workspace_id", "received_at", "status"):
            if name not in row:
                raise InvalidLine(f"has no {name}")
        if UUID(row["workspace_id"]) not in self._workspaces:
            raise InvalidLine(f"names the workspace {row['workspace_id']}, which is not here: give --workspace")
        received = datetime.fromisoformat(row["received_at"])
        if received.date() < FIRST_DAY or received > self.now + timedelta(days=1):
            raise InvalidLine(f"was received at {row['received_at']}, which can't be")
        if row.get("phases", 3) not in {1, 2, 3}:
            raise InvalidLine("has phases that are not 1, 2 or 3")

    def _redacted(self, number: int, row: dict[str, Any], content: dict[str, Any]) -> Line:
        rules = policies.rules_of(UUID(row["workspace_id"]))
        fields = events.redact_fields({**row, **content}, rules)
        policy = policies.kept(rules.policy)
        if policy == "none":
            fields = {name: value for name, value in fields.items() if name not in PREVIEWS}
        kept = {name: fields[name] for name in content} if policy == "full" else {}
        told = {name: _shortened(name, value) for name, value in fields.items() if name in NAMES}
        told["phases"] = row.get("phases") or (1 if row["status"] == "in_progress" else 3)
        told["redaction_version"] = rules.version
        return Line(number, told, kept)

    def _refuse(self, number: int, reason: str) -> None:
        self.total.refused += 1
        self.total.refusals.append(f"line {number} {reason}")

    def _finish(self, batch: Sequence[Line]) -> Imported:
        """Store a batch, or count what would be stored. A line that PostgreSQL refuses is found by halving."""
        self._store(batch)
        told = Imported(**{name: getattr(self.total, name) for name in ("stored", "known", "refused", "last_line", "refusals")})
        self.total.refusals = []
        return told

    def _store(self, batch: Sequence[Line]) -> None:
        if not batch:
            return
        before = self.total.known, self.total.refused, list(self.total.refusals)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                stored = self._count(batch, cursor) if self.is_dry else self._write(batch, cursor)
        except DataError as error:
            self.total.known, self.total.refused, self.total.refusals = before
            if len(batch) == 1:
                self._refuse(batch[0].number, f"is refused by PostgreSQL ({str(error).splitlines()[0]})")
                return
            middle = len(batch) // 2
            self._store(batch[:middle])
            self._store(batch[middle:])
            return
        self.total.stored += stored

    def _count(self, batch: Sequence[Line], cursor: CursorWrapper) -> int:
        first = self._first(batch, cursor)
        cursor.execute(KNOWN, [arrays.literal(key[0] for key in first), arrays.literal(key[1] for key in first)])
        known = len(cursor.fetchall())
        self.total.known += known
        return len(first) - known

    def _write(self, batch: Sequence[Line], cursor: CursorWrapper) -> int:
        locks.share(cursor, locks.ERASURE)
        first = self._first(batch, cursor)
        keys = sorted(first)
        at = arrays.literal(first[key].received_at.isoformat() for key in keys)
        cursor.execute(CLAIM, [arrays.literal(key[0] for key in keys), arrays.literal(key[1] for key in keys), at])
        claimed = [first[key] for key in sorted(cursor.fetchall())]
        self.total.known += len(first) - len(claimed)
        if claimed:
            partitions.ensure_days({line.day for line in claimed})
            _unlink(claimed, cursor)
            write(claimed, cursor)
            count = sum(line.event_count for line in claimed)
            tallies.add(cursor, received=count, stored=count)
        return len(claimed)

    def _first(self, batch: Sequence[Line], cursor: CursorWrapper) -> dict[Key, Line]:
        """The lines that may be stored: one for each call, none of a day whose calls were deleted for their age."""
        cursor.execute(SEALED, [sorted({line.day for line in batch})])
        sealed = set(cursor.fetchall())
        first: dict[Key, Line] = {}
        for line in batch:
            if (line.day, None) in sealed or (line.day, line.key[0]) in sealed:
                self._refuse(line.number, f"is of {line.day}, a day whose calls were deleted for their age")
            elif line.key in first:
                self.total.known += 1
            else:
                first[line.key] = line
        return first


def write(lines: Sequence[Line], cursor: CursorWrapper) -> None:
    """The rows, their content, and whoever has to hear of them, as the digest does it."""
    pieces: payloads.Pieces = {}
    addresses = raw_payloads.take_out({line.key: line.content for line in lines}, {line.key: line.received_at for line in lines})
    for line in lines:
        told = line.row.get("raw_payload_uri") or ""
        elsewhere = None if told.startswith(raw_payloads.SCHEME) else told or None  # our own address is made anew
        line.row["raw_payload_uri"] = addresses.get(line.key, elsewhere)
        packed = payloads.pack(line.key[0], line.content)
        line.row["payload_parts"], line.row["payload_refs"] = payloads.join(None, None, packed)
        pieces |= {(line.day, line.key[0], digested): piece for digested, piece in packed.pieces.items()}
    payloads.write(((*place, *piece) for place, piece in pieces.items()), cursor)
    logs.write([line.row for line in lines], cursor)
    rollups.touch(cursor, ((line.key[0], line.received_at) for line in lines))
    search.index(cursor, [(line.row, line.content) for line in lines])
    feed.note(cursor, ((*line.key, line.received_at, line.row["status"] != "in_progress") for line in lines))


def _taken(name: str, value: Any) -> Any:
    if name not in NAMES:
        raise InvalidLine(f"has {name}, which is no column of the log")
    try:
        return take(NAMES[name], value)
    except Refused as refusal:
        raise InvalidLine(f"has a {name} that {refusal}") from None


def _content(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict) or told.keys() - set(CONTENT):
        raise InvalidLine("has content that is not made of " + ", ".join(CONTENT))
    return {name: take(FIELDS[name], value) for name, value in told.items() if value is not None}


def _shortened(name: str, value: Any) -> Any:
    declared = FIELDS.get(name)
    return shorten(value, declared.about.limit) if declared and declared.type == "text" else value


def _unlink(lines: Sequence[Line], cursor: CursorWrapper) -> None:
    """Drop the links to conversations that were deleted here."""
    linked = [line for line in lines if line.row.get("conversation_id")]
    if not linked:
        return
    cursor.execute(digest.UNLINKED, [[line.key[0] for line in linked], [UUID(line.row["conversation_id"]) for line in linked]])
    gone = set(cursor.fetchall())
    for line in linked:
        if (line.key[0], UUID(line.row["conversation_id"])) in gone:
            line.row["conversation_id"] = line.row["message_id"] = None


def lines_of(read_line: Callable[[int], bytes], start: int = 1) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, numbered, from the line `start` on. One that is too long is passed over piece by piece."""
    number = 0
    while text := read_line(LINE_LIMIT + 1):
        number += 1
        rest = text
        while len(rest) > LINE_LIMIT and not rest.endswith(b"\n"):
            rest = read_line(LINE_LIMIT + 1)
        if number >= start:
            yield number, text
