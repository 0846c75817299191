"""Rules of alerts: made, changed, switched, muted, deleted, tried. Whoever may set alerts may see all of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts import audit
from accounts.audit import Action
from accounts.invitation_mail import can_send
from accounts.models import User, Workspace
from gateway import alert_reading, alert_telling, alerts
from gateway.alert_reading import MEASURES
from gateway.models import AlertRule, Budget, Severity, Webhook

By = User | UUID | None

MOST = 100  # of a workspace
MOST_LETTERS = 10
LONGEST_WINDOW = 31 * 1440
LONGEST = 7 * 1440
MOST_CALLS = 1_000_000


class InvalidRule(ValueError):
    """It can't be so; the message says why, `field` what."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule as somebody wants it. Shares are between 0 and 1, times in minutes."""

    name: str
    figure: str
    threshold: float
    comparison: str = "above"
    recover_threshold: float | None = None
    severity: str = "warning"
    window_minutes: int = 15
    for_minutes: int = 0
    least_calls: int = 0
    on_no_data: str = "keep"
    remind_minutes: int = 0
    budget_id: UUID | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    webhook_ids: Iterable[UUID] = ()
    letters_to: Iterable[str] = ()
    is_enabled: bool = True


# What a rule measures: with another of these, what it said before is about something else.
MEASURED = ("figure", "comparison", "threshold", "recover_threshold", "window_minutes", "least_calls", "budget_id", "filters")
PLAIN = (
    *("figure", "threshold", "comparison", "recover_threshold", "severity", "window_minutes", "for_minutes", "least_calls"),
    *("on_no_data", "remind_minutes", "is_enabled"),
)


def make(workspace: Workspace, wanted: Wanted, *, now: datetime, by: By) -> AlertRule:
    """Raises `InvalidRule`."""
    rule = AlertRule(workspace=workspace, created_at=now, since=now)
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        if AlertRule.objects.filter(workspace=workspace).count() >= MOST:
            raise InvalidRule(f"A workspace has at most {MOST} alerts.", "name")
        hooks = fill(rule, wanted)
        rule.changed_at = now
        rule.save(force_insert=True)
        rule.webhooks.set(hooks)
        _note(rule, "made", by, now)
    return rule


def change(rule: AlertRule, wanted: Wanted, *, now: datetime, by: By) -> AlertRule:
    """What is measured otherwise, or switched off, begins anew: what fires is told to be over. Raises `InvalidRule`."""
    with transaction.atomic():
        held = _locked(rule)
        before = {name: getattr(held, name) for name in MEASURED}
        hooks = fill(held, wanted)
        if not held.is_enabled:
            alerts.settle(held, now=now, because="The alert was switched off.")
        elif before != {name: getattr(held, name) for name in MEASURED}:
            alerts.settle(held, now=now, because="The alert was changed.")
        held.changed_at = now
        held.save()
        held.webhooks.set(hooks)
        _note(held, "changed", by, now)
    return held


def switch(rule: AlertRule, *, is_on: bool, now: datetime, by: By) -> None:
    with transaction.atomic():
        held = _locked(rule)
        if held.is_enabled == is_on:
            return
        held.is_enabled = is_on
        alerts.settle(held, now=now, because="The alert was switched off.")
        held.changed_at = now
        held.save()
        _note(held, "switched on" if is_on else "switched off", by, now)


def mute(rule: AlertRule, until: datetime | None, *, now: datetime, by: By) -> None:
    """Tell nobody of trouble until then; None: from now on tell again."""
    with transaction.atomic():
        held = _locked(rule)
        held.muted_until = until
        held.save(update_fields=["muted_until"])
        _note(held, "muted" if until else "unmuted", by, now, until=until)


def delete(rule: AlertRule, *, now: datetime, by: By) -> None:
    """What it said stays in the history."""
    with transaction.atomic():
        held = _locked(rule)
        alerts.settle(held, now=now, because="The alert was deleted.")
        _note(held, "deleted", by, now)
        held.delete()


def fill(rule: AlertRule, wanted: Wanted) -> list[Webhook]:
    """Write what is wanted on a rule that is not saved by this, and find its webhooks. Raises `InvalidRule`."""
    for name in PLAIN:
        setattr(rule, name, getattr(wanted, name))
    rule.name = " ".join(wanted.name.split())
    _check(rule)
    _check_limits(rule)
    rule.budget = _budget(rule, wanted)
    rule.filters = _filters(rule, wanted.filters)
    rule.letters_to = _addresses(wanted.letters_to, rule.letters_to)
    return _hooks(rule, set(wanted.webhook_ids))


