"""Chats as files: one as Markdown or JSON, all of them as a stream that never holds more than one.

What was redacted stays redacted: only stored texts are written, nothing of a vault. docs/export.md describes the JSON.
"""

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import orjson
from django.db.models import Q, QuerySet

from accounts.models import User
from chat import access, parts, trees
from chat.export_text import markdown
from chat.models import Conversation, Message, ToolUse
from telemetry import scores
from telemetry.scores import Judgement

FORMAT, VERSION = "ollive.chat", 1
BATCH = 50
NAME_CHARACTERS = 80
Kind = Literal["zip", "jsonl"]
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}

Tell = Callable[[int], None]


def document(conversation: Conversation) -> dict[str, Any]:
    """The whole conversation with all its branches, as docs/export.md describes it."""
    tree = trees.read(conversation.id)
    shown = [node.id for node in tree.branch(conversation.active_leaf_id)]
    messages = trees.load(tree.nodes)
    found = parts.of(messages, tree)
    judgements = scores.of_messages(message.id for message in messages if message.role == Message.Role.ASSISTANT)
    uses: dict[Any, list[ToolUse]] = {}
    for use in ToolUse.objects.filter(message__conversation=conversation).order_by("message_id", "position"):
        uses.setdefault(use.message_id, []).append(use)
    return {
        "format": FORMAT,
        "version": VERSION,
        "id": conversation.id,
        "title": conversation.title,
        "model": conversation.model,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "is_pinned": conversation.pinned_at is not None,
        "is_archived": conversation.archived_at is not None,
        "system_prompt": conversation.system_prompt,
        "parameters": conversation.parameters,
        "tools": conversation.tools,
        "shown_message_id": shown[-1] if shown else None,
        "messages": [
            {
                **_message(message),
                "is_shown": message.id in shown,
                "files": [chip.name for chip in found.files.get(message.id, ())],
                "tool_uses": [_use(use) for use in uses.get(message.id, ())],
                "feedback": _feedback(judgements.get(message.id)),
            }
            for message in messages
            if message.status != Message.Status.STREAMING
        ],
    }


def as_json(conversation: Conversation) -> bytes:
    return orjson.dumps(document(conversation), default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)


def as_markdown(conversation: Conversation) -> bytes:
    """The shown branch, to be read."""
    return markdown(document(conversation)).encode()


def all_of(user: User) -> QuerySet[Conversation]:
    """What "all" means: everything that is the person's own and kept."""
    return access.conversations_of(user).filter(is_temporary=False)


def stream(user: User, kind: Kind, *, tell: Tell) -> Iterator[bytes]:
    """All conversations, oldest first, in pieces; `tell` hears how many are done."""
    return _lines(user, tell) if kind == "jsonl" else _zip(user, tell)


def file_name(conversation: Conversation, suffix: str) -> str:
    """A name that every file system takes, and that leads nowhere else."""
    return f"{conversation.created_at:%Y-%m-%d} {safe(conversation.title)}.{suffix}"


def safe(title: str) -> str:
    """The title without what file systems, shells or eyes could take for something else."""
    words = re.sub(r"[^\w\s.,()\[\]&+-]+", " ", title.replace("[[", "").replace("]]", ""), flags=re.UNICODE)
    line = " ".join(words.split()).strip(" .")[:NAME_CHARACTERS].strip(" .")
    return line if line and line.lower() not in RESERVED else f"chat {line}".strip()


def _lines(user: User, tell: Tell) -> Iterator[bytes]:
    for count, conversation in enumerate(_each(user), start=1):
        yield orjson.dumps(document(conversation), default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
        tell(count)


def _zip(user: User, tell: Tell) -> Iterator[bytes]:
    """Each conversation twice: as Markdown to read, as JSON to keep. Nothing is written to a disk here."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for count, conversation in enumerate(_each(user), start=1):
            told = document(conversation)
            name = f"{file_name(conversation, '')[:-1]} {str(conversation.id)[:8]}"
            at = conversation.created_at.timetuple()[:6]
            pretty = orjson.dumps(told, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
            for path, content in ((f"markdown/{name}.md", markdown(told).encode()), (f"json/{name}.json", pretty)):
                archive.writestr(_entry(path, at), content)
                yield sink.take()
            tell(count)
    yield sink.take()


def _entry(path: str, at: Any) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, at)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


class _Sink:
    """A file that cannot be sought in: what is written is taken away piece by piece."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


def _each(user: User) -> Iterator[Conversation]:
    """By key, so that what is written or deleted meanwhile moves nothing."""
    rows = all_of(user).order_by("created_at", "id")
    after: tuple[datetime, Any] | None = None
    while True:
        page = rows.filter(Q(created_at__gt=after[0]) | Q(created_at=after[0], id__gt=after[1])) if after else rows
        found = list(page[:BATCH])
        yield from found
        if len(found) < BATCH:
            return
        after = found[-1].created_at, found[-1].id


def _message(message: Message) -> Mapping[str, Any]:
    said: dict[str, Any] = {
        "id": message.id,
        "parent_id": message.parent_id,
        "role": message.role,
        "status": message.status,
        "text": message.content,
        "created_at": message.created_at,
    }
    if message.role != Message.Role.ASSISTANT:
        return said
    return said | {
        "ended_at": message.ended_at,
        "model": message.model,
        "served_model": message.served_model,
        "reasoning": message.reasoning,
        "reasoning_ms": message.reasoning_ms,
        "reasoning_effort": message.reasoning_effort,
        "finish_reason": message.finish_reason,
        "error": message.error,
        "prompt_tokens": message.prompt_tokens,
        "completion_tokens": message.completion_tokens,
        "cached_tokens": message.cached_tokens,
        "reasoning_tokens": message.reasoning_tokens,
        "usage_source": message.usage_source,
        "cost_usd": message.cost_usd,
        "time_to_first_token_ms": message.ttft_ms,
        "latency_ms": message.latency_ms,
        "trace_id": message.trace_id,
        "compare_id": message.compare_id,
    }


def _use(use: ToolUse) -> Mapping[str, Any]:
    names: Sequence[str] = ("name", "server", "status", "arguments", "result", "started_at", "ended_at")
    return {name: getattr(use, name) for name in names}


def _feedback(judgement: Judgement | None) -> Mapping[str, Any] | None:
    if judgement is None:
        return None
    thumb = {True: "up", False: "down", None: None}[judgement.thumb]
    return {"thumb": thumb, "rating": judgement.rating, "reasons": judgement.reasons, "comment": judgement.comment}
