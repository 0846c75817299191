"""The alerts of a workspace: the list, one rule with what it said, and what can be done with it."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import Act, current_membership, person, posted_membership, require
from accounts.invitation_mail import can_send
from accounts.keyset import Cursor
from accounts.models import Membership
from gateway import alert_charts, alert_rules, alert_telling, alert_trials, alerts
from gateway.alert_forms import AlertForm
from gateway.alert_reading import MEASURES, said
from gateway.models import AlertEvent, AlertRule
from telemetry.frame import observe_page

PAGE = 25
MUTES = {"60": "an hour", "240": "4 hours", "1440": "a day", "10080": "a week"}
FIRST = Case(
    *(When(state=state, then=Value(place)) for place, state in enumerate(("firing", "no_data", "pending"))),
    default=Value(3),
    output_field=IntegerField(),
)


@login_required
@require_GET
def alerts_page(request: HttpRequest) -> HttpResponse:
    """Every rule, what fires first, and the last of what they said."""
    part = _allowed(request)
    now = timezone.now()
    rules = AlertRule.objects.filter(workspace=part.workspace).order_by(FIRST, "created_at", "id")[: alert_rules.MOST]
    latest = _events(part).order_by("-created_at", "-id")[:5]
    context = {"rules": [_shown(rule, now) for rule in rules], "events": list(latest)}
    return observe_page(request, "observe/alerts.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new_alert(request: HttpRequest) -> HttpResponse:
    """Posting makes one, or, by the button beside it, says what it would read now."""
    part = posted_membership(request) if request.method == "POST" else current_membership(request)
    require(part, Act.SET_ALERTS)
    if request.method != "POST":
        figure = request.GET.get("figure", "")  # another page proposes it
        return _form(request, AlertForm(part.workspace, initial={"figure": figure} if figure in MEASURES else {}))
    form = AlertForm(part.workspace, request.POST)
    if not form.is_valid():
        return _form(request, form, status=422)
    now = timezone.now()
    try:
        if "check" in request.POST:
            rule = AlertRule(workspace=part.workspace)
            alert_rules.fill(rule, form.wanted())
            return _form(request, form, trial=_trial(rule, now))
        rule = alert_rules.make(part.workspace, form.wanted(), now=now, by=person(request))
    except alert_rules.InvalidRule as error:
        form.refuse(error)
        return _form(request, form, status=422)
    alerts.look(rule.pk, now=now)
    messages.success(request, f"{rule.name} is watched from now on.")
    return redirect("alert", rule.pk)


@login_required
@require_GET
def alert_page(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    """How it stands, who is told, and what it said."""
    rule, now = _found(request, rule_id), timezone.now()
    rows, next_before = _page(AlertEvent.objects.filter(rule=rule).select_related("rule").prefetch_related("letters"), request)
    context = {
        **_shown(rule, now),
        "drawing": alert_charts.drawing(rule, now=now),
        "hooks": list(rule.webhooks.order_by("created_at", "id")),
        "filters": [(name.replace("_", " "), ", ".join(values)) for name, values in rule.filters.items()],
        "mutes": MUTES,
        "events": rows,
        "next_before": next_before,
        "is_later": "before" in request.GET,
    }
    return observe_page(request, "observe/alert.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def change_alert(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    rule = _found(request, rule_id)
    if request.method != "POST":
        return _form(request, AlertForm.of(rule), rule=rule)
    form = AlertForm(rule.workspace, request.POST, rule=rule)
    if not form.is_valid():
        return _form(request, form, rule=rule, status=422)
    now = timezone.now()
    try:
        if "check" in request.POST:
            tried = AlertRule(workspace=rule.workspace, letters_to=rule.letters_to)
            alert_rules.fill(tried, form.wanted())
            return _form(request, form, rule=rule, trial=_trial(tried, now))
        alert_rules.change(rule, form.wanted(is_enabled=rule.is_enabled), now=now, by=person(request))
    except alert_rules.InvalidRule as error:
        form.refuse(error)
        return _form(request, form, rule=rule, status=422)
    alerts.look(rule.pk, now=timezone.now())
    messages.success(request, "Saved.")
    return redirect("alert", rule.pk)


@login_required
@require_POST
def test_alert(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    """Tell everybody who would be told, at once, that this is a test."""
    rule = _found(request, rule_id)
    told = alert_trials.test(rule, now=timezone.now())
    if not told:
        messages.error(request, "Nobody would be told: choose a webhook or an address.")
    for one in told:
        (messages.success if one.is_good else messages.error)(request, f"{one.whom}: {one.says}")
    return redirect("alert", rule.pk)


@login_required
@require_POST
def mute_alert(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    rule, now = _found(request, rule_id), timezone.now()
    minutes = request.POST.get("minutes", "")
    until = now + timedelta(minutes=int(minutes)) if minutes in MUTES else None
    alert_rules.mute(rule, until, now=now, by=person(request))
    messages.success(request, f"Nobody is told of {rule.name} for {MUTES[minutes]}." if until else f"{rule.name} is heard again.")
    return redirect("alert", rule.pk)


@login_required
@require_POST
def switch_alert(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    rule = _found(request, rule_id)
    alert_rules.switch(rule, is_on=request.POST.get("is_on") == "yes", now=timezone.now(), by=person(request))
    return redirect("alert", rule.pk)


@login_required
@require_POST
def delete_alert(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    rule = _found(request, rule_id)
    alert_rules.delete(rule, now=timezone.now(), by=person(request))
    messages.success(request, f"{rule.name} is watched no more. What it said stays in the history.")
    return redirect("alerts")


@login_required
@require_GET
def alert_history(request: HttpRequest) -> HttpResponse:
    """What all of them said, the newest first."""
    part = _allowed(request)
    kind = request.GET.get("kind", "")
    found = _events(part)
    if kind in AlertEvent.Kind.values:
        found = found.filter(kind=kind)
    rows, next_before = _page(found, request)
    context = {
        "events": rows,
        "next_before": next_before,
        "kinds": AlertEvent.Kind.choices,
        "kind": kind,
        "is_later": "before" in request.GET,
    }
    return observe_page(request, "observe/alert_history.html", context)


def _allowed(request: HttpRequest) -> Membership:
    part = current_membership(request)
    require(part, Act.SET_ALERTS)
    return part


def _found(request: HttpRequest, rule_id: uuid.UUID) -> AlertRule:
    """A rule of the workspace that the person is in, for who may set alerts."""
    part = current_membership(request)
    found = get_object_or_404(AlertRule.objects.select_related("workspace", "budget"), pk=rule_id, workspace=part.workspace)
    require(part, Act.SET_ALERTS)
    return found


def _events(part: Membership) -> QuerySet[AlertEvent]:
    return AlertEvent.objects.filter(workspace=part.workspace).select_related("rule").prefetch_related("letters")


def _page(found: QuerySet[AlertEvent], request: HttpRequest) -> tuple[list[AlertEvent], str]:
    if (cursor := Cursor.parse(request.GET.get("before", ""))) is not None:
        found = found.filter(Q(created_at__lt=cursor.at) | Q(created_at=cursor.at, id__lt=cursor.id))
    rows = list(found.order_by("-created_at", "-id")[: PAGE + 1])
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return rows[:PAGE], str(Cursor(last.created_at, last.id)) if last else ""


def _shown(rule: AlertRule, now: datetime) -> dict[str, Any]:
    measure = MEASURES[rule.figure]
    recover = rule.recover_threshold
    return {
        "rule": rule,
        "measure": measure,
        "value": said(rule.value, measure.counted_in) if rule.checked_at else "",
        "threshold": said(rule.threshold, measure.counted_in),
        "recover": "" if recover is None else said(recover, measure.counted_in),
        "over": "" if measure.of == "budgets" else alert_telling.in_words(rule.window_minutes),
        "lasts": alert_telling.in_words(rule.for_minutes) if rule.for_minutes else "",
        "reminds": alert_telling.in_words(rule.remind_minutes) if rule.remind_minutes else "",
        "is_quiet": alert_telling.is_quiet(rule, now),
    }


def _trial(rule: AlertRule, now: datetime) -> dict[str, str]:
    value, state, problem = alerts.would_be(rule, now=now)
    return {"value": said(value, MEASURES[rule.figure].counted_in), "state": state, "problem": problem}


def _form(
    request: HttpRequest,
    form: AlertForm,
    *,
    rule: AlertRule | None = None,
    trial: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"form": form, "rule": rule, "trial": trial, "sends_mail": can_send()}
    return observe_page(request, "observe/alert_form.html", context, status=status)
