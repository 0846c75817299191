"""A turn: a person's prompt and the reply to it, stored together with the started event before anyone is asked."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain

from django.db import IntegrityError, connection, transaction
from django.http import Http404
from django.utils import timezone

from accounts.encryption import DecryptionError
from accounts.models import User, Workspace
from chat import abilities, chat_settings, originals, trees
from chat.branches import Node, Tree
from chat.callers import Caller
from chat.chat_settings import Chosen
from chat.choices import MAX_COLUMNS, Choice, choose, window_of
from chat.files import attaching, store
from chat.models import Conversation, File, Message
from chat.openings import Opening, Place, note, open_choice
from chat.telling import Told
from chat.tools import offers
from gateway import screening
from telemetry import policies, tallies
from telemetry.policies import Rules
from telemetry.product_events import Name

MAX_PROMPT_CHARACTERS = 100_000
TITLE_CHARACTERS = 60
BUSY = "A reply is still being written here. Stop it, or wait for its end."
OUT_OF_DATE = "The page is out of date. Reload it and send again."


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
    compared: tuple[str, ...] = ()  # several models answer side by side
    parent_id: uuid.UUID | None = None
    is_temporary: bool = False  # a new conversation is not kept
    effort: str | None = ""  # how hard the models shall think; empty leaves it to them, None is as it was last
    tools: tuple[str, ...] | None = None  # what the chat has switched on from now on; None leaves it as it is
    file_ids: tuple[uuid.UUID, ...] = ()
    settings: Chosen = field(default_factory=Chosen)  # of a chat that begins with this
    is_placed: bool = False  # after `parent_id`, None being the beginning; else after the end of the shown branch
    caller: Caller | None = None  # a program, which has made the conversation before


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
        return any(opening.exchange is not None for opening in self.openings)


def begin(asking: Asking, *, process_id: uuid.UUID | None) -> Turn:
    """Store the prompt, the empty replies and the started events in one transaction; the same message id twice is one turn.

    Raises `TurnError`, `gateway.protocol.ProviderError` for a model that leads nowhere, and `Http404`.
    """
    asking = replace(asking, prompt=_checked(asking.prompt, has_files=bool(asking.file_ids)))
    if len(asking.compared) > MAX_COLUMNS:
        raise TurnError(f"At most {MAX_COLUMNS} models can be compared at once.", status=422)
    choices = choose(asking.model, asking.compared, workspace_id=asking.workspace.id, user_id=asking.user.id)
    rules = policies.rules_of(asking.workspace.id)
    if asking.caller is not None:
        asking = replace(asking, caller=asking.caller.redacted(rules))
    _refuse_blocked(asking, rules)
    files = _files(asking, choices)
    with one_at_a_time():
        conversation = _conversation(asking, rules, files)
        earlier = _earlier(asking)
        if earlier is not None:
            return earlier
        tree = trees.read(conversation.id)
        require_idle(tree)
        if asking.tools is not None:
            offers.choose(conversation, asking.tools)
        branch = _branch(asking, conversation, tree)
        trees.leave(conversation, branch[-1].id if branch else None, tree)
        is_new = not tree.nodes
        held = originals.NOTHING if is_new else originals.held_for(conversation.id, now=timezone.now())
        said, enclosed = _screened(asking.prompt, files, rules, held, conversation)
        prompt = _prompt(asking, said, conversation, parent_id=branch[-1].id if branch else None, position=tree.next_position)
        attaching.attach(prompt, enclosed)
        _keep(prompt, said, asking.prompt, rules)
        stored = trees.said(branch, window=window_of(choices))
        texts = originals.sendable(held, rules.policy)
        unread_count, caller = len(branch) - len(stored), asking.caller
        told = Told(stored, unread_count, said.sent, texts, conversation, rules=rules, prompt_id=prompt.id, caller=caller)
        effort = abilities.effort_of(conversation) if asking.effort is None else asking.effort
        openings = tuple(_open_all(prompt, choices, told, process_id=process_id, effort=effort))
        if is_new:
            note(Name.CONVERSATION_CREATED, conversation)
    return Turn(conversation, prompt, openings, is_new)


def _open_all(
    prompt: Message, choices: Sequence[Choice], told: Told, *, process_id: uuid.UUID | None, effort: str
) -> Iterator[Opening]:
    """The first model's reply is the one that the chat goes on with, until the person chooses another."""
    compare_id = uuid.uuid4() if len(choices) > 1 else None
    for slot, choice in enumerate(choices):
        place = Place(prompt.position + 1 + slot, slot, compare_id, is_shown=slot == 0)
        yield open_choice(prompt, choice, told, process_id=process_id, rules=told.rules, place=place, effort=effort)


def _prompt(
    asking: Asking, said: screening.Screened, conversation: Conversation, *, parent_id: uuid.UUID | None, position: int
) -> Message:
    """The stored prompt. The first one of a conversation that a program has made gives it its title."""
    prompt = Message(
        id=asking.message_id,
        conversation=conversation,
        parent_id=parent_id,
        role=Message.Role.USER,
        content=said.stored,
        redaction_version=policies.rules_of(asking.workspace.id).version,
        position=position,
        metadata=dict(asking.caller.metadata) if asking.caller else {},
    )
    prompt.save(force_insert=True)
    if asking.caller is not None and position <= 1 and not conversation.title:
        conversation.title = _title(said.stored)
        conversation.save(update_fields=["title"])
    return prompt


