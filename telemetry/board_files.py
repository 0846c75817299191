"""Dashboards as files: what an export holds, how one is read, and what a new one may begin with."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, Field, ValidationError

from accounts.storable import without_nul
from telemetry.boards import MOST_PANELS, TITLE
from telemetry.models import Dashboard
from telemetry.panels import Panel, Strict, WindowName, said, told

LARGEST = 256 * 1024


class Unreadable(Exception):
    """The file is no dashboard; the message says where."""


class BoardFile(Strict):
    """A dashboard without its place: no ids, no people."""

    form: Literal["ollive-dashboard"] = "ollive-dashboard"
    schema_version: Literal[1] = 1
    title: Annotated[str, BeforeValidator(said), Field(min_length=1, max_length=TITLE)]
    description: Annotated[str, BeforeValidator(said), Field(max_length=500)] = ""
    window: WindowName = "7d"
    panels: list[Panel] = Field([], max_length=MOST_PANELS)


def written(board: Dashboard) -> bytes:
    """The file of a dashboard, for people to read and keep."""
    told_of = {
        "form": "ollive-dashboard",
        "schema_version": 1,
        "title": board.title,
        "description": board.description,
        "window": board.window,
        "panels": [{name: value for name, value in panel.items() if name != "id"} for panel in board.panels],
    }
    return orjson.dumps(told_of, option=orjson.OPT_INDENT_2) + b"\n"


def read(raw: bytes) -> BoardFile:
    """Raises `Unreadable`."""
    if len(raw) > LARGEST:
        raise Unreadable(f"The file is larger than {LARGEST // 1024} kB: that is no dashboard.")
    try:
        value = without_nul(orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"This is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise Unreadable("This is no dashboard: the file has to hold one object.")
    try:
        return BoardFile.model_validate(_anew(value))
    except ValidationError as error:
        raise Unreadable(f"This dashboard cannot be read. {told(error)}.") from None


def starter(name: str) -> Sequence[Panel]:
    """The panels of a beginning; none of a name that is unknown."""
    return [Panel.model_validate(panel) for panel in STARTERS.get(name, ("", ()))[1]]


def _anew(value: dict[str, Any]) -> dict[str, Any]:
    """Ids belong to the dashboard that was exported."""
    panels = value.get("panels")
    if not isinstance(panels, list):
        return value
    bare = [{key: part for key, part in one.items() if key != "id"} if isinstance(one, dict) else one for one in panels]
    return value | {"panels": bare}


def _tile(figure: str, **more: Any) -> dict[str, Any]:
    return {"kind": "number", "figure": figure, "width": "quarter", "height": "short", **more}


STARTERS: Mapping[str, tuple[str, Sequence[Mapping[str, Any]]]] = {
    "empty": ("Nothing", ()),
    "cost": (
        "What it costs",
        (
            _tile("cost_usd"),
            _tile("calls"),
            _tile("total_tokens"),
            _tile("cache_share"),
            {"kind": "bar", "figure": "cost_usd", "group_by": "model", "over_time": True, "width": "whole"},
            {"kind": "pie", "figure": "cost_usd", "group_by": "provider"},
            {"kind": "table", "figure": "cost_usd", "group_by": "user_id"},
            {"kind": "table", "figure": "costly_conversations", "width": "whole"},
        ),
    ),
    "reliability": (
        "How fast and reliable it is",
        (
            _tile("error_rate"),
            _tile("latency_ms_p95"),
            _tile("time_to_first_token_ms_p95"),
            _tile("tokens_per_second"),
            {"kind": "bar", "figure": "calls", "group_by": "status", "over_time": True, "width": "whole"},
            {"kind": "line", "figure": "latency_ms_p95", "group_by": "model"},
            {"kind": "line", "figure": "time_to_first_token_ms_p95", "group_by": "model"},
            {"kind": "line", "figure": "error_rate", "group_by": "provider"},
            {"kind": "table", "figure": "error_rate", "group_by": "model"},
        ),
    ),
}
