"""Search in a person's own chats: words, "phrases", begin* and -without, in messages and in given titles.

A word finds longer ones that begin with it: that serves a word still being typed, and plurals and cases of any language.
In quotes it stands for itself. Hits are ranked by their words, whole ones first, newer ones before older.
"""

import math
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from accounts.models import User
from chat import snippets
from chat.access import conversations_of
from chat.models import Conversation, Message, SearchEntry
from telemetry import search_terms
from telemetry.search_terms import Term, Unsearchable
from telemetry.search_text import CONFIGURATION

__all__ = ["Cursor", "Hit", "Results", "Unsearchable", "conversations_with", "find"]

PAGE_OF_HITS = 20
SHORTEST_BEGINNING = 3
QUOTED = re.compile(r'"([^"]*)"?')
RANKED = 1_000  # the newest messages with the words, of which the best come first; of thousands nobody reads the last

# A title's words weigh more than a message's; `1` divides by the logarithm of the length. After two months a hit counts half.
FIND = """
WITH newest AS MATERIALIZED (
    SELECT entry.id, entry.conversation_id, entry.said_at, entry.words
    FROM chat_search_entry AS entry
    WHERE entry.words @@ ({query}) AND entry.conversation_id IN ({allowed})
    ORDER BY entry.said_at DESC, entry.id DESC LIMIT {ranked}
), scored AS (
    SELECT id, conversation_id, said_at,
        (ts_rank(words, ({begun}), 1) + ts_rank(words, ({whole}), 1))
            * (0.3 + 0.7 * exp(-greatest(extract(epoch FROM %s - said_at), 0) / 7500000.0)) AS score
    FROM newest
)
SELECT id, conversation_id, said_at, score::double precision FROM scored
WHERE %s::double precision IS NULL OR (score::double precision, id) < (%s, %s)
ORDER BY score::double precision DESC, id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of hits ends; `asked_at` keeps the order as it was when the first page was asked for."""

    asked_at: datetime
    score: float
    id: uuid.UUID

    def __str__(self) -> str:
        return f"{self.asked_at.timestamp()!r}_{self.score!r}_{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """None for an empty or broken cursor: the hits then start at the best one."""
        try:
            moment, score, hexadecimal = text.split("_")
            cursor = cls(datetime.fromtimestamp(float(moment), UTC), float(score), uuid.UUID(hexadecimal))
        except (ValueError, OverflowError, OSError):
            return None
        return cursor if math.isfinite(cursor.score) else None


@dataclass(frozen=True, slots=True)
class Hit:
    """A message with the words, or a title; then `message_id` is None. `pieces` are a few words of it, some of them marked."""

    conversation_id: uuid.UUID
    message_id: uuid.UUID | None
    title: str
    is_archived: bool
    role: str
    said_at: datetime
    pieces: Sequence[snippets.Piece]


@dataclass(frozen=True, slots=True)
class Results:
    """One page of hits, best first. `next_after` is empty on the last one."""

    hits: Sequence[Hit]
    next_after: str


def find(user: User, typed: str, *, now: datetime, after: Cursor | None = None, workspace_id: uuid.UUID | None = None) -> Results:
    """In one workspace, or in all that the person is in. Raises `Unsearchable`."""
    terms = _terms(typed)
    asked_at = after.asked_at if after else now
    found = _entries(user, terms, asked_at=asked_at, after=after, workspace_id=workspace_id)
    shown = found[:PAGE_OF_HITS]
    last = shown[-1] if len(found) > len(shown) else None
    return Results(_hits(shown, terms), str(Cursor(asked_at, last.score, last.id)) if last else "")


def conversations_with(user: User, typed: str) -> QuerySet[Any, Any]:
    """The ids of the person's conversations with these words in one message, or in the title. Raises `Unsearchable`."""
    query, parameters = _query(user, _terms(typed))
    matches = RawSQL(f"words @@ ({query})", parameters)  # noqa: S611 (the text is ours, what was typed is a parameter)
    return SearchEntry.objects.annotate(matches=matches).filter(matches=True).values("conversation_id")


@dataclass(frozen=True, slots=True)
class _Entry:
    id: uuid.UUID
    conversation_id: uuid.UUID
    said_at: datetime
    score: float


def _terms(typed: str) -> list[Term]:
    """As telemetry reads them, but that a word of letters begins longer ones, unless it is in quotes or very short."""
    quoted = {phrase.casefold() for phrase in QUOTED.findall(typed)}
    return [
        replace(term, kind="prefix")
        if term.kind == "words" and not term.is_excluded and _may_begin(term.text) and term.text.casefold() not in quoted
        else term
        for term in search_terms.parse(typed)
    ]


def _may_begin(word: str) -> bool:
    return word.isalnum() and (len(word) >= SHORTEST_BEGINNING or not word.isascii())


def _query(user: User, terms: Sequence[Term]) -> tuple[str, list[str]]:
    """An SQL expression of type tsquery that the person's own entries alone can match, and its parameters."""
    query, parameters = search_terms.tsquery(terms, CONFIGURATION)
    return f"quote_literal(%s)::tsquery && {query}", [f"o:{user.id}", *parameters]


def _entries(
    user: User, terms: Sequence[Term], *, asked_at: datetime, after: Cursor | None, workspace_id: uuid.UUID | None
) -> list[_Entry]:
    query, parameters = _query(user, terms)
    wanted = [term for term in terms if not term.is_excluded]
    begun, begun_parameters = search_terms.tsquery(wanted, CONFIGURATION)
    whole, whole_parameters = search_terms.tsquery([replace(term, kind="words") for term in wanted], CONFIGURATION)
    mine = conversations_of(user).filter(is_temporary=False)
    searched = mine.filter(workspace_id=workspace_id) if workspace_id else mine
    allowed, allowed_parameters = searched.values("id").query.sql_with_params()
    after_score, after_id = (after.score, after.id) if after else (None, uuid.UUID(int=0))
    with connection.cursor() as cursor:
        cursor.execute(
            FIND.format(query=query, allowed=allowed, begun=begun, whole=whole, ranked=RANKED),
            [
                *(*parameters, *allowed_parameters, *begun_parameters, *whole_parameters),
                *(asked_at, after_score, after_score, after_id, PAGE_OF_HITS + 1),
            ],
        )
        return [_Entry(*row) for row in cursor.fetchall()]


def _hits(entries: Sequence[_Entry], terms: Sequence[Term]) -> list[Hit]:
    """In the order of the entries; what was deleted meanwhile is left out."""
    marker = snippets.marker(terms)
    conversations = Conversation.objects.only("id", "title", "archived_at").in_bulk({entry.conversation_id for entry in entries})
    messages = Message.objects.only("id", "role", "content").in_bulk([entry.id for entry in entries])
    hits = []
    for entry in entries:
        conversation, message = conversations.get(entry.conversation_id), messages.get(entry.id)
        if conversation is None or (message is None and entry.id != conversation.id):
            continue
        hits.append(
            Hit(
                conversation_id=conversation.id,
                message_id=message.id if message else None,
                title=conversation.title,
                is_archived=conversation.archived_at is not None,
                role=message.role if message else "",
                said_at=entry.said_at,
                pieces=snippets.cut(message.content if message else conversation.title, marker),
            )
        )
    return hits
