"""What the models of one prompt are told: the branch before it as far as it was read, and the prompt."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chat.history import History, fit
from chat.models import Message, ToolUse
from gateway.protocol import Target


@dataclass(frozen=True, slots=True)
class Told:
    """`stored` is the end of the branch; `unread_count` older messages of it are too many for any of the models.

    `sent` is the prompt as providers get it; `texts` take the place of what is stored, by message.
    """

    stored: Sequence[Message]
    unread_count: int
    sent: str
    texts: Mapping[uuid.UUID, str]

    def fitted(self, target: Target, uses: Mapping[uuid.UUID, Sequence[ToolUse]] | None = None) -> History:
        """As much of it as this model takes; with the `uses` of tools, by reply, where it takes those."""
        history = fit(self.stored, self.sent, target, originals=self.texts, uses=uses)
        return replace(history, omitted_count=history.omitted_count + self.unread_count)
