"""What was said, stored once a day and workspace: a growing conversation adds its new messages, not itself again.

A call's payload has parts (messages, reply, …); a part is a list of pieces; a piece is JSON, known by a keyed hash of itself.
The references of a long list are pieces themselves, so that they don't grow with the square of a conversation's length.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

import orjson
import zstandard
from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

from ollive_sdk.events import SPAN_FIELDS
from telemetry import raw_payloads
from telemetry.events import CONTENT
from telemetry.models import InferenceLog, Payload, Span

PARTS = (*CONTENT, *(name for name, field in SPAN_FIELDS.items() if field.about.place == "payload"))
LONG = 32  # references from which on a list is stored in chunks
Pieces = dict[tuple[date, UUID, UUID], tuple[int, str]]  # by day, workspace and digest: form and JSON
CHUNK_ODDS = 16  # a chunk ends where a digest says so, on average after this many: a trimmed front leaves the rest as it was

WRITE = """
INSERT INTO payload (day, workspace_id, digest, form, body)
SELECT day, workspace_id, digest, form, body FROM json_populate_recordset(NULL::payload, %s::json)
ORDER BY day, workspace_id, digest
ON CONFLICT DO NOTHING
"""

# The caller holds the erasure lock alone, so no digest is about to refer to what looks forgotten.
SWEEP = """
WITH RECURSIVE used AS (
    SELECT unnest(payload_refs) AS digest FROM inference_log
    WHERE workspace_id = %(workspace)s AND received_at >= %(day)s::timestamp AT TIME ZONE 'UTC'
        AND received_at < (%(day)s::timestamp + interval '1 day') AT TIME ZONE 'UTC'
    UNION
    SELECT unnest(payload_refs) FROM span
    WHERE workspace_id = %(workspace)s AND received_at >= %(day)s::timestamp AT TIME ZONE 'UTC'
        AND received_at < (%(day)s::timestamp + interval '1 day') AT TIME ZONE 'UTC'
    UNION
    SELECT json_array_elements_text(payload.body::json)::uuid FROM used JOIN payload USING (digest)
    WHERE day = %(day)s AND workspace_id = %(workspace)s AND form = %(digests)s
)
DELETE FROM payload WHERE day = %(day)s AND workspace_id = %(workspace)s AND digest NOT IN (SELECT digest FROM used)
"""


@dataclass(frozen=True, slots=True)
class Packed:
    """Parts as references, and the pieces behind them: digest → (form, JSON)."""

    parts: dict[str, list[UUID]] = field(default_factory=dict)
    pieces: dict[UUID, tuple[int, str]] = field(default_factory=dict)


def pack(workspace_id: UUID, content: Mapping[str, Any]) -> Packed:
    """Take an event's content apart. `content` may hold any of the parts that events declare."""
    packed = Packed()
    for part in PARTS:
        value = content.get(part)
        if value is None:
            continue
        elements = _as_messages(part, value)
        refs = [_add(packed, workspace_id, Payload.Form.CONTENT, element) for element in elements]
        while len(refs) > LONG and len(chunks := _chunks(refs)) < len(refs):
            refs = [_add(packed, workspace_id, Payload.Form.DIGESTS, chunk) for chunk in chunks]
        packed.parts[part] = refs
    return packed


def join(
    parts: Mapping[str, int] | None, refs: Sequence[str] | None, packed: Packed
) -> tuple[dict[str, int], list[str]] | tuple[None, None]:
    """A row's parts and references with the newly packed ones in their place."""
    by_part: dict[str, list[str]] = {}
    start = 0
    for part in (part for part in PARTS if part in (parts or {})):
        end = start + (parts or {})[part]
        by_part[part] = list((refs or [])[start:end])
        start = end
    by_part |= {part: [str(ref) for ref in new] for part, new in packed.parts.items()}
    if not by_part:
        return None, None
    return {part: len(by_part[part]) for part in by_part}, [ref for part in PARTS if part in by_part for ref in by_part[part]]


def write(rows: Iterable[tuple[date, UUID, UUID, int, str]], cursor: CursorWrapper) -> None:
    """Store the pieces (day, workspace, digest, form, JSON) that are not there yet."""
    columns = ("day", "workspace_id", "digest", "form", "body")
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    if records:
        cursor.execute(WRITE, [orjson.dumps(records).decode()])


def read(day: date, workspace_id: UUID, parts: Mapping[str, int], refs: Sequence[UUID]) -> dict[str, Any]:
    """A call's content by part; `refs` are the parts' references in the order of PARTS. Pieces that are gone leave a gap."""
    return assemble(parts, refs, fetch(day, workspace_id, refs))


