"""The form of an alert: what is measured, when it fires, and who is told. Shares are typed in percent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms

from accounts.models import ApiKey, Workspace
from gateway import alert_telling, standings
from gateway.alert_reading import MEASURES, UNITS
from gateway.alert_rules import InvalidRule, Wanted
from gateway.alert_telling import in_words
from gateway.models import AlertRule, Budget, Severity
from telemetry.models import InferenceLog

MOST_KEYS = 500
WINDOWS = (5, 15, 30, 60, 360, 1440, 7 * 1440)
LASTING = (0, 1, 5, 10, 15, 30, 60)
REMINDERS = (0, 15, 60, 240, 1440)
LISTED = ("provider", "model", "tags", "environment", "app", "operation", "error_class")  # typed with commas between
CHOSEN = ("source", "status", "api_key_id")
OF = {"calls": "Calls", "budgets": "Budgets", "service": "Recording itself"}


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the form's fields under a heading; `components/_form.html` takes it for a form."""

    title: str
    hint: str
    visible_fields: Sequence[forms.BoundField]
    is_open: bool = True


class AlertForm(forms.Form):
    """All of a rule but whether it is muted."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"placeholder": "Too many errors"}))
    severity = forms.ChoiceField(choices=Severity.choices, initial="warning")
    figure = forms.ChoiceField()
    budget_id = forms.ChoiceField(label="Which budget", required=False, help_text="Asked only of the share of a budget.")
    window_minutes = forms.TypedChoiceField(label="Over the last", coerce=int, initial=15)
    comparison = forms.ChoiceField(label="Fires when it", choices=AlertRule.Comparison.choices)
    threshold = forms.FloatField(help_text="In the unit beside the figure’s name: 5 is 5 % of a rate, 2000 is 2,000 ms.")
    recover_threshold = forms.FloatField(
        label="Recovers at", required=False, help_text="Empty: at the threshold. A distance keeps it from going to and fro."
    )
    for_minutes = forms.TypedChoiceField(label="After it has lasted", coerce=int, initial=0)
    least_calls = forms.IntegerField(
        label="From this many calls on",
        min_value=0,
        initial=0,
        help_text="Fewer in the window are no data for a rate or a percentile.",
    )
    on_no_data = forms.ChoiceField(label="Without data", choices=AlertRule.NoData.choices)
    remind_minutes = forms.TypedChoiceField(label="Remind while it fires", coerce=int, initial=0)
    provider = forms.CharField(label="Providers", required=False)
    model = forms.CharField(label="Models", required=False, help_text="Several with commas between.")
    source = forms.MultipleChoiceField(label="Made by", required=False, widget=forms.CheckboxSelectMultiple)
    status = forms.MultipleChoiceField(label="Status", required=False, widget=forms.CheckboxSelectMultiple)
    api_key_id = forms.MultipleChoiceField(label="API keys", required=False)
    tags = forms.CharField(label="Tags", required=False, help_text="All of them.")
    environment = forms.CharField(label="Environments", required=False)
    app = forms.CharField(label="Apps", required=False)
    operation = forms.CharField(label="Operations", required=False, help_text="chat, embeddings, …")
    # A field in name alone: the form keeps its own `error_class`, for Django takes fields out of the class.
    error_class = forms.CharField(label="Error classes", required=False)  # type: ignore[assignment]
    webhook_ids = forms.MultipleChoiceField(label="Webhooks", required=False, widget=forms.CheckboxSelectMultiple)
    letters_to = forms.CharField(
        label="E-mail addresses", required=False, widget=forms.Textarea(attrs={"rows": 2}), help_text="One a line."
    )

    def __init__(self, workspace: Workspace, *args: Any, rule: AlertRule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.workspace, self.rule = workspace, rule
        self._choose("figure", _figures())
        for name, known, zero in (
            ("window_minutes", WINDOWS, ""),
            ("for_minutes", LASTING, "no time at all"),
            ("remind_minutes", REMINDERS, "Never"),
        ):
            held = (getattr(rule, name),) if rule else ()  # a program may have chosen another than the page offers
            self._choose(name, [(minutes, in_words(minutes) if minutes else zero) for minutes in sorted({*known, *held})])
        self._choose("source", [(value, value) for value, _ in InferenceLog._meta.get_field("source").choices or ()])
        self._choose("status", [(value, value) for value, _ in InferenceLog._meta.get_field("status").choices or ()])
        self._choose("budget_id", [("", "The fullest one"), *_budgets(workspace)])
        keys = ApiKey.objects.filter(workspace=workspace, revoked_at=None).order_by("name", "id")[:MOST_KEYS]
        self._offer("api_key_id", [(str(key.pk), f"{key.name} (…{key.last_four})") for key in keys])
        hooks = alert_telling.listening(workspace.pk)
        self._offer("webhook_ids", [(str(hook.pk), _hook(hook)) for hook in hooks])
        if rule is None:
            self.initial.setdefault("webhook_ids", [str(hook.pk) for hook in hooks])

    @classmethod
    def of(cls, rule: AlertRule) -> "AlertForm":
        """As the rule is."""
        names = ("name", "severity", "figure", "window_minutes", "comparison", "for_minutes", "least_calls", "on_no_data")
        scale = _scale(rule.figure)
        values: dict[str, Any] = {name: getattr(rule, name) for name in (*names, "remind_minutes")}
        values["threshold"] = _typed(rule.threshold, scale)
        values["recover_threshold"] = None if rule.recover_threshold is None else _typed(rule.recover_threshold, scale)
        values["budget_id"] = str(rule.budget_id or "")
        values |= {name: ", ".join(rule.filters.get(name, ())) for name in LISTED}
        values |= {name: rule.filters.get(name, ()) for name in CHOSEN}
        values["webhook_ids"] = [str(pk) for pk in rule.webhooks.values_list("pk", flat=True)]
        values["letters_to"] = "\n".join(rule.letters_to)
        return cls(rule.workspace, initial=values, rule=rule)

    def wanted(self, *, is_enabled: bool = True) -> Wanted:
        """What a valid form asks for."""
        given = self.cleaned_data
        scale = _scale(given["figure"])
        recover = given["recover_threshold"]
        filters = {name: [text.strip() for text in given[name].split(",") if text.strip()] for name in LISTED}
        filters |= {name: list(given.get(name, ())) for name in CHOSEN}
        plain = ("name", "figure", "comparison", "severity", "window_minutes", "for_minutes", "least_calls", "on_no_data")
        return Wanted(
            **{name: given[name] for name in plain},
            remind_minutes=given["remind_minutes"],
            threshold=given["threshold"] / scale,
            recover_threshold=None if recover is None else recover / scale,
            budget_id=UUID(given["budget_id"]) if given["budget_id"] else None,
            filters={name: values for name, values in filters.items() if values},
            webhook_ids=[UUID(text) for text in given.get("webhook_ids", ())],
            letters_to=given["letters_to"].replace(",", "\n").splitlines(),
            is_enabled=is_enabled,
        )

    def refuse(self, error: InvalidRule) -> None:
        self.add_error(error.field if error.field in self.fields else None, str(error))

    def parts(self) -> list[Part]:
        """The fields in the order in which one thinks of them; what narrows the calls is folded until it is used."""
        narrowing = self._bound("provider", "model", "api_key_id", "tags", "environment", "app", "operation", "error_class")
        narrowing += self._bound("source", "status")
        is_narrowed = any(field.value() or field.errors for field in narrowing)
        what = ("name", "severity", "figure", "budget_id", "window_minutes")
        when = ("comparison", "threshold", "recover_threshold", "for_minutes", "least_calls", "on_no_data")
        return [
            Part("What is watched", "", self._bound(*what)),
            Part("Of which calls", "All of the workspace’s, unless you narrow them.", narrowing, is_narrowed),
            Part("When it fires", "", self._bound(*when)),
            Part("Who is told", "", self._bound("webhook_ids", "letters_to", "remind_minutes")),
        ]

    def _bound(self, *names: str) -> list[forms.BoundField]:
        return [self[name] for name in names if name in self.fields]

    def _choose(self, name: str, choices: Sequence[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(choices)

    def _offer(self, name: str, choices: Sequence[Any]) -> None:
        """A choice among what there is: where there is nothing, it is not asked."""
        if choices:
            self._choose(name, choices)
        else:
            del self.fields[name]


def _figures() -> list[tuple[str, list[tuple[str, str]]]]:
    found: dict[str, list[tuple[str, str]]] = {title: [] for title in OF.values()}
    for measure in MEASURES.values():
        unit = UNITS[measure.counted_in]
        found[OF[measure.of]].append((measure.name, f"{measure.label} ({unit})" if unit else measure.label))
    return list(found.items())


def _budgets(workspace: Workspace) -> list[tuple[str, str]]:
    found = Budget.objects.filter(workspace=workspace).order_by("created_at", "id")[: standings.PAGE]
    return [(str(budget.pk), str(budget)) for budget in found]


def _hook(hook: Any) -> str:
    return hook.name if hook.is_enabled else f"{hook.name} (off)"


def _scale(figure: str) -> float:
    return 100.0 if figure in MEASURES and MEASURES[figure].counted_in == "share" else 1.0


def _typed(value: float, scale: float) -> str:
    return f"{value * scale:.12g}"
