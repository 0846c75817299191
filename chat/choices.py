"""Which models answer a prompt: one, or several side by side. One that leads nowhere does not keep the others from answering."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from accounts.access import role_of
from gateway import catalogue, routing
from gateway.protocol import ProviderError, Target
from gateway.routing import Route

MAX_COLUMNS = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that was asked for, and where it leads: to a target, or to a refusal for the person.

    `path` is what the chat goes on with: a short name stays one, so that everybody follows when it comes to mean another model.
    """

    path: str
    target: Target | None = None
    refusal: ProviderError | None = None
    route: Route | None = None


def choose(model: str, compared: Sequence[str], *, workspace_id: uuid.UUID, user_id: uuid.UUID) -> list[Choice]:
    """The models of one prompt: those to compare when they are several, else the one.

    Raises `ProviderError` where none of them leads anywhere, or may be used by the person.
    """
    # Who asks matters only where some models are kept for some roles.
    role = role_of(user_id, workspace_id) if catalogue.restricts(workspace_id) else ""
    paths = list(dict.fromkeys(path for path in compared if path))
    if len(paths) < 2:
        path = model or (paths[0] if paths else "") or catalogue.default_path(workspace_id, role)
        return [_led(path, workspace_id, user_id, role)]
    choices = [_choice(path, workspace_id, user_id, role) for path in paths]
    refusal = choices[0].refusal
    if refusal is not None and all(choice.target is None for choice in choices):
        raise refusal
    return choices


def window_of(choices: Sequence[Choice]) -> int | None:
    """The widest window among the models, in tokens; None when one of them is not known."""
    windows = [catalogue.context_window(choice.target) for choice in choices if choice.target is not None]
    known = [window for window in windows if window is not None]
    return max(known) if known and len(known) == len(windows) else None


def _choice(path: str, workspace_id: uuid.UUID, user_id: uuid.UUID, role: str) -> Choice:
    try:
        return _led(path, workspace_id, user_id, role)
    except ProviderError as refusal:
        return Choice(path, refusal=refusal)


def _led(path: str, workspace_id: uuid.UUID, user_id: uuid.UUID, role: str) -> Choice:
    route = routing.plan(path, workspace_id=workspace_id, role=role, subject=str(user_id))
    return Choice(route.name if route.alias else route.target.path, route.target, route=route)
