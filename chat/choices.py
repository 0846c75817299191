"""Which models answer a prompt: one, or several side by side. One that leads nowhere does not keep the others from answering."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from accounts.access import role_of
from gateway import catalogue
from gateway.protocol import ProviderError, Target

MAX_COLUMNS = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that was asked for, and where it leads: to a target, or to a refusal for the person."""

    path: str
    target: Target | None = None
    refusal: ProviderError | None = None


def choose(model: str, compared: Sequence[str], *, workspace_id: uuid.UUID, user_id: uuid.UUID) -> list[Choice]:
    """The models of one prompt: those to compare when they are several, else the one.

    Raises `ProviderError` where none of them leads anywhere, or may be used by the person.
    """
    # Who asks matters only where some models are kept for some roles.
    role = role_of(user_id, workspace_id) if catalogue.restricts(workspace_id) else ""
    paths = list(dict.fromkeys(path for path in compared if path))
    if len(paths) < 2:
        path = model or (paths[0] if paths else "") or catalogue.default_path(workspace_id, role)
        target = catalogue.resolve(path, workspace_id=workspace_id, role=role)
        return [Choice(target.path, target)]
    choices = [_choice(path, workspace_id, role) for path in paths]
    refusal = choices[0].refusal
    if refusal is not None and all(choice.target is None for choice in choices):
        raise refusal
    return choices


def window_of(choices: Sequence[Choice]) -> int | None:
    """The widest window among the models, in tokens; None when one of them is not known."""
    windows = [catalogue.context_window(choice.target) for choice in choices if choice.target is not None]
    known = [window for window in windows if window is not None]
    return max(known) if known and len(known) == len(windows) else None


def _choice(path: str, workspace_id: uuid.UUID, role: str) -> Choice:
    try:
        target = catalogue.resolve(path, workspace_id=workspace_id, role=role)
    except ProviderError as refusal:
        return Choice(path, refusal=refusal)
    return Choice(target.path, target)
