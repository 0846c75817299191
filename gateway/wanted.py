"""What automation may want of models, short names, budgets and prices, and bringing that about: for the REST API and `apply`.

Each `put_…` says which fields changed, with what they were: nothing where all was so already.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from pydantic import AwareDatetime, Field

from accounts import audit
from accounts.administration import Body
from accounts.audit import Action
from accounts.models import ApiKey, Membership, Workspace
from gateway import catalogue, shelves, sources
from gateway.models import Budget, Deployment, ModelAlias, ModelEntry
from gateway.protocol import ProviderError
from telemetry.money import Usd

NOBODY = UUID(int=0)
Role = Literal["owner", "admin", "member"]
Path = Field(min_length=1, max_length=catalogue.MAX_PATH, examples=["openai/gpt-4o-mini"])


class Unwanted(ValueError):
    """It can't be so; the message says why, `field` what."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, when, and where. `user_id` is None for a command."""

    workspace: Workspace
    user_id: UUID | None
    now: datetime


Changes = Mapping[str, tuple[Any, Any]]  # by field: what it was, and what it is


class WantedModel(Body):
    """What the workspace says of a model. What is left out is as its provider says."""

    label: str = Field("", max_length=100)
    is_hidden: bool = False
    roles: list[Role] = Field([], max_length=3, description="Who may use it; empty: everyone who may chat.")
    has_vision: bool | None = None
    has_tools: bool | None = None
    has_reasoning: bool | None = None
    context_window: int | None = Field(None, ge=256, le=100_000_000)


class WantedDeployment(Body):
    """A model beside the first one."""

    path: str = Path
    weight: int = Field(1, ge=0, le=1000)
    is_fallback: bool = Field(False, description="It is asked when those that share the requests fail.")


class WantedAlias(Body):
    """A short name, and the models behind it."""

    path: str = Path
    weight: int = Field(1, ge=0, le=1000)
    deployments: list[WantedDeployment] = Field([], max_length=20)
    max_attempts: int = Field(3, ge=1, le=6)
    first_byte_seconds: float | None = Field(None, ge=0.1, le=600)
    idle_seconds: float | None = Field(None, ge=0.1, le=600)
    failures_to_rest: int = Field(3, ge=0, le=100)
    rest_seconds: int = Field(30, ge=1, le=3600)
    cache_seconds: int = Field(0, ge=0, le=2_592_000)
    caches_random: bool = False
    split_by: Literal["request", "user"] = "request"


class WantedPrice(Body):
    """US dollars for a million tokens. What is left out follows from input and output."""

    provider: str = Field(min_length=1, max_length=100)
    model: str = Field(min_length=1, max_length=300)
    input: Usd
    output: Usd
    cache_read: Usd | None = None
    cache_write: Usd | None = None
    reasoning: Usd | None = None
    effective_from: AwareDatetime | None = Field(None, description="Of a new one; null: from now on.")


class WantedBudget(Body):
    """What may be spent in a day or a month, by UTC."""

    subject: Literal["workspace", "user", "api_key"] = "workspace"
    subject_id: UUID | None = Field(None, description="The person's or the key's; null for the workspace.")
    period: Literal["day", "month"] = "month"
    limit_usd: Decimal = Field(ge=0, max_digits=16, decimal_places=6)
    is_enabled: bool = True


def put_model(path: str, wanted: WantedModel, actor: Actor) -> Changes:
    """Raises `Unwanted` for a path that leads nowhere."""
    full = _leading(path, actor.workspace)
    entry = ModelEntry.objects.filter(workspace=actor.workspace, path=full).first()
    entry = entry or ModelEntry(workspace=actor.workspace, path=full)
    return _put(entry, wanted.model_dump(), actor, Action.MODELS_CHANGED, told={"model": full})


def forget_model(path: str, actor: Actor) -> bool:
    """Say nothing of it any more; whether there was anything."""
    entry = ModelEntry.objects.filter(workspace=actor.workspace, path=path).first()
    return _delete(entry, actor, Action.MODELS_CHANGED, told={"model": path, "is_deleted": True})


def put_alias(name: str, wanted: WantedAlias, actor: Actor) -> Changes:
    """Raises `Unwanted`."""
    alias = ModelAlias.objects.filter(workspace=actor.workspace, name=name).first()
    alias = alias or ModelAlias(workspace=actor.workspace, name=name)
    values = wanted.model_dump(exclude={"deployments"})
    values["path"] = _of_alias(wanted.path, actor.workspace)
    places = [(_of_alias(one.path, actor.workspace), one.weight, one.is_fallback) for one in wanted.deployments]
    paths = [values["path"], *(path for path, _, _ in places)]
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise Unwanted(f"{twice} is there twice.", "deployments")
    told = {"alias": name, "models": paths}
    with transaction.atomic():
        held = [] if alias._state.adding else [(one.path, one.weight, one.is_fallback) for one in alias.deployments.all()]
        changes = dict(_put(alias, values, actor, Action.MODELS_CHANGED, told=told, is_noted=held == places))
        if held != places:
            alias.deployments.all().delete()
            Deployment.objects.bulk_create(
                Deployment(alias=alias, path=path, weight=weight, is_fallback=is_fallback, position=position)
                for position, (path, weight, is_fallback) in enumerate(places)
            )
            changes["deployments"] = ([path for path, _, _ in held], [path for path, _, _ in places])
            _note(Action.MODELS_CHANGED, alias, actor, told | {"fields": sorted(changes)})
    return changes


