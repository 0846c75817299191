"""Panels of dashboards as they are stored, sent and exported: what each shows, of which calls, and how large it is."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import uuid4

from ninja import Schema
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    ValidationError,
    WithJsonSchema,
    create_model,
    model_validator,
)

from telemetry import asked
from telemetry.figures import FIGURES
from telemetry.rollup_reads import Dimension

Kind = Literal["number", "line", "bar", "pie", "table"]
Group = Literal["provider", "model", "source", "status", "user_id", "api_key_id"]
Width = Literal["quarter", "third", "half", "two_thirds", "whole"]
Height = Literal["short", "medium", "tall"]
WindowName = Literal["1h", "6h", "24h", "7d", "30d", "90d", "365d"]

CONVERSATIONS = "costly_conversations"
CONVERSATIONS_LABEL = "Conversations by cost"
LABELS: Mapping[str, str] = {**{name: figure.label for name, figure in FIGURES.items()}, CONVERSATIONS: CONVERSATIONS_LABEL}
GROUPS: Mapping[str, str] = {
    "provider": "provider",
    "model": "model",
    "source": "source",
    "status": "status",
    "user_id": "person",
    "api_key_id": "API key",
}
KINDS: Mapping[str, str] = {"line": "Line", "bar": "Bars", "pie": "Pie", "number": "Number", "table": "Table"}
MOST_ROWS = 50


def _known(name: str) -> str:
    if name not in LABELS:
        raise ValueError(f"there is no figure {name[:50]!r}")
    return name


def said(text: Any) -> Any:
    return " ".join(text.split()) if isinstance(text, str) else text


FigureName = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(LABELS)})]
Title = Annotated[str, BeforeValidator(said), Field(max_length=100)]


class Strict(Schema):
    model_config = ConfigDict(extra="forbid")


# An address says everything as text; a body says numbers and switches as such.
_CALLS: Any = (Annotated[int, Field(strict=True, ge=0, le=asked.INTEGER)] | None, None)
_USD: Any = (Annotated[float, Field(strict=True, ge=0, le=10_000_000)] | None, None)
_SWITCH: Any = (StrictBool | None, None)
_KEPT: Any = {
    **{name: (field.annotation, field) for name, field in asked.Asked.model_fields.items() if name not in {"since", "until"}},
    **dict.fromkeys(("is_stream", "has_score"), _SWITCH),
    **dict.fromkeys(("min_latency_ms", "max_latency_ms", "min_tokens", "max_tokens"), _CALLS),
    **dict.fromkeys(("min_cost_usd", "max_cost_usd"), _USD),
}
PanelFilters = create_model("PanelFilters", __base__=Strict, **_KEPT)
PanelFilters.__doc__ = "The filters of the log, the period aside. Several values of one are alternatives, several tags all apply."


class Panel(Strict):
    """One panel. Number: of the whole period; line: over time; bar and table: by a group, or over time; pie: shares of a sum."""

    id: str = Field(
        default_factory=lambda: uuid4().hex[:12], pattern=r"^[0-9a-z-]{1,36}$", description="Made up where it is left out."
    )
    title: Title = Field("", description="Empty: what it shows.")
    kind: Kind = "line"
    figure: FigureName = "calls"
    group_by: Group | None = Field(None, description="A line, bar, slice or row for each value.")
    over_time: StrictBool = Field(False, description="Of bars or a table with a group: by time, the groups beside each other.")
    filters: PanelFilters = Field(default_factory=PanelFilters)  # type: ignore[valid-type]  # made above
    limit: int = Field(10, strict=True, ge=1, le=MOST_ROWS, description="How many groups; over time there are ten at most.")
    width: Width = "half"
    height: Height = "medium"
    _problem: str = PrivateAttr("")

    @model_validator(mode="after")
    def _can_be_drawn(self) -> "Panel":
        if self.figure == CONVERSATIONS:
            if self.kind not in {"table", "bar"} or self.group_by or self.over_time:
                raise ValueError("conversations by cost are a table or bars, without a group and not over time")
        elif self.kind == "number" and self.group_by:
            raise ValueError("a number has no groups: choose a table, or take the group away")
        elif self.kind == "pie" and not self.group_by:
            raise ValueError("a pie needs a group: its slices")
        elif self.kind == "pie" and not FIGURES[self.figure].is_sum:
            raise ValueError("a pie shows parts of a sum, such as calls, tokens or cost")
        return self

    @property
    def problem(self) -> str:
        """Why it cannot be shown: it was stored by another version."""
        return self._problem

    @property
    def label(self) -> str:
        """Its title, or what it shows."""
        if self.title or self.problem:
            return self.title or "A panel"
        return LABELS[self.figure] + (f" by {GROUPS[self.group_by]}" if self.group_by else "")

    @property
    def facts(self) -> str:
        """What it is, in a few words."""
        told = [KINDS[self.kind]]
        if self.title:
            told.append(LABELS[self.figure].lower() + (f" by {GROUPS[self.group_by]}" if self.group_by else ""))
        if self.is_timed and self.kind != "line":
            told.append("over time")
        if self.given:
            told.append(f"narrowed by {', '.join(name.replace('_', ' ') for name in self.given)}")
        return ", ".join(told)

    @property
    def is_timed(self) -> bool:
        """Whether it goes by steps of time."""
        if self.figure == CONVERSATIONS or self.kind in {"number", "pie"}:
            return False
        return self.kind == "line" or self.over_time or not self.group_by

    @property
    def by(self) -> Dimension | None:
        return self.group_by

    @property
    def given(self) -> dict[str, Any]:
        """The filters that are set, as JSON has them."""
        told: dict[str, Any] = self.filters.model_dump(mode="json", exclude_defaults=True)  # type: ignore[attr-defined]
        return told

    def stored(self) -> dict[str, Any]:
        """As JSON, ids and sizes included."""
        return self.model_dump(mode="json", exclude={"filters"}) | {"filters": self.given}


def read(raw: Sequence[Any]) -> list[Panel]:
    """Stored panels. One that cannot be read says so instead of taking its dashboard with it."""
    return [_one(value, place) for place, value in enumerate(raw)]


def told(error: ValidationError) -> str:
    """The first mistake, in a sentence."""
    first = error.errors()[0]
    where = " → ".join(str(part + 1) if isinstance(part, int) else str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


def _one(value: Any, place: int) -> Panel:
    try:
        return Panel.model_validate(value)
    except ValidationError as error:
        known = value if isinstance(value, dict) else {}
        found = Panel.model_construct(id=str(known.get("id", place)), title=str(known.get("title", "")), filters=PanelFilters())
        found._problem = f"This panel was made by another version: {told(error)}."
        return found
