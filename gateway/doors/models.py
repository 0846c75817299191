"""`GET /v1/models` and `GET /v1/models/{id}`: what the bearer's key may ask, short names first.

Besides OpenAI's fields a model has those of OpenRouter's list that are known of it, so that clients can choose.
"""

from typing import Any

from accounts.database import in_thread
from accounts.entrance import Bearer, Refused, Request, Response, as_json
from gateway import catalogue
from gateway.allowances import may_use
from gateway.catalogue import ModelChoice
from gateway.protocol import ProviderError

UNKNOWN_TIME = 0  # nobody tells when a model was made, and clients want a number


async def show_all(request: Request) -> Response:
    """Every model that is offered to the key."""
    found = await in_thread(_offered, request.bearer)
    return as_json({"object": "list", "data": [told(choice) for choice in found]})


async def show_one(request: Request) -> Response:
    """One model, by its path, its short name, or the bare name that it has at its provider. Raises `Refused` (404)."""
    wanted = request.parts["id"]
    choice = await in_thread(_find, request.bearer, wanted)
    if choice is None:
        raise Refused(404, "model_not_found", f"The model {wanted[:200]!r} does not exist, or you may not use it.", param="model")
    return as_json(told(choice) | {"id": wanted})


def told(choice: ModelChoice) -> dict[str, Any]:
    """A model as clients of OpenAI's and OpenRouter's lists read it."""
    path = choice.stands_for or choice.path
    model: dict[str, Any] = {
        "id": choice.path,
        "object": "model",
        "created": UNKNOWN_TIME,
        "owned_by": path.partition("/")[0],
        "name": choice.label,
    }
    if choice.stands_for:
        model["stands_for"] = choice.stands_for
    if choice.context_window:
        model["context_length"] = choice.context_window
    if choice.has_vision is not None:
        takes = ["text", "image"] if choice.has_vision else ["text"]
        model["architecture"] = {"input_modalities": takes, "output_modalities": ["text"]}
    can = {"tools": choice.has_tools, "reasoning": choice.has_reasoning}
    if any(value is not None for value in can.values()):
        model["supported_parameters"] = [name for name, value in can.items() if value]
    return model


def _offered(bearer: Bearer) -> list[ModelChoice]:
    found = catalogue.models(bearer.workspace_id, bearer.role)
    return [choice for choice in found if may_use(bearer, choice.path, "" if choice.stands_for else choice.path)]


def _find(bearer: Bearer, wanted: str) -> ModelChoice | None:
    offered = {choice.path: choice for choice in _offered(bearer)}
    if wanted in offered:
        return offered[wanted]
    try:
        return offered.get(catalogue.resolve(wanted, workspace_id=bearer.workspace_id, role=bearer.role).path)
    except ProviderError:
        return None
