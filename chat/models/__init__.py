"""What the chat keeps. A reply's row carries the state of the run that writes it."""

from chat.models.conversations import Conversation
from chat.models.messages import Message, Original

__all__ = ["Conversation", "Message", "Original"]
