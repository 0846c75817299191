"""The one way a run ends: done, stopped, failed, timed out or shut down, its row and its finished event in one commit."""

import asyncio
from collections.abc import Sequence

import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils import timezone

from accounts.database import in_thread
from chat import frames, originals, titles, totals
from chat.models import Message
from chat.relay import Relay, RelayAwayError, Writing
from chat.render import RENDERER_VERSION, render
from chat.runs import Run
from chat.tools import steps
from gateway import spending
from gateway.calls import Bill, Ending
from gateway.protocol import ProviderError
from telemetry import inbox, product_events, spool, wakeups
from telemetry.product_events import Name

log = structlog.get_logger(__name__)

LOG_STATUS: dict[str, Ending] = {
    Message.Status.COMPLETE: "success",
    Message.Status.FAILED: "error",
    Message.Status.CANCELED: "canceled",
    Message.Status.INTERRUPTED: "interrupted",
}
LONGEST_PAUSE_SECONDS = 5.0
PATIENCE_SECONDS = 2.0  # asking for a connection takes 10 s to fail; until then what is paid for would be in memory alone


async def finish(run: Run, status: str, error: ProviderError | None, *, relay: Relay) -> None:
    """Store the end, then show it. Waits for a database that is away: until then the run is not over."""
    call = run.exchange.call
    call.stop_clock()
    rest = call.rest()
    if rest is not None:
        run.take(rest)
    run.settle()
    run.cut()
    frame = await _store_in_the_end(run, status, error)
    run.show(run.seq)
    run.feed.close(frame)
    try:
        if run.unrelayed():
            await relay.write([Writing(run.run_id, run.unrelayed())])
        await relay.close(run.run_id, run.seq, frame)
    except RelayAwayError as away:
        log.warning("The relay is away; followers elsewhere read the end from the database.", error=str(away))
    titles.consider(run.conversation_id, status, call.origin.process_id)


async def _store_in_the_end(run: Run, status: str, error: ProviderError | None) -> str:
    pause, is_kept = 0.25, False
    while True:
        storing = asyncio.ensure_future(in_thread(_store, run, status, error))
        done, _ = await asyncio.wait([storing], timeout=PATIENCE_SECONDS)
        if not is_kept and (not done or isinstance(storing.exception(), DatabaseError)):
            is_kept = await asyncio.to_thread(_keep, run, status, error)
        try:
            return await storing
        except DatabaseError as away:
            log.warning("The end of a reply waits for the database.", run_id=str(run.run_id), error=str(away))
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _keep(run: Run, status: str, error: ProviderError | None) -> bool:
    """Write the call's end to the spool: it is paid for, and this process may not live to see the database again."""
    call, ending = run.exchange.call, LOG_STATUS[status]
    if run.is_between_calls:
        return True
    try:
        spool.keep([call.finished(ending, call.bill(ending), error=error)])
    except (spool.SpoolError, DatabaseError) as refusal:
        log.error("The end of a reply is in memory alone.", run_id=str(run.run_id), error=str(refusal))
        return False
    return True


def _store(run: Run, status: str, error: ProviderError | None) -> str:
    """Close the row if it is still open, and record the call; returns the end frame."""
    call, ending = run.exchange.call, LOG_STATUS[status]
    # Between two calls nothing is being asked: what ends is the use of a tool.
    bill = None if run.is_between_calls else call.bill(ending)
    with transaction.atomic():
        has_closed = _close_row(run, status, error, bills=[*run.bills, *([bill] if bill else [])])
        if has_closed:
            _note(run, status)
            steps.close(run)
            if call.ended_at and (kept := call.rules.policy.vault) and (original := _original(run)) is not None:
                originals.keep_text(run.message_id, original, until=call.ended_at + kept)
        # A row that is gone was deleted with its conversation: the call is recorded all the same. A row that somebody
        # else has closed was recorded with it.
        if has_closed or not Message.objects.filter(id=run.message_id).exists():
            told = [use.span() for use in run.uses]
            if bill is not None:
                spending.settle(call.inference_id, bill)
                told.append(call.finished(ending, bill, error=error))
            with connection.cursor() as cursor:
                inbox.append(told, cursor)
            transaction.on_commit(wakeups.wake)
    message = Message.objects.filter(id=run.message_id).first()
    return frames.end_frame(message, run_id=run.run_id, seq=run.seq, shown=frames.Shown(run.html, run.reasoning.html))


def _served(run: Run) -> str:
    """What answered: behind a short name the model that it led to, else what the provider calls it."""
    call = run.exchange.call
    return call.request.target.path if run.exchange.route.alias else call.finish.served_model


def _original(run: Run) -> str | None:
    """The reply before it was redacted, with the beginning that it goes on from; None where that is what is stored."""
    call, original = run.exchange.call, run.original
    begun = originals.text_of(run.continues_id, run.begun, now=call.started_at) if run.begun else ""
    if original is None and begun == run.begun:
        return None
    return begun + (run.text[len(run.begun) :] if original is None else original)


def _note(run: Run, status: str) -> None:
    """Who stops a reply has neither succeeded nor failed."""
    if status != Message.Status.CANCELED:
        origin = run.exchange.call.origin
        product_events.note(
            Name.CHAT_SUCCEEDED if status == Message.Status.COMPLETE else Name.CHAT_FAILED,
            origin.workspace_id,
            user_id=origin.user_id,
            conversation_id=origin.conversation_id,
            detail=status,
        )


def _close_row(run: Run, status: str, error: ProviderError | None, *, bills: Sequence[Bill]) -> bool:
    call, content, reasoning = run.exchange.call, run.text, run.reasoning.text
    return bool(
        Message.objects.filter(id=run.message_id, status=Message.Status.STREAMING).update(
            status=status,
            content=content,
            html=render(content),
            reasoning=reasoning,
            reasoning_html=render(reasoning) if reasoning else "",
            reasoning_ms=run.reasoning_ms or None,
            renderer_version=RENDERER_VERSION,
            streamed_seq=run.seq,
            ended_at=timezone.now(),
            lease_until=None,
            finish_reason=call.finish.reason[:40],
            error_code=error.code if error else "",
            error=call.rules.redactor.redact(error.message).text if error else "",
            served_model=_served(run)[:300],
            span_id=call.span_id,
            **totals.columns(bills),
            **totals.times(run.calls),
        )
    )
