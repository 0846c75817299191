"""The models of the workspace, and its short names for them."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts.access import Act
from accounts.administration import AskedPage, actor_of, broken_cursor, invalid, nothing_such
from accounts.programs import needs
from gateway import catalogue, prices, shelves, wanted
from gateway.models import ModelAlias
from gateway.protocol import ProviderError
from gateway.shelves import ModelChoice, Shelf
from gateway.wanted import Actor, Unwanted, WantedAlias, WantedDeployment, WantedModel

router = Router(tags=["Administration"])


class AskedModels(AskedPage):
    q: str = Field("", max_length=100, description="Words of its path or label.")
    provider: str = Field("", max_length=40)
    cursor: str = Field("", max_length=catalogue.MAX_PATH, description="next_cursor of another page.")


class Model(Schema):
    """A model, with what the workspace says of it. Null: nobody knows."""

    path: str
    label: str
    provider: str
    is_hidden: bool
    roles: list[str] = Field(description="Who may use it; empty: everyone who may chat.")
    has_vision: bool | None
    has_tools: bool | None
    has_reasoning: bool | None
    context_window: int | None
    prompt_usd_per_million: float | None
    completion_usd_per_million: float | None

    @classmethod
    def of(cls, choice: ModelChoice, shelf: Shelf) -> "Model":
        price = prices.price_of(choice, shelf, now=timezone.now())
        same = ("path", "label", "provider", "is_hidden", "has_vision", "has_tools", "has_reasoning", "context_window")
        return cls(
            **{name: getattr(choice, name) for name in same},
            roles=list(choice.roles),
            prompt_usd_per_million=float(price.prompt_usd) if price else None,
            completion_usd_per_million=float(price.completion_usd) if price else None,
        )


class ModelPage(Schema):
    data: list[Model]
    next_cursor: str | None


class Alias(WantedAlias):
    """A short name as it is."""

    name: str

    @classmethod
    def of(cls, alias: ModelAlias) -> "Alias":
        places = [
            WantedDeployment(path=one.path, weight=one.weight, is_fallback=one.is_fallback) for one in alias.deployments.all()
        ]
        same = {name: getattr(alias, name) for name in WantedAlias.model_fields if name != "deployments"}
        return cls(name=alias.name, deployments=places, **same)


class AliasList(Schema):
    data: list[Alias]
    next_cursor: str | None


@router.get("/admin/models", auth=needs("admin"), response=ModelPage, summary="List models")
def list_models(request: HttpRequest, asked: Query[AskedModels]) -> Any:
    """Every model of the configured providers, hidden ones too."""
    shelf = shelves.of(actor_of(request, Act.CONFIGURE).workspace_id)
    words = asked.q.lower().split()
    found = [
        choice
        for choice in shelf.choices
        if not choice.stands_for
        and (not asked.provider or choice.path.startswith(f"{asked.provider}/"))
        and all(word in f"{choice.path} {choice.label}".lower() for word in words)
    ]
    start = 0
    if asked.cursor:
        start = next((place + 1 for place, choice in enumerate(found) if choice.path == asked.cursor), -1)
        if start < 0:
            raise broken_cursor()
    shown = found[start : start + asked.limit]
    is_more = len(found) > start + asked.limit
    return ModelPage(data=[Model.of(choice, shelf) for choice in shown], next_cursor=shown[-1].path if is_more else None)


@router.get("/admin/models/{path:path}", auth=needs("admin"), response=Model, summary="Get a model")
def get_model(request: HttpRequest, path: str) -> Any:
    return _model(actor_of(request, Act.CONFIGURE).workspace_id, path)


@router.put("/admin/models/{path:path}", auth=needs("admin"), response=Model, summary="Say how a model is")
def put_model(request: HttpRequest, path: str, given: WantedModel) -> Any:
    """How it is shown, who may use it, and what it can do where its provider errs. What is left out is as the provider says."""
    actor = _actor(request)
    found = _model(actor.workspace.pk, path)
    try:
        wanted.put_model(found.path, given, actor)
    except Unwanted as error:
        raise invalid(str(error), error.field) from None
    return _model(actor.workspace.pk, found.path)


@router.delete("/admin/models/{path:path}", auth=needs("admin"), response={204: None}, summary="Forget what was said of a model")
def reset_model(request: HttpRequest, path: str) -> Any:
    """It is as its provider says again."""
    actor = _actor(request)
    if not wanted.forget_model(_model(actor.workspace.pk, path).path, actor):
        raise nothing_such("entry")
    return Status(204, None)


@router.get("/admin/aliases", auth=needs("admin"), response=AliasList, summary="List short names")
def list_aliases(request: HttpRequest, asked: Query[AskedPage]) -> Any:
    """By name."""
    part = actor_of(request, Act.CONFIGURE)
    found = ModelAlias.objects.filter(workspace_id=part.workspace_id).prefetch_related("deployments").order_by("name")
    if asked.cursor:
        found = found.filter(name__gt=asked.cursor)
    rows = list(found[: asked.limit + 1])
    shown, is_more = rows[: asked.limit], len(rows) > asked.limit
    return AliasList(data=[Alias.of(one) for one in shown], next_cursor=shown[-1].name if is_more else None)


@router.get("/admin/aliases/{name}", auth=needs("admin"), response=Alias, summary="Get a short name")
def get_alias(request: HttpRequest, name: str) -> Any:
    return _alias(actor_of(request, Act.CONFIGURE).workspace_id, _storable(name))


@router.put("/admin/aliases/{name}", auth=needs("admin"), response=Alias, summary="Set a short name")
def put_alias(request: HttpRequest, name: str, given: WantedAlias) -> Any:
    """Made, or changed to be exactly so."""
    actor = _actor(request)
    try:
        wanted.put_alias(_storable(name), given, actor)
    except Unwanted as error:
        raise invalid(str(error), error.field) from None
    return _alias(actor.workspace.pk, name)


@router.delete("/admin/aliases/{name}", auth=needs("admin"), response={204: None}, summary="Delete a short name")
def delete_short_name(request: HttpRequest, name: str) -> Any:
    if not wanted.forget_alias(_storable(name), _actor(request)):
        raise nothing_such("short name")
    return Status(204, None)


def _actor(request: HttpRequest) -> Actor:
    part = actor_of(request, Act.CONFIGURE)
    return Actor(part.workspace, part.user_id, timezone.now())


def _model(workspace_id: UUID, path: str) -> Model:
    """One that is listed, or that a configured provider may have. Raises `Refused`."""
    shelf = shelves.of(workspace_id)
    if path in shelf.aliases or "\0" in path:
        raise nothing_such("model")
    choice = shelf.by_path.get(path)
    if choice is None:
        try:
            target = catalogue.resolve_on(shelf, path)
        except ProviderError:
            raise nothing_such("model") from None
        source = shelf.sources.get(target.provider)
        if source is None:
            raise nothing_such("model")
        choice = shelf.by_path.get(target.path) or shelf.choice(source, target.model)
    return Model.of(choice, shelf)


def _storable(name: str) -> str:
    """A name that the database can be asked for; no other is anything's. Raises `Refused`."""
    if "\0" in name:
        raise nothing_such("short name")
    return name


def _alias(workspace_id: UUID, name: str) -> Alias:
    found = (
        ModelAlias.objects.filter(workspace_id=workspace_id, name=name.replace("\0", "")).prefetch_related("deployments").first()
    )
    if found is None:
        raise nothing_such("short name")
    return Alias.of(found)
