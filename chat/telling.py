"""What the models of one prompt are told: the branch before it as far as it was read, and the prompt."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chat.history import History, fit
from chat.models import Message
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

    def fitted(self, target: Target) -> History:
        """As much of it as this model takes."""
        history = fit(self.stored, self.sent, target, originals=self.texts)
        return replace(history, omitted_count=history.omitted_count + self.unread_count)
