"""The files of messages as pages show them: a small picture or a line, which leads to the file."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from accounts.encryption import DecryptionError
from chat.models import Attachment, File, Message

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FileChip:
    """One file of a message. `thumbnail` is a data URI, empty for texts."""

    id: uuid.UUID
    name: str
    kind: str
    size: int  # bytes
    thumbnail: str


def chips_of(messages: Sequence[Message]) -> Mapping[uuid.UUID, Sequence[FileChip]]:
    """By message id, in one query; replies have none."""
    prompts = [message.id for message in messages if message.role == Message.Role.USER]
    if not prompts:
        return {}
    rows = Attachment.objects.filter(message__in=prompts).select_related("file").defer("file__key", "masked")
    found: dict[uuid.UUID, list[FileChip]] = {}
    for row in rows.order_by("position"):
        found.setdefault(row.message_id, []).append(_chip(row.file))
    return found


def _chip(file: File) -> FileChip:
    return FileChip(file.id, file.name, file.kind, file.size, _thumbnail(file))


def _thumbnail(file: File) -> str:
    if file.thumbnail is None:
        return ""
    try:
        return file.thumbnail.reveal()
    except DecryptionError as error:
        log.error("A small picture can not be read.", file_id=str(file.id), error=str(error))
        return ""
