"""A workspace's choices about what is removed and kept, changed by its people: each change holds at once and is noted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.audit import Action
from accounts.models import User
from telemetry import policies, retention
from telemetry.models import RedactionPolicy, RedactionRule, RetentionPolicy
from telemetry.redaction import LABELS, InvalidConfig, InvalidPattern, redactor_for
from telemetry.redaction.custom import MARKER

RULES_LIMIT = 70  # patterns and lists together, as many as a config takes
KINDS = {kind: label for kind, label in LABELS.items() if kind != "WITHHELD"}


class NotPossible(Exception):
    """The change can't be followed; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a tried text: as it stands, or what a removed value is replaced by."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of a text, and how many values of which kind go."""

    pieces: list[Piece]
    counts: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many days a workspace's calls and their sums are kept, and the most that the installation allows."""

    raw_days: int
    rollup_days: int
    most_raw_days: int
    most_rollup_days: int


def stored(workspace_id: UUID) -> RedactionPolicy:
    """The workspace's policy, or the defaults, not saved."""
    return RedactionPolicy.objects.filter(workspace_id=workspace_id).first() or RedactionPolicy(workspace_id=workspace_id)


def payloads_kept(policy: RedactionPolicy) -> policies.Payloads:
    """How much of a call is kept under this policy and the installation's."""
    return policies.kept(policies.Policy(payloads=cast("policies.Payloads | None", policy.payloads or None)))


def change(workspace_id: UUID, actor: User, values: Mapping[str, Any], *, now: datetime) -> list[str]:
    """Take the values over; returns the names of those that were others before. Raises `NotPossible`."""
    with transaction.atomic():
        RedactionPolicy.objects.get_or_create(workspace_id=workspace_id)
        policy = RedactionPolicy.objects.select_for_update().get(workspace_id=workspace_id)
        before = {name: getattr(policy, name) for name in values}
        changed = [name for name, value in values.items() if value != before[name]]
        if not changed:
            return []
        looked_for = policies.config_of(policy, [])
        for name in changed:
            setattr(policy, name, values[name])
        if "is_deep" in changed and policy.is_deep:
            policy.deep_from = None
        try:
            is_found_anew = policies.config_of(policy, []) != looked_for
        except InvalidConfig as error:
            raise NotPossible(str(error)) from error
        policy.save(update_fields=[*changed, "deep_from"])
        if is_found_anew:
            policies.rules_changed(workspace_id)
        policies.forget(workspace_id)
        transaction.on_commit(partial(policies.forget, workspace_id))
        detail = {name: f"{_said(before[name])} → {_said(values[name])}" for name in changed}
        audit.note(Action.POLICY_CHANGED, actor, now=now, workspace=workspace_id, detail=detail)
    return changed


def kept(workspace_id: UUID) -> Kept:
    whole = retention.installation()
    own = RetentionPolicy.objects.filter(workspace_id=workspace_id).first() or RetentionPolicy(workspace_id=workspace_id)
    return Kept(retention.raw_days(own), retention.rollup_days(own), retention.raw_days(whole), retention.rollup_days(whole))


def keep_for(workspace_id: UUID, actor: User, *, raw_days: int, rollup_days: int, now: datetime) -> bool:
    """Keep calls and sums for fewer days than the installation does. False where nothing changed."""
    before = kept(workspace_id)
    if not (1 <= raw_days <= before.most_raw_days and 1 <= rollup_days <= before.most_rollup_days):
        raise NotPossible(f"Choose 1 to {before.most_raw_days} days for calls, 1 to {before.most_rollup_days} for sums.")
    if (raw_days, rollup_days) == (before.raw_days, before.rollup_days):
        return False
    with transaction.atomic():
        # As long as the installation is not a choice of days: it follows the installation when that changes.
        chosen = {
            "raw_days": None if raw_days == before.most_raw_days else raw_days,
            "rollup_days": None if rollup_days == before.most_rollup_days else rollup_days,
        }
        RetentionPolicy.objects.update_or_create(workspace_id=workspace_id, defaults=chosen)
        detail = {"calls": f"{before.raw_days} → {raw_days} days", "sums": f"{before.rollup_days} → {rollup_days} days"}
        audit.note(Action.RETENTION_CHANGED, actor, now=now, workspace=workspace_id, detail=detail)
    return True


