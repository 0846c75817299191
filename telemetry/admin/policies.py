"""What each workspace wants redacted: its mode, its kinds, and rules of its own that are tried before they are switched on."""

from typing import Any, ClassVar, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts import audit
from accounts.access import person
from accounts.audit import Action
from accounts.models import User
from telemetry import deep_redaction, policies, rule_trials
from telemetry.admin.reveal import RevealingAdmin, is_revealed
from telemetry.exchange import with_chips
from telemetry.models import RedactionPolicy, RedactionRule
from telemetry.redaction import LABELS, InvalidConfig, InvalidPattern
from telemetry.redaction.kinds import ID_COUNTRIES

FOUND = ("regions", "national_ids", "kinds_off")  # what decides which values are found
KINDS = [(kind, label) for kind, label in LABELS.items() if kind != "WITHHELD"]


class PolicyForm(forms.ModelForm[RedactionPolicy]):
    """Lists are ticked, regions are typed."""

    national_ids = forms.MultipleChoiceField(
        choices=[(country, country) for country in sorted(ID_COUNTRIES)],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="Countries whose ids are removed by form and checksum alone; after a word that names them all are.",
    )
    kinds_off = forms.MultipleChoiceField(
        choices=KINDS, widget=forms.CheckboxSelectMultiple, required=False, label="kinds that stay"
    )

    class Meta:
        model = RedactionPolicy
        fields = ("workspace", "mode", "keeps_originals", "vault_hours", "payloads", "is_deep", *FOUND)
        help_texts: ClassVar = {"regions": "Two letters each, with commas: whose national phone numbers are known."}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        given["regions"] = [region.strip().upper() for region in given["regions"] if region.strip()]
        try:
            policies.config_of(RedactionPolicy(**{name: given[name] for name in FOUND}), [])
        except InvalidConfig as error:
            raise forms.ValidationError(str(error)) from error
        return given


@admin.register(RedactionPolicy)
class RedactionPolicyAdmin(admin.ModelAdmin[RedactionPolicy]):
    """One page a workspace. Deleting it takes the workspace back to the defaults; its rules go on."""

    form = PolicyForm
    list_display = ("workspace", "mode", "keeps_originals", "is_deep", "rule_count")
    list_filter = ("mode", "keeps_originals", "is_deep")
    list_select_related = ("workspace",)
    search_fields = ("workspace__name",)
    autocomplete_fields = ("workspace",)
    readonly_fields = ("deep_state",)

    def get_readonly_fields(self, request: HttpRequest, obj: RedactionPolicy | None = None) -> Any:
        return ("workspace", *self.readonly_fields) if obj else self.readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[RedactionPolicy]:
        on = RedactionRule.objects.filter(workspace_id=OuterRef("workspace_id"), is_on=True).order_by().values("workspace_id")
        return super().get_queryset(request).annotate(rules_on=Coalesce(Subquery(on.annotate(n=Count("id")).values("n")), 0))

    @admin.display(description="rules on", ordering="rules_on")
    def rule_count(self, policy: Any) -> int:
        return int(policy.rules_on)

    @admin.display(description="deep redactor")
    def deep_state(self, _policy: RedactionPolicy) -> str:
        return deep_redaction.problem() or "Ready in this process; the workers need the same packages and model."

    def save_model(self, request: HttpRequest, obj: RedactionPolicy, form: Any, change: bool) -> None:
        before = RedactionPolicy.objects.filter(workspace_id=obj.workspace_id).first()
        if before is None or not before.is_deep:
            obj.deep_from = None
        super().save_model(request, obj, form, change)
        if policies.config_of(before, []) != policies.config_of(obj, []):
            policies.rules_changed(obj.workspace_id)
            messages.info(
                request, "New text is redacted so from now on; for what is stored there is manage.py backfill_redaction."
            )
        policies.forget(obj.workspace_id)
        detail = {name.replace("_", " "): str(form.cleaned_data[name]) for name in form.changed_data if name != "workspace"}
        _note(Action.POLICY_CHANGED, request, obj.workspace_id, **detail)
        if obj.is_deep and (problem := deep_redaction.problem()):
            messages.warning(request, problem)

    def delete_model(self, request: HttpRequest, obj: RedactionPolicy) -> None:
        fresh = RedactionPolicy(workspace_id=obj.workspace_id, rules_version=obj.rules_version)
        fresh.save(force_update=True)
        policies.rules_changed(obj.workspace_id)
        _note(Action.POLICY_CHANGED, request, obj.workspace_id, everything="as by default")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[RedactionPolicy]) -> None:
        for policy in queryset:
            self.delete_model(request, policy)


class RuleForm(forms.ModelForm[RedactionRule]):
    """A rule that the redactor would refuse is refused here, with the reason."""

    class Meta:
        model = RedactionRule
        fields = ("workspace", "label", "form", "source", "is_case_sensitive")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors or "source" not in given:
            return given
        others = list(RedactionRule.objects.filter(workspace=given["workspace"], is_on=True))
        try:
            policies.config_of(None, [*others, RedactionRule(**given)])
        except InvalidPattern as error:
            raise forms.ValidationError({"source": str(error)}) from error
        except InvalidConfig as error:
            raise forms.ValidationError({"label": str(error)}) from error
        return given


