"""The forms of one short name: its models, what happens when they fail, what is kept, and what is compared."""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import Workspace
from gateway import catalogue, shelves
from gateway.entry_forms import AS_TYPED
from gateway.models import Deployment, ModelAlias
from gateway.protocol import ProviderError

MAX_MODELS = 10
SPARE = 2
SHARES, STANDS_IN = "share", "fallback"


class PlaceForm(forms.Form):
    """One model. Without a path there is none."""

    path = forms.CharField(
        label="Model", max_length=300, required=False, widget=forms.TextInput(attrs={**AS_TYPED, "list": "model-paths"})
    )
    role = forms.ChoiceField(label="Role", choices=[(SHARES, "Takes a share"), (STANDS_IN, "Stands in when others fail")])
    weight = forms.IntegerField(label="Weight", min_value=0, max_value=1000, initial=1, required=False)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("path") and given.get("role") == SHARES and given.get("weight") is None and "weight" not in self.errors:
            self.add_error("weight", "How many parts of the requests shall it get?")
        return given


class Places(forms.BaseFormSet):  # type: ignore[type-arg]
    """The models of a name, in their order."""

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        self.workspace = workspace
        super().__init__(*args, **kwargs)

    @property
    def given(self) -> Iterator[dict[str, Any]]:
        return (form.cleaned_data for form in self.forms if form.cleaned_data.get("path"))

    def clean(self) -> None:
        if any(self.errors):
            return
        seen: set[str] = set()
        aliases = shelves.of(self.workspace.id).aliases
        for form in self.forms:
            path = str(form.cleaned_data.get("path") or "").strip()
            if not path:
                continue
            if path in aliases:
                form.add_error("path", "A short name stands for models, not for another short name.")
                continue
            try:
                path = form.cleaned_data["path"] = catalogue.resolve(path, workspace_id=self.workspace.id).path
            except ProviderError as error:
                form.add_error("path", error.message)
                continue
            if path in seen:
                form.add_error("path", "This model is here twice.")
            seen.add(path)
        if not any(self.errors) and not any(one["role"] == SHARES and one["weight"] for one in self.given):
            raise ValidationError("At least one model takes a share of the requests, by a weight above 0.")


PlaceSet = forms.formset_factory(
    PlaceForm, formset=Places, extra=SPARE, max_num=MAX_MODELS, absolute_max=MAX_MODELS, validate_max=True
)


def place_set(workspace: Workspace, data: Mapping[str, Any] | None, alias: ModelAlias) -> Places:
    """The rows of a name's models, as they are stored or as they were sent."""
    made: Any = PlaceSet
    found: Places = made(workspace, data, initial=None if data else places_of(alias))
    return found


class AliasForm(forms.ModelForm[ModelAlias]):
    """What holds for all models of a name."""

    is_compared = forms.BooleanField(label="Compare the models that share", required=False)

    class Meta:
        model = ModelAlias
        fields = (
            "max_attempts",
            "first_byte_seconds",
            "idle_seconds",
            "failures_to_rest",
            "rest_seconds",
            "cache_seconds",
            "caches_random",
            "split_by",
        )
        labels = {  # noqa: RUF012 (Django's own form)
            "max_attempts": "Attempts before models stand in",
            "first_byte_seconds": "Wait for the first word (seconds)",
            "idle_seconds": "Wait between words (seconds)",
            "failures_to_rest": "Failures before a model rests",
            "rest_seconds": "It rests for (seconds)",
            "cache_seconds": "Keep answers for (seconds)",
            "caches_random": "Also answers that are drawn: at a temperature above 0, or without one",
            "split_by": "Who takes which model is decided",
        }
        help_texts = {  # noqa: RUF012
            "max_attempts": "Over all models that share.",
            "failures_to_rest": "In a row. 0: it never does.",
            "cache_seconds": "0: none are kept.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["is_compared"].initial = self.instance.compared_since is not None
        for name in ("first_byte_seconds", "idle_seconds"):
            self.fields[name].widget.attrs["placeholder"] = "as usual"


def places_of(alias: ModelAlias) -> list[dict[str, Any]]:
    """The rows that the models of a name fill."""
    own = [{"path": alias.path, "role": SHARES, "weight": alias.weight}]
    return own + [
        {"path": one.path, "role": STANDS_IN if one.is_fallback else SHARES, "weight": one.weight}
        for one in alias.deployments.all()
    ]


def save(form: AliasForm, places: Places) -> ModelAlias:
    """Store both; they are valid."""
    alias, given = form.instance, list(places.given)
    first = next(one for one in given if one["role"] == SHARES)
    alias.path, alias.weight = first["path"], first["weight"] or 0
    if not form.cleaned_data["is_compared"]:
        alias.compared_since = None
    elif alias.compared_since is None:
        alias.compared_since = timezone.now()
    with transaction.atomic():
        alias.save()
        alias.deployments.all().delete()
        others = [one for one in given if one is not first]
        Deployment.objects.bulk_create(
            Deployment(
                alias=alias, path=one["path"], weight=one["weight"] or 0, is_fallback=one["role"] == STANDS_IN, position=place
            )
            for place, one in enumerate(others)
        )
    return alias
