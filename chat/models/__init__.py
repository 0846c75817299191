"""What the chat keeps. A reply's row carries the state of the run that writes it."""

from chat.models.conversations import Conversation
from chat.models.feedback import Feedback
from chat.models.files import Attachment, File
from chat.models.messages import Message, Original
from chat.models.prompts import Prompt
from chat.models.search import SearchEntry
from chat.models.sharing import Share
from chat.models.tools import ToolServer, ToolUse, WorkspaceTool

__all__ = [
    "Attachment",
    "Conversation",
    "Feedback",
    "File",
    "Message",
    "Original",
    "Prompt",
    "SearchEntry",
    "Share",
    "ToolServer",
    "ToolUse",
    "WorkspaceTool",
]
