"""The log as files: calls in the order of their coming, a day at a time by a server-side cursor, so that memory stays flat.

Each record is a call's row, without what is only a reference inside this installation; content goes along when it is asked for.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, Literal, Protocol
from uuid import UUID

import orjson
from django.db import connection, transaction

from ollive_sdk.events import FIELDS
from telemetry import logs, partitions, payloads, raw_payloads
from telemetry.events import CONTENT
from telemetry.models import InferenceLog
from telemetry.queries.filters import Filters, by_columns
from telemetry.queries.pages import Cursor

Format = Literal["jsonl", "csv", "parquet"]
NOWHERE = UUID(int=0)  # stands for every workspace: the filters want one
BATCH, CONTENT_BATCH = 500, 100  # calls; what one of them says may be megabytes
ROW_GROUP = 5_000  # rows that a Parquet file writes at once
INTERNAL = ("payload_parts", "payload_refs")
COLUMNS = tuple(column for column in logs.COLUMNS if column not in INTERNAL)
TYPES = {name: field.type for name, field in FIELDS.items()} | {"id": "uuid", "received_at": "timestamp"}
FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "＝",
    "＋",
    "－",
    "＠",
    "\t",
    "\r",
    "\n",
)  # a spreadsheet takes a text that begins with one for a command
TEXTS = {"text", "choice", "texts", "json"}

SELECT = """
SELECT to_json(log)::text FROM inference_log AS log
WHERE log.received_at >= %(low)s AND log.received_at < %(high)s AND {after} AND {workspace} AND {condition}
ORDER BY log.received_at, log.id
"""
AFTER = "(log.received_at, log.id) > (%(after_at)s, %(after_id)s)"


class ExportError(Exception):
    """The export can't be made; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A record, and the cursor to go on from after it."""

    record: dict[str, Any]
    cursor: Cursor


def records(
    filters: Filters, *, now: datetime, after: Cursor | None = None, with_content: bool = False, batch: int | None = None
) -> Iterator[Exported]:
    """The calls that pass, oldest first, from after the cursor. A workspace of NOWHERE is all of them.

    With content it raises `raw_payloads.StoreError` where originals are kept elsewhere and can't be had now.
    """
    batch = batch or (CONTENT_BATCH if with_content else BATCH)
    for day in partitions.attached_days(partitions.LOG):
        low, high = _bounds(day, filters, after, now)
        if low < high:
            yield from _of_day(filters, low, high, after=after, with_content=with_content, batch=batch)


def _bounds(day: date, filters: Filters, after: Cursor | None, now: datetime) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(), UTC)
    low = max(start, *(moment for moment in (filters.since, after and after.received_at) if moment), start)
    return low, min(start + timedelta(days=1), filters.until or now)


def _of_day(
    filters: Filters, low: datetime, high: datetime, *, after: Cursor | None, with_content: bool, batch: int
) -> Iterator[Exported]:
    condition = by_columns(filters)
    everywhere = filters.workspace_id == NOWHERE
    query = SELECT.format(
        after=AFTER if after else "true",
        workspace="true" if everywhere else "log.workspace_id = %(workspace)s",
        condition=condition.sql,
    )
    parameters: dict[str, Any] = {"low": low, "high": high, "workspace": filters.workspace_id, **condition.parameters}
    if after:
        parameters |= {"after_at": after.received_at, "after_id": after.id}
    # The cursor lives in one transaction, which sees one moment of the day; content is read beside it on the same connection.
    with transaction.atomic(), closing(connection.chunked_cursor()) as cursor:
        cursor.execute(query, parameters)
        while rows := [orjson.loads(text) for (text,) in cursor.fetchmany(batch)]:
            contents = _contents(rows) if with_content else {}
            for row in rows:
                yield _exported(row, contents.get(row["id"]))


def _exported(row: Mapping[str, Any], content: Mapping[str, Any] | None) -> Exported:
    record = {name: row[name] for name in COLUMNS if row.get(name) is not None}
    if content:
        record["content"] = content
    return Exported(record, Cursor(_received_at(row), UUID(row["id"])))


