"""Fills days with demo traffic: a new day is a plain table, filled by COPY, then indexed, then attached, in one transaction.

A day is there wholly or not at all, and carries a mark with its plan, so that a run that was broken off can be gone on with and
two plans are never mixed unnoticed. Days that exist already are filled as they are, with their indexes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from telemetry import locks, partitions, tallies
from telemetry.demo import opinions, rhythm, traffic
from telemetry.demo.words import Words, escape

BYTES_PER_ROW = 2_800  # with all indexes, as measured with a million
CHUNK = 10_000
ROWS_WITH_EVENTS = 1_000_000
NEW = "_demo"  # the end of a table's name until it is attached
INDEX_NAME = re.compile(r"^CREATE (UNIQUE )?INDEX \S+ ON (?:ONLY )?\S+ USING")

EXISTING = """
SELECT parent.relname, child.relname, obj_description(child.oid, 'pg_class') FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent
WHERE parent.relname = ANY(%s)
"""
INDEXES = """
SELECT indisprimary, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = %s::regclass ORDER BY indisprimary DESC
"""
KEY = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY place) FROM pg_index
CROSS JOIN unnest(indkey::smallint[]) WITH ORDINALITY AS part (number, place)
JOIN pg_attribute ON attrelid = indrelid AND attnum = part.number WHERE indrelid = %s::regclass AND indisprimary
"""
MAKE = """
CREATE TABLE "{child}{new}" (LIKE "{table}" INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING COMPRESSION,
    CONSTRAINT "{child}_day" CHECK ("{column}" >= '{start}' AND "{column}" < '{end}'))
"""
ATTACH = """
ALTER TABLE "{child}{new}" RENAME TO "{child}";
ALTER TABLE "{table}" ATTACH PARTITION "{child}" FOR VALUES FROM ('{start}') TO ('{end}')
"""


FORGET_EVENTS = """
DELETE FROM product_event WHERE workspace_id = %s AND user_id = ANY(%s)
    AND (happened_at AT TIME ZONE 'UTC')::date = %s
"""
SCORES = "CREATE TEMP TABLE demo_score (LIKE telemetry_score INCLUDING DEFAULTS) ON COMMIT DROP"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be there when all is done. Two runs with equal plans make equal rows.

    What people did with the product is made for up to a million calls: it would take longer than the calls.
    """

    workspace_id: str
    rows: int
    days: int
    seed: int
    until: str  # ISO 8601, to the minute

    @property
    def until_at(self) -> datetime:
        return datetime.fromisoformat(self.until)

    def shares(self) -> dict[date, int]:
        last = self.until_at.date()
        days = [last - timedelta(days=back) for back in range(self.days - 1, -1, -1)]
        return rhythm.share(self.rows, days, self.until_at)


class Mixed(Exception):
    """The days hold something else; the message says what."""


def marks() -> dict[date, Plan]:
    """The plans that days of the log were filled by."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(EXISTING, [[partitions.LOG.table]])
        for _, child, comment in cursor.fetchall():
            if comment and comment.startswith("{"):
                found[datetime.strptime(child[-8:], "%Y%m%d").replace(tzinfo=UTC).date()] = Plan(**orjson.loads(comment))
    return found


def fill(plan: Plan, day: date, count: int, *, words: Words, tick: Callable[[int], Any]) -> None:
    """Make a day's calls and all that belongs to them. `tick` hears of each chunk of rows."""
    source = traffic.Traffic(UUID(plan.workspace_id), words, seed=plan.seed, day=day)
    spans = 0
    has_events = plan.rows <= ROWS_WITH_EVENTS
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
        _forget_events(plan, day, cursor)
        cursor.execute(SCORES)
        new = _make(day, cursor)
        lines = source.lines(count, plan.until_at)
        while chunk := list(islice(lines, CHUNK)):
            spans += _copy_chunk(chunk, day, new, cursor, has_events=has_events)
            tick(len(chunk))
        _copy(partitions.PAYLOAD, day, ("day", "workspace_id", "digest", "form", "body"), _pieces(plan, day, words), new, cursor)
        cursor.execute("INSERT INTO telemetry_score SELECT * FROM demo_score ON CONFLICT DO NOTHING")
        _attach(new, day, cursor)
        events = 2 * count + spans
        tallies.add(cursor, received=events, stored=events)
        mark = orjson.dumps(asdict(plan)).decode().replace("'", "''")
        cursor.execute(f"""COMMENT ON TABLE "{partitions.LOG.of(day)}" IS '{mark}'""")
    with connection.cursor() as cursor:
        for parent in partitions.PARENTS:
            cursor.execute(f'ANALYZE "{parent.of(day)}"')


