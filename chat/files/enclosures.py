"""What models get of the files in a conversation: pictures as parts of a message, texts as fenced blocks before it."""

import base64
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from accounts.encryption import DecryptionError
from chat.files import store, texts
from chat.models import Attachment, File
from gateway import efforts
from gateway.protocol import Target
from telemetry import tokens
from telemetry.policies import Rules

MOST_IMAGES = 20  # in one request; of more the newest are sent, the others are named
FENCE = re.compile(r"`{3,}")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Enclosures:
    """The files of some messages. Texts are read when they are needed, once."""

    attachments: Mapping[uuid.UUID, Sequence[Attachment]] = field(default_factory=dict)
    rules: Rules | None = None
    _texts: dict[uuid.UUID, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.attachments)

    def has(self, message_id: uuid.UUID) -> bool:
        return message_id in self.attachments

    def most_tokens(self, message_id: uuid.UUID) -> int:
        """What the files can't be more than; cheap, as nothing is read."""
        return sum(tokens.AN_IMAGE if one.file.kind == File.Kind.IMAGE else one.file.size for one in self._of(message_id))

    def tokens(self, message_id: uuid.UUID, model: str) -> int:
        """What the files add to a prompt."""
        return sum(
            tokens.AN_IMAGE if one.file.kind == File.Kind.IMAGE else tokens.count(self._text(one), model)
            for one in self._of(message_id)
        )

    def contents(
        self, said: Sequence[tuple[uuid.UUID, str]], *, takes_images: bool | None
    ) -> Mapping[uuid.UUID, str | list[dict[str, Any]]]:
        """The content of each message that has files, with its text; the newest is the last.

        `takes_images` is what is known of the model: None where nobody says.
        """
        left = 0 if takes_images is False else MOST_IMAGES
        found: dict[uuid.UUID, str | list[dict[str, Any]]] = {}
        for message_id, text in reversed(said):
            if message_id not in self.attachments:
                continue
            images = [one for one in self._of(message_id) if one.file.kind == File.Kind.IMAGE]
            sent = images[max(0, len(images) - left) :] if left else []
            left -= len(sent)
            found[message_id] = self._content(message_id, text, sent)
        return found

    def _content(self, message_id: uuid.UUID, text: str, sent: Sequence[Attachment]) -> str | list[dict[str, Any]]:
        blocks: list[str] = []
        parts: list[dict[str, Any]] = []
        for one in self._of(message_id):
            if one.file.kind == File.Kind.TEXT:
                blocks.append(_fenced(one.file.name, self._text(one)))
            elif one in sent and (url := _data_url(one.file)):
                parts += [{"type": "text", "text": f"{one.file.name}:"}, {"type": "image_url", "image_url": {"url": url}}]
            else:
                blocks.append(f"[image: {one.file.name}, not sent]")
        words = "\n\n".join(filter(None, [*blocks, text]))
        if not parts:
            return words
        return [*parts, {"type": "text", "text": words}] if words else parts

    def _of(self, message_id: uuid.UUID) -> Sequence[Attachment]:
        return self.attachments.get(message_id, ())

    def _text(self, attachment: Attachment) -> str:
        """As the workspace's mode has it: what was masked stays so, and what is removed today is sent nowhere."""
        if attachment.id not in self._texts:
            self._texts[attachment.id] = self._sendable(attachment)
        return self._texts[attachment.id]

    def _sendable(self, attachment: Attachment) -> str:
        try:
            if attachment.masked is not None:
                return attachment.masked.reveal()
            text = store.bytes_of(attachment.file).decode()
        except DecryptionError as error:
            log.error("A file can not be read.", file_id=str(attachment.file_id), error=str(error))
            return "(this file can not be read any more)"
        if self.rules is None or self.rules.policy.mode == "log_only":
            return text
        return self.rules.redactor.redact(text).text


def enclosed_with(message_ids: Iterable[uuid.UUID], rules: Rules) -> Enclosures:
    """The files of these messages, in one query."""
    rows = Attachment.objects.filter(message__in=list(message_ids)).select_related("file").defer("file__thumbnail")
    found: dict[uuid.UUID, list[Attachment]] = {}
    for row in rows.order_by("position"):
        found.setdefault(row.message_id, []).append(row)
    return Enclosures(found, rules)


def takes_images(target: Target, workspace_id: uuid.UUID) -> bool | None:
    """Whether a model sees pictures; None where nobody says."""
    choice = efforts.choice_of(target, workspace_id)
    return choice.has_vision if choice else None


def _fenced(name: str, text: str) -> str:
    """A block that nothing inside can end."""
    longest = max((len(run) for run in FENCE.findall(text)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{name}\n{fence}{texts.language_of(name)}\n{text.rstrip()}\n{fence}"


def _data_url(file: File) -> str | None:
    try:
        data = store.bytes_of(file)
    except DecryptionError as error:
        log.error("A file can not be read.", file_id=str(file.id), error=str(error))
        return None
    return f"data:{file.media_type};base64,{base64.b64encode(data).decode()}"
