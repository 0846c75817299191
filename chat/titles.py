"""Automatic titles: once the first reply has ended well, a cheap model is asked once for a few words.

It runs beside the runs of this process and never in their way. It is tried once for a conversation, and never again; where it
fails, or is switched off, the first words of the prompt stay. A person's own title is never replaced.
"""

import asyncio
import contextvars
import re
import uuid
from contextlib import aclosing
from datetime import datetime

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils import timezone

from accounts.database import in_thread
from chat import listing
from chat.models import Conversation, Message
from gateway import catalogue, shelves, sources, spending
from gateway.calls import Call, Ending, Origin
from gateway.protocol import ChatRequest, ProviderError
from telemetry import inbox, policies, wakeups
from telemetry.values import shorten

TITLE_CHARACTERS = 60
PATIENCE_SECONDS = 30.0
PROMPT_CHARACTERS = 2000
REPLY_CHARACTERS = 1000
MAX_TOKENS = 64  # a few words, and the little that a model must say before them
INSTRUCTION = (
    "You name conversations. Answer with a title of two to six words for the conversation below, in its own language, and "
    "with nothing else: no quotes, no full stop, no explanation. Leave words in double brackets such as [[EMAIL]] out."
)

QUOTES = " \"'“”„«»‘’「」"
STOPS = " .,;:。"

log = structlog.get_logger(__name__)

_asking: set[asyncio.Task[None]] = set()


def consider(conversation_id: uuid.UUID, status: str, process_id: uuid.UUID | None) -> None:
    """Ask for a title where one is due, beside what the caller does; to be called on the event loop, after a reply has ended."""
    if status != Message.Status.COMPLETE or not settings.OLLIVE_AUTO_TITLES:
        return
    task = asyncio.get_running_loop().create_task(_name(conversation_id, process_id), context=contextvars.Context())
    _asking.add(task)
    task.add_done_callback(_asking.discard)


def clean(text: str) -> str:
    """One line of a title out of what a model said; empty where nothing is left."""
    text = re.sub(r"<think>.*?(</think>|$)", "", text, flags=re.DOTALL | re.IGNORECASE)
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = re.sub(r"^\W*(title|titel|titre|título|titolo)\W*:\s*", "", line, flags=re.IGNORECASE)
    line = " ".join(re.sub(r"[*_`#>|~]+", "", line).split())
    line = line.strip(QUOTES).rstrip(STOPS).strip(QUOTES)
    return shorten(line, TITLE_CHARACTERS)


async def _name(conversation_id: uuid.UUID, process_id: uuid.UUID | None) -> None:
    try:
        call = await in_thread(_begin, conversation_id, process_id, now=timezone.now())
        if call is None:
            return
        ending, error = await _ask(call)
        owner_id = await in_thread(_end, conversation_id, call, ending, error=error)
        if owner_id is not None:
            await in_thread(listing.tell_row, conversation_id)
    except DatabaseError as away:
        log.warning("A conversation keeps its first words for a title.", error=type(away).__name__)


async def _ask(call: Call) -> tuple[Ending, ProviderError | None]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), aclosing(call.deltas()) as deltas:
            async for _ in deltas:
                pass
    except TimeoutError:
        return "error", ProviderError("timeout", "The model took too long over a title.")
    except ProviderError as error:
        return "error", error
    return "success", None


def _begin(conversation_id: uuid.UUID, process_id: uuid.UUID | None, *, now: datetime) -> Call | None:
    """The call to make, recorded as begun; None where no title is due, or none can be had. Whoever comes second gets None."""
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().filter(id=conversation_id, deleted_at=None).first()
        if conversation is None or not _is_due(conversation):
            return None
        call = _call(conversation, process_id)
        if call is None:
            return None
        Conversation.objects.filter(id=conversation.id).update(title_asked_at=now)
        try:
            spending.reserve(call, now=now)
        except spending.BudgetRefusal:
            return None
        with connection.cursor() as cursor:
            inbox.append([call.started()], cursor)
        transaction.on_commit(wakeups.wake)
        return call


def _is_due(conversation: Conversation) -> bool:
    is_open = conversation.title_source == Conversation.TitleSource.PROMPT and conversation.title_asked_at is None
    return is_open and not conversation.is_temporary


def _call(conversation: Conversation, process_id: uuid.UUID | None) -> Call | None:
    """What asks for the title, out of the first prompt and its reply as they are stored, redacted."""
    try:
        path = title_path(conversation)
        target = catalogue.resolve(path, workspace_id=conversation.workspace_id) if path else None
    except ProviderError as error:
        log.info("No model for titles.", code=error.code)
        return None
    prompt = conversation.messages.filter(role=Message.Role.USER).order_by("position").first()
    if target is None or prompt is None:
        return None
    replies = conversation.messages.filter(parent=prompt, status=Message.Status.COMPLETE).order_by("position")
    reply = replies.first()
    said = f"Person: {prompt.content[:PROMPT_CHARACTERS]}\n\nReply: {reply.content[:REPLY_CHARACTERS] if reply else ''}"
    messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": said}]
    origin = Origin(
        workspace_id=conversation.workspace_id,
        user_id=conversation.owner_id,
        process_id=process_id,
        source="chat",
        conversation_id=conversation.id,
        operation="title",
    )
    return Call(ChatRequest(target, messages, {"temperature": 0.2, "max_tokens": MAX_TOKENS}), origin)


def title_path(conversation: Conversation) -> str:
    """The model that names this conversation: empty where the first words have to do.

    What was said to one provider is not told to another one, unless the workspace has chosen a model for titles.
    """
    cheap = catalogue.title_path(conversation.workspace_id)
    chosen = shelves.of(conversation.workspace_id).wanted.title_path
    provider = catalogue.full_path(conversation.model, conversation.workspace_id).partition("/")[0]
    if cheap and (cheap == chosen or cheap.partition("/")[0] == provider):
        return cheap
    return "" if provider == sources.LOCAL else conversation.model


def _end(conversation_id: uuid.UUID, call: Call, ending: Ending, *, error: ProviderError | None) -> uuid.UUID | None:
    """Record the call, and take its title unless the conversation has got another one; the owner, where it was taken."""
    bill = call.bill(ending)
    with transaction.atomic():
        spending.settle(call.inference_id, bill)
        with connection.cursor() as cursor:
            inbox.append([call.finished(ending, bill, error=error)], cursor)
        transaction.on_commit(wakeups.wake)
        title = clean(call.text) if ending == "success" else ""
        if not title:
            return None
        rules = policies.rules_of(call.origin.workspace_id)
        named = Conversation.objects.filter(id=conversation_id, title_source=Conversation.TitleSource.PROMPT)
        if not named.update(
            title=rules.redactor.redact(title).text,
            title_source=Conversation.TitleSource.MODEL,
            redaction_version=rules.version,
        ):
            return None
        return Conversation.objects.values_list("owner_id", flat=True).get(id=conversation_id)