def _forget_events(plan: Plan, day: date, cursor: CursorWrapper) -> None:
    """Those of a run before, of which the day's own tables were dropped: they lie in a table that has all days."""
    cursor.execute(FORGET_EVENTS, [plan.workspace_id, traffic.people(UUID(plan.workspace_id)), day])


def _copy_chunk(lines: list[traffic.Lines], day: date, new: set[str], cursor: CursorWrapper, *, has_events: bool) -> int:
    """Write the lines into their tables; returns how many spans there were."""
    spans = [span for line in lines for span in line.spans]
    keys = [line.key for line in lines] + [key for line in lines for key in line.span_keys]
    _copy(partitions.LOG, day, traffic.LOG_COLUMNS, (line.log for line in lines), new, cursor)
    _copy(partitions.SEARCH, day, traffic.SEARCH_COLUMNS, (line.search for line in lines), new, cursor)
    _copy(partitions.SPAN, day, traffic.SPAN_COLUMNS, spans, new, cursor)
    with cursor.copy(f"COPY inference_key ({', '.join(traffic.KEY_COLUMNS)}) FROM STDIN") as copy:
        copy.write("\n".join(keys) + "\n")
    _copy_lines("demo_score", opinions.SCORE_COLUMNS, [score for line in lines for score in line.scores], cursor)
    if has_events:
        _copy_lines("product_event", opinions.EVENT_COLUMNS, [event for line in lines for event in line.events], cursor)
    return len(spans)


def _copy_lines(table: str, columns: tuple[str, ...], lines: list[str], cursor: CursorWrapper) -> None:
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        if lines:
            copy.write("\n".join(lines) + "\n")


def _copy(
    parent: partitions.Parent, day: date, columns: tuple[str, ...], lines: Iterable[str], new: set[str], cursor: CursorWrapper
) -> None:
    """COPY into the day's own table. Rows of a table of this transaction are frozen at once: no vacuum will have to."""
    child, freeze = (f"{parent.of(day)}{NEW}", "WITH (FREEZE)") if parent.of(day) in new else (parent.of(day), "")
    with cursor.copy(f'COPY "{child}" ({", ".join(columns)}) FROM STDIN {freeze}') as copy:
        if text := "\n".join(lines):
            copy.write(text + "\n")


def _pieces(plan: Plan, day: date, words: Words) -> Iterator[str]:
    for digest, (form, body) in words.pieces.items():
        yield f"{day}\t{plan.workspace_id}\t{digest}\t{form}\t{escape(body)}"


def _make(day: date, cursor: CursorWrapper) -> set[str]:
    """Plain tables for what the day lacks, under names that nobody looks for; their names to be."""
    missing = _missing(day, cursor)
    for parent in partitions.PARENTS:
        if parent.of(day) in missing:
            cursor.execute(MAKE.format(**_terms(parent, day)))
    return missing


def _attach(new: set[str], day: date, cursor: CursorWrapper) -> None:
    """Index the new tables, then make them the day's. Raises Mixed when somebody else has made the day meanwhile."""
    for parent in partitions.PARENTS:
        if parent.of(day) in new:
            _index(parent, f"{parent.of(day)}{NEW}", cursor)
    locks.hold(cursor, locks.PARTITIONS)
    if new - _missing(day, cursor):
        raise Mixed(f"{day} was made by another process meanwhile. Run the command again: it goes on where it stopped.")
    for parent in partitions.PARENTS:
        if parent.of(day) in new:
            cursor.execute(ATTACH.format(**_terms(parent, day)))


def _missing(day: date, cursor: CursorWrapper) -> set[str]:
    cursor.execute(EXISTING, [[parent.table for parent in partitions.PARENTS]])
    return {parent.of(day) for parent in partitions.PARENTS} - {child for _, child, _ in cursor.fetchall()}


def _index(parent: partitions.Parent, table: str, cursor: CursorWrapper) -> None:
    cursor.execute(INDEXES, [parent.table])
    for is_primary, definition in cursor.fetchall():
        if is_primary:
            cursor.execute(KEY, [parent.table])
            cursor.execute(f'ALTER TABLE "{table}" ADD PRIMARY KEY ({cursor.fetchone()[0]})')
        else:
            cursor.execute(INDEX_NAME.sub(rf'CREATE \1INDEX ON "{table}" USING', definition).replace("%", "%%"))


def _terms(parent: partitions.Parent, day: date) -> dict[str, str]:
    start, end = (parent.bound.format(bound) for bound in (day, day + timedelta(days=1)))
    return {"child": parent.of(day), "table": parent.table, "column": parent.column, "start": start, "end": end, "new": NEW}
