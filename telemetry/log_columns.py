"""The columns of the list of calls: which there are, which are shown unless somebody chose, and what stands in each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from accounts.models import ApiKey, User
from telemetry.queries.pages import Line
from telemetry.queries.words import Place

Kind = Literal["text", "status", "ms", "usd", "count", "rate", "preview", "id"]
Names = Mapping[UUID, str]


@dataclass(frozen=True, slots=True)
class Column:
    """`of` is what stands in it; people and keys are looked up by their ids."""

    name: str
    label: str
    kind: Kind
    of: Callable[[Line], Any]

    @property
    def is_number(self) -> bool:
        return self.kind in {"ms", "usd", "count", "rate"}


@dataclass(frozen=True, slots=True)
class Cell:
    column: Column
    value: Any


@dataclass(frozen=True, slots=True)
class Row:
    """A call as the table shows it. What was said is None where it is not this reader's to see."""

    line: Line
    cells: Sequence[Cell]
    is_own: bool
    asked: str | None
    answered: str | None
    error: str | None
    place: Place | None
    found_by: str


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _prompt(line: Line) -> int | None:
    return _sum(line.input_tokens, line.cache_read_tokens, line.cache_write_tokens)


def _completion(line: Line) -> int | None:
    return _sum(line.output_tokens, line.reasoning_tokens)


COLUMNS: Mapping[str, Column] = {
    column.name: column
    for column in (
        Column("status", "Status", "status", lambda line: line.status),
        Column("model", "Model", "text", lambda line: line.model),
        Column("provider", "Provider", "text", lambda line: line.provider),
        Column("served_model", "Served model", "text", lambda line: line.served_model),
        Column("requested_model", "Requested model", "text", lambda line: line.requested_model),
        Column("operation", "Operation", "text", lambda line: line.operation),
        Column("source", "Source", "text", lambda line: line.source),
        Column("person", "Person", "text", lambda line: line.user_id),
        Column("key", "API key", "text", lambda line: line.api_key_id),
        Column("end_user", "End user", "text", lambda line: line.end_user),
        Column("latency", "Latency", "ms", lambda line: line.latency_ms),
        Column("ttft", "First token", "ms", lambda line: line.ttft_ms),
        Column("rate", "Tokens/s", "rate", lambda line: line.tokens_per_second),
        Column("prompt", "Prompt tokens", "count", _prompt),
        Column("completion", "Completion tokens", "count", _completion),
        Column("tokens", "Tokens", "count", lambda line: _sum(_prompt(line), _completion(line))),
        Column("cached", "From cache", "count", lambda line: line.cache_read_tokens),
        Column("cost", "Cost", "usd", lambda line: line.cost_usd),
        Column("finish", "Finish reason", "text", lambda line: line.finish_reason),
        Column("error_class", "Error class", "text", lambda line: line.error_class),
        Column("tags", "Tags", "text", lambda line: ", ".join(line.tags or ())),
        Column("app", "App", "text", lambda line: line.app),
        Column("environment", "Environment", "text", lambda line: line.environment),
        Column("version", "Version", "text", lambda line: line.version),
        Column("session", "Session", "id", lambda line: line.session_id),
        Column("trace", "Trace", "id", lambda line: line.trace_id),
        Column("preview", "What was said", "preview", lambda _: None),
    )
}
SHOWN = ("status", "model", "person", "latency", "ttft", "tokens", "cost", "preview")
PEOPLE = frozenset({"person", "key"})


def chosen(names: Sequence[str]) -> list[Column]:
    """These columns in their order; the usual ones where none of these exists."""
    wanted = {name for name in names if name in COLUMNS} or set(SHOWN)
    return [column for column in COLUMNS.values() if column.name in wanted]


def rows(
    lines: Sequence[Line],
    columns: Sequence[Column],
    *,
    names: Names,
    may_read: Callable[[Line], bool],
    owner: UUID,
    places: Mapping[UUID, Place] | None = None,
    found_by: Mapping[UUID, str] | None = None,
) -> list[Row]:
    """The lines as the table shows them; `may_read` says of which what was said may be shown."""
    found = []
    for line in lines:
        is_read = may_read(line)
        found.append(
            Row(
                line=line,
                cells=[Cell(column, _value(column, line, names)) for column in columns],
                is_own=line.user_id == owner,
                asked=line.input_preview if is_read else None,
                answered=line.output_preview if is_read else None,
                error=line.error_message if is_read else None,
                place=(places or {}).get(line.id) if is_read else None,
                found_by=(found_by or {}).get(line.id, ""),
            )
        )
    return found


def names_of(people: Sequence[UUID], keys: Sequence[UUID]) -> dict[UUID, str]:
    """What people and keys are called: two queries, however many there are."""
    found = {person.id: str(person) for person in User.objects.filter(id__in=people)} if people else {}
    if keys:
        found |= {key.id: f"{key.name} (…{key.last_four})" for key in ApiKey.objects.filter(id__in=keys)}
    return found


def _value(column: Column, line: Line, names: Names) -> Any:
    value = column.of(line)
    if column.name in PEOPLE and value is not None:
        return names.get(value, "somebody who is gone" if column.name == "person" else "a key that is gone")
    return value
