"""A turn: a person's prompt and the reply to it, stored together with the started event before anyone is asked."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from django.db import IntegrityError, connection, transaction
from django.http import Http404
from django.utils import timezone

from accounts.models import User, Workspace
from chat import branches, originals
from chat.history import fit
from chat.models import Conversation, Message
from chat.openings import Opening, next_position, note, open_reply
from gateway import catalogue, screening
from telemetry import policies, tallies
from telemetry.policies import Rules
from telemetry.product_events import Name

MAX_PROMPT_CHARACTERS = 100_000
TITLE_CHARACTERS = 60
BUSY = "A reply is still being written here. Stop it, or wait for its end."


class TurnError(Exception):
    """A turn that cannot begin: a sentence for the person, and HTTP's status for it."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class Asking:
    """What a person sent. `prompt` is raw: it goes to the provider this once, and is redacted before it is stored."""

    user: User
    workspace: Workspace
    conversation_id: uuid.UUID
    message_id: uuid.UUID
    prompt: str
    model: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A stored turn. A prompt has one reply, or several that are compared."""

    conversation: Conversation
    prompt: Message
    openings: tuple[Opening, ...]
    is_new_conversation: bool = False

    @property
    def reply(self) -> Message:
        return self.openings[0].reply

    @property
    def is_new(self) -> bool:
        """Whether it was stored just now; sent twice, it is under way already or over."""
        return self.openings[0].exchange is not None


def begin(asking: Asking, *, process_id: uuid.UUID | None) -> Turn:
    """Store the prompt, the empty reply and the started event in one transaction; the same message id twice is one turn.

    Raises `TurnError`, `gateway.protocol.ProviderError` for a model that leads nowhere, and `Http404`.
    """
    asking = replace(asking, prompt=_checked(asking.prompt))
    path = asking.model or catalogue.default_path(asking.workspace.id)
    target = catalogue.resolve(path, workspace_id=asking.workspace.id)
    path = target.path
    rules = policies.rules_of(asking.workspace.id)
    _refuse_blocked(asking, rules)
    with _one_at_a_time():
        conversation, is_new = _conversation(asking, rules)
        earlier = _earlier(asking)
        if earlier is not None:
            return earlier
        _require_idle(conversation)
        messages = list(conversation.messages.order_by("position"))
        stored = branches.active(messages)
        held = originals.NOTHING if is_new else originals.held_for(conversation.id, now=timezone.now())
        said = _screened(asking.prompt, rules, held, messages)
        prompt = Message(
            id=asking.message_id,
            conversation=conversation,
            parent=stored[-1] if stored else None,
            role=Message.Role.USER,
            content=said.stored,
            redaction_version=rules.version,
            position=next_position(conversation),
        )
        prompt.save(force_insert=True)
        _keep(prompt, said, asking.prompt, rules)
        history = fit(stored, said.sent, target, originals=_sendable(held, rules))
        opening = open_reply(prompt, history, target, path=path, process_id=process_id, rules=rules)
        if is_new:
            note(Name.CONVERSATION_CREATED, conversation)
    return Turn(conversation, prompt, (opening,), is_new)


def retry(reply: Message, *, process_id: uuid.UUID | None) -> Turn:
    """Ask once more for a reply that did not end well; the first try stays beside it in the tree.

    The provider gets the prompt as it is stored, or as the vault holds it.
    Raises `TurnError` and `gateway.protocol.ProviderError`.
    """
    if reply.status not in (Message.Status.FAILED, Message.Status.INTERRUPTED, Message.Status.CANCELED) or reply.parent is None:
        raise TurnError("Only a reply that did not end well can be tried again.", status=409)
    prompt = reply.parent
    target = catalogue.resolve(reply.model, workspace_id=reply.conversation.workspace_id)
    rules = policies.rules_of(reply.conversation.workspace_id)
    with _one_at_a_time():
        conversation = Conversation.objects.select_for_update().get(id=reply.conversation_id)
        _require_idle(conversation)
        stored = branches.path_to(prompt.parent_id, list(conversation.messages.order_by("position")))
        texts = _sendable(originals.held_for(conversation.id, now=timezone.now()), rules)
        history = fit(stored, texts.get(prompt.id, prompt.content), target, originals=texts)
        opening = open_reply(prompt, history, target, path=reply.model, process_id=process_id, rules=rules)
    return Turn(conversation, prompt, (opening,))


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """One transaction; the constraint on running replies has the last word between two sends at once."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise TurnError(BUSY, status=409) from error


