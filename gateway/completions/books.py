"""The books of one request: what is set aside and written down before a provider is asked, and what is booked afterwards.

The first event is durable before anybody is asked, in the database or else in the spool. The last one is handed in when the
answer is over, beside it; only what other requests are measured by is settled before the answer's last byte.
"""

import asyncio
import contextvars
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils import timezone

from accounts.database import in_thread
from gateway import spending
from gateway.allowances import Admission
from gateway.calls import Bill, Call, Ending
from gateway.completions import refusals
from gateway.exchanges import Exchange
from gateway.protocol import ProviderError
from telemetry import inbox, spool, wakeups, writer
from telemetry.events import Event

LARGE = 32_768  # characters that take the redactor so long that others would feel it
PAUSES = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)  # between attempts at a database that is away
SETTLE_SECONDS = 10.0

log = structlog.get_logger(__name__)
_under_way: set[asyncio.Task[None]] = set()


class Books:
    """`open` them before the provider is asked, `close` them once, however the answer ends."""

    def __init__(self, exchange: Exchange, admission: Admission, *, size: int) -> None:
        self._exchange = exchange
        self._admission = admission
        self._is_large = size > LARGE
        self._is_reserved = False
        self._bill: Bill | None = None
        self._opening: asyncio.Future[bool] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._is_settled = asyncio.Event()

    async def open(self) -> None:
        """Raises `Refused`: over budget, or nothing can be written down. Books that can't be opened need not be closed."""
        is_open = False
        try:
            await self._open()
            is_open = True
        except asyncio.CancelledError:
            # The caller hung up. What was begun goes on, and is closed after it.
            self._closing = self._closing or start(self._close_abandoned())
            raise
        finally:
            if not is_open:
                await self._admission.close()

    async def _open(self) -> None:
        call = self._exchange.call
        if call.origin.is_cached:
            return  # nobody is asked, and nothing is spent: both of its events are told when it is over
        if spending.has_none(call.origin.workspace_id):
            await self.record([await self._built(call.started)])
            return
        self._opening = asyncio.ensure_future(in_thread(_reserve, call))
        try:
            self._is_reserved = await asyncio.shield(self._opening)
        except spending.BudgetRefusal as refusal:
            raise refusals.of_budget(refusal, now=timezone.now()) from None
        except DatabaseError:
            raise refusals.away() from None
        if not self._is_reserved:
            await self.record([await self._built(call.started)])

    async def _close_abandoned(self) -> None:
        if self._opening is not None:
            await asyncio.wait([self._opening])
            self._is_reserved = not self._opening.exception() and self._opening.result()
        await self._close("canceled", None)

    async def record(self, events: Sequence[Event]) -> None:
        """Store events durably. Raises `Refused` where neither the database nor the spool takes them."""
        try:
            await writer.append(events)
        except writer.Away as absence:
            try:
                await asyncio.to_thread(spool.keep, events)
            except spool.SpoolError as refusal:
                log.error("an event can be stored nowhere", error=str(refusal))
                raise refusals.away(absence.retry_after) from None

    async def record_attempt(self, events: Sequence[Event]) -> None:
        """The end of one attempt and the start of the next, which spends what the failed one had set aside."""
        if self._is_reserved:
            await in_thread(spending.pass_on, events[0].inference_id, events[-1].inference_id)
        await self.record(events)

    def close(self, ending: Ending, error: ProviderError | None = None) -> None:
        """The answer is over. The first time counts; what is left to do goes on beside, whatever becomes of the caller."""
        if self._closing is None:
            self._exchange.call.stop_clock()
            self._closing = start(self._close(ending, error))

    async def settled(self) -> None:
        """Wait until other requests are measured by what this one took."""
        if self._closing is not None:
            await self._is_settled.wait()

    async def reckon(self, ending: Ending) -> Bill:
        """What the call used. Counting what no provider counted may take a while."""
        if self._bill is None:
            call = self._exchange.call
            is_told = call.usage is not None or (ending == "error" and not call.has_output)
            self._bill = call.bill(ending) if is_told else await asyncio.to_thread(call.bill, ending)
        return self._bill

    async def _close(self, ending: Ending, error: ProviderError | None) -> None:
        call = self._exchange.call
        try:
            bill = await self.reckon(ending)
            await self._admission.close(bill.usage.total_tokens)
            if not self._is_reserved:
                self._is_settled.set()
                await asyncio.sleep(0)  # the answer first
            event = await self._built(lambda: call.finished(ending, bill, error=error))
            if self._is_reserved:
                await self._settle(call, bill, event)
            else:
                await self._record_end([await self._built(call.started), event] if call.origin.is_cached else [event])
        finally:
            self._is_settled.set()
            await self._admission.close()

    async def _settle(self, call: Call, bill: Bill, event: Event) -> None:
        """Money and log in one commit. While the database is away the event is in the spool, and the money waits in memory."""
        is_spooled = False
        for pause in PAUSES:
            try:
                await in_thread(_settle, call, bill, None if is_spooled else event)
                return
            except DatabaseError as absence:
                log.warning("the cost of a call waits for the database", inference_id=str(call.inference_id), error=str(absence))
                if not is_spooled:
                    is_spooled = True
                    await asyncio.to_thread(self._keep, [event])
                self._is_settled.set()
                await asyncio.sleep(pause)
        log.error("the cost of a call was not booked", inference_id=str(call.inference_id))

    async def _record_end(self, told: Sequence[Event]) -> None:
        try:
            await writer.append(told, is_urgent=False)
        except writer.Away:
            await asyncio.to_thread(self._keep, told)

    def _keep(self, told: Sequence[Event]) -> None:
        try:
            spool.keep(told)
        except spool.SpoolError as refusal:
            log.error("the end of a call can be stored nowhere", inference_id=str(told[-1].inference_id), error=str(refusal))

    async def _built(self, build: Any) -> Event:
        """Redacting a book's worth of text takes longer than the loop may be held up."""
        said = len(self._exchange.call.received)
        event: Event = await asyncio.to_thread(build) if self._is_large or said > LARGE else build()
        return event


def _reserve(call: Call) -> bool:
    """Whether something was set aside; then the first event is stored with it."""
    with transaction.atomic():
        if not spending.reserve(call, now=timezone.now()):
            return False
        with connection.cursor() as cursor:
            inbox.append([call.started()], cursor)
        transaction.on_commit(wakeups.wake)
    return True


def _settle(call: Call, bill: Bill, event: Event | None) -> None:
    with transaction.atomic():
        spending.settle(call.inference_id, bill)
        if event is not None:
            with connection.cursor() as cursor:
                inbox.append([event], cursor)
            transaction.on_commit(wakeups.wake)


def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Do it beside the request, which may be over before."""
    task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
    _under_way.add(task)
    task.add_done_callback(_done)
    return task


def _done(task: asyncio.Task[None]) -> None:
    _under_way.discard(task)
    if not task.cancelled() and (error := task.exception()):
        log.error("the books of a call were not closed", exc_info=error)


async def settled() -> None:
    """Wait until what is over is written down, before the process ends."""
    if _under_way:
        await asyncio.wait(_under_way, timeout=SETTLE_SECONDS)
