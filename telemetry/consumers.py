"""What may be run over the feed by `manage.py consume NAME`. Each gets the log rows that changed, as they are by now."""

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Protocol

import orjson
from django.db import connection

from telemetry import arrays, feed, logs, payloads
from telemetry.models import InferenceLog

FIND = """
SELECT to_json(log)::text FROM unnest(%s::uuid[], %s::timestamptz[], %s::uuid[])
    WITH ORDINALITY AS changed (workspace_id, received_at, id, place)
JOIN inference_log AS log USING (workspace_id, received_at, id) ORDER BY place
"""
HIDDEN = ("payload_parts", "payload_refs", "phases")


class Consumer(Protocol):
    """Work over changes. What it raises, or dies with, comes again: doing the same twice must do no harm."""

    def take(self, changes: Sequence[feed.Change]) -> None: ...


class Export:
    """Writes each call that has ended as a line of JSON. A call that changed again is written again: the last line counts."""

    def __init__(self, output: IO[bytes], *, with_content: bool = False) -> None:
        self._output = output
        self._with_content = with_content

    def take(self, changes: Sequence[feed.Change]) -> None:
        for row in rows_of([change for change in changes if change.is_ended]):
            if self._with_content:
                row["content"] = _content(row)
            self._output.write(orjson.dumps({name: value for name, value in row.items() if name not in HIDDEN}) + b"\n")
        self._output.flush()


CONSUMERS: Mapping[str, Callable[..., Consumer]] = {"export": Export}


def rows_of(changes: Sequence[feed.Change]) -> list[dict[str, object]]:
    """The rows of these changes, each once, as JSON has them; what was erased since is left out."""
    latest = {(change.workspace_id, change.inference_id): change for change in changes}
    if not latest:
        return []
    found = [(change.workspace_id, change.received_at.isoformat(), change.inference_id) for change in latest.values()]
    with connection.cursor() as cursor:
        cursor.execute(FIND, [arrays.literal(column) for column in zip(*found, strict=True)])
        return logs.fetch_rows(cursor)


def _content(row: Mapping[str, object]) -> dict[str, object]:
    call = InferenceLog.objects.filter(id=str(row["id"]), workspace_id=str(row["workspace_id"])).first()
    return payloads.content_of(call) if call is not None else {}
