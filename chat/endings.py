"""The one way a run ends: done, stopped, failed, timed out or shut down, its row and its finished event in one commit."""

import asyncio

import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction

from chat import frames, originals
from chat.database import in_thread
from chat.models import Message
from chat.relay import Relay, RelayAwayError, Writing
from chat.render import RENDERER_VERSION, render
from chat.runs import Run
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
    run.add(call.rest())
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
    try:
        spool.keep([call.finished(ending, call.bill(ending), error=error)])
    except (spool.SpoolError, DatabaseError) as refusal:
        log.error("The end of a reply is in memory alone.", run_id=str(run.run_id), error=str(refusal))
        return False
    return True


def _store(run: Run, status: str, error: ProviderError | None) -> str:
    """Close the row if it is still open, and record the call; returns the end frame."""
    call, ending = run.exchange.call, LOG_STATUS[status]
    bill, content = call.bill(ending), run.text
    html = render(content)
    with transaction.atomic():
        has_closed = _close_row(run, status, error, bill=bill, content=content, html=html)
        if has_closed:
            _note(run, status)
            if call.original is not None and call.ended_at and (kept := call.rules.policy.vault):
                originals.keep_text(run.message_id, call.original, until=call.ended_at + kept)
        # A row that is gone was deleted with its conversation: the call is recorded all the same. A row that somebody
        # else has closed was recorded with it.
        if has_closed or not Message.objects.filter(id=run.message_id).exists():
            spending.settle(call.inference_id, bill)
            with connection.cursor() as cursor:
                inbox.append([call.finished(ending, bill, error=error)], cursor)
            transaction.on_commit(wakeups.wake)
    message = Message.objects.filter(id=run.message_id).first()
    return frames.end_frame(message, run_id=run.run_id, seq=run.seq, shown_html=run.html)


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


def _close_row(run: Run, status: str, error: ProviderError | None, *, bill: Bill, content: str, html: str) -> bool:
    call = run.exchange.call
    return bool(
        Message.objects.filter(id=run.message_id, status=Message.Status.STREAMING).update(
            status=status,
            content=content,
            html=html,
            renderer_version=RENDERER_VERSION,
            streamed_seq=run.seq,
            ended_at=call.ended_at,
            lease_until=None,
            finish_reason=call.finish.reason[:40],
            error_code=error.code if error else "",
            error=call.rules.redactor.redact(error.message).text if error else "",
            is_retryable=error.retryable if error else False,
            prompt_tokens=bill.usage.prompt_tokens if bill.source != "none" else None,
            completion_tokens=bill.usage.completion_tokens if bill.source != "none" else None,
            cached_tokens=bill.usage.cache_read_tokens or None,
            reasoning_tokens=bill.usage.reasoning_tokens or None,
            served_model=call.finish.served_model[:300],
            usage_source=bill.source,
            cost_usd=bill.price.usd if bill.price else None,
            ttft_ms=call.ttft_ms,
            latency_ms=call.latency_ms,
        )
    )