class SwitchForm(forms.ModelForm[RedactionRule]):
    """Of a stored rule only this can be changed: what it looks for is what its dry run told."""

    class Meta:
        model = RedactionRule
        fields = ("is_on",)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("is_on"):
            others = RedactionRule.objects.filter(workspace=self.instance.workspace, is_on=True).exclude(id=self.instance.id)
            try:
                policies.config_of(None, [*others, self.instance])
            except (InvalidConfig, InvalidPattern) as error:
                raise forms.ValidationError(str(error)) from error
        return given


@admin.register(RedactionRule)
class RedactionRuleAdmin(RevealingAdmin):
    """Saved switched off; the page of the saved rule shows what it would have hit, and switches it on."""

    list_display = ("label", "workspace", "form", "is_on", "author", "created_at")
    list_filter = ("is_on", "form", "workspace")
    list_select_related = ("workspace",)
    search_fields = ("label", "workspace__name")
    autocomplete_fields = ("workspace",)
    ordering = ("workspace__name", "label")
    actions = ("switch_off",)

    class Media:
        css: ClassVar = {"all": ("css/admin-telemetry.css",)}

    def get_form(self, request: HttpRequest, obj: RedactionRule | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **(kwargs | {"form": SwitchForm if obj else RuleForm}))

    def get_fields(self, request: HttpRequest, obj: RedactionRule | None = None) -> Any:
        if obj is None:
            return RuleForm.Meta.fields
        return (*self.get_readonly_fields(request, obj), "is_on")

    def get_readonly_fields(self, request: HttpRequest, obj: RedactionRule | None = None) -> Any:
        if obj is None:
            return ()
        places = ("places",) if is_revealed(request) else ()  # they are what was said, if redacted
        return (*RuleForm.Meta.fields, "author", "created_at", "dry_run", *places)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RedactionRule]:
        person = User.objects.filter(id=OuterRef("author_id")).values("email")[:1]
        found: QuerySet[RedactionRule] = super().get_queryset(request).annotate(author_email=Subquery(person))
        return found

    @admin.display(description="made by")
    def author(self, rule: Any) -> str:
        return rule.author_email or "–"

    @admin.display(description="dry run")
    def dry_run(self, rule: RedactionRule) -> str:
        trial = _trial_of(rule)
        if not trial.call_count:
            return "No calls are logged in this workspace yet."
        hits, calls = trial.hits[rule.label], trial.hit_call_count
        return f"{hits} hits as {rule.label} in {calls} of the {trial.call_count} newest calls."

    @admin.display(description="where")
    def places(self, rule: RedactionRule) -> SafeString | str:
        found = [(with_chips(context),) for context in _trial_of(rule).contexts]
        return format_html_join("", '<div class="words">{}</div>', found) or "–"

    def save_model(self, request: HttpRequest, obj: RedactionRule, form: Any, change: bool) -> None:
        if not change:
            obj.author_id = cast("User", request.user).pk
        super().save_model(request, obj, form, change)
        if change and "is_on" in form.changed_data:
            policies.rules_changed(obj.workspace_id)
            switched = Action.RULE_SWITCHED_ON if obj.is_on else Action.RULE_SWITCHED_OFF
            _note(switched, request, obj.workspace_id, name=obj.label)
        elif not change:
            _note(Action.RULE_CREATED, request, obj.workspace_id, name=obj.label)

    def response_add(self, request: HttpRequest, obj: RedactionRule, post_url_continue: str | None = None) -> HttpResponse:
        messages.success(request, "Saved, and not switched on yet. See below what it would have hit.")
        return HttpResponseRedirect(reverse("admin:telemetry_redactionrule_change", args=[obj.pk]))

    def delete_model(self, request: HttpRequest, obj: RedactionRule) -> None:
        workspace_id = obj.workspace_id
        super().delete_model(request, obj)
        policies.rules_changed(workspace_id)
        _note(Action.RULE_DELETED, request, workspace_id, name=obj.label)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[RedactionRule]) -> None:
        for rule in queryset:
            self.delete_model(request, rule)

    @admin.action(description="Switch the selected rules off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[RedactionRule]) -> None:
        for rule in queryset.filter(is_on=True):
            RedactionRule.objects.filter(id=rule.id).update(is_on=False)
            policies.rules_changed(rule.workspace_id)
            _note(Action.RULE_SWITCHED_OFF, request, rule.workspace_id, name=rule.label)


def _note(action: Action, request: HttpRequest, workspace_id: UUID, **detail: str) -> None:
    """The operator's changes are in the workspace's audit log too."""
    audit.note(action, person(request), now=timezone.now(), workspace=workspace_id, detail=detail)


def _trial_of(rule: Any) -> rule_trials.Trial:
    """One dry run for all that a page shows of it."""
    if not hasattr(rule, "trial"):
        rule.trial = rule_trials.run(rule)
    trial: rule_trials.Trial = rule.trial
    return trial
