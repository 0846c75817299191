"""What the composer offers beside the model: how hard it thinks, and the tools that it may use."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chat.models import Conversation, Message
from chat.tools import offers
from gateway import efforts
from gateway.shelves import ModelChoice

LEVELS = (("", "Auto"), ("none", "None"), ("minimal", "Minimal"), ("low", "Low"), ("medium", "Medium"), ("high", "High"))


@dataclass(frozen=True, slots=True)
class Effort:
    """The select. `extras` is JSON: of models with unusual efforts which ones, by path."""

    chosen: str
    is_shown: bool
    extras: str
    levels: tuple[tuple[str, str], ...] = LEVELS


def context(shown: Conversation | None, workspace_id: uuid.UUID, models: Sequence[ModelChoice], selected: str) -> dict[str, Any]:
    """What `chat/_effort.html` and `chat/_tools.html` need."""
    has_reasoning = any(model.path == selected and model.has_reasoning for model in models)
    extras = efforts.extras(models, workspace_id)
    return {
        "effort": Effort(effort_of(shown) if shown else "", has_reasoning, json.dumps(extras)),
        "tool_offers": offers.offers(workspace_id, shown.tools if shown else ()),
    }


def effort_of(conversation: Conversation) -> str:
    """The effort that was asked for last in a conversation."""
    replies = conversation.messages.filter(role=Message.Role.ASSISTANT).order_by("-position")
    return replies.values_list("reasoning_effort", flat=True).first() or ""