def _contents(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What was said in calls of one day, by call: as many queries as there are workspaces, not calls."""
    by_workspace: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_workspace.setdefault(row["workspace_id"], []).append(row)
    contents: dict[str, dict[str, Any]] = {}
    for workspace, theirs in by_workspace.items():
        refs = {row["id"]: [UUID(ref) for ref in row["payload_refs"] or ()] for row in theirs}
        known = payloads.fetch(_received_at(theirs[0]).date(), UUID(workspace), chain.from_iterable(refs.values()))
        for row in theirs:
            content = payloads.assemble(row["payload_parts"] or {}, refs[row["id"]], known)
            call = InferenceLog(
                id=UUID(row["id"]),
                workspace_id=UUID(workspace),
                received_at=_received_at(row),
                raw_payload_uri=row["raw_payload_uri"],
            )
            if raw_payloads.is_ours(call):
                content[raw_payloads.PART] = raw_payloads.read(call)
            contents[row["id"]] = content
    return contents


def _received_at(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["received_at"]).astimezone(UTC)


class Sink(Protocol):
    """A binary file, as far as it is needed."""

    def write(self, data: bytes, /) -> object: ...


class Writer(Protocol):
    """Writes records to a binary file."""

    def write(self, record: Mapping[str, Any]) -> None: ...
    def close(self) -> None: ...


class Lines:
    """One JSON object a line: what `import_logs` reads."""

    def __init__(self, file: Sink) -> None:
        self._file = file

    def write(self, record: Mapping[str, Any]) -> None:
        self._file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None: ...


class Table:
    """CSV as spreadsheets read it (RFC 4180, UTF-8); no cell of it is taken for a formula."""

    def __init__(self, file: Sink, *, with_content: bool, has_header: bool = True) -> None:
        self._file = file
        self._columns = columns(with_content=with_content)
        self._text = io.StringIO()
        self._csv = csv.writer(self._text)
        if has_header:
            self._put(self._columns)

    def write(self, record: Mapping[str, Any]) -> None:
        content = record.get("content") or {}
        self._put([cell(name, content.get(name) if name in CONTENT else record.get(name)) for name in self._columns])

    def close(self) -> None: ...

    def _put(self, cells: Sequence[str]) -> None:
        self._csv.writerow(cells)
        self._file.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()


class Parquet:
    """Columns of their own types, in groups of rows. Needs pyarrow."""

    def __init__(self, file: Sink, *, with_content: bool) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise ExportError("Parquet needs pyarrow: uv pip install -r requirements-extras.txt") from None
        self._arrow = pa
        self._columns = columns(with_content=with_content)
        kinds = {
            "integer": pa.int64(),
            "number": pa.float64(),
            "boolean": pa.bool_(),
            "timestamp": pa.timestamp("us", tz="UTC"),
            "money": pa.decimal128(20, 12),
            "texts": pa.list_(pa.string()),
            "integers": pa.list_(pa.int64()),
        }
        self._schema = pa.schema([(name, kinds.get(TYPES[name], pa.string())) for name in self._columns])
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def write(self, record: Mapping[str, Any]) -> None:
        content = record.get("content") or {}
        self._rows.append({name: native(name, (content if name in CONTENT else record).get(name)) for name in self._columns})
        if len(self._rows) == ROW_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def columns(*, with_content: bool) -> tuple[str, ...]:
    return (*COLUMNS, *CONTENT) if with_content else COLUMNS


def writer(format: Format, file: Sink, *, with_content: bool, is_continued: bool = False) -> Writer:  # noqa: A002 (its name)
    """A writer of this format. Raises ExportError where the format can't be written, or not be continued."""
    if format == "jsonl":
        return Lines(file)
    if format == "csv":
        return Table(file, with_content=with_content, has_header=not is_continued)
    if is_continued:
        raise ExportError("A Parquet file can't be continued: begin it anew, or export what follows to another file.")
    return Parquet(file, with_content=with_content)


def cell(name: str, value: Any) -> str:
    """A value as a cell of CSV."""
    if value is None:
        return ""
    kind = TYPES[name]
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"'{text}" if kind in TEXTS and text.lstrip(" ").startswith(FORMULA) else text


def native(name: str, value: Any) -> Any:
    """A value as its column of Parquet wants it."""
    kind = TYPES[name]
    if value is None:
        return None
    if kind == "timestamp":
        return datetime.fromisoformat(value)
    if kind == "money":
        return Decimal(str(value)).quantize(Decimal("1e-12"))
    return orjson.dumps(value).decode() if kind == "json" and not isinstance(value, str) else value
