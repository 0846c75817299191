"""The privacy page: what is removed from texts and what is kept. Everybody reads it, owners and admins change it."""

import uuid
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import throttle
from accounts.access import Act, current_membership, may, person, posted_membership, require
from accounts.models import Membership
from accounts.settings_pages import settings_page
from telemetry import deep_redaction, privacy, rule_trials
from telemetry.models import RedactionPolicy, RedactionRule
from telemetry.privacy import NotPossible
from telemetry.redaction.kinds import ID_COUNTRIES

TRIAL_LENGTH = 20_000
TRYING = "60/m/user"
SAVED = "Saved. It holds from now on: other processes follow within five seconds."
BACKFILL = " What is stored already stays as it is, until an operator runs manage.py backfill_redaction."
MODES = {
    "log_only": ("Redact what is stored", "The model reads what was typed. Chats and logs keep it without the values."),
    "mask": ("Hide it from the model too", "The model reads placeholders such as [[EMAIL_1]]; you see your values in its reply."),
    "block": ("Refuse it", "A message with personal data or a secret is not sent: the writer is told what to take out."),
}


class ModeForm(forms.Form):
    """What the model gets, and for how long originals are kept."""

    mode = forms.ChoiceField(choices=RedactionPolicy.Mode.choices)
    keeps_originals = forms.BooleanField(required=False)
    vault_hours = forms.IntegerField(min_value=1, max_value=24 * 366)


class FindingForm(forms.Form):
    """What is looked for. The page ticks kinds that are removed; the policy stores those that stay."""

    kinds = forms.MultipleChoiceField(choices=list(privacy.KINDS.items()), required=False)
    regions = forms.CharField(required=False, max_length=400)
    national_ids = forms.MultipleChoiceField(choices=[(c, c) for c in sorted(ID_COUNTRIES)], required=False)
    is_deep = forms.BooleanField(required=False)

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "kinds_off": sorted(set(privacy.KINDS) - set(given["kinds"])),
            "regions": [region.upper() for region in given["regions"].replace(",", " ").split()],
            "national_ids": sorted(given["national_ids"]),
            "is_deep": given["is_deep"],
        }


class KeepingForm(forms.Form):
    """What the logs keep, and for how long."""

    payloads = forms.ChoiceField(choices=[("", ""), *RedactionPolicy.Payloads.choices], required=False)
    raw_days = forms.IntegerField(min_value=1, max_value=36_500)
    rollup_days = forms.IntegerField(min_value=1, max_value=36_500)


class RuleForm(forms.ModelForm[RedactionRule]):
    """A rule of the workspace's own."""

    class Meta:
        model = RedactionRule
        fields = ("label", "form", "source", "is_case_sensitive")
        labels: ClassVar = {"label": "Its name, as it shows", "is_case_sensitive": "Upper and lower case differ (words only)"}
        help_texts: ClassVar = {
            "label": "Capital letters, digits and _. EMPLOYEE_ID shows as [[EMPLOYEE_ID]].",
            "source": "A pattern such as EMP-[0-9]{6}, with an end ({1,40}, not +); or words and phrases, one a line.",
            "is_case_sensitive": "",
        }
        widgets: ClassVar = {"form": forms.Select, "source": forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})}

    def clean_label(self) -> str:
        return str(self.cleaned_data["label"]).strip().upper()


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def privacy_page(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, current_membership(request))
    part = posted_membership(request)
    require(part, Act.SET_POLICY)
    forms_of: dict[str, type[forms.Form]] = {"mode": ModeForm, "finding": FindingForm, "keeping": KeepingForm}
    section = request.POST.get("section", "")
    if section not in forms_of:
        raise Http404("There is no such section.")
    form = forms_of[section](request.POST)
    try:
        if not form.is_valid():
            raise NotPossible(" ".join(str(error) for errors in form.errors.values() for error in errors))
        told = _save(part, section, form)
    except NotPossible as error:
        return _page(request, part, problems={section: str(error)}, status=422)
    messages.success(request, told or "Nothing was changed.")
    return redirect("privacy")


@sensitive_post_parameters("text")
@login_required
@require_POST
def try_text(request: HttpRequest) -> HttpResponse:
    """Show what would be removed from a text. It is stored nowhere."""
    part = posted_membership(request)
    if too_often := throttle.refusal(request, "try", TRYING, user=person(request)):
        return too_often
    text = request.POST.get("text", "")[:TRIAL_LENGTH]
    rule = _tried_rule(request, part)
    try:
        trial = privacy.try_text(part.workspace_id, text, with_rule=rule)
    except NotPossible as error:
        return _page(request, part, problems={"trial": str(error)}, tried=text, status=422)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "settings/_trial.html", {"trial": trial})
    return _page(request, part, tried=text, trial=trial)


