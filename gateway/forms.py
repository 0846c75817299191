"""The forms of the pages of providers and models. What a kind of provider is asked for is told by `direct.toml`."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.html import format_html

from accounts.models import Workspace
from gateway import directory, providers, sources
from gateway.directory import Kind
from gateway.models import Provider

MAX_KEY = 8000
AS_TYPED = {"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"}
NOT_A_PASSWORD = {"autocomplete": "off", "spellcheck": "false", "data-1p-ignore": "", "data-lpignore": "true"}


class ProviderForm(forms.Form):
    """One provider of a workspace. The key is never shown: left empty, the stored one stays."""

    name = forms.CharField(
        max_length=40,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9_-]*\Z", "Small letters, digits, - and _.")],
        help_text="The first part of its model paths, such as <code>work/gpt-4o</code>. It stays.",
    )
    base_url = forms.CharField(
        label="Address",
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "url", **AS_TYPED}),
    )
    api_key = forms.CharField(
        label="Key",
        max_length=MAX_KEY,
        required=False,
        widget=forms.PasswordInput(attrs=NOT_A_PASSWORD),
    )

    def __init__(self, kind: Kind, workspace: Workspace, provider: Provider | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.workspace, self.provider = kind, workspace, provider
        self._shape_address()
        self._shape_key()
        for described in kind.fields:
            self.fields[described.name] = forms.CharField(
                label=described.label, help_text=described.help, required=described.is_required, max_length=200
            )
            self.fields[described.name].initial = self._option(described.name)
        self._add_models()
        if provider is None:
            self.fields["name"].initial = self._free_name()
        else:
            del self.fields["name"]

    def _shape_address(self) -> None:
        kind, provider = self.kind, self.provider
        if not kind.may_have_address:
            del self.fields["base_url"]
            return
        address = self.fields["base_url"]
        address.required = kind.needs_address or kind.is_keyless
        address.initial = provider.base_url if provider else (kind.base_url if kind.is_keyless else "")
        address.help_text = f"Empty for its own, {kind.base_url}." if not address.required else "Where its /chat/completions is."
        if kind.suffix and not kind.is_keyless:
            address.help_text = f"The resource's endpoint; {kind.suffix} is added."
        if provider and provider.api_key:
            address.help_text += " Another address clears the key."

    def _shape_key(self) -> None:
        if not (self.kind.keys or self.kind.key_option):
            del self.fields["api_key"]
            return
        key, stored = self.fields["api_key"], self.provider.api_key if self.provider else None
        if stored:
            key.help_text = format_html("Stored: ••••{}. Left empty, it stays.", stored.last_four)
        elif not self.kind.needs_key:
            key.help_text = "Empty, if it wants none."
        if self.kind.key_option:
            key.label = "Service account (JSON)"

    def _add_models(self) -> None:
        is_typed = self.kind.models == "typed"
        self.fields["model_names"] = forms.CharField(
            label="Deployments" if self.kind.name == "azure" else "Models",
            required=is_typed,
            initial="\n".join(self.provider.model_names) if self.provider else "",
            help_text="One a line." if is_typed else "One a line; empty for all that it lists.",
            widget=forms.Textarea(attrs={"rows": 3, **AS_TYPED}),
            max_length=20_000,
        )

    def _option(self, name: str) -> str:
        """The stored value of a described field."""
        options = self.provider.options if self.provider else {}
        outer, _, inner = name.partition(".")
        found = options.get(outer, "")
        return str(found.get(inner, "") if inner and isinstance(found, dict) else found)

    def _free_name(self) -> str:
        taken = set(sources.configured(self.workspace.id))
        taken |= set(Provider.objects.filter(workspace=self.workspace).values_list("name", flat=True))
        names = (self.kind.name, *(f"{self.kind.name}-{number}" for number in range(2, 100)))
        return next((name for name in names if name not in taken), "")

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if Provider.objects.filter(workspace=self.workspace, name=name).exists():
            raise ValidationError("There is a provider of that name already.")
        return name

    def clean_api_key(self) -> str:
        key = str(self.cleaned_data["api_key"]).strip()
        providers.check_key(self.kind, key)
        return key

    def clean_model_names(self) -> list[str]:
        names = [line.strip() for line in str(self.cleaned_data["model_names"]).splitlines() if line.strip()]
        if any(len(name) > 200 or not name.isprintable() or " " in name for name in names):
            raise ValidationError("A model's name has no spaces and at most 200 characters.")
        return list(dict.fromkeys(names))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        for described in self.kind.fields:
            value = str(given.get(described.name, "")).strip()
            if value and described.pattern and not re.fullmatch(described.pattern, value, re.ASCII):
                self.add_error(described.name, f"This is no {described.label.lower()}. {described.help}")
        if not self.errors:
            self._judge(given)
        return given

    def _judge(self, given: dict[str, Any]) -> None:
        """Lay what was given over the row; errors go to their fields, and nothing is saved with one."""
        row = self.provider or Provider(workspace=self.workspace, name=given["name"], kind=self.kind.name)
        try:
            if "base_url" in self.fields:
                providers.settle(row, given["base_url"], kind=self.kind)
            if given.get("api_key"):
                row.api_key = given["api_key"]
            row.model_names = given["model_names"]
            row.options = self._options(row.options, given)
            providers.check(row.name, row.kind, base_url=row.base_url, has_key=bool(row.api_key), is_trusted=row.is_trusted)
            providers.check_values(given.get("api_key") or "", row.options, row.model_names)
        except ValidationError as error:
            self._show(error)
        self.row = row

    def _show(self, error: ValidationError) -> None:
        by_field = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        for name, texts in by_field.items():
            for text in texts:
                self.add_error(name if name in self.fields else None, text)

    def _options(self, stored: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        options = dict(stored)
        for described in self.kind.fields:
            outer, _, inner = described.name.partition(".")
            value = str(given.get(described.name, "")).strip()
            whole = {**(options.get(outer) or {}), inner: value} if inner else value
            if isinstance(whole, dict):
                whole = {name: part for name, part in whole.items() if part}
            options[outer] = whole
        return {name: value for name, value in options.items() if value}


def kinds_to_add() -> dict[str, list[Kind]]:
    """The kinds that a page may add, by what they are."""
    kinds = sorted(directory.kinds().values(), key=lambda kind: kind.label.lower())
    offered = [kind for kind in kinds if kind.name != sources.LOCAL and not kind.is_for_commands]
    return {
        "Companies": [kind for kind in offered if not kind.is_keyless],
        "Servers of your own": [kind for kind in offered if kind.is_keyless],
    }
