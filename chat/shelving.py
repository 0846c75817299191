"""What is done with a conversation as a whole: it gets a title, is pinned, or goes to the archive."""

from datetime import datetime

from chat.models import Conversation
from telemetry import policies
from telemetry.values import shorten

TITLE_CHARACTERS = 200


class Refused(Exception):
    """What can't be done with this conversation: a sentence for the person."""


def rename(conversation: Conversation, typed: str) -> None:
    """Give it a title of the person's own, which no automatic one replaces. Raises `Refused`."""
    rules = policies.rules_of(conversation.workspace_id)
    line = " ".join(typed.replace("\x00", "").split())
    if not line:
        raise Refused("A title needs at least one character.")
    conversation.title = shorten(rules.redactor.redact(line).text, TITLE_CHARACTERS)
    conversation.title_source = Conversation.TitleSource.PERSON
    conversation.redaction_version = rules.version
    conversation.save(update_fields=["title", "title_source", "redaction_version"])


def pin(conversation: Conversation, *, is_wanted: bool, now: datetime) -> None:
    """Keep it at the top of the list, or no longer. Raises `Refused`."""
    if is_wanted and conversation.is_temporary:
        raise Refused("A temporary chat is in no list, so it can not be pinned.")
    if is_wanted == (conversation.pinned_at is not None):
        return
    conversation.pinned_at = now if is_wanted else None
    if is_wanted:
        conversation.archived_at = None
    conversation.save(update_fields=["pinned_at", "archived_at"])


def archive(conversation: Conversation, *, is_wanted: bool, now: datetime) -> None:
    """Put it into the archive, or back into the list. Raises `Refused`."""
    if is_wanted and conversation.is_temporary:
        raise Refused("A temporary chat is not kept, so it can not be archived.")
    if is_wanted == (conversation.archived_at is not None):
        return
    conversation.archived_at = now if is_wanted else None
    conversation.pinned_at = None
    conversation.save(update_fields=["pinned_at", "archived_at"])
