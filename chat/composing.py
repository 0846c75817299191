"""What the composer's templates need: how much it takes, and how the chat is set."""

from dataclasses import dataclass

from django.conf import settings

from chat import chat_settings
from chat.files import store
from chat.models import Conversation


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one message. Sizes in bytes."""

    most_files: int
    largest_file: int


@dataclass(frozen=True, slots=True)
class SettingsForm:
    """The values of the dialog as texts, empty where the default holds, and the defaults."""

    system_prompt: str
    temperature: str
    top_p: str
    max_tokens: str
    stop: str
    seed: str
    default_temperature: str
    default_max_tokens: str
    longest_system_prompt: int = chat_settings.LONGEST_SYSTEM_PROMPT


def limits() -> Limits:
    return Limits(store.MOST_A_MESSAGE, max(settings.OLLIVE_MAX_FILE_BYTES, settings.OLLIVE_MAX_TEXT_BYTES))


def settings_form(conversation: Conversation | None) -> SettingsForm:
    """How a conversation is set; a new one is not."""
    chosen = chat_settings.of(conversation)
    values = {name: str(value) for name, value in chosen.parameters.items()}
    return SettingsForm(
        chosen.system_prompt,
        temperature=values.get("temperature", ""),
        top_p=values.get("top_p", ""),
        max_tokens=values.get("max_tokens", ""),
        seed=values.get("seed", ""),
        stop="\n".join(chosen.parameters.get("stop", ())),
        default_temperature=f"{settings.DEFAULT_TEMPERATURE:g}",
        default_max_tokens=str(settings.DEFAULT_MAX_TOKENS),
    )
