"""How programs name models: a path or short name alone, a provider and a model, or a provider alone."""

import uuid
from collections.abc import Iterator

from chat.models import Conversation
from gateway import catalogue, directory
from gateway.protocol import ProviderError

# As programs written for other services name these providers, beside the names that the directory knows.
FOREIGN = {"azure": "azure_openai", "gemini": "google"}


def model_of(provider: str, model: str, conversation: Conversation, *, role: str) -> str:
    """The model path or short name that a program means; what the conversation was last asked with, where it names none.

    Raises `ProviderError` where the provider has no model to offer.
    """
    if model:
        return model if not provider or model.startswith(f"{provider}/") else f"{provider}/{model}"
    if not provider:
        return conversation.model
    path = next(_offered(provider, conversation.workspace_id, role), "")
    if not path:
        raise ProviderError("no_provider", f"No provider {provider[:40]} is configured here, or it has no model for you.")
    return path


def provider_and_model(path: str) -> tuple[str | None, str | None]:
    """How a model path is told to a program that did not name it so; a short name has no provider of its own."""
    provider, _, model = path.partition("/")
    return (FOREIGN.get(provider, provider), model) if model else (None, path or None)


def _offered(provider: str, workspace_id: uuid.UUID, role: str) -> Iterator[str]:
    """The models of one provider, the one that new conversations begin with first."""
    kind = directory.find(provider)
    names = {provider, *(kind.names if kind else ())}
    default = catalogue.default_path(workspace_id, role)
    for path in (default, *(choice.path for choice in catalogue.models(workspace_id, role))):
        if path.partition("/")[0] in names:
            yield path
