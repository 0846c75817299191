"""What the chat keeps. A reply's row carries the state of the run that writes it."""

from chat.models.conversations import Conversation
from chat.models.messages import Message, Original
from chat.models.search import SearchEntry
from chat.models.sharing import Share
from chat.models.tools import ToolServer, ToolUse, WorkspaceTool

__all__ = ["Conversation", "Message", "Original", "SearchEntry", "Share", "ToolServer", "ToolUse", "WorkspaceTool"]
