"""What a rule says, in words and in figures, and to whom: webhooks and addresses, in the transaction in which it happens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from accounts.sign_in_links import public_address
from gateway import webhooks
from gateway.alert_reading import MEASURES, said
from gateway.models import AlertEvent, AlertLetter, AlertRule, Webhook

Kind = AlertEvent.Kind

EVENT_OF = {
    Kind.FIRED: "alert.fired",
    Kind.REMINDED: "alert.fired",
    Kind.NO_DATA: "alert.no_data",
    Kind.RECOVERED: "alert.recovered",
}
NAMES = tuple(dict.fromkeys(EVENT_OF.values()))


def note(rule: AlertRule, kind: AlertEvent.Kind, *, now: datetime, because: str = "") -> AlertEvent:
    """Write down what happened and tell of it, in the caller's transaction, with the rule locked.

    Of trouble nobody is told while the rule is muted. That it is over is told to whoever was told of it, muted or not.
    """
    is_muted = rule.told_at is None if kind == Kind.RECOVERED else is_quiet(rule, now)
    event = AlertEvent(
        workspace_id=rule.workspace_id,
        rule=rule,
        name=rule.name,
        severity=rule.severity,
        kind=kind,
        value=rule.value,
        says=because or sentence(rule),
        was_muted=is_muted,
        created_at=now,
    )
    event.save(force_insert=True)
    if not is_muted:
        event.told_count = _tell(rule, event, now)
        event.save(update_fields=["told_count"])
        rule.told_at = None if kind == Kind.RECOVERED else now
    return event


def page_of(rule: AlertRule | None) -> str:
    """Where it is seen, or the history of those that are gone. `reverse` would load every page into the worker that tells."""
    return public_address(f"/alerts/{rule.pk}/" if rule else "/alerts/history/")


def is_quiet(rule: AlertRule, now: datetime) -> bool:
    return rule.muted_until is not None and rule.muted_until > now


def hooks_of(rule: AlertRule) -> list[Webhook]:
    """Those of the rule's webhooks that are told of alerts."""
    return list(rule.webhooks.filter(is_enabled=True, events__overlap=list(NAMES)).order_by("created_at", "id"))


def listening(workspace_id: Any) -> Sequence[Webhook]:
    """The workspace's webhooks that are told of alerts, switched off ones too."""
    found = Webhook.objects.filter(workspace_id=workspace_id, events__overlap=list(NAMES))
    return list(found.order_by("created_at", "id")[: webhooks.MOST])


def webhook_event(rule: AlertRule, event: AlertEvent, *, is_test: bool = False) -> webhooks.Event:
    """What a webhook is told: everything that a receiver needs to route it, group it and link back."""
    kind = Kind(event.kind)
    data = {
        "alert_id": rule.pk,
        "event_id": event.pk,
        "name": rule.name,
        "severity": rule.severity,
        "state": {Kind.RECOVERED: "ok", Kind.NO_DATA: "no_data"}.get(kind, "firing"),
        "says": event.says,
        "figure": rule.figure,
        "value": event.value,
        "comparison": rule.comparison,
        "threshold": rule.threshold,
        "recover_threshold": rule.recover_threshold,
        "window_minutes": rule.window_minutes,
        "filters": rule.filters,
        "since": rule.since,
        "is_reminder": kind == Kind.REMINDED,
        "is_test": is_test,
        "url": page_of(rule),
    }
    return webhooks.Event(rule.workspace_id, EVENT_OF[kind], f"{event.pk} {EVENT_OF[kind]}", data)


def sentence(rule: AlertRule) -> str:
    """How the figure stands: “Error rate is 12 % (fires above 5 %), over 15 minutes.”"""
    measure = MEASURES[rule.figure]
    limit = f"fires {rule.comparison} {said(rule.threshold, measure.counted_in)}"
    value = f"is {said(rule.value, measure.counted_in)}" if rule.value is not None else "has no data"
    over = "" if measure.of == "budgets" else f", over {in_words(rule.window_minutes)}"
    return f"{measure.label} {value} ({limit}){over}."


def in_words(minutes: int) -> str:
    """90 minutes, 6 hours, 7 days: the largest unit of which it is a whole number."""
    for size, unit in ((1440, "day"), (60, "hour")):
        if minutes >= size and minutes % size == 0:
            return f"{minutes // size} {unit}{'' if minutes == size else 's'}"
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def _tell(rule: AlertRule, event: AlertEvent, now: datetime) -> int:
    told = webhook_event(rule, event)
    hooks = [hook for hook in hooks_of(rule) if webhooks.hears(hook, told)]
    webhooks.enter([(hook, told) for hook in hooks], now=now)
    letters = [AlertLetter(event=event, address=address, available_at=now) for address in rule.letters_to]
    AlertLetter.objects.bulk_create(letters)
    return len(hooks) + len(letters)
