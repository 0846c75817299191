"""The forms of the pages of API keys."""

from datetime import timedelta
from typing import Any

from django import forms

from accounts import api_keys
from accounts.access import SCOPES_OF, Act, may
from accounts.entrance import NO_LIMITS, SCOPES, Limits
from accounts.models import ApiKey, Membership
from accounts.models.limits import MOST

TOLD_OF = {
    "chat": "Ask models, and keep conversations.",
    "ingest": "Record calls that were made elsewhere.",
    "logs:read": "Read the logs that you may read.",
    "logs:delete": "Delete logged calls.",
    "metrics": "Read sums, costs and latencies.",
    "admin": "Change providers, budgets and rules.",
}
LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("", "No end")]
PAYLOADS = [
    ("", "As the installation says"),
    ("full", "All of it"),
    ("preview", "The beginning"),
    ("none", "Nothing: only its figures"),
]
OVERLAPS = [
    ("0", "Ends at once"),
    ("1", "Works for an hour more"),
    ("24", "Works for a day more"),
    ("168", "Works for a week more"),
    ("720", "Works for 30 days more"),
]
UNLIMITED = "any number"


class LimitsForm(forms.Form):
    """How much may be asked in a minute, and at once. `defaults` is what holds where a field is left empty."""

    requests = forms.IntegerField(label="Requests a minute", min_value=1, max_value=MOST, required=False)
    tokens = forms.IntegerField(label="Tokens a minute", min_value=1, max_value=MOST, required=False)
    concurrent = forms.IntegerField(label="Calls at once", min_value=1, max_value=MOST, required=False)

    def __init__(self, *args: Any, defaults: Limits = NO_LIMITS, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        for name in ("requests", "tokens", "concurrent"):
            default = getattr(defaults, name)
            self.fields[name].widget.attrs |= {"placeholder": f"{default:,}" if default else UNLIMITED, "inputmode": "numeric"}

    @property
    def limits(self) -> Limits:
        """As they were given, once the form is valid."""
        return Limits(*(self.cleaned_data.get(name) for name in ("requests", "tokens", "concurrent")))

    @property
    def limit_fields(self) -> list[forms.BoundField]:
        return [self["requests"], self["tokens"], self["concurrent"]]


class RestrictedForm(LimitsForm):
    """What a key is for: its models and its limits."""

    name = forms.CharField(max_length=100, label="What is it for?", widget=forms.TextInput(attrs={"placeholder": "nightly jobs"}))
    models = forms.CharField(
        label="Only these models",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "Any model", "spellcheck": "false"}),
        help_text="One a line: <code>openai/gpt-4o-mini</code>, a short name, or <code>openai/*</code>. Empty: any model.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"defaults": api_keys.default_limits(), **kwargs})

    @property
    def models_given(self) -> str:
        return str(self["models"].value() or "")

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_models(self) -> tuple[str, ...]:
        try:
            return api_keys.checked_models(str(self.cleaned_data["models"]).replace(",", "\n").splitlines())
        except api_keys.InvalidKey as error:
            raise forms.ValidationError(str(error)) from None


class KeyForm(RestrictedForm):
    """What a new key may do. Nobody gives a key more than they may do themselves."""

    id = forms.UUIDField(widget=forms.HiddenInput)  # made with the page: sending it twice makes one key
    scopes = forms.MultipleChoiceField(choices=[], error_messages={"required": "Choose at least one thing that it may do."})
    days = forms.ChoiceField(label="Works for", choices=LIFETIMES, required=False, initial="90")
    payloads = forms.ChoiceField(label="Of what is said in its calls, keep", choices=PAYLOADS, required=False)

    def __init__(self, part: Membership, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.part = part
        self.allowed = [scope for scope in SCOPES if scope in SCOPES_OF[part.role]]
        self.fields["scopes"].choices = [(scope, scope) for scope in self.allowed]  # type: ignore[attr-defined]
        self.fields["scopes"].initial = [scope for scope in api_keys.DEFAULT_SCOPES if scope in self.allowed]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        refuse_more(self, self.part, before=api_keys.default_limits())
        return cleaned

    @property
    def options(self) -> list[dict[str, Any]]:
        """The scopes with what each lets a program do."""
        chosen = self["scopes"].value() or []
        return [{"scope": scope, "told": TOLD_OF[scope], "is_on": scope in chosen} for scope in self.allowed]


class ChangeForm(RestrictedForm):
    """A key's name, models and limits. Who manages keys changes them as they like; others make their own keys stricter only."""

    def __init__(self, part: Membership, key: ApiKey, *args: Any, **kwargs: Any) -> None:
        own = api_keys.limits_of(key)
        initial: dict[str, Any] = {"name": key.name, "models": "\n".join(key.allowed_models)}
        initial |= {"requests": own.requests, "tokens": own.tokens, "concurrent": own.concurrent}
        super().__init__(*args, **{"initial": initial, **kwargs})
        self.part, self.key = part, key

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        refuse_more(self, self.part, before=api_keys.limits_of_key(self.key))
        wider = set(cleaned.get("models") or ["*"]) - set(self.key.allowed_models)
        if self.key.allowed_models and wider and not may(self.part, Act.MANAGE_KEYS) and "models" not in self.errors:
            self.add_error("models", "Only those who manage keys may let it use more models. You can make another key.")
        return cleaned


class RotateForm(forms.Form):
    """For how long the token of now goes on working."""

    overlap = forms.TypedChoiceField(
        choices=OVERLAPS, coerce=lambda hours: timedelta(hours=int(hours)), empty_value=None, required=False
    )


def refuse_more(form: LimitsForm, part: Membership, *, before: Limits) -> None:
    """Nobody but who manages keys gives a key more than it has: the installation's limit would hold nobody."""
    if may(part, Act.MANAGE_KEYS):
        return
    after = form.limits | api_keys.default_limits()
    for name in ("requests", "tokens", "concurrent"):
        most, wanted = getattr(before, name), getattr(after, name)
        if most is not None and (wanted is None or wanted > most) and name not in form.errors:
            form.add_error(name, f"At most {most:,}. Only those who manage keys may allow more.")