def rules_of(workspace_id: UUID) -> list[RedactionRule]:
    return list(RedactionRule.objects.filter(workspace_id=workspace_id).order_by("label", "id"))


def add_rule(workspace_id: UUID, actor: User, rule: RedactionRule, *, now: datetime) -> RedactionRule:
    """Save a rule, switched off: it is tried first. Raises `NotPossible`."""
    if RedactionRule.objects.filter(workspace_id=workspace_id).count() >= RULES_LIMIT:
        raise NotPossible(f"There are {RULES_LIMIT} rules. Delete some first.")
    rule.workspace_id, rule.author_id, rule.is_on = workspace_id, actor.pk, False
    _check(workspace_id, rule)
    with transaction.atomic():
        rule.save(force_insert=True)
        _note(Action.RULE_CREATED, actor, rule, now)
    return rule


def switch(workspace_id: UUID, actor: User, rule_id: UUID, *, is_on: bool, now: datetime) -> RedactionRule:
    """Switch a rule on or off. Raises `NotPossible`, `RedactionRule.DoesNotExist`."""
    with transaction.atomic():
        rule = RedactionRule.objects.select_for_update().get(id=rule_id, workspace_id=workspace_id)
        if rule.is_on == is_on:
            return rule
        if is_on:
            _check(workspace_id, rule)
        rule.is_on = is_on
        rule.save(update_fields=["is_on"])
        policies.rules_changed(workspace_id)
        _note(Action.RULE_SWITCHED_ON if is_on else Action.RULE_SWITCHED_OFF, actor, rule, now)
    return rule


def delete_rule(workspace_id: UUID, actor: User, rule_id: UUID, *, now: datetime) -> str:
    """Delete a rule; returns its label. Raises `RedactionRule.DoesNotExist`."""
    with transaction.atomic():
        rule = RedactionRule.objects.select_for_update().get(id=rule_id, workspace_id=workspace_id)
        _note(Action.RULE_DELETED, actor, rule, now)
        was_on = rule.is_on
        rule.delete()
        if was_on:
            policies.rules_changed(workspace_id)
    return rule.label


def try_text(workspace_id: UUID, text: str, *, with_rule: RedactionRule | None = None) -> Trial:
    """What the rules of now, and one that is not switched on yet, would make of a text. Nothing is stored."""
    rules = list(RedactionRule.objects.filter(workspace_id=workspace_id, is_on=True).order_by("id"))
    if with_rule is not None and not with_rule.is_on:
        rules.append(with_rule)
    try:
        config = policies.config_of(stored(workspace_id), rules)
    except (InvalidConfig, InvalidPattern) as error:
        raise NotPossible(str(error)) from error
    redacted = redactor_for(config).redact(text)
    return Trial(_pieces(redacted.text, redacted.kinds), [(LABELS.get(k, k), n) for k, n in sorted(redacted.kinds.items())])


def _pieces(text: str, kinds: Mapping[str, int]) -> list[Piece]:
    """The text cut at its markers; what was typed in the form of one that nothing was removed as stays text."""
    pieces, at = [], 0
    for found in MARKER.finditer(text):
        kind = found[0][2:-2]
        if kind in kinds:
            pieces += [Piece(text[at : found.start()]), Piece(LABELS.get(kind, kind), kind)]
            at = found.end()
    return [piece for piece in [*pieces, Piece(text[at:])] if piece.text]


def _check(workspace_id: UUID, rule: RedactionRule) -> None:
    others = list(RedactionRule.objects.filter(workspace_id=workspace_id, is_on=True).exclude(id=rule.id))
    try:
        policies.config_of(None, [*others, rule])
    except (InvalidConfig, InvalidPattern) as error:
        raise NotPossible(str(error)) from error


def _note(action: Action, actor: User, rule: RedactionRule, now: datetime) -> None:
    audit.note(action, actor, now=now, workspace=rule.workspace_id, subject=rule, detail={"name": rule.label})


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(inner) for inner in value) or "none"
    return str(value) or "as the installation says"