def _branch(asking: Asking, conversation: Conversation, tree: Tree) -> list[Node]:
    """What the prompt follows: the branch that the person's page shows, whatever other pages show."""
    if not asking.is_placed:
        return tree.branch(conversation.active_leaf_id)
    if asking.parent_id is None:
        return []
    parent = tree.by_id.get(asking.parent_id)
    if parent is None or parent.role == Message.Role.USER:
        raise TurnError(OUT_OF_DATE, status=422)
    return tree.path_to(parent.id)


@contextmanager
def one_at_a_time() -> Iterator[None]:
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


def _screened(
    prompt: str, files: Sequence[File], rules: Rules, held: originals.Held, conversation: Conversation
) -> tuple[screening.Screened, attaching.Enclosed]:
    # They are read only where placeholders may be in them.
    texts = chain(conversation.messages.values_list("content", flat=True).iterator(), attaching.masked_in(conversation))
    try:
        said = screening.screen(prompt, rules, known=held.values, texts=texts)
        return attaching.screen(files, said, conversation, rules=rules, known=held.values)
    except screening.Blocked as blocked:
        raise TurnError(str(blocked), status=422) from blocked
    except DecryptionError as error:
        raise TurnError(store.GONE, status=422) from error


def _files(asking: Asking, choices: Sequence[Choice]) -> list[File]:
    """What goes with the prompt."""
    if not asking.file_ids:
        return []
    try:
        files = store.owned(asking.user, asking.workspace, asking.file_ids)
        attaching.require_sight(files, choices, asking.workspace.id)
    except store.FileRefusedError as refused:
        raise TurnError(refused.message, status=refused.status) from refused
    return files


def _keep(prompt: Message, said: screening.Screened, typed: str, rules: Rules) -> None:
    """Keep what was removed, where the workspace keeps it."""
    kept = originals.kept_for(rules.policy)
    if kept is None:
        return
    if rules.policy.mode == "mask":
        originals.keep_values(prompt.id, said.values, until=prompt.created_at + kept)
    elif said.stored != typed:
        originals.keep_text(prompt.id, typed, until=prompt.created_at + kept)


def require_idle(tree: Tree, *, beside: uuid.UUID | None = None) -> None:
    """Of replies that are compared (`beside`) one may be asked again while the others are written."""
    running = [node for node in tree.nodes if node.status == Message.Status.STREAMING]
    if any(beside is None or node.compare_id != beside for node in running):
        raise TurnError(BUSY, status=409)


def _checked(prompt: str, *, has_files: bool) -> str:
    prompt = prompt.replace("\x00", "").replace("\r\n", "\n").strip()
    if not prompt and not has_files:
        raise TurnError("Write something first.", status=422)
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise TurnError(
            f"This message has {len(prompt):,} characters; {MAX_PROMPT_CHARACTERS:,} is the most that can be sent at once.",
            status=422,
        )
    return prompt


def _conversation(asking: Asking, rules: Rules, files: Sequence[File]) -> Conversation:
    """The conversation, locked so that turns in it are stored one after the other."""
    mine = Conversation.objects.select_for_update().filter(id=asking.conversation_id, owner=asking.user, deleted_at=None)
    conversation = mine.first()
    if conversation is None and asking.caller is None:
        made = Conversation(
            id=asking.conversation_id,
            workspace=asking.workspace,
            owner=asking.user,
            title="" if asking.is_temporary else _title(rules.redactor.redact(asking.prompt).text or _named(files)),
            is_temporary=asking.is_temporary,
            redaction_version=rules.version,
        )
        chat_settings.put(made, asking.settings.redacted(rules))
        Conversation.objects.bulk_create([made], ignore_conflicts=True)
        conversation = mine.first()
    if conversation is None:
        raise Http404("There is no such conversation.")
    return conversation


def _earlier(asking: Asking) -> Turn | None:
    """The turn that this message id has made already, if it has."""
    prompt = Message.objects.filter(id=asking.message_id).select_related("conversation").first()
    if prompt is None:
        return None
    replies = list(prompt.children.order_by("position")[: MAX_COLUMNS * 2])
    if prompt.conversation_id != asking.conversation_id or prompt.role != Message.Role.USER or not replies:
        raise TurnError("This message id is taken. Reload the page and send again.", status=409)
    first = replies[0]
    together = [reply for reply in replies if reply == first or (first.compare_id and reply.compare_id == first.compare_id)]
    return Turn(prompt.conversation, prompt, tuple(Opening(reply, None) for reply in together))


def _named(files: Sequence[File]) -> str:
    return ", ".join(file.name for file in files)


def _title(text: str) -> str:
    """The first words of the first prompt."""
    line = " ".join(text.split())
    if len(line) <= TITLE_CHARACTERS:
        return line
    return line[:TITLE_CHARACTERS].rsplit(" ", 1)[0] + "…"
