"""The forms of the page of models: one model, the short names, and what new chats begin with."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html

from accounts.models import Membership, Workspace
from gateway import catalogue, shelves
from gateway.models import ModelAlias, ModelChoices, ModelEntry
from gateway.protocol import ProviderError

ROLES = [Membership.Role.OWNER, Membership.Role.ADMIN, Membership.Role.MEMBER]
AS_TYPED = {"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"}
AS_LISTED = [("", "As listed"), ("yes", "Yes"), ("no", "No")]
MAX_CONTEXT = 100_000_000


def ability(label: str) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label, choices=AS_LISTED, required=False, coerce=lambda value: value == "yes", empty_value=None
    )


class EntryForm(forms.Form):
    """What the workspace says of one model."""

    label = forms.CharField(label="Name in lists", max_length=100, required=False)
    is_shown = forms.BooleanField(label="Show it in the lists", required=False)
    roles = forms.MultipleChoiceField(
        label="Who may use it",
        choices=[(role.value, f"{role.label}s") for role in ROLES],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one role, or hide it from the lists."},
    )
    has_vision = ability("Sees pictures")
    has_tools = ability("Calls tools")
    has_reasoning = ability("Reasons")
    context_window = forms.IntegerField(
        label="Context window (tokens)",
        min_value=256,
        max_value=MAX_CONTEXT,
        required=False,
        help_text="Empty: as its provider says.",
    )

    def __init__(self, path: str, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entry = ModelEntry.objects.filter(workspace=workspace, path=path).first() or ModelEntry(
            workspace=workspace, path=path
        )
        self.initial = {
            "label": self.entry.label,
            "is_shown": not self.entry.is_hidden,
            "roles": self.entry.roles or [role.value for role in ROLES],
            "context_window": self.entry.context_window,
            **{name: _said(getattr(self.entry, name)) for name in ("has_vision", "has_tools", "has_reasoning")},
        }

    def save(self) -> ModelEntry:
        """Store what differs from what everybody has; nothing, where nothing does."""
        given, entry = self.cleaned_data, self.entry
        entry.label, entry.is_hidden = given["label"].strip(), not given["is_shown"]
        entry.roles = [] if len(given["roles"]) == len(ROLES) else given["roles"]
        entry.has_vision, entry.has_tools, entry.has_reasoning = given["has_vision"], given["has_tools"], given["has_reasoning"]
        entry.context_window = given["context_window"]
        entry.save()
        return entry


class AliasForm(forms.ModelForm[ModelAlias]):
    """A short name, and the model that it stands for."""

    class Meta:
        model = ModelAlias
        fields = ("name", "path")
        widgets = {  # noqa: RUF012 (Django's own form)
            "name": forms.TextInput(attrs={**AS_TYPED, "placeholder": "fast"}),
            "path": forms.TextInput(attrs={**AS_TYPED, "placeholder": "groq/openai/gpt-oss-20b"}),
        }
        labels = {"name": "Short name", "path": "Stands for"}  # noqa: RUF012

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace

    def clean_path(self) -> str:
        path = str(self.cleaned_data["path"]).strip()
        if path in shelves.of(self.workspace.id).aliases:
            raise ValidationError("A short name stands for a model, not for another short name.")
        return _leading(path, self.workspace)

    def save(self, commit: bool = True) -> ModelAlias:
        """A name that there is already gets another model."""
        self.instance, _ = ModelAlias.objects.update_or_create(
            workspace=self.workspace, name=self.cleaned_data["name"], defaults={"path": self.cleaned_data["path"]}
        )
        self.instance.deployments.filter(path=self.instance.path).delete()
        return self.instance


class ChoicesForm(forms.ModelForm[ModelChoices]):
    """What new chats begin with, what finds titles, and who may type the path of a model that is not in the list."""

    class Meta:
        model = ModelChoices
        fields = ("default_path", "title_path", "who_may_type")
        labels = {  # noqa: RUF012
            "default_path": "New chats begin with",
            "title_path": "Titles are found by",
            "who_may_type": "Who may use models that are not listed, by their path",
        }
        widgets = {"default_path": forms.TextInput(attrs=AS_TYPED), "title_path": forms.TextInput(attrs=AS_TYPED)}  # noqa: RUF012

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        self.workspace = workspace
        stored = ModelChoices.objects.filter(workspace=workspace).first() or ModelChoices(workspace=workspace)
        kwargs["instance"] = stored
        super().__init__(*args, **kwargs)
        first, title = catalogue.default_path(workspace.id), catalogue.title_path(workspace.id)
        # Helps are shown as HTML, and the names of models are their providers'.
        now = format_html(" Now {}.", first) if first else ""
        self.fields["default_path"].help_text = format_html("A path or a short name.{}", now)
        self.fields["title_path"].help_text = format_html("A cheap one is best. Now {}.", title or "the model of the chat itself")

    def clean_default_path(self) -> str:
        return self._path("default_path")

    def clean_title_path(self) -> str:
        return self._path("title_path")

    def _path(self, name: str) -> str:
        path = str(self.cleaned_data[name]).strip()
        if not path or path in shelves.of(self.workspace.id).aliases:
            return path
        return _leading(path, self.workspace)


def _leading(path: str, workspace: Workspace) -> str:
    """The full path; one that leads nowhere is refused."""
    try:
        return catalogue.resolve(path, workspace_id=workspace.id).path
    except ProviderError as error:
        raise ValidationError(error.message) from error


def _said(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"
