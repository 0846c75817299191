"""The exchanges as tables want them: previews, payload pieces and search words, made once for all rows that draw them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from django.db import connection

from telemetry import payloads, redaction
from telemetry.demo.exchanges import Exchange
from telemetry.events import PREVIEW
from telemetry.search_text import CONFIGURATION, searched
from telemetry.values import shorten


@dataclass(frozen=True, slots=True)
class Words:
    """For COPY, by the exchange's number. `told` and `asked` are the last four columns of the log, with and without a reply."""

    exchanges: Sequence[Exchange]
    told: Sequence[str]
    asked: Sequence[str]
    pieces: dict[UUID, tuple[int, str]]
    vectors: dict[tuple[int, str | None], str]
    redaction_version: str

    def vector(self, number: int, error: str | None) -> str:
        return self.vectors[number, error]


def prepare(workspace_id: UUID, exchanges: Sequence[Exchange], errors: Sequence[str]) -> Words:
    """Pack and index the exchanges, each with its reply and with each of the errors in its place."""
    told: list[str] = []
    asked: list[str] = []
    pieces: dict[UUID, tuple[int, str]] = {}
    texts: dict[tuple[int, str | None], str] = {}
    for number, exchange in enumerate(exchanges):
        content = exchange.content
        question = {"messages": content["messages"]}
        for columns, given, reply in ((told, content, exchange.answer), (asked, question, None)):
            packed = payloads.pack(workspace_id, given)
            pieces |= packed.pieces
            columns.append(_columns(exchange.question, reply, packed))
        texts[number, None] = searched(content["messages"], exchange.answer, None)
        texts |= {(number, error): searched(content["messages"], None, error) for error in errors}
    return Words(exchanges, told, asked, pieces, _vectors(texts), str(redaction.VERSION))


def escape(text: str) -> str:
    """As COPY's text format wants it."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _columns(question: str, reply: str | None, packed: payloads.Packed) -> str:
    parts = orjson.dumps({part: len(refs) for part, refs in packed.parts.items()}).decode()
    refs = ",".join(str(ref) for refs in packed.parts.values() for ref in refs)
    answer = escape(shorten(reply, PREVIEW)) if reply else r"\N"
    return f"{escape(shorten(question, PREVIEW))}\t{answer}\t{parts}\t{{{refs}}}"


def _vectors(texts: dict[tuple[int, str | None], str]) -> dict[tuple[int, str | None], str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_tsvector(%s, text)::text FROM unnest(%s::text[]) WITH ORDINALITY AS given (text, place) ORDER BY place",
            [CONFIGURATION, list(texts.values())],
        )
        return dict(zip(texts, (escape(vector) for (vector,) in cursor.fetchall()), strict=True))