@login_required
@require_POST
def add_rule(request: HttpRequest) -> HttpResponse:
    part = posted_membership(request)
    require(part, Act.SET_POLICY)
    form = RuleForm(request.POST)
    if form.is_valid():
        try:
            rule = privacy.add_rule(part.workspace_id, person(request), form.instance, now=timezone.now())
        except NotPossible as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{rule.label} is saved, and not switched on yet. Look what it would hit.")
            return redirect(f"{reverse('privacy')}?tried={rule.pk}#rule-{rule.pk}")
    return _page(request, part, rule_form=form, status=422)


@login_required
@require_POST
def switch_rule(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    part = posted_membership(request)
    require(part, Act.SET_POLICY)
    is_on = request.POST.get("on") == "1"
    try:
        rule = privacy.switch(part.workspace_id, person(request), rule_id, is_on=is_on, now=timezone.now())
    except RedactionRule.DoesNotExist:
        raise Http404("There is no such rule.") from None
    except NotPossible as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{rule.label} is switched {'on' if is_on else 'off'}." + (BACKFILL if is_on else ""))
    return redirect("privacy")


@login_required
@require_POST
def delete_rule(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    part = posted_membership(request)
    require(part, Act.SET_POLICY)
    try:
        label = privacy.delete_rule(part.workspace_id, person(request), rule_id, now=timezone.now())
    except RedactionRule.DoesNotExist:
        raise Http404("There is no such rule.") from None
    messages.success(request, f"{label} is deleted.")
    return redirect("privacy")


def _save(part: Membership, section: str, form: forms.Form) -> str:
    """What the page says when it is done; empty where nothing was changed. Raises `NotPossible`."""
    actor, now, given = part.user, timezone.now(), form.cleaned_data
    if isinstance(form, FindingForm):
        return SAVED + BACKFILL if privacy.change(part.workspace_id, actor, form.values(), now=now) else ""
    if section == "mode":
        return SAVED if privacy.change(part.workspace_id, actor, given, now=now) else ""
    is_kept_anew = privacy.keep_for(
        part.workspace_id, actor, raw_days=given["raw_days"], rollup_days=given["rollup_days"], now=now
    )
    changed = privacy.change(part.workspace_id, actor, {"payloads": given["payloads"]}, now=now)
    return SAVED if changed or is_kept_anew else ""


def _tried_rule(request: HttpRequest, part: Membership) -> RedactionRule | None:
    given = request.POST.get("rule", "")
    if not given or not may(part, Act.SET_POLICY):
        return None
    try:
        return RedactionRule.objects.filter(workspace_id=part.workspace_id, id=uuid.UUID(given)).first()
    except ValueError:
        return None


def _page(request: HttpRequest, part: Membership, *, status: int = 200, **shown: Any) -> HttpResponse:
    policy, kept = privacy.stored(part.workspace_id), privacy.kept(part.workspace_id)
    rules = privacy.rules_of(part.workspace_id)
    is_managing = may(part, Act.SET_POLICY)
    looked_at = next((rule for rule in rules if str(rule.pk) == request.GET.get("tried")), None) if is_managing else None
    dry_run = rule_trials.run(looked_at) if looked_at else None
    context: dict[str, Any] = {
        "policy": policy,
        "kept": kept,
        "is_managing": is_managing,
        "mode": MODES[policy.mode],
        "modes": [(value, *told) for value, told in MODES.items()],
        "kinds": [(kind, label, kind not in policy.kinds_off) for kind, label in privacy.KINDS.items()],
        "countries": [(country, country in policy.national_ids) for country in sorted(ID_COUNTRIES)],
        "stays": [privacy.KINDS[kind] for kind in policy.kinds_off if kind in privacy.KINDS],
        "payloads": privacy.payloads_kept(policy),
        "payload_choices": RedactionPolicy.Payloads.choices,
        "deep_problem": deep_redaction.problem(),
        "rules": rules,
        "rules_on": [rule for rule in rules if rule.is_on],
        "looked_at": looked_at,
        "dry_run": dry_run,
        "hit_count": dry_run.hits[looked_at.label] if dry_run and looked_at else 0,
        "rule_form": RuleForm(),
        "trial_length": TRIAL_LENGTH,
        "problems": {},
        **shown,
    }
    return settings_page(request, "settings/privacy.html", context, status=status)
