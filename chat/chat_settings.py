"""How one chat is set: its system prompt, and what models are asked with. What is left empty is the installation's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chat.models import Conversation
from telemetry.policies import Rules

LONGEST_SYSTEM_PROMPT = 20_000
MOST_TOKENS = 1_000_000
MOST_STOPS, LONGEST_STOP = 4, 100
LARGEST_SEED = 2**31 - 1
PARAMETERS = ("temperature", "top_p", "max_tokens", "stop", "seed")


class InvalidSettingError(Exception):
    """A value that can't be kept: the field, and a sentence for the person."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person chose. `parameters` are OpenAI-shaped and hold only what differs from the defaults."""

    system_prompt: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def redacted(self, rules: Rules) -> "Chosen":
        """As it is stored: models get what is stored, so what is removed stays here."""
        parameters = dict(self.parameters)
        if "stop" in parameters:
            parameters["stop"] = [rules.redactor.redact(one).text for one in parameters["stop"]]
        return Chosen(rules.redactor.redact(self.system_prompt).text, parameters)


def read(data: Mapping[str, str]) -> Chosen:
    """The values of a form. Raises `InvalidSettingError`."""
    prompt = data.get("system_prompt", "").replace("\x00", "").replace("\r\n", "\n").strip()
    if len(prompt) > LONGEST_SYSTEM_PROMPT:
        raise InvalidSettingError(
            "system_prompt", f"The system prompt has {len(prompt):,} characters; {LONGEST_SYSTEM_PROMPT:,} is the most."
        )
    found = {
        "temperature": _number(data, "temperature", float, 0, 2),
        "top_p": _number(data, "top_p", float, 0, 1),
        "max_tokens": _number(data, "max_tokens", int, 1, MOST_TOKENS),
        "stop": _stops(data),
        "seed": _number(data, "seed", int, 0, LARGEST_SEED),
    }
    return Chosen(prompt, {name: value for name, value in found.items() if value is not None})


def of(conversation: Conversation | None) -> Chosen:
    """What a conversation has of its own."""
    if conversation is None:
        return Chosen()
    return Chosen(
        conversation.system_prompt,
        {name: conversation.parameters[name] for name in PARAMETERS if name in conversation.parameters},
    )


def put(conversation: Conversation, chosen: Chosen) -> None:
    """Set a conversation, without storing it; what others keep among its parameters stays."""
    others = {name: value for name, value in conversation.parameters.items() if name not in PARAMETERS}
    conversation.system_prompt = chosen.system_prompt
    conversation.parameters = {**others, **chosen.parameters}


def store(conversation: Conversation, chosen: Chosen) -> None:
    put(conversation, chosen)
    conversation.save(update_fields=["system_prompt", "parameters"])


LABELS = {"temperature": "Temperature", "top_p": "Top P", "max_tokens": "Longest reply", "seed": "Seed"}


def _number(data: Mapping[str, str], name: str, kind: Callable[[str], Any], least: float, most: float) -> Any:
    text = data.get(name, "").strip()
    if not text:
        return None
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:  # a NaN is between no two numbers
        raise InvalidSettingError(name, f"{LABELS[name]} is a number from {least:,} to {most:,}.")
    return value


def _stops(data: Mapping[str, str]) -> list[str] | None:
    stops = list(dict.fromkeys(line for line in data.get("stop", "").replace("\r\n", "\n").split("\n") if line.strip()))
    if len(stops) > MOST_STOPS or any(len(line) > LONGEST_STOP for line in stops):
        raise InvalidSettingError("stop", f"At most {MOST_STOPS} stop sequences of {LONGEST_STOP} characters, one a line.")
    return stops or None