def _refuse_blocked(asking: Asking, rules: Rules) -> None:
    """Where the workspace blocks, a prompt with anything to remove leaves nothing but a count."""
    try:
        screening.require_harmless(asking.prompt, rules)
    except screening.Blocked as blocked:
        with transaction.atomic(), connection.cursor() as cursor:
            tallies.add(cursor, "blocked", received=1, rejected=1)
        raise TurnError(str(blocked), status=422) from blocked


def _screened(prompt: str, rules: Rules, held: originals.Held, messages: Sequence[Message]) -> screening.Screened:
    try:
        return screening.screen(prompt, rules, known=held.values, texts=[message.content for message in messages])
    except screening.Blocked as blocked:
        raise TurnError(str(blocked), status=422) from blocked


def _keep(prompt: Message, said: screening.Screened, typed: str, rules: Rules) -> None:
    """Keep what was removed, where the workspace keeps it."""
    kept = originals.kept_for(rules.policy)
    if kept is None:
        return
    if rules.policy.mode == "mask":
        originals.keep_values(prompt.id, said.values, until=prompt.created_at + kept)
    elif said.stored != typed:
        originals.keep_text(prompt.id, typed, until=prompt.created_at + kept)


def _sendable(held: originals.Held, rules: Rules) -> Mapping[uuid.UUID, str]:
    """The texts of the vault that a provider may be given: none where it gets placeholders."""
    return held.texts if rules.policy.vault and rules.policy.mode == "log_only" else {}


def _require_idle(conversation: Conversation) -> None:
    if conversation.messages.filter(status=Message.Status.STREAMING).exists():
        raise TurnError(BUSY, status=409)


def _checked(prompt: str) -> str:
    prompt = prompt.replace("\x00", "").replace("\r\n", "\n").strip()
    if not prompt:
        raise TurnError("Write something first.", status=422)
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise TurnError(
            f"This message has {len(prompt):,} characters; {MAX_PROMPT_CHARACTERS:,} is the most that can be sent at once.",
            status=422,
        )
    return prompt


def _conversation(asking: Asking, rules: Rules) -> tuple[Conversation, bool]:
    """The conversation, locked so that turns in it are stored one after the other."""
    made = Conversation(
        id=asking.conversation_id,
        workspace=asking.workspace,
        owner=asking.user,
        title=_title(rules.redactor.redact(asking.prompt).text),
        redaction_version=rules.version,
    )
    inserted = Conversation.objects.bulk_create([made], ignore_conflicts=True)
    conversation = Conversation.objects.select_for_update().filter(id=inserted[0].id, owner=asking.user).first()
    if conversation is None:
        raise Http404("There is no such conversation.")
    return conversation, not conversation.messages.exists()


def _earlier(asking: Asking) -> Turn | None:
    """The turn that this message id has made already, if it has."""
    prompt = Message.objects.filter(id=asking.message_id).select_related("conversation").first()
    if prompt is None:
        return None
    reply = prompt.children.order_by("position").first()
    if prompt.conversation_id != asking.conversation_id or prompt.role != Message.Role.USER or reply is None:
        raise TurnError("This message id is taken. Reload the page and send again.", status=409)
    return Turn(prompt.conversation, prompt, (Opening(reply, None),))


def _title(text: str) -> str:
    """The first words of the first prompt."""
    line = " ".join(text.split())
    if len(line) <= TITLE_CHARACTERS:
        return line
    return line[:TITLE_CHARACTERS].rsplit(" ", 1)[0] + "…"