def _locked(rule: AlertRule) -> AlertRule:
    return AlertRule.objects.select_for_update().get(pk=rule.pk)


def _check(rule: AlertRule) -> None:
    if not 1 <= len(rule.name) <= 100:
        raise InvalidRule("A name has 1 to 100 characters.", "name")
    choices: Mapping[str, Iterable[str]] = {
        "figure": MEASURES,
        "comparison": AlertRule.Comparison.values,
        "severity": Severity.values,
        "on_no_data": AlertRule.NoData.values,
    }
    for name, known in choices.items():
        if getattr(rule, name) not in known:
            raise InvalidRule(f"There is no {name} {getattr(rule, name)!r}; there are {', '.join(known)}.", name)
    bounds = {
        "window_minutes": (1, LONGEST_WINDOW),
        "for_minutes": (0, LONGEST),
        "remind_minutes": (0, LONGEST),
        "least_calls": (0, MOST_CALLS),
    }
    for name, (least, most) in bounds.items():
        if not least <= getattr(rule, name) <= most:
            raise InvalidRule(f"This is between {least} and {most:,}.", name)


def _check_limits(rule: AlertRule) -> None:
    recover = rule.recover_threshold
    if not isfinite(rule.threshold) or abs(rule.threshold) > 1e12:
        raise InvalidRule("This is no number that can be compared with.", "threshold")
    if recover is None:
        return
    is_beyond = recover > rule.threshold if rule.comparison == "above" else recover < rule.threshold
    if is_beyond or not isfinite(recover):
        side = "below" if rule.comparison == "above" else "above"
        raise InvalidRule(f"It recovers {side} where it fires, or right there.", "recover_threshold")


def _budget(rule: AlertRule, wanted: Wanted) -> Budget | None:
    if wanted.budget_id is None or MEASURES[rule.figure].of != "budgets":
        return None
    found = Budget.objects.filter(pk=wanted.budget_id, workspace_id=rule.workspace_id).first()
    if found is None:
        raise InvalidRule("There is no such budget.", "budget_id")
    return found


def _filters(rule: AlertRule, given: Mapping[str, Any]) -> dict[str, list[str]]:
    kept = {name: [str(value) for value in values] for name, values in given.items() if values}
    if kept and MEASURES[rule.figure].of != "calls":
        raise InvalidRule(f"{MEASURES[rule.figure].label} is not of single calls: it takes no filters.", "filters")
    try:
        alert_reading.filters_of(rule.workspace_id, kept)
    except alert_reading.InvalidFilters as error:
        raise InvalidRule(str(error), error.field if error.field in alert_reading.FILTERS else "filters") from None
    return kept


def _addresses(given: Iterable[str], held: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(address.strip().lower() for address in given if address.strip()))
    if len(found) > MOST_LETTERS:
        raise InvalidRule(f"At most {MOST_LETTERS} addresses are written to: a list's own address reaches more.", "letters_to")
    for address in found:
        try:
            validate_email(address)
        except ValidationError:
            raise InvalidRule(f"{address[:100]} is no e-mail address.", "letters_to") from None
    if set(found) - set(held) and not can_send():
        raise InvalidRule("This installation sends no mail yet: its operator sets EMAIL_URL.", "letters_to")
    return found


def _hooks(rule: AlertRule, wanted: set[UUID]) -> list[Webhook]:
    known = {hook.pk: hook for hook in alert_telling.listening(rule.workspace_id)}
    if not rule._state.adding:  # one that is told of alerts no more may stay
        known |= {hook.pk: hook for hook in rule.webhooks.all()}
    found = [hook for pk, hook in known.items() if pk in wanted]
    if len(found) < len(wanted):
        raise InvalidRule("There is no such webhook, or it is not told of alerts.", "webhook_ids")
    return found


def _note(rule: AlertRule, what: str, by: By, now: datetime, **more: Any) -> None:
    # Addresses are people's: how many there are says enough.
    named = ("figure", "comparison", "threshold", "window_minutes", "severity", "is_enabled")
    detail = {"what": what, **{name: getattr(rule, name) for name in named}, "letter_count": len(rule.letters_to), **more}
    audit.note(Action.ALERT_CHANGED, by, now=now, workspace=rule.workspace_id, subject=rule, detail=detail)
