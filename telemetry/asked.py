"""What the log's routes may be asked by: the filters, read strictly, and the cursors of their pages."""

import base64
import binascii
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema
from pydantic import BeforeValidator, Field, WithJsonSchema

from accounts.entrance import Bearer, Refused
from ollive_sdk.events import Source, Status
from telemetry.queries.filters import Filters
from telemetry.queries.pages import Cursor

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
INTEGER = 2**31 - 1
MANY = 50  # values of one filter


def _moment(value: Any) -> Any:
    """RFC 3339, with its zone; what lies beyond all logs is moved to their ends."""
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        raise ValueError("a time looks like 2026-11-21T12:00:00Z")
    read = datetime.fromisoformat(value.upper().replace(" ", "T"))
    if read.year < FIRST.year:
        return FIRST
    return min(read, LAST) if read.year < LAST.year else LAST


def _switch(value: Any) -> Any:
    if isinstance(value, bool):  # the default
        return value
    if value not in ("true", "false"):
        raise ValueError("it is true or false")
    return value == "true"


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Switch = Annotated[bool, BeforeValidator(_switch), WithJsonSchema({"type": "boolean"})]
Text = Annotated[str, Field(min_length=1, max_length=255)]
Texts = Annotated[list[Text], Field(max_length=MANY)]
Ids = Annotated[list[UUID], Field(max_length=MANY)]
Count = Annotated[int, Field(ge=0, le=INTEGER)]
Money = Annotated[float, Field(ge=0, le=10_000_000)]


class Asked(Schema):
    """The filters of the log. Several values of one are alternatives, several tags all apply."""

    since: Moment | None = Field(None, description="From this moment on; the time at which the call was recorded.")
    until: Moment | None = Field(None, description="Until before this moment.")
    status: list[Status] = Field([], max_length=len(get_args(Status)))
    source: list[Source] = Field([], max_length=len(get_args(Source)), description="Where the call was made.")
    operation: Texts = Field([], description="chat, embeddings, …")
    provider: Texts = Field([])
    model: Texts = Field([], description="The model that was asked, without its provider.")
    served_model: Texts = Field([], description="The model as the provider named it.")
    user_id: Ids = Field([], description="The person.")
    api_key_id: Ids = Field([])
    end_user: Texts = Field([], description="The caller's own label of a person: `user` under /v1.")
    environment: Texts = Field([])
    app: Texts = Field([])
    version: Texts = Field([])
    error_class: Texts = Field([])
    finish_reason: Texts = Field([])
    tags: Texts = Field([])
    is_stream: Switch | None = None
    has_score: Switch | None = Field(None, description="Whether anybody judged the reply.")
    min_latency_ms: Count | None = None
    max_latency_ms: Count | None = None
    min_cost_usd: Money | None = None
    max_cost_usd: Money | None = None
    min_tokens: Count | None = Field(None, description="Of prompt and completion together.")
    max_tokens: Count | None = None
    conversation_id: UUID | None = None
    session_id: Text | None = None
    trace_id: Text | None = None

    def filters(self, bearer: Bearer) -> Filters:
        named = {name: getattr(self, name) for name in Asked.model_fields}
        for name in ("min_cost_usd", "max_cost_usd"):
            if named[name] is not None:
                named[name] = Decimal(repr(named[name]))
        return Filters(bearer.workspace_id, **named)


def check_names(request: HttpRequest, schema: type[Schema]) -> None:
    """A filter that does not exist would be one that does not filter. Raises `Refused`."""
    unknown = sorted(request.GET.keys() - schema.model_fields.keys())
    if unknown:
        raise Refused(422, "invalid", f"There is no parameter {unknown[0][:100]!r} here.", param=unknown[0][:100])


def told(cursor: Cursor | None, *, is_newer: bool = False) -> str | None:
    """A page's end as a text without meaning to others."""
    if cursor is None:
        return None
    return base64.urlsafe_b64encode(f"{'n' if is_newer else 'o'}{cursor}".encode()).decode().rstrip("=")


def understood(text: str | None) -> tuple[Cursor | None, bool]:
    """The cursor, and whether newer calls are meant. Raises `Refused`."""
    if not text:
        return None, False
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        direction: Literal["o", "n"] | str = plain[:1]
        cursor = Cursor.read(plain[1:])
    except (ValueError, binascii.Error, OverflowError):
        raise broken_cursor() from None
    if direction not in {"o", "n"} or not FIRST.year <= cursor.received_at.year < LAST.year:
        raise broken_cursor()
    return cursor, direction == "n"


def broken_cursor() -> Refused:
    return Refused(400, "invalid_cursor", "This cursor is none of ours: take next_cursor as it came.", param="cursor")
