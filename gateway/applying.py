"""Bringing about what a configuration file wants: what differs is changed, and told as a line. Run again, it changes nothing."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts import api_keys, audit, member_limits
from accounts.administration import LimitFields
from accounts.audit import Action
from accounts.models import ApiKey, Membership, User, Workspace
from accounts.sign_in_links import make_link, public_address
from gateway import providers, sources, wanted, webhooks
from gateway.configuration import (
    Configuration,
    ConfiguredBudget,
    ConfiguredKey,
    ConfiguredPerson,
    ConfiguredProvider,
    ConfiguredWebhook,
    ConfiguredWorkspace,
)
from gateway.models import Budget, ModelAlias, ModelEntry, Provider, Webhook
from gateway.wanted import Actor, Unwanted, WantedBudget, WantedPrice
from telemetry import prices
from telemetry.models import ListedPrice
from telemetry.rates import BUCKETS, MILLION, completed

REFUSALS = (Unwanted, api_keys.InvalidKey, webhooks.InvalidWebhook, prices.InvalidPrice)


class NotApplicable(Exception):
    """Something in the file can't be; nothing was changed. The message says where and why."""


class _DryRun(Exception):
    """Everything was tried: it is taken back."""


@dataclass(slots=True)
class Outcome:
    """`lines` say what was changed, `secrets` what is to be known only now: pairs of what it is for, and itself."""

    lines: list[str] = field(default_factory=list)
    secrets: list[tuple[str, str]] = field(default_factory=list)

    def made(self, what: str) -> None:
        self.lines.append(f"+ {what}")

    def gone(self, what: str) -> None:
        self.lines.append(f"- {what}")

    def changed(self, what: str, changes: Mapping[str, tuple[Any, Any]]) -> None:
        told = ", ".join(f"{name} {_shown(old)} → {_shown(new)}" for name, (old, new) in sorted(changes.items()))
        self.lines.append(f"~ {what}: {told}")

    def put(self, what: str, changes: Mapping[str, tuple[Any, Any]], *, is_new: bool) -> None:
        if is_new:
            self.made(what)
        elif changes:
            self.changed(what, changes)


def apply(wanted_all: Configuration, *, now: datetime, is_dry: bool = False, prunes: bool = False) -> Outcome:
    """All of it or nothing. Raises `NotApplicable`.

    With `prunes`, what a section does not name goes: models' entries, short names, budgets and webhooks.
    """
    outcome = Outcome()
    try:
        with transaction.atomic():
            for place, provider in enumerate(wanted_all.providers or ()):
                with _at(f"providers.{place}"):
                    _provider(provider, None, outcome, now)
            for place, price in enumerate(wanted_all.prices or ()):
                with _at(f"prices.{place}"):
                    _price(price, outcome, now)
            for place, workspace in enumerate(wanted_all.workspaces or ()):
                with _at(f"workspaces.{place}"):
                    _Workspace(workspace, outcome, now, prunes=prunes).apply()
            if is_dry:
                raise _DryRun
    except _DryRun:
        outcome.secrets.clear()
    finally:
        sources.forget()
        prices.forget()
    return outcome


