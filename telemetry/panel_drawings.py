"""Panels as pages draw them: with people and keys by their names, and a way from each point to its calls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from accounts.entrance import Bearer
from accounts.models import ApiKey, User
from telemetry import figures, reading
from telemetry.addressed import Wanted
from telemetry.drawings import Drawing, DrawnLine
from telemetry.figures import Group
from telemetry.panel_reads import OTHERS, Found, Line
from telemetry.panels import CONVERSATIONS, GROUPS, LABELS

STATUSES = {"in_progress": "in progress", "error": "failed"}


def drawings(found: Sequence[Found], wanted: Wanted, bearer: Bearer) -> list[Drawing]:
    """As pages show them, with people and keys by their names: two queries, however many there are."""
    names = _names(found)
    return [_drawing(one, wanted, names, is_linked=reading.sees_all(bearer) or one.whose == "own") for one in found]


def _drawing(found: Found, wanted: Wanted, names: Mapping[str, str], *, is_linked: bool) -> Drawing:
    panel = found.panel

    def link(**more: Any) -> str | None:
        return wanted.logs_url(**(dict(found.filters) | more)) if is_linked else None

    shown = Drawing(
        name=panel.id, title=panel.label, kind=panel.kind, counted_in=found.counted_in, step=found.step, note=found.note
    )
    if panel.is_timed:
        size = figures.STEPS[found.step]
        lines = [
            DrawnLine(
                _label(line.group, names) or LABELS[panel.figure],
                line.values,
                [
                    link(since=at, until=at + size, **_asked(line.group)) if value and line.group is not OTHERS else None
                    for at, value in zip(found.moments, line.values, strict=True)
                ],
            )
            for line in found.lines
        ]
        is_stacked = panel.kind == "bar" and len(lines) > 1 and found.counted_in in {"calls", "usd", "tokens"}
        return replace(shown, lines=lines, moments=found.moments, is_stacked=is_stacked)
    hrefs = [None if line.group is OTHERS else link(**_asked(line.group)) for line in found.lines]
    label = "Cost" if panel.figure == CONVERSATIONS else LABELS[panel.figure]
    drawn = DrawnLine(label, [line.values[0] for line in found.lines], hrefs)
    if panel.kind == "number":
        return replace(shown, lines=[drawn], change=_change(drawn.values[0], found.before))
    categories = [(_label(line.group, names) or LABELS[panel.figure]) + _counted(line) for line in found.lines]
    return replace(
        shown,
        lines=[drawn],
        categories=categories,
        of="Conversation" if panel.figure == CONVERSATIONS else GROUPS.get(panel.group_by or "", "").capitalize(),
    )


def _asked(group: Group) -> dict[str, str]:
    """A group as filters of the list of calls; who did not tell can't be asked for."""
    return {name: value for name, value in group.items() if value}


def _change(value: Any, before: float | None) -> float | None:
    return (float(value) - before) / before if before and value is not None else None


def _label(group: Group, names: Mapping[str, str]) -> str:
    for name, value in group.items():
        if name == "others":
            return "others"
        if value is None:
            return {"user_id": "nobody", "api_key_id": "no API key"}.get(name, "not told")
        if name in {"user_id", "api_key_id"}:
            return names.get(value, "somebody who is gone" if name == "user_id" else "a key that is gone")
        return STATUSES.get(value, value) if name == "status" else value
    return ""


def _names(found: Sequence[Found]) -> dict[str, str]:
    ids: dict[str, set[UUID]] = {"user_id": set(), "api_key_id": set()}
    for one in found:
        for line in one.lines:
            for name, value in line.group.items():
                if value and name in ids:
                    ids[name].add(UUID(value))
    people = User.objects.filter(id__in=ids["user_id"]) if ids["user_id"] else []
    keys = ApiKey.objects.filter(id__in=ids["api_key_id"]) if ids["api_key_id"] else []
    return {str(person.id): person.name or person.email for person in people} | {
        str(key.id): f"{key.name} (…{key.last_four})" for key in keys
    }


def _counted(line: Line) -> str:
    if line.call_count is None:
        return ""
    return f" ({line.call_count:,} call{'' if line.call_count == 1 else 's'})"
