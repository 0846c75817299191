"""The forms of dashboards and their panels. What only the API can filter by, a panel keeps when it is changed here."""

from datetime import datetime, timedelta
from typing import Any, get_args

from django import forms
from pydantic import ValidationError

from accounts.access import Act, may
from accounts.models import ApiKey, Membership, User
from ollive_sdk.events import Source, Status
from telemetry import panels
from telemetry.board_files import STARTERS
from telemetry.panel_drawings import STATUSES
from telemetry.panels import Panel
from telemetry.queries import charts
from telemetry.queries.filters import Filters

WINDOWS = [
    ("1h", "the last hour"), ("6h", "the last 6 hours"), ("24h", "the last 24 hours"), ("7d", "the last 7 days"),
    ("30d", "the last 30 days"), ("90d", "the last 90 days"), ("365d", "the last year"),
]  # fmt: skip
WIDTHS = [("quarter", "A quarter"), ("third", "A third"), ("half", "Half"), ("two_thirds", "Two thirds"), ("whole", "The whole")]
HEIGHTS = [("short", "Short"), ("medium", "Medium"), ("tall", "Tall")]
TYPED = ("provider", "model", "tags", "app", "environment")
CHOSEN = ("status", "source", "user_id", "api_key_id")
LATELY = timedelta(days=30)
MANY = 200  # people or keys to choose from


class BoardForm(forms.Form):
    """What a dashboard is called, and what it shows at first."""

    title = forms.CharField(max_length=100)
    description = forms.CharField(max_length=500, required=False)
    window = forms.ChoiceField(choices=WINDOWS, initial="7d", label="Period", help_text="What it shows when no other is chosen.")


class NewBoardForm(BoardForm):
    """A new one may begin with panels."""

    starter = forms.ChoiceField(
        choices=[(name, label) for name, (label, _) in STARTERS.items()], label="Begin with", initial="cost"
    )


class ImportForm(forms.Form):
    """A file that was exported here or elsewhere."""

    file = forms.FileField(help_text="A dashboard that was exported, or written by hand: JSON.")


class PanelForm(forms.Form):
    """A panel. Which figures can be drawn how, `Panel` says."""

    title = forms.CharField(max_length=100, required=False, help_text="Left empty, it is called by what it shows.")
    figure = forms.ChoiceField(choices=list(panels.LABELS.items()))
    kind = forms.ChoiceField(choices=list(panels.KINDS.items()), label="Shown as", initial="line")
    group_by = forms.ChoiceField(
        choices=[
            ("", "All together"),
            *((name, label.capitalize().replace("Api", "API")) for name, label in panels.GROUPS.items()),
        ],
        required=False,
        label="A line, bar, slice or row for each",
    )
    over_time = forms.BooleanField(
        required=False, label="Over time", help_text="For bars and tables with a group. Lines always go over time."
    )
    limit = forms.IntegerField(min_value=1, max_value=panels.MOST_ROWS, initial=10, label="How many at most")
    width = forms.ChoiceField(choices=WIDTHS, initial="half")
    height = forms.ChoiceField(choices=HEIGHTS, initial="medium")
    status = forms.MultipleChoiceField(
        choices=[(name, STATUSES.get(name, name)) for name in get_args(Status)],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    source = forms.MultipleChoiceField(
        choices=[(name, name) for name in get_args(Source)], required=False, widget=forms.CheckboxSelectMultiple
    )
    model = forms.CharField(required=False, max_length=2000, label="Models")
    provider = forms.CharField(required=False, max_length=2000, label="Providers")
    user_id = forms.MultipleChoiceField(required=False, label="People")
    api_key_id = forms.MultipleChoiceField(required=False, label="API keys")
    tags = forms.CharField(required=False, max_length=2000, help_text="All of them have to be there. Separate several by commas.")
    app = forms.CharField(required=False, max_length=2000, label="Apps", help_text="Separate several by commas.")
    environment = forms.CharField(required=False, max_length=2000, label="Environments", help_text="Separate several by commas.")

    def __init__(self, part: Membership, panel: Panel | None, data: Any = None, *, now: datetime) -> None:
        self.panel = panel
        self.others = {name: value for name, value in panel.given.items() if name not in {*TYPED, *CHOSEN}} if panel else {}
        super().__init__(data, initial=_initial(panel) if panel else None)
        self._offer("user_id", _people(part))
        self._offer("api_key_id", _keys(part))
        for name in ("model", "provider"):
            lately = ", ".join(_lately(part, name, now)) or "none"
            self.fields[name].help_text = f"Any, if empty. Separate several by commas. In the last 30 days: {lately}."

    def made(self, panel_id: str | None = None) -> Panel | None:
        """The panel that the form describes; None when it can't be drawn, which the form then says."""
        given = self.cleaned_data
        filters: dict[str, Any] = dict(self.others)
        filters |= {name: values for name in TYPED if (values := _split(given[name]))}
        filters |= {name: given[name] for name in CHOSEN if given[name]}
        names = ("title", "figure", "kind", "over_time", "limit", "width", "height")
        value = {name: given[name] for name in names} | {"group_by": given["group_by"] or None, "filters": filters}
        try:
            return Panel.model_validate(value | ({"id": panel_id} if panel_id else {}))
        except ValidationError as error:
            said = panels.told(error)
            self.add_error(None, said[:1].upper() + said[1:] + ".")
            return None

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        """Those to choose from, and whoever is chosen already."""
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)
        known = {value for value, _ in choices}
        kept = self.panel.given.get(name, []) if self.panel else []
        field.choices = [*choices, *((value, f"…{value[-6:]}") for value in kept if value not in known)]
        field.widget.attrs["size"] = max(2, min(5, len(choices)))


def _initial(panel: Panel) -> dict[str, Any]:
    names = ("title", "figure", "kind", "group_by", "over_time", "limit", "width", "height")
    typed = {name: ", ".join(panel.given.get(name, [])) for name in TYPED}
    return {name: getattr(panel, name) for name in names} | typed | {name: panel.given.get(name, []) for name in CHOSEN}


def _people(part: Membership) -> list[tuple[str, str]]:
    if not may(part, Act.SEE_LOGS):
        return [(str(part.user_id), "yourself")]
    people = User.objects.filter(memberships__workspace_id=part.workspace_id).order_by("name", "email")[:MANY]
    return [(str(person.pk), person.name or person.email) for person in people]


def _keys(part: Membership) -> list[tuple[str, str]]:
    keys = ApiKey.objects.filter(workspace_id=part.workspace_id).order_by("name", "created_at")
    if not may(part, Act.SEE_LOGS):
        keys = keys.filter(user_id=part.user_id)
    return [(str(key.pk), f"{key.name} (…{key.last_four})") for key in keys[:MANY]]


def _lately(part: Membership, name: Any, now: datetime) -> list[str]:
    found = charts.greatest(Filters(part.workspace_id, since=now - LATELY, until=now), name, order="call_count", now=now)
    return [str(sums.group[name]) for sums in found if sums.group[name]]


def _split(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