class _Workspace:
    """One workspace of the file."""

    def __init__(self, told: ConfiguredWorkspace, outcome: Outcome, now: datetime, *, prunes: bool) -> None:
        self.told = told
        self.outcome = outcome
        self.now = now
        self.prunes = prunes
        self.row = self._found()
        self.actor = Actor(self.row, None, now)

    def apply(self) -> None:
        """In this order: each section may name what those before it make."""
        if self.told.limits is not None:
            self._limits(self.row, self.told.limits, "each person's limits")
        self._each("users", self.told.users, self._person)
        if not Membership.objects.filter(workspace=self.row, role=Membership.Role.OWNER).exists():
            raise Unwanted(f"{self.row} needs an owner among its users.", "users")
        self._each("providers", self.told.providers, lambda told: _provider(told, self.row, self.outcome, self.now))
        for path, model in (self.told.models or {}).items():
            with _at(f"models.{path}"):
                is_new = not ModelEntry.objects.filter(workspace=self.row, path=path).exists()
                self.outcome.put(f"model {path}", wanted.put_model(path, model, self.actor), is_new=is_new)
        for name, alias in (self.told.aliases or {}).items():
            with _at(f"aliases.{name}"):
                is_new = not ModelAlias.objects.filter(workspace=self.row, name=name).exists()
                self.outcome.put(f"short name {name}", wanted.put_alias(name, alias, self.actor), is_new=is_new)
        self._each("keys", self.told.keys, self._key)
        kept = self._each("budgets", self.told.budgets, self._budget)
        self._each("webhooks", self.told.webhooks, self._webhook)
        if self.prunes:
            self._prune(kept)

    def _each(self, section: str, told: Sequence[Any] | None, put: Callable[[Any], Any]) -> list[Any]:
        done = []
        for place, one in enumerate(told or ()):
            with _at(f"{section}.{place}"):
                done.append(put(one))
        return done

    def _found(self) -> Workspace:
        told = self.told
        there = Workspace.objects.filter(deleted_at=None)
        found = list(there.filter(pk=told.id) if told.id else there.filter(name=told.name)[:2])
        if len(found) > 1:
            raise Unwanted(f"There are several workspaces {told.name}: say which by its id.", "name")
        if not found:
            return self._make()
        [row] = found
        if row.name != told.name:
            self.outcome.changed(f"workspace {row.name}", {"name": (row.name, told.name)})
            row.name = told.name
            row.save(update_fields=["name"])
            audit.note(Action.WORKSPACE_RENAMED, None, now=self.now, workspace=row, subject=row)
        return row

    def _make(self) -> Workspace:
        if not any(one.role == "owner" for one in self.told.users or ()):
            raise Unwanted(
                f"There is no workspace {self.told.id or self.told.name}. To make it, name its owner in users.", "users"
            )
        values = {"name": self.told.name, "created_at": self.now}
        row = Workspace.objects.create(**values, **({"pk": self.told.id} if self.told.id else {}))
        audit.note(Action.WORKSPACE_CREATED, None, now=self.now, workspace=row, subject=row)
        self.outcome.made(f"workspace {row.name}")
        return row

    def _limits(self, limited: Membership | Workspace, told: LimitFields, what: str) -> None:
        changes = _differences(LimitFields.of(limited).model_dump(), told.model_dump())
        if changes:
            member_limits.change(limited, told.limits(), workspace_id=self.row.pk, by=None, now=self.now)
            self.outcome.changed(what, changes)

    def _person(self, told: ConfiguredPerson) -> None:
        try:
            validate_email(told.email)
        except ValidationError:
            raise Unwanted(f"{told.email} is no e-mail address.", "email") from None
        user = User.objects.filter(email=told.email).first()
        if user is None:
            user = User.objects.create_user(told.email, name=told.name)
            self.outcome.secrets.append((f"sign-in link of {user.email}", public_address(make_link(user, self.now))))
        part = Membership.objects.filter(user=user, workspace=self.row).first()
        if part is None:
            part = Membership.objects.create(user=user, workspace=self.row, role=told.role, created_at=self.now)
            self.outcome.made(f"person {user.email}, {told.role}")
            self._note_person(Action.MEMBER_ADDED, user, {"role": told.role})
        elif part.role != told.role:
            before, part.role = part.role, told.role
            part.save(update_fields=["role"])
            self.outcome.changed(f"person {user.email}", {"role": (before, told.role)})
            self._note_person(Action.ROLE_CHANGED, user, {"from": before, "to": told.role})
        if told.limits is not None:
            self._limits(part, told.limits, f"limits of {user.email}")

    def _note_person(self, action: Action, user: User, detail: dict[str, str]) -> None:
        audit.note(action, None, now=self.now, workspace=self.row, subject=user, detail=detail)

    def _key(self, told: ConfiguredKey) -> None:
        user = self._member(told.user)
        keys = ApiKey.objects.filter(workspace=self.row, user=user, name=told.name, revoked_at=None)
        key = keys.exclude(expires_at__lte=self.now).order_by("-created_at").first()
        limits = told.limits.limits()
        if key is None:
            expires_at = self.now + timedelta(days=told.expires_in_days) if told.expires_in_days else None
            _, token = api_keys.issue(
                user,
                self.row,
                name=told.name,
                now=self.now,
                scopes=told.scopes,
                payloads=told.payloads,
                expires_at=expires_at,
                models=told.models,
                limits=limits,
            )
            self.outcome.made(f"key {told.name} of {user.email}")
            self.outcome.secrets.append((f"key {told.name} of {user.email}", token))
            return
        if set(key.scopes) != set(told.scopes):
            raise Unwanted(f"The scopes of {told.name} can't be changed. Revoke it, or give another name.", "scopes")
        held = {"models": list(key.allowed_models), **LimitFields.of(key).model_dump()}
        changes = _differences(held, {"models": list(told.models), **told.limits.model_dump()})
        if changes:
            api_keys.change(key, self.now, name=key.name, models=told.models, limits=limits)
            self.outcome.changed(f"key {told.name} of {user.email}", changes)

    def _budget(self, told: ConfiguredBudget) -> Any:
        values = told.model_dump(exclude={"user", "key"})
        whose = "the workspace"
        if told.user:
            whose, values["subject"], values["subject_id"] = told.user, "user", self._member(told.user).pk
        elif told.key:
            key = ApiKey.objects.filter(workspace=self.row, name=told.key, revoked_at=None).order_by("-created_at").first()
            if key is None:
                raise Unwanted(f"There is no key {told.key} in {self.row}.", "key")
            whose, values["subject"], values["subject_id"] = f"the key {told.key}", "api_key", key.pk
        held = Budget.objects.filter(workspace=self.row).values_list("pk", flat=True)
        known = set(held)
        budget, changes = wanted.put_budget(WantedBudget.model_validate(values), self.actor)
        what = f"budget of ${budget.limit_usd.normalize():f} a {budget.period} for {whose}"
        self.outcome.put(what, changes, is_new=budget.pk not in known)
        return budget.pk

    def _webhook(self, told: ConfiguredWebhook) -> None:
        hook = Webhook.objects.filter(workspace=self.row, name=told.name).first()
        what, values = f"webhook {told.name}", told.model_dump()
        if hook is None:
            is_enabled = values.pop("is_enabled")
            hook, secret = webhooks.make(self.row, **values, now=self.now, by=None)
            self.outcome.made(what)
            self.outcome.secrets.append((what, secret))
            if is_enabled:
                return
        values = told.model_dump() | {"events": [event for event in webhooks.EVENTS if event in told.events]}
        changes = _differences({name: getattr(hook, name) for name in values}, values)
        if changes or set(told.events) - webhooks.EVENTS.keys():
            webhooks.change(hook, **told.model_dump(), now=self.now, by=None)
            self.outcome.changed(what, changes)

    def _member(self, email: str) -> User:
        part = Membership.objects.select_related("user").filter(workspace=self.row, user__email=email).first()
        if part is None:
            raise Unwanted(f"{email} is not in {self.row}.", "user")
        return part.user

    def _prune(self, kept_budgets: Sequence[Any]) -> None:
        told = self.told
        if told.models is not None:
            for entry in ModelEntry.objects.filter(workspace=self.row).exclude(path__in=told.models):
                wanted.forget_model(entry.path, self.actor)
                self.outcome.gone(f"model {entry.path}")
        if told.aliases is not None:
            for alias in ModelAlias.objects.filter(workspace=self.row).exclude(name__in=told.aliases):
                wanted.forget_alias(alias.name, self.actor)
                self.outcome.gone(f"short name {alias.name}")
        if told.budgets is not None:
            for budget in Budget.objects.filter(workspace=self.row).exclude(pk__in=kept_budgets):
                self.outcome.gone(f"budget of {budget}")
                wanted.forget_budget(budget, self.actor)
        if told.webhooks is not None:
            for hook in Webhook.objects.filter(workspace=self.row).exclude(name__in=[one.name for one in told.webhooks]):
                self.outcome.gone(f"webhook {hook.name}")
                webhooks.delete(hook, now=self.now, by=None)


