"""Calls by an id or its beginning: the call's own, its trace's, its conversation's, its session's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from telemetry.queries.pages import COLUMNS, SELECT, Line

LIMIT = 50
SHORTEST = 6  # characters from which on a beginning is looked for
ENOUGH = 1_000  # calls with a beginning that means little: the newest of so many are shown
HEX = re.compile(r"[0-9a-f]{1,32}")

# Each has an index of its own; a beginning is a range of it. Hexadecimal digits sort alike in every collation.
BY = {
    "call": "log.id BETWEEN %(first)s AND %(last)s",
    "conversation": "log.conversation_id BETWEEN %(first)s AND %(last)s",
    "trace": "log.trace_id >= %(digits)s AND log.trace_id < %(beyond)s",
    "session": "log.session_id LIKE %(pattern)s",
}
FOUND = """
(SELECT * FROM (
    SELECT '{kind}' AS found_by, {select} FROM inference_log AS log
    WHERE log.workspace_id = %(workspace)s AND {condition} OFFSET 0
) AS log LIMIT %(enough)s)
"""
ALL = "SELECT * FROM ({parts}) AS log ORDER BY received_at DESC, id DESC LIMIT %(limit)s"


@dataclass(frozen=True, slots=True)
class Match:
    """A call, and which of its ids was asked for: call, conversation, trace or session."""

    found_by: str
    line: Line


def calls_by_id(workspace_id: UUID, typed: str, *, limit: int = LIMIT) -> Sequence[Match]:
    """The newest calls with an id that begins with what was typed; nothing for fewer than six characters."""
    text = typed.strip().replace("\0", "")
    if not SHORTEST <= len(text) <= 255:
        return []
    parameters: dict[str, Any] = {"workspace": workspace_id, "limit": limit, "enough": ENOUGH}
    kinds = ["session"]
    parameters["pattern"] = re.sub(r"([\\%_])", r"\\\1", text) + "%"
    digits = text.lower().replace("-", "")
    if HEX.fullmatch(digits):
        kinds += ["call", "conversation", "trace"]
        parameters |= {"first": UUID(digits.ljust(32, "0")), "last": UUID(digits.ljust(32, "f"))}
        parameters |= {"digits": digits, "beyond": f"{digits}g"}
    parts = " UNION ALL ".join(FOUND.format(kind=kind, select=SELECT, condition=BY[kind]) for kind in kinds)
    with connection.cursor() as cursor:
        cursor.execute(ALL.format(parts=parts), parameters)
        return [Match(row[0], Line(*row[1 : len(COLUMNS) + 1])) for row in cursor.fetchall()]