def forget_alias(name: str, actor: Actor) -> bool:
    alias = ModelAlias.objects.filter(workspace=actor.workspace, name=name).first()
    return _delete(alias, actor, Action.MODELS_CHANGED, told={"alias": name, "is_deleted": True})


def put_budget(wanted: WantedBudget, actor: Actor, *, budget: Budget | None = None) -> tuple[Budget, Changes]:
    """The budget of that subject and period, or the one given, as wanted. Raises `Unwanted`."""
    subject_id = _subject(wanted, actor.workspace)
    held = Budget.objects.filter(
        workspace=actor.workspace, subject=wanted.subject, subject_id=subject_id, period=wanted.period
    ).first()
    if budget is not None and held is not None and held.pk != budget.pk:
        raise Unwanted(f"There is such a budget for each {wanted.period} already.", "period")
    budget = budget or held or Budget(workspace=actor.workspace)
    values = wanted.model_dump() | {"subject_id": subject_id}
    told = {"for": wanted.subject, "period": wanted.period, "limit_usd": str(wanted.limit_usd)}
    what: dict[str, Any] = {"is_enabled": wanted.is_enabled, "what": "made" if budget._state.adding else "changed"}
    return budget, _put(budget, values, actor, Action.BUDGET_CHANGED, told=told | what)


def forget_budget(budget: Budget, actor: Actor) -> bool:
    told = {"what": "deleted", "for": budget.subject, "period": budget.period, "limit_usd": str(budget.limit_usd)}
    return _delete(budget, actor, Action.BUDGET_CHANGED, told=told | {"is_enabled": budget.is_enabled})


def _put(
    row: Any, values: Mapping[str, Any], actor: Actor, action: Action, *, told: Mapping[str, Any], is_noted: bool = True
) -> Changes:
    """Give the row these values; a new one has no old ones."""
    is_new = row._state.adding
    changes = {name: (None if is_new else getattr(row, name), value) for name, value in values.items()}
    changes = {name: change for name, change in changes.items() if is_new or change[0] != change[1]}
    if not changes:
        return {}
    for name, value in values.items():
        setattr(row, name, value)
    try:
        row.full_clean(exclude=[name for name, value in values.items() if value in (None, [], "")])  # nothing is wrong with those
    except ValidationError as error:
        field = next(iter(error.message_dict), None)
        raise Unwanted(" ".join(error.messages), field if field != "__all__" else None) from error
    with transaction.atomic():
        row.save()
        if is_noted:
            _note(action, row, actor, {**told, "fields": sorted(changes)})
    return changes


def _delete(row: Any, actor: Actor, action: Action, *, told: Mapping[str, Any]) -> bool:
    if row is None:
        return False
    with transaction.atomic():
        _note(action, row, actor, told)
        row.delete()
    return True


def _note(action: Action, row: Any, actor: Actor, told: Mapping[str, Any]) -> None:
    audit.note(action, actor.user_id, now=actor.now, workspace=actor.workspace, subject=row, detail=told)
    # What this process remembers of models and names, for what follows and when all is done; others look again within seconds.
    sources.forget()
    transaction.on_commit(sources.forget)


def _leading(path: str, workspace: Workspace) -> str:
    """The full path. Raises `Unwanted`."""
    try:
        return catalogue.resolve(path, workspace_id=workspace.pk).path
    except ProviderError as error:
        raise Unwanted(error.message, "path") from error


def _of_alias(path: str, workspace: Workspace) -> str:
    if path in shelves.of(workspace.pk).aliases:
        raise Unwanted("A short name stands for a model, not for another short name.", "path")
    return _leading(path, workspace)


def _subject(wanted: WantedBudget, workspace: Workspace) -> UUID | None:
    match wanted.subject:
        case "workspace":
            if wanted.subject_id is not None:
                raise Unwanted("The budget of the workspace has no subject_id.", "subject_id")
            return None
        case "user":
            if not Membership.objects.filter(workspace=workspace, user_id=wanted.subject_id or NOBODY).exists():
                raise Unwanted("There is no such person in this workspace.", "subject_id")
        case "api_key":
            if not ApiKey.objects.filter(workspace=workspace, pk=wanted.subject_id or NOBODY).exists():
                raise Unwanted("There is no such key in this workspace.", "subject_id")
    return wanted.subject_id