def fetch(day: date, workspace_id: UUID, refs: Iterable[UUID]) -> dict[UUID, tuple[int, Any]]:
    """What these references lead to, in as few queries as they are deep: for one call, or for many of a day and workspace."""
    known: dict[UUID, tuple[int, Any]] = {}
    wanted = set(refs)
    while wanted:
        found = pieces(day, workspace_id, wanted)
        known |= found
        listed = {UUID(ref) for form, body in found.values() if form == Payload.Form.DIGESTS for ref in body}
        wanted = listed - known.keys()
    return known


def assemble(parts: Mapping[str, int], refs: Sequence[UUID], known: Mapping[UUID, tuple[int, Any]]) -> dict[str, Any]:
    """A call's content by part, of what was fetched."""
    content: dict[str, Any] = {}
    start = 0
    for part in (part for part in PARTS if part in parts):
        end = start + parts[part]
        content[part] = [body for ref in refs[start:end] for body in _expand(ref, known)]
        start = end
    return {part: value if part in {"messages", "reply"} else next(iter(value), None) for part, value in content.items()}


def pieces(day: date, workspace_id: UUID, digests: Collection[UUID]) -> dict[UUID, tuple[int, Any]]:
    """What is stored of these, by digest: form and content. Pieces that are gone are missing."""
    rows = Payload.objects.filter(day=day, workspace_id=workspace_id, digest__in=digests)
    found = rows.values_list("digest", "form", "body", "packed")
    return {digest: (form, orjson.loads(unpacked(body, packed))) for digest, form, body, packed in found}


def unpacked(body: str | None, packed: bytes | memoryview | None) -> str | bytes:
    """A stored piece's JSON, wherever it is kept."""
    if body is not None:
        return body
    return zstandard.decompress(bytes(packed or b""))


def content_of(call: InferenceLog | Span) -> dict[str, Any]:
    """What was said in a call, or given to a step and returned by it, by part.

    Raises `raw_payloads.StoreError` where the original is kept elsewhere and can't be had now.
    """
    content = read(call.day, call.workspace_id, call.payload_parts or {}, call.payload_refs or [])
    if isinstance(call, InferenceLog) and raw_payloads.is_ours(call):
        content[raw_payloads.PART] = raw_payloads.read(call)
    return content


def shown_content_of(call: InferenceLog | Span) -> dict[str, Any]:
    """The same for a page: where the original can't be had now, a sentence says so."""
    try:
        return content_of(call)
    except raw_payloads.StoreError as error:
        rest = read(call.day, call.workspace_id, call.payload_parts or {}, call.payload_refs or [])
        return rest | {raw_payloads.PART: str(error)}


def sweep(day: date, workspace_id: UUID) -> int:
    """Delete the pieces that no call of the day refers to any more; returns how many. Needs the erasure lock."""
    with connection.cursor() as cursor:
        cursor.execute(SWEEP, {"day": day, "workspace": workspace_id, "digests": Payload.Form.DIGESTS})
        return int(cursor.rowcount)


def _as_messages(part: str, value: Any) -> list[Any]:
    """Messages and replies are lists; a reply's text becomes the message that the next turn's history will hold."""
    if part == "reply" and isinstance(value, str):
        return [{"role": "assistant", "content": value}]
    return value if part in {"messages", "reply"} and isinstance(value, list) else [value]


def _add(packed: Packed, workspace_id: UUID, form: int, value: Any) -> UUID:
    body = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    digest = UUID(bytes=hashlib.blake2b(workspace_id.bytes + bytes([form]) + body, key=_key(), digest_size=16).digest())
    packed.pieces[digest] = (form, body.decode())
    return digest


def _chunks(refs: list[UUID]) -> list[list[UUID]]:
    chunks: list[list[UUID]] = [[]]
    for ref in refs:
        chunks[-1].append(ref)
        if ref.bytes[-1] % CHUNK_ODDS == 0:
            chunks.append([])
    return [chunk for chunk in chunks if chunk]


def _expand(ref: UUID, pieces: Mapping[UUID, tuple[int, Any]]) -> list[Any]:
    form, body = pieces.get(ref, (Payload.Form.CONTENT, None))
    if form == Payload.Form.DIGESTS:
        return [element for inner in body for element in _expand(UUID(inner), pieces)]
    return [body]


@cache
def _key() -> bytes:
    """Without the key nobody can tell from a digest whether a guessed text was said."""
    return hashlib.sha256(b"telemetry.payloads" + settings.SECRET_KEY.encode()).digest()
