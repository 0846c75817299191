"""How hard a model may be asked to think: the words that it takes, as far as anybody says."""

import uuid
from collections.abc import Iterable

from gateway import directory, known_models, shelves
from gateway.protocol import Target
from gateway.shelves import ModelChoice

USUAL = ("low", "medium", "high")
ALL = ("none", "minimal", *USUAL)


def choice_of(target: Target, workspace_id: uuid.UUID | None) -> ModelChoice | None:
    """What is known of the model behind a target, listed or not; None where its provider is not configured any more."""
    shelf = shelves.of(workspace_id)
    source = shelf.sources.get(target.provider)
    return shelf.choice(source, target.model) if source else None


def takes_tools(target: Target, workspace_id: uuid.UUID | None) -> bool:
    """Whether a model takes tools; of one that nobody knows it is tried."""
    choice = choice_of(target, workspace_id)
    return choice is None or choice.has_tools is not False


def taken(effort: str, target: Target, workspace_id: uuid.UUID | None) -> str:
    """The effort, if the model can be asked for it; else an empty text, and the model does as it likes."""
    if effort not in ALL:
        return ""
    choice = choice_of(target, workspace_id)
    if choice is None or choice.has_reasoning is False:
        return ""
    return effort if effort in (*USUAL, *_extras(target.vendor, target.model)) else ""


def extras(choices: Iterable[ModelChoice], workspace_id: uuid.UUID | None) -> dict[str, str]:
    """Of each model that takes more than the usual efforts: the others, by path, with spaces between them."""
    shelf = shelves.of(workspace_id)
    found: dict[str, str] = {}
    for choice in choices:
        prefix, _, model = (choice.stands_for or choice.path).partition("/")
        source = shelf.sources.get(prefix)
        if choice.has_reasoning and source and (more := _extras(source.kind.name, model)):
            found[choice.path] = " ".join(more)
    return found


def _extras(vendor: str, model: str) -> tuple[str, ...]:
    kind = directory.find(vendor)
    entry = known_models.known(kind).get(model) if kind else None
    if entry is None:
        return ()
    told = {"none": entry.supports_none_reasoning_effort, "minimal": entry.supports_minimal_reasoning_effort}
    return tuple(effort for effort, is_there in told.items() if is_there)
