"""A program asks in a conversation as a person does: the same turns, runs and records, and whoever follows sees it live.

Its reply ends with the program: one that hangs up stops it, and what was written stays.
"""

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.utils import timezone

from accounts.database import in_thread
from accounts.entrance import Bearer, Refused, Request
from accounts.sessions import tell_sockets
from chat import access, listing, naming, originals, runner, turns
from chat.callers import Caller
from chat.feed import Feed
from chat.models import Conversation, Message
from gateway import allowances, catalogue
from gateway.adapters import faults
from gateway.allowances import Admission
from gateway.completions import refusals
from gateway.protocol import ProviderError
from gateway.spending import BudgetRefusal
from telemetry import tokens
from telemetry.redaction.masking import StreamRestorer

PING_SECONDS = 15.0
STOPPED = "The reply was stopped. What was written is kept in the conversation."
BROKEN_OFF = "The reply was broken off: the process that wrote it ended. What was written is kept in the conversation."


@dataclass(frozen=True, slots=True)
class Question:
    """What a program sends. `provider` and `model` are as it names them, `parameters` as OpenAI does."""

    message: str
    provider: str = ""
    model: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    end_user: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question that may be asked: where, of which model, and how many tokens it takes at most."""

    conversation: Conversation
    model: str
    tokens: int


class Answering:
    """The reply to a program's question, being written."""

    def __init__(self, turn: turns.Turn, feed: Feed, values: Mapping[str, str], admission: Admission) -> None:
        assert turn.reply.run_id is not None
        self.conversation = turn.conversation
        self.reply = turn.reply
        self.values = values
        self._run_id: UUID = turn.reply.run_id
        self._feed = feed
        self._ended = asyncio.create_task(self._follow(admission), context=contextvars.Context())
        self.headers = admission.headers

    async def texts(self) -> AsyncGenerator[str, None]:
        """What is said, piece by piece, with the values that the workspace keeps from models back in their places.

        An empty piece after each 15 seconds of silence: proxies hang up on a connection that says nothing for long.
        """
        restorer = StreamRestorer(self.values)
        async with aclosing(self._feed.texts(PING_SECONDS)) as pieces:
            async for piece in pieces:
                if (text := restorer.feed(piece)) or not piece:
                    yield text
        if rest := restorer.flush():
            yield rest

    async def end(self) -> Message:
        """Wait for the end of the reply. Raises `Refused` where there is none; who does not wait any longer stops it."""
        try:
            message = await asyncio.shield(self._ended)
        except asyncio.CancelledError:
            self.stop()
            raise
        if message is None:
            raise Refused(409, "conversation_deleted", "The conversation was deleted while the reply was written.")
        return message

    def stop(self) -> None:
        """End the reply, unless it has ended; what was written stays."""
        runner.current().stop_here(self._run_id)

    async def _follow(self, admission: Admission) -> Message | None:
        """The reply as it is stored at its end. None: it went with its conversation."""
        message = None
        try:
            async with aclosing(self._feed.texts()) as pieces:
                async for _ in pieces:
                    pass
            message = await _stored(self.reply.id)
            return message
        finally:
            await admission.close((message.prompt_tokens or 0) + (message.completion_tokens or 0) if message else 0)


async def ask(request: Request, conversation_id: str, question: Question) -> Answering:
    """Store the question and have it answered, in the request's trace. Raises `Refused`."""
    prepared = await _refusing(_prepare, request.bearer, conversation_id, question)
    admission = await allowances.admit(request.bearer, tokens=prepared.tokens)
    beginning = asyncio.create_task(_begin(prepared, request, question, admission=admission))
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        beginning.add_done_callback(_abandon)
        raise


async def stop_all(bearer: Bearer, conversation_id: str) -> int:
    """Stop what is being written in a conversation, wherever that is driven; returns how many replies. Raises `Refused`."""
    stopped = [await runner.current().stop(run_id) for run_id in await _refusing(_running, bearer, conversation_id)]
    return sum(stopped)


def fault_of(reply: Message) -> Refused | None:
    """Why a reply that has ended is none, or not the whole one."""
    if reply.status == Message.Status.FAILED:
        _, may_help = faults.TABLE.get(reply.error_code, ("", False))
        return refusals.of_provider(ProviderError(reply.error_code, reply.error, retryable=may_help))
    if reply.status == Message.Status.CANCELED:
        return Refused(409, "canceled", STOPPED)
    return Refused(503, "interrupted", BROKEN_OFF) if reply.status == Message.Status.INTERRUPTED else None


def _abandon(beginning: asyncio.Task[Answering]) -> None:
    """Who asked has gone before there was an answer to wait for."""
    if not beginning.cancelled() and beginning.exception() is None:
        beginning.result().stop()


