"""What telemetry stores: the inbox, the log of calls with its payloads and keys, and the counts that prove nothing was lost."""

from telemetry.models.inbox import DeadLetter, InboxEvent, Process, Tally
from telemetry.models.log import InferenceKey, InferenceLog, Payload, UnlinkedConversation

__all__ = [
    "DeadLetter",
    "InboxEvent",
    "InferenceKey",
    "InferenceLog",
    "Payload",
    "Process",
    "Tally",
    "UnlinkedConversation",
]
