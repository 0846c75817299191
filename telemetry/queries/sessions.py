"""Sessions: calls that belong together, by the session that a program names, else by the chat. No table counts them.

A page of the list is gathered from the newest calls backwards, a bounded number of them; its sessions are then summed by index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from telemetry.models import InferenceLog

PAGE = 30
LOOKED_AT = 5_000  # calls that one page looks at
SPAN = timedelta(days=30)  # how far back a page of the list looks, and a session in it is summed
LAST_NAME = "\U0010ffff"
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

# By the table's own key (workspace, time, id): the newest first, without sorting.
NEWEST = """
WITH newest AS MATERIALIZED (
    SELECT coalesce(session_id, conversation_id::text) AS name, received_at FROM inference_log
    WHERE workspace_id = %(workspace)s AND received_at <= %(before)s AND received_at >= %(since)s
        AND (session_id IS NOT NULL OR conversation_id IS NOT NULL) AND {whose}
    ORDER BY received_at DESC, id DESC LIMIT %(looked_at)s
)
SELECT name, max(received_at), (SELECT min(received_at) FROM newest), (SELECT count(*) FROM newest) FROM newest GROUP BY name
"""
SUMS = """
SELECT coalesce(session_id, conversation_id::text), bool_and(session_id IS NULL), min(received_at), max(received_at),
    count(*), count(*) FILTER (WHERE status = 'error'), sum(cost_usd), count(*) FILTER (WHERE cost_usd IS NULL),
    sum(coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)
        + coalesce(output_tokens, 0) + coalesce(reasoning_tokens, 0)), array_remove(array_agg(DISTINCT user_id), NULL)
FROM inference_log
WHERE workspace_id = %(workspace)s AND received_at >= %(since)s AND {whose}
    AND (session_id = ANY(%(names)s) OR (session_id IS NULL AND conversation_id = ANY(%(chats)s)))
GROUP BY 1
"""


class Before(NamedTuple):
    """Where a page of the list begins: after this session, the last one of the page before."""

    last_at: datetime
    name: str

    def __str__(self) -> str:
        return f"{self.last_at.isoformat()}~{self.name}"

    @classmethod
    def read(cls, text: str) -> "Before | None":
        """From a link; None for what is none."""
        at, _, name = text.partition("~")
        try:
            moment = datetime.fromisoformat(at)
        except ValueError:
            return None
        is_sound = moment.tzinfo is not None and 2000 <= moment.year < 9000 and "\x00" not in name
        return cls(moment, name) if is_sound else None


@dataclass(frozen=True, slots=True)
class Session:
    """Calls that belong together. `is_chat` says that a chat's id is the name. Cost is None where no call has a price."""

    name: str
    is_chat: bool
    first_at: datetime
    last_at: datetime
    call_count: int
    error_count: int
    cost_usd: Decimal | None
    unpriced_count: int
    token_count: int
    user_ids: Sequence[UUID]

    @property
    def key(self) -> tuple[datetime, str]:
        return self.last_at, self.name

    @property
    def took_ms(self) -> int:
        return round((self.last_at - self.first_at).total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class Page:
    """Sessions, the one that went on last first; `older` leads to the next page."""

    sessions: Sequence[Session]
    older: Before | None


def newest(workspace_id: UUID, before: Before | None, *, user_id: UUID | None = None, now: datetime) -> Page:
    """A page of sessions, of one person's calls alone if asked for."""
    start = before or Before(now + timedelta(days=1), LAST_NAME)
    since = start.last_at - SPAN
    told = {"workspace": workspace_id, "before": start.last_at, "since": since, "user": user_id, "looked_at": LOOKED_AT}
    rows = _run(NEWEST, told, user_id)
    names = sorted(((last, name) for name, last, _, _ in rows), reverse=True)
    wanted = [name for last, name in names if (last, name) < start]
    oldest, looked_at = (rows[0][2], rows[0][3]) if rows else (since, 0)
    is_cut = looked_at >= LOOKED_AT
    if is_cut and oldest < start.last_at:
        # More of the oldest moment may lie beyond what was looked at: the next page begins with it.
        wanted = [name for last, name in names if oldest < last and (last, name) < start]
    asked = wanted[: 4 * PAGE]
    # One that went on after this page's start was on a page before.
    summed = _sums(workspace_id, asked, since=since - SPAN, user_id=user_id)
    found = sorted((one for one in summed if one.key < start), key=lambda one: one.key, reverse=True)
    shown = found[:PAGE]
    if len(found) > PAGE:
        return Page(shown, Before(*shown[-1].key))
    if len(wanted) > len(asked):  # the others that were asked for had gone on: the next ones are further down
        return Page(shown, Before(*next(key for key in names if key[1] == asked[-1])))
    if not is_cut:
        return Page(shown, None)
    return Page(shown, Before(oldest, LAST_NAME if oldest < start.last_at else ""))


def one(workspace_id: UUID, name: str, *, user_id: UUID | None = None) -> Session | None:
    """A session with the sums of all its calls."""
    found = _sums(workspace_id, [name], since=LONG_AGO, user_id=user_id)
    return found[0] if found else None


def calls_of(workspace_id: UUID, name: str, *, user_id: UUID | None = None) -> QuerySet[InferenceLog]:
    """A session's calls, the first one first."""
    named = Q(session_id=name)
    if chat := _chat(name):
        named |= Q(session_id=None, conversation_id=chat)
    whose = Q() if user_id is None else Q(user_id=user_id)
    calls = InferenceLog.objects.filter(named, whose, workspace_id=workspace_id)
    return calls.defer("payload_parts", "payload_refs", "token_times_ms", "usage", "metadata", "parameters").order_by(
        "received_at", "id"
    )


def _sums(workspace_id: UUID, names: Sequence[str], *, since: datetime, user_id: UUID | None) -> list[Session]:
    if not names:
        return []
    chats = [chat for name in names if (chat := _chat(name))]
    told = {"workspace": workspace_id, "since": since, "user": user_id, "names": list(names), "chats": chats}
    return [Session(*row) for row in _run(SUMS, told, user_id)]


def _run(statement: str, parameters: dict[str, Any], user_id: UUID | None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(whose="true" if user_id is None else "user_id = %(user)s"), parameters)
        return list(cursor.fetchall())


def _chat(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
