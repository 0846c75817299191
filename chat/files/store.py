"""The files of people: taken in, kept for a message, and let go when none has them any more."""

import base64
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Sum

from accounts.encryption import DecryptionError
from accounts.models import User, Workspace
from chat.files import blobs, names, pictures, texts
from chat.models import Attachment, File, Message
from gateway import screening
from telemetry.policies import Rules

UNSENT_FOR = timedelta(hours=24)
MOST_A_MESSAGE = 10
ENDINGS = {"image/png": (".png",), "image/jpeg": (".jpg", ".jpeg")}
GONE = "A file is no longer there. Take it out and attach it again."

log = structlog.get_logger(__name__)


class FileRefusedError(Exception):
    """A file that is not taken: a sentence for the person, and HTTP's status for it."""

    def __init__(self, message: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class Read:
    """A file as it will be kept."""

    data: bytes
    kind: str
    media_type: str
    name: str
    thumbnail: str | None = None
    width: int | None = None
    height: int | None = None


def take(user: User, workspace: Workspace, name: str, data: bytes, *, rules: Rules, now: datetime) -> File:
    """Check and keep what somebody attaches. Raises `FileRefusedError`."""
    found = read(names.clean(name), data, rules)
    key = blobs.make_key()
    file = File(
        owner=user,
        workspace=workspace,
        name=_redacted(found.name, rules),
        kind=found.kind,
        media_type=found.media_type,
        size=len(found.data),
        width=found.width,
        height=found.height,
        key=base64.b64encode(key).decode(),
        thumbnail=found.thumbnail,
        created_at=now,
    )
    with transaction.atomic():
        # One at a time for each person, or several at once would each find room.
        User.objects.select_for_update().only("id").get(id=user.id)
        _require_room(user, len(found.data))
        try:
            blobs.write(file.id, found.data, key=key)
        except OSError as error:
            log.error("A file could not be kept.", error=str(error))
            raise FileRefusedError("The server has no room for this file. Tell its operator.", status=507) from error
        file.save(force_insert=True)
    return file


def _redacted(name: str, rules: Rules) -> str:
    """The ending apart, which would make a word of an address."""
    stem, ending = names.split(name)
    return names.shorten(rules.redactor.redact(stem).text + ending)


def read(name: str, data: bytes, rules: Rules) -> Read:
    """What a file is by its bytes, whatever its name says. Raises `FileRefusedError`."""
    if not data:
        raise FileRefusedError(f"{name} is empty.")
    if pictures.is_picture(data):
        _require_size(name, len(data), settings.OLLIVE_MAX_FILE_BYTES)
        try:
            picture = pictures.read(data)
        except pictures.UnreadablePictureError as error:
            raise FileRefusedError(f"{name}: {error}") from error
        name = names.with_ending(name, *ENDINGS[picture.media_type])
        return Read(picture.data, "image", picture.media_type, name, picture.thumbnail, picture.width, picture.height)
    try:
        text = texts.read(data)
    except texts.NotTextError as error:
        raise FileRefusedError(f"{name}: {error}") from error
    _require_size(name, len(data), settings.OLLIVE_MAX_TEXT_BYTES)
    if not text.strip():
        raise FileRefusedError(f"{name} is empty.")
    try:
        screening.require_harmless(text, rules)
    except screening.Blocked as blocked:
        raise FileRefusedError(f"{name}: {blocked}") from blocked
    return Read(text.encode(), "text", "text/plain", name)


def bytes_of(file: File) -> bytes:
    """What is kept of the file. Raises `DecryptionError`."""
    if file.key is None:
        raise DecryptionError(f"The file {file.id} has no key.")
    return blobs.read(file.id, key=base64.b64decode(file.key.reveal()))


def owned(user: User, workspace: Workspace, ids: Sequence[uuid.UUID]) -> list[File]:
    """The person's own files, in this order. Raises `FileRefusedError` where one is gone or was somebody else's."""
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST_A_MESSAGE:
        raise FileRefusedError(f"At most {MOST_A_MESSAGE} files can go with one message.")
    found = File.objects.filter(owner=user, workspace=workspace).in_bulk(wanted)
    if len(found) < len(wanted):
        raise FileRefusedError(GONE)
    return [found[file_id] for file_id in wanted]


def of_message(message: Message) -> list[uuid.UUID]:
    """The files of a message, which another version of it keeps."""
    return list(Attachment.objects.filter(message=message).order_by("position").values_list("file_id", flat=True))


def of_messages(messages: QuerySet[Message]) -> list[uuid.UUID]:
    """The files of these messages, to be let go once the messages are deleted."""
    return list(Attachment.objects.filter(message__in=messages).values_list("file_id", flat=True).distinct())


def let_go(ids: Iterable[uuid.UUID]) -> int:
    """Delete those of the files that no message has, in the caller's transaction; their bytes go when it is committed."""
    unused = list(_unused(File.objects.filter(id__in=list(ids))).values_list("id", flat=True))
    File.objects.filter(id__in=unused).delete()
    for file_id in unused:
        transaction.on_commit(partial(blobs.remove, file_id))
    return len(unused)


def erase(files: QuerySet[File]) -> int:
    """Delete files, whatever has them, in the caller's transaction."""
    ids = list(files.values_list("id", flat=True))
    File.objects.filter(id__in=ids).delete()
    for file_id in ids:
        transaction.on_commit(partial(blobs.remove, file_id))
    return len(ids)


def discard(file: File) -> None:
    """Let go of a file, unless a message has it."""
    with transaction.atomic():
        let_go([file.id])


def purge(now: datetime) -> int:
    """Let go of what was attached and not sent, and of bytes that no row knows. Returns how many files went."""
    before = now - UNSENT_FOR
    with transaction.atomic():
        count = let_go(File.objects.filter(created_at__lt=before).values_list("id", flat=True))
    lying = list(blobs.older_than(before))
    known = set(File.objects.filter(id__in=lying).values_list("id", flat=True))
    for file_id in lying:
        if file_id not in known:
            blobs.remove(file_id)
    return count


def _unused(files: QuerySet[File]) -> QuerySet[File]:
    return files.exclude(Exists(Attachment.objects.filter(file=OuterRef("pk"))))


def _require_size(name: str, size: int, most: int) -> None:
    if size > most:
        raise FileRefusedError(f"{name} has {size / 1_000_000:.1f} MB; {most / 1_000_000:g} MB is the most.", status=413)


def _require_room(user: User, size: int) -> None:
    used = File.objects.filter(owner=user).aggregate(sum=Sum("size"))["sum"] or 0
    if used + size > settings.OLLIVE_FILES_QUOTA_BYTES:
        raise FileRefusedError(
            f"Your files take {used / 1_000_000:.0f} MB, and {settings.OLLIVE_FILES_QUOTA_BYTES / 1_000_000:.0f} MB is the most: "
            "delete chats with files that you no longer need.",
            status=413,
        )
