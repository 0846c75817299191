"""The forms of the pages of datasets."""

from typing import Any

from django import forms

from telemetry import cases
from telemetry.cases import Draft, InvalidCase
from telemetry.datasets import LARGEST_FILE, InvalidDataset
from telemetry.models import Case, Dataset


class DatasetForm(forms.Form):
    """A dataset's name and what it is for."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"placeholder": "support questions"}))
    description = forms.CharField(
        label="What it is for", max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    @classmethod
    def of(cls, dataset: Dataset) -> "DatasetForm":
        return cls(initial={"name": dataset.name, "description": dataset.description})

    def refuse(self, error: InvalidDataset) -> None:
        self.add_error(error.field, str(error))


class CaseForm(forms.Form):
    """One case. What is asked is a text, or a whole talk as JSON."""

    asked = forms.CharField(
        label="What is asked",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text='One question in plain text; a whole talk as a JSON list: <code>[{"role": "system", "content": …}]</code>',
    )
    expected = forms.CharField(
        label="What is expected",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The answer, or what an answer is compared with. A judge reads it as the model answer.",
    )
    name = forms.CharField(required=False, max_length=cases.LONGEST_NAME, help_text="What the case is called in comparisons.")
    scorers = forms.CharField(
        label="Scorers of its own",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "placeholder": "contains:Paris"}),
        help_text="One a line. They go beside those that an evaluation is run with.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    @classmethod
    def of(cls, case: Case) -> "CaseForm":
        told = {"expected": case.expected, "name": case.name, "scorers": "\n".join(case.scorers)}
        return cls(initial={"asked": cases.as_typed(case.messages), **told})

    def draft(self) -> Draft | None:
        """The case; None where something is wrong, and the field says what."""
        if not self.is_valid():
            return None
        given = self.cleaned_data
        lines = given["scorers"].splitlines()
        try:
            return cases.draft(cases.typed(given["asked"]), expected=given["expected"], name=given["name"], scorers=lines)
        except InvalidCase as error:
            self.refuse(error)
            return None

    def refuse(self, error: InvalidCase) -> None:
        self.add_error(error.field if error.field in self.fields else "asked", str(error))


class FileForm(forms.Form):
    """Cases of a file."""

    file = forms.FileField(
        label="File",
        widget=forms.ClearableFileInput(attrs={"accept": ".jsonl,.json,.ndjson,application/jsonl"}),
        help_text='JSONL, one case a line: <code>{"input": "…", "expected": "…"}</code>',
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def clean_file(self) -> Any:
        given = self.cleaned_data["file"]
        if given.size > LARGEST_FILE:
            raise forms.ValidationError(f"The file is larger than {LARGEST_FILE // 1_000_000} MB. Split it.")
        return given
