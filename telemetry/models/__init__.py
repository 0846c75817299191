"""What telemetry stores: the inbox, the log of calls with its payloads and keys, and the counts that prove nothing was lost."""

from telemetry.models.boards import Dashboard
from telemetry.models.datasets import Case, Dataset
from telemetry.models.feed import FeedConsumer, FeedEntry, ProductEvent, RawPayload
from telemetry.models.health import HealthSample
from telemetry.models.inbox import DeadLetter, InboxEvent, Process, Tally
from telemetry.models.listing import BulkJob, BulkPiece, SavedView
from telemetry.models.log import InferenceKey, InferenceLog, Payload, UnlinkedConversation
from telemetry.models.money import CostVersion, ListedPrice, PriceRelease, Repricing
from telemetry.models.policy import BackfillMark, RedactionPolicy, RedactionRule
from telemetry.models.retention import ErasureReceipt, PackedDay, RetentionPolicy, SealedDay
from telemetry.models.rollups import RollupDay, RollupHour, RollupMark, RollupMinute, UsageDay, UsageHour
from telemetry.models.scores import Score
from telemetry.models.search import SearchEntry
from telemetry.models.spans import Span

__all__ = [
    "BackfillMark",
    "BulkJob",
    "BulkPiece",
    "Case",
    "CostVersion",
    "Dashboard",
    "Dataset",
    "DeadLetter",
    "ErasureReceipt",
    "FeedConsumer",
    "FeedEntry",
    "HealthSample",
    "InboxEvent",
    "InferenceKey",
    "InferenceLog",
    "ListedPrice",
    "PackedDay",
    "Payload",
    "PriceRelease",
    "Process",
    "ProductEvent",
    "RawPayload",
    "RedactionPolicy",
    "RedactionRule",
    "Repricing",
    "RetentionPolicy",
    "RollupDay",
    "RollupHour",
    "RollupMark",
    "RollupMinute",
    "SavedView",
    "Score",
    "SealedDay",
    "SearchEntry",
    "Span",
    "Tally",
    "UnlinkedConversation",
    "UsageDay",
    "UsageHour",
]