def _provider(told: ConfiguredProvider, workspace: Workspace | None, outcome: Outcome, now: datetime) -> None:
    key = os.environ.get(told.key_env, "").strip() if told.key_env else ""
    if told.key_env and not key:
        raise Unwanted(f"The variable {told.key_env} is not set.", "key_env")
    held = Provider.objects.filter(workspace=workspace, name=told.name).first()
    before = _told_of(held) if held else {}
    try:
        row = providers.add_provider(
            told.name,
            told.kind or told.name,
            api_key=key,
            base_url=told.base_url,
            model_names=told.models,
            options=dict(told.options),
            workspace=workspace,
            is_trusted=True,
        )
    except ValidationError as error:
        raise Unwanted(" ".join(error.messages)) from error
    if row.is_enabled != told.is_enabled:
        row.is_enabled = told.is_enabled
        row.save(update_fields=["is_enabled"])
    changes = _differences(before, _told_of(row))
    if not changes:
        return
    action = Action.PROVIDER_CHANGED if held else Action.PROVIDER_CREATED
    audit.note(action, None, now=now, workspace=workspace, subject=row, detail={"fields": sorted(changes)})
    shown = {name: change if name != "key" else ("another one", "the one given") for name, change in changes.items()}
    outcome.put(f"provider {told.name}", shown, is_new=held is None)


def _told_of(row: Provider) -> dict[str, Any]:
    names = ("kind", "base_url", "model_names", "options", "is_enabled")
    return {name: getattr(row, name) for name in names} | {"key": row.api_key.reveal() if row.api_key else ""}


def _price(told: WantedPrice, outcome: Outcome, now: datetime) -> None:
    usd = {bucket: rate / MILLION for bucket in BUCKETS if (rate := getattr(told, bucket)) is not None}
    entered = ListedPrice.objects.filter(
        provider=told.provider, model=told.model, origin=ListedPrice.Origin.MANUAL, withdrawn_at=None
    )
    last = entered.order_by("effective_from").last()
    held = {bucket: getattr(last, bucket) for bucket in BUCKETS} if last else {}
    changes = _differences(held, dict(completed(usd)))
    if changes:
        prices.add(told.provider, told.model, usd=usd, effective_from=told.effective_from or now, source="applied from a file")
        shown = {name: (_million(old), _million(new)) for name, (old, new) in changes.items()}
        outcome.put(f"price of {told.provider}/{told.model}", shown, is_new=last is None)


def _million(rate: Any) -> str | None:
    return None if rate is None else f"${(rate * MILLION).normalize():f}"


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (before.get(name), value) for name, value in after.items() if name not in before or before[name] != value}


def _shown(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Say of a refusal where in the file its reason is."""
    try:
        yield
    except NotApplicable as error:
        raise NotApplicable(f"{place}.{error}") from error
    except REFUSALS as error:
        field_name = getattr(error, "field", None)
        raise NotApplicable(f"{place}{f'.{field_name}' if field_name else ''}: {error}") from error
