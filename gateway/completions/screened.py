"""What a provider may be told of a request: its messages and parameters as they came, masked, or nothing at all."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.database import in_thread
from accounts.entrance import Bearer
from gateway.completions.asked import Asked
from gateway.screening import UNCHECKED, Blocked, screen_messages
from telemetry import policies
from telemetry.policies import Rules
from telemetry.redaction.masking import Mask

TEXTS = (  # the parameters that may hold what people wrote
    "functions",
    "metadata",
    "prediction",
    "prompt_cache_key",
    "response_format",
    "safety_identifier",
    "stop",
    "tools",
    "user",
    "web_search_options",
)
LARGE = 16_384  # bytes of a body that would hold up the event loop


@dataclass(frozen=True, slots=True)
class Screened:
    """`values` are those behind the placeholders, None where nothing is masked."""

    messages: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any]
    values: Mapping[str, str] | None = None


async def rules_for(bearer: Bearer) -> Rules:
    """What holds in the key's workspace, in memory where it can be."""
    fresh = policies.fresh(bearer.workspace_id)
    return fresh if fresh is not None else await in_thread(policies.rules_of, bearer.workspace_id)


async def screen(asked: Asked, rules: Rules) -> Screened:
    """Raises `Blocked`."""
    if rules.policy.mode == "log_only":
        return Screened(asked.messages, asked.parameters)
    return await asyncio.to_thread(_screen, asked, rules) if asked.size > LARGE else _screen(asked, rules)


def _screen(asked: Asked, rules: Rules) -> Screened:
    told = {name: asked.parameters[name] for name in TEXTS if name in asked.parameters}
    if rules.policy.mode == "block":
        screen_messages([*asked.messages, told], rules)
        return Screened(asked.messages, asked.parameters)
    mask = Mask(None, rules.redactor)
    messages = mask.mask_messages(asked.messages)
    masked = {name: mask.mask_json(value) for name, value in told.items()}
    if "WITHHELD" in mask.kinds:
        raise Blocked(UNCHECKED, mask.kinds)
    return Screened(messages, {**asked.parameters, **masked}, mask.values)