def _prepare(bearer: Bearer, conversation_id: str, question: Question) -> Prepared:
    conversation = access.conversation_for(bearer, conversation_id)
    model = naming.model_of(question.provider, question.model, conversation, role=bearer.role)
    model = model or _default(bearer)
    _require_model(bearer, model, conversation)
    limit = int(question.parameters.get("max_tokens") or 0)
    return Prepared(conversation, model, _told_before(conversation) + tokens.count(question.message, model) + limit)


def _told_before(conversation: Conversation) -> int:
    """The tokens of what was said so far, as the last reply's call counted them."""
    if conversation.active_leaf_id is None:
        return 0
    counts = Message.objects.filter(id=conversation.active_leaf_id).values_list("prompt_tokens", "completion_tokens")
    return sum(count or 0 for count in counts.first() or ())


def _default(bearer: Bearer) -> str:
    """What is asked where nobody names a model, as far as the key is for it."""
    default = catalogue.default_path(bearer.workspace_id, bearer.role)
    if not default or allowances.may_use(bearer, default, default):
        return default
    return next((name for name in bearer.models if not name.endswith("*")), default)


def _require_model(bearer: Bearer, model: str, conversation: Conversation) -> None:
    """Raises `Refused` where the key is not for this model, `ProviderError` where the name leads nowhere."""
    path = catalogue.resolve(model, workspace_id=conversation.workspace_id, role=bearer.role).path
    allowances.require_model(bearer, model, path)


async def _begin(prepared: Prepared, request: Request, question: Question, *, admission: Admission) -> Answering:
    answering = None
    try:
        turn, feed, values = await _refusing(_launch, prepared, request, question)
        answering = Answering(turn, feed, values, admission)
        await in_thread(_tell, turn)
        return answering
    finally:
        if answering is None:
            await admission.close()


def _launch(prepared: Prepared, request: Request, question: Question) -> tuple[turns.Turn, Feed, Mapping[str, str]]:
    """The stored turn, what its run shows from now on, and what the person may see of what models did not get."""
    here, conversation = runner.current(), prepared.conversation
    if here.is_draining:
        raise turns.TurnError("Ollive is restarting. Send again in a moment.", status=503)
    caller = Caller(
        api_key_id=request.bearer.api_key_id,
        provider=question.provider,
        model=question.model,
        parameters=question.parameters,
        end_user=question.end_user,
        metadata=question.metadata,
        trace_id=request.trace_id,
        payloads=request.bearer.payloads,
    )
    asking = turns.Asking(
        user=conversation.owner,
        workspace=conversation.workspace,
        conversation_id=conversation.id,
        message_id=uuid4(),
        prompt=question.message,
        model=prepared.model,
        caller=caller,
    )
    turn = turns.begin(asking, process_id=here.process_id)
    values = originals.held_for(conversation.id, now=timezone.now()).values
    (feed,) = here.launch(turn)
    return turn, feed, values


def _tell(turn: turns.Turn) -> None:
    """The person's open pages follow it too."""
    tell_sockets(turn.conversation.owner_id, listing.turn_began(turn.conversation, turn.reply.id))


def _running(bearer: Bearer, conversation_id: str) -> list[UUID]:
    found = access.conversation_for(bearer, conversation_id).messages.filter(status=Message.Status.STREAMING)
    return [run_id for run_id in found.values_list("run_id", flat=True) if run_id is not None]


async def _stored(message_id: UUID) -> Message | None:
    def read() -> Message | None:
        return Message.objects.filter(id=message_id).first()

    try:
        return await in_thread(read)
    except (OperationalError, InterfaceError):  # of a connection that died with the database's last restart
        return await in_thread(read)


async def _refusing(work: Any, *args: Any) -> Any:
    """Call it in a thread; what the chat says to people becomes a refusal for programs."""
    try:
        return await in_thread(work, *args)
    except turns.TurnError as error:
        codes = {409: "conversation_busy", 422: "invalid_message", 503: "unavailable"}
        retry_after = 2 if error.status in {409, 503} else None
        raise Refused(error.status, codes.get(error.status, "refused"), error.message, retry_after=retry_after) from error
    except ProviderError as error:
        raise refusals.of_provider(error) from error
    except BudgetRefusal as over:
        raise refusals.of_budget(over, now=timezone.now()) from over
    except Http404 as error:
        raise Refused(404, "not_found", str(error)) from error
    except (OperationalError, InterfaceError) as error:
        message = "The database cannot be reached; try again in a moment."
        raise Refused(503, "unavailable", message, retry_after=2) from error
