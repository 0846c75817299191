"""What the chat keeps. A reply's row carries the state of the run that writes it."""

from chat.models.conversations import Conversation
from chat.models.messages import Message, Original
from chat.models.sharing import Share

__all__ = ["Conversation", "Message", "Original", "Share"]
