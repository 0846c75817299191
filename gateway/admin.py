"""Providers for the operator. A key can be written and never read; of a stored one the last four characters are shown."""

from datetime import UTC
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Case, DateField, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Cast, Now, Trunc
from django.http import HttpRequest

from accounts.models import ApiKey, User
from gateway import directory, providers, sources
from gateway.models import Budget, BudgetPeriod, Provider


class ProviderForm(forms.ModelForm[Provider]):
    """An address that was typed into a page is judged, and another one clears the key."""

    class Meta:
        model = Provider
        fields = ("name", "kind", "workspace", "base_url", "api_key", "model_names", "options", "is_enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored_address = self.instance.base_url
        known = {kind.name: kind.label for kind in directory.kinds().values() if kind.name != sources.LOCAL}
        stored = {self.instance.kind: directory.label(self.instance.kind)} if self.instance.kind else {}
        self.fields["kind"] = forms.ChoiceField(choices=list((known | stored).items()))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        if given["base_url"] and self._is_moved(given["base_url"]):
            given["base_url"] = providers.judge_address(given["kind"], given["base_url"], is_trusted=False)
        is_moved = self._is_moved(given["base_url"])
        providers.check(
            given["name"],
            given["kind"],
            base_url=given["base_url"],
            has_key=bool(given["api_key"] or (self.instance.api_key and not is_moved)),
            is_trusted=self.instance.is_trusted and not is_moved,
        )
        given["options"], given["model_names"] = given["options"] or {}, given["model_names"] or []
        providers.check_values(given["api_key"], given["options"], given["model_names"])
        return given

    def save(self, commit: bool = True) -> Provider:
        typed = self.instance.base_url
        self.instance.base_url = self._stored_address
        providers.move(self.instance, typed, is_trusted=False)
        if self.cleaned_data["api_key"]:
            self.instance.api_key = self.cleaned_data["api_key"]
        return super().save(commit)

    def _is_moved(self, address: str) -> bool:
        return address.rstrip("/") != self._stored_address


@admin.register(Provider)
class ProviderAdmin(admin.ModelAdmin[Provider]):
    form = ProviderForm
    list_display = ("name", "kind_label", "workspace", "base_url", "key_end", "is_enabled")
    list_filter = ("is_enabled", "workspace")
    list_select_related = ("workspace",)
    search_fields = ("name", "kind", "base_url")
    autocomplete_fields = ("workspace",)
    readonly_fields = ("key_end", "is_trusted", "private_host", "allowed_at", "created_at", "updated_at")

    @admin.display(description="kind", ordering="kind")
    def kind_label(self, provider: Provider) -> str:
        return directory.label(provider.kind)

    @admin.display(description="stored key")
    def key_end(self, provider: Provider) -> str:
        return key_hint(provider)

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        sources.forget()

    def delete_model(self, request: HttpRequest, obj: Provider) -> None:
        super().delete_model(request, obj)
        sources.forget()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        super().delete_queryset(request, queryset)
        sources.forget()


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin[Budget]):
    """Limits, with what is spent of them in the period that runs."""

    list_display = ("__str__", "workspace", "whose", "limit_usd", "spent", "reserved", "unknown", "is_enabled")
    list_filter = ("is_enabled", "subject", "period", "workspace")
    list_select_related = ("workspace",)
    autocomplete_fields = ("workspace",)
    readonly_fields = ("spent", "reserved", "unknown", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Budget]:
        month, day = Trunc(Now(), "month", tzinfo=UTC), Trunc(Now(), "day", tzinfo=UTC)
        begun = Case(When(budget__period=Budget.Period.DAY, then=day), default=month)
        running = BudgetPeriod.objects.filter(budget=OuterRef("pk"), starts_on=Cast(begun, DateField()))
        names = ("spent_usd", "reserved_usd", "unknown_count")
        person = User.objects.filter(pk=OuterRef("subject_id")).values("email")[:1]
        key = ApiKey.objects.filter(pk=OuterRef("subject_id")).values("name")[:1]
        return (
            super()
            .get_queryset(request)
            .annotate(
                email=Subquery(person), key_name=Subquery(key), **{f"now_{name}": running.values(name)[:1] for name in names}
            )
        )

    @admin.display(description="whose")
    def whose(self, budget: Any) -> str:
        if budget.key_name:
            return f"the key {budget.key_name}"
        return budget.email or (str(budget.subject_id) if budget.subject_id else "everybody's")

    @admin.display(description="spent now (US$)")
    def spent(self, budget: Any) -> str:
        return f"{budget.now_spent_usd or 0:.4f}"

    @admin.display(description="reserved by running calls (US$)")
    def reserved(self, budget: Any) -> str:
        return f"{budget.now_reserved_usd or 0:.4f}"

    @admin.display(description="calls without a known cost")
    def unknown(self, budget: Any) -> int:
        return budget.now_unknown_count or 0


def key_hint(provider: Provider) -> str:
    """What may be shown of a key."""
    return f"••••{provider.api_key.last_four}" if provider.api_key else "none"
