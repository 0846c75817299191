"""What telemetry stores: the inbox, the log of calls with its payloads and keys, and the counts that prove nothing was lost."""

from telemetry.models.inbox import DeadLetter, InboxEvent, Process, Tally
from telemetry.models.log import InferenceKey, InferenceLog, Payload, UnlinkedConversation
from telemetry.models.spans import Span

__all__ = [
    "DeadLetter",
    "InboxEvent",
    "InferenceKey",
    "InferenceLog",
    "Payload",
    "Process",
    "Span",
    "Tally",
    "UnlinkedConversation",
]
