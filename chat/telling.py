"""What the models of one prompt are told: the branch before it as far as it was read, and the prompt."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from chat import parameters
from chat.callers import Caller
from chat.files.enclosures import Enclosures, enclosed_with, takes_images
from chat.history import Asked, History, fit
from chat.models import Conversation, Message, ToolUse
from gateway.protocol import Target
from telemetry.policies import Rules


@dataclass(frozen=True)
class Told:
    """`stored` is the end of the branch; `unread_count` older messages of it are too many for any of the models.

    `sent` is the prompt as providers get it; `texts` take the place of what is stored, by message.
    """

    stored: Sequence[Message]
    unread_count: int
    sent: str
    texts: Mapping[uuid.UUID, str]
    conversation: Conversation
    rules: Rules
    prompt_id: uuid.UUID | None = None  # by which its files are known
    caller: Caller | None = None  # a program, that may ask with parameters of its own

    @cached_property
    def files(self) -> Enclosures:
        ids = [message.id for message in self.stored]
        return enclosed_with([*ids, self.prompt_id] if self.prompt_id else ids, self.rules)

    def fitted(self, target: Target, uses: Mapping[uuid.UUID, Sequence[ToolUse]] | None = None) -> History:
        """As much of it as this model takes; with the `uses` of tools, by reply, where it takes those."""
        asked = Asked(
            self.sent,
            self.prompt_id,
            instructions=self.conversation.system_prompt,
            files=self.files,
            takes_images=takes_images(target, self.conversation.workspace_id) if self.files else None,
            max_tokens=parameters.of(self.conversation, self.caller)["max_tokens"],
        )
        history = fit(self.stored, asked, target, originals=self.texts, uses=uses)
        return replace(history, omitted_count=history.omitted_count + self.unread_count)
