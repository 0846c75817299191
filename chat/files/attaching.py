"""Files on their way to a message: who may send them where, and what is put in the place of what the workspace keeps back."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from chat.choices import Choice
from chat.files import store
from chat.files.enclosures import takes_images
from chat.models import Attachment, Conversation, File, Message
from gateway import screening
from gateway.screening import Screened
from telemetry.policies import Rules


@dataclass(frozen=True, slots=True)
class Enclosed:
    """The files of a new prompt; `masked` are the texts among them as models get them, where they get placeholders."""

    files: Sequence[File] = ()
    masked: Mapping[uuid.UUID, str] = field(default_factory=dict)


def require_sight(files: Sequence[File], choices: Sequence[Choice], workspace_id: uuid.UUID) -> None:
    """Raises `FileRefusedError` where pictures go to a model that is known to see none."""
    if all(file.kind != File.Kind.IMAGE for file in files):
        return
    blind = [one.path for one in choices if one.target and takes_images(one.target, workspace_id) is False]
    if blind:
        raise store.FileRefusedError(f"{blind[0]} takes no pictures. Choose another model, or take the picture out.")


def screen(
    files: Sequence[File], said: Screened, conversation: Conversation, *, rules: Rules, known: Mapping[str, str]
) -> tuple[Screened, Enclosed]:
    """What models get of the texts in these files, after the prompt that they come with. Raises `screening.Blocked`."""
    masked: dict[uuid.UUID, str] = {}
    texts = [file for file in files if file.kind == File.Kind.TEXT]
    for file in texts if rules.policy.mode != "log_only" else ():
        text = store.bytes_of(file).decode()
        screening.require_harmless(text, rules)
        if rules.policy.mode == "mask":
            found = screening.screen(text, rules, known={**known, **said.values}, texts=_texts(conversation, said, masked))
            masked[file.id] = found.sent
            said = replace(said, values={**said.values, **found.values})
    return said, Enclosed(files, masked)


def attach(message: Message, enclosed: Enclosed) -> None:
    """Put the files to their message, in the caller's transaction."""
    for position, file in enumerate(enclosed.files):
        attachment = Attachment(message=message, file=file, position=position)
        if file.id in enclosed.masked:
            attachment.masked = enclosed.masked[file.id]
        attachment.save(force_insert=True)


def masked_in(conversation: Conversation) -> Iterator[str]:
    """The texts of files that models got with placeholders."""
    for sent in Attachment.objects.filter(message__conversation=conversation, masked__isnull=False).iterator():
        if sent.masked is not None:
            yield sent.masked.reveal()


def _texts(conversation: Conversation, said: Screened, masked: Mapping[uuid.UUID, str]) -> Iterable[str]:
    stored = conversation.messages.values_list("content", flat=True).iterator()
    return chain(stored, masked_in(conversation), (said.sent,), masked.values())
