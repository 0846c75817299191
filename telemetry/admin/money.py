"""Prices and repricings: what a model costs is entered, never edited; costs are worked out anew only after a preview."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from celery import current_app
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.contrib.auth import get_permission_codename
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from kombu.exceptions import OperationalError as BrokerAway

from telemetry import prices, repricing
from telemetry.models import ListedPrice, PriceRelease, Repricing
from telemetry.rates import BUCKETS, MILLION

RATE_NAMES = {
    "input": "prompt tokens", "output": "completion tokens", "cache_read": "prompt tokens read from a cache",
    "cache_write": "prompt tokens written to a cache", "reasoning": "reasoning tokens",
}  # fmt: skip
KNOWN = ("newly_known_count", "newly_unknown_count")
AS_ITS_WHOLE = "Empty: as prompt or completion tokens are."


class PriceForm(forms.ModelForm[ListedPrice]):
    """A new price, in dollars a million tokens as price lists have it."""

    aliases = forms.CharField(required=False, help_text="Other names of the model, with commas between them.")
    effective_from = forms.SplitDateTimeField(widget=AdminSplitDateTime, initial=lambda: datetime.now(UTC))

    class Meta:
        model = ListedPrice
        fields = ("provider", "model", "aliases", "effective_from")
        widgets: ClassVar = {"provider": forms.TextInput, "model": forms.TextInput}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for bucket, name in RATE_NAMES.items():
            is_needed = bucket in {"input", "output"}
            self.fields[f"usd_{bucket}"] = forms.DecimalField(
                label=f"US$ a million {name}", min_value=Decimal(0), max_digits=18, decimal_places=9,
                required=is_needed, help_text="" if is_needed else AS_ITS_WHOLE,
            )  # fmt: skip

    def rates(self) -> dict[str, Decimal]:
        """US dollars a token by bucket."""
        told = {bucket: self.cleaned_data.get(f"usd_{bucket}") for bucket in BUCKETS}
        return {bucket: usd / MILLION for bucket, usd in told.items() if usd is not None}

    def clean_aliases(self) -> list[str]:
        return [alias.strip() for alias in self.cleaned_data["aliases"].split(",") if alias.strip()]

    def enter(self, created_by: Any) -> ListedPrice:
        told = self.cleaned_data
        return prices.add(
            told["provider"],
            told["model"],
            usd=self.rates(),
            effective_from=told["effective_from"],
            aliases=told["aliases"],
            created_by=created_by,
        )

    def save_m2m(self) -> None:
        """A price has nothing of the kind."""


def _per_million(bucket: str, name: str) -> Any:
    @admin.display(description=name)
    def shown(_admin: Any, price: ListedPrice) -> str:
        return f"${(getattr(price, bucket) * MILLION).normalize():f}"

    return shown


@admin.register(ListedPrice)
class PriceAdmin(admin.ModelAdmin[ListedPrice]):
    """Dollars a million tokens. A wrong price is withdrawn; a new one takes the old one's place from its moment on."""

    form = PriceForm
    list_display = ("__str__", "since", "input_price", "output_price", "cached_price", "origin", "source", "withdrawn_at")
    list_filter = ("origin", ("withdrawn_at", admin.EmptyFieldListFilter), "provider")
    search_fields = ("model__startswith", "provider__exact")
    search_help_text = "The beginning of a model's name, or a provider."
    ordering = ("provider", "model", "-effective_from")
    actions = ("withdraw",)

    input_price = _per_million("input", "in, a million")
    output_price = _per_million("output", "out, a million")
    cached_price = _per_million("cache_read", "cached, a million")

    @admin.display(description="from", ordering="effective_from", empty_value="as long as known")
    def since(self, price: ListedPrice) -> datetime | None:
        return price.effective_from

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return ((None, {"fields": [field.name for field in ListedPrice._meta.fields]}),)
        names = [*self.form.Meta.fields, *(f"usd_{bucket}" for bucket in RATE_NAMES)]
        return ((None, {"fields": names, "description": "Calls made from then on are priced by it. Reprice earlier ones."}),)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        return super().get_form(request, obj, change, **options) if obj else PriceForm

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> ListedPrice:
        """A row is final from its first write on, so the form writes it whole."""
        entered: ListedPrice = form.enter(request.user.pk)
        return entered

    def save_model(self, request: HttpRequest, obj: ListedPrice, form: Any, change: bool) -> None:
        """It is entered by now."""

    @admin.action(description="Withdraw the selected prices: nothing is priced by them any more", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[ListedPrice]) -> None:
        now = datetime.now(UTC)
        count = sum(prices.withdraw(price.id, now) for price in queryset)
        self.message_user(request, f"{count} {'price is' if count == 1 else 'prices are'} withdrawn.", messages.SUCCESS)


@admin.register(PriceRelease)
class PriceReleaseAdmin(admin.ModelAdmin[PriceRelease]):
    """Which built-in prices were loaded, and when."""

    list_display = ("name", "loaded_at", "added_count")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Repricing)
class RepricingAdmin(admin.ModelAdmin[Repricing]):
    """Asked for, previewed by a worker, and applied when somebody says so."""

    list_display = (
        "__str__",
        "state",
        "seen_count",
        "changed_count",
        "before",
        "after",
        "newly_known_count",
        "newly_unknown_count",
    )
    asked = ("since", "until", "workspace_id", "provider", "model", "only_unknown")
    actions = ("apply",)

    @admin.display(description="before, US$")
    def before(self, job: Repricing) -> str:
        return f"{job.before_usd:.6f}"

    @admin.display(description="after, US$")
    def after(self, job: Repricing) -> str:
        return f"{job.after_usd:.6f}"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [field.name for field in Repricing._meta.fields] if obj else self.asked

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        widgets = {"provider": forms.TextInput, "model": forms.TextInput}
        return super().get_form(request, obj, change, widgets=widgets, **options)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Repricing, form: Any, change: bool) -> None:
        obj.created_by = request.user.pk
        super().save_model(request, obj, form, change)
        transaction.on_commit(_wake)
        self.message_user(request, "The preview is being made: reload this page to see it.", messages.INFO)

    def has_apply_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"telemetry.{get_permission_codename('apply', self.opts)}")

    @admin.action(description="Apply the selected previews", permissions=["apply"])
    def apply(self, request: HttpRequest, queryset: QuerySet[Repricing]) -> None:
        ordered = [job for job in queryset if repricing.order(job.id)]
        transaction.on_commit(_wake)
        left = queryset.count() - len(ordered)
        self.message_user(request, f"{len(ordered)} will be applied." + (f" {left} not: no preview waits." if left else ""))


def _wake() -> None:
    """A broker that is away costs half a minute: beat looks for repricings too."""
    try:
        current_app.send_task("repricing.work", retry=False, ignore_result=True, expires=60)
    except (BrokerAway, OSError):
        return
