"""The file that `manage.py apply` reads: what the installation and its workspaces should be like.

A section that is not there is left alone; one that is there names what should be there. Nothing in it is secret: a provider's key
is in the environment, under the name that `key_env` gives.
"""

from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from accounts.administration import Body, LimitFields, Name
from accounts.entrance import Scope
from gateway.wanted import WantedAlias, WantedBudget, WantedModel, WantedPrice
from gateway.webhooks import LONGEST_URL

Role = Literal["owner", "admin", "member", "viewer"]
Email = Annotated[str, Field(min_length=3, max_length=254), AfterValidator(lambda text: text.strip().lower())]


class Unreadable(Exception):
    """The file is not one that can be applied; the lines say where and why."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))


class ConfiguredPerson(Body):
    """Somebody in the workspace. Who has no account yet gets one, and a link to sign in with."""

    email: Email
    name: str = Field("", max_length=150)
    role: Role = "member"
    limits: LimitFields | None = None


class ConfiguredProvider(Body):
    """How to reach a provider. Its address may lead into the private network: whoever applies the file runs the installation."""

    name: str = Field(min_length=1, max_length=40)
    kind: str = Field("", max_length=40, description="The name, unless given.")
    base_url: str = Field("", max_length=500)
    key_env: str = Field("", max_length=200, description="The variable of the environment that holds the key.")
    models: list[str] = Field([], max_length=500)
    options: dict[str, str] = Field(default_factory=dict)
    is_enabled: bool = True


class ConfiguredBudget(WantedBudget):
    """For a person or a key, or for the whole workspace where neither is named."""

    user: Email | None = None
    key: str | None = None

    @model_validator(mode="after")
    def _is_for_one(self) -> "ConfiguredBudget":
        if self.user and self.key:
            raise ValueError("a budget is a person's or a key's, not both")
        return self


class ConfiguredKey(Body):
    """A key, found again by its name and its person. A new one's token is printed once."""

    name: Name
    user: Email
    scopes: list[Scope] = Field(default=["chat", "ingest"], min_length=1, max_length=6)
    models: list[str] = Field([], max_length=200)
    limits: LimitFields = Field(default_factory=lambda: LimitFields.model_validate({}))
    payloads: Literal["full", "preview", "none"] | None = None
    expires_in_days: int | None = Field(None, ge=1, le=3650, description="Of a new one.")


class ConfiguredWebhook(Body):
    """A webhook, found again by its name. A new one's secret is printed once."""

    name: Name
    url: str = Field(min_length=1, max_length=LONGEST_URL)
    events: list[str] = Field(min_length=1, max_length=20)
    shape: Literal["signed", "slack"] = "signed"
    is_enabled: bool = True


class ConfiguredWorkspace(Body):
    """A workspace, found by its id or its name. One that is not there is made, with the owner that its people name."""

    name: Name
    id: UUID | None = None
    limits: LimitFields | None = Field(None, description="Of each person in it who has none of their own.")
    users: list[ConfiguredPerson] | None = None
    providers: list[ConfiguredProvider] | None = None
    models: dict[str, WantedModel] | None = Field(None, description="By path.")
    aliases: dict[str, WantedAlias] | None = Field(None, description="By short name.")
    keys: list[ConfiguredKey] | None = None
    budgets: list[ConfiguredBudget] | None = None
    webhooks: list[ConfiguredWebhook] | None = None


class Configuration(Body):
    """The whole file."""

    providers: list[ConfiguredProvider] | None = Field(None, description="Of every workspace.")
    prices: list[WantedPrice] | None = None
    workspaces: list[ConfiguredWorkspace] | None = None


def read(path: Path) -> Configuration:
    """Raises `Unreadable`."""
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unreadable(f"{path} can't be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    return parse({} if told is None else told)


def parse(told: Any) -> Configuration:
    """Raises `Unreadable`."""
    if not isinstance(told, dict):
        raise Unreadable("The file holds a mapping: workspaces, providers, prices.")
    try:
        return Configuration.model_validate(told)
    except ValidationError as error:
        raise Unreadable(*(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())) from error
