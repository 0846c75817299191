"""The forms of the page of budgets."""

from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from accounts.models import ApiKey, User, Workspace
from gateway.models import Budget

MOST_KEYS = 500
CENT = Decimal("0.01")
SUBJECTS = [("workspace", "The whole workspace"), ("user", "A person"), ("api_key", "An API key")]


class NewBudgetForm(forms.ModelForm[Budget]):
    """A budget for the workspace, for one person in it, or for one of its keys."""

    email = forms.EmailField(label="Whose, by e-mail address", required=False)
    key = forms.ModelChoiceField(ApiKey.objects.none(), label="Which key", required=False, empty_label="Choose a key")

    class Meta:
        model = Budget
        fields = ("subject", "period", "limit_usd")
        labels: ClassVar = {"subject": "For", "period": "For each", "limit_usd": "Limit in US dollars"}
        widgets: ClassVar = {"limit_usd": forms.NumberInput(attrs={"step": "0.01", "min": "0", "inputmode": "decimal"})}

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.workspace = workspace
        self.fields["subject"].choices = SUBJECTS  # type: ignore[attr-defined]
        keys = ApiKey.objects.filter(workspace=workspace, revoked_at=None).order_by("name", "id")
        field = self.fields["key"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = keys
        field.choices = [("", "Choose a key"), *((key.pk, f"{key.name} (…{key.last_four})") for key in keys[:MOST_KEYS])]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self.instance.workspace = self.workspace
        self.instance.subject_id = self._subject_id(cleaned)
        if not self.errors:
            self._refuse_second(cleaned)
        return cleaned

    def _subject_id(self, cleaned: dict[str, Any]) -> UUID | None:
        match cleaned.get("subject"):
            case Budget.Subject.USER:
                email = cleaned.get("email") or ""
                person = User.objects.filter(email__iexact=email, memberships__workspace=self.workspace).first()
                if person is None and "email" not in self.errors:
                    self.add_error("email", f"Nobody in {self.workspace} has this address.")
                return person.id if person else None
            case Budget.Subject.API_KEY:
                key: ApiKey | None = cleaned.get("key")
                if key is None and "key" not in self.errors:
                    self.add_error("key", "Choose a key.")
                return key.id if key else None
            case _:
                return None

    def _refuse_second(self, cleaned: dict[str, Any]) -> None:
        held = Budget.objects.filter(
            workspace=self.workspace,
            subject=cleaned["subject"],
            subject_id=self.instance.subject_id,
            period=cleaned["period"],
        )
        if held.exists():
            raise ValidationError(f"There is such a budget for each {cleaned['period']} already. Change that one.")


class BudgetForm(forms.ModelForm[Budget]):
    """How much, and whether it counts."""

    class Meta:
        model = Budget
        fields = ("limit_usd", "is_enabled")
        labels: ClassVar = {"limit_usd": "Limit in US dollars", "is_enabled": "Hold calls back when it is used up"}
        widgets: ClassVar = {"limit_usd": forms.NumberInput(attrs={"step": "any", "min": "0", "inputmode": "decimal"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # As people write it: six digits are for the price of a token.
        limit = self.instance.limit_usd.normalize()
        self.initial["limit_usd"] = f"{limit:.2f}" if limit == limit.quantize(CENT) else f"{limit:f}"
