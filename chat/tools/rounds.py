"""The calls of one run: as long as the model asks for tools they are used, and it is asked again with what came of them.

Each call is recorded and paid for by itself; calls of one run share a trace. All of it has bounds, of which the model is told.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from time import monotonic
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from accounts.database import in_thread
from chat import totals
from chat.models import Message, ToolUse
from chat.runs import Run
from chat.tools.steps import Status, Use, begun, outcome
from gateway import spending
from gateway.calls import Bill, Call
from gateway.exchanges import Exchange, Record
from gateway.protocol import ProviderError
from telemetry import inbox, wakeups

MAX_ROUNDS = 8
MAX_USES = 16
AT_ONCE = 4
TOOL_SECONDS = 30.0
TOTAL_SECONDS = 180.0
PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
# Who wants to be shown its own reasoning again, as long as the model uses tools.
THOUGHTS_BACK = frozenset({"deepseek"})

P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger(__name__)


async def drive(run: Run, record: Record) -> None:
    """Ask the model, use the tools that it asks for, ask again: until it has answered. Raises `ProviderError`."""
    use_count, number, deadline = 0, 0, 0.0
    while True:
        async with aclosing(run.exchange.deltas(record)) as deltas:
            async for delta in deltas:
                run.take(delta)
        call = run.exchange.call
        if not call.tool_calls:
            return
        if not run.toolbox or "tool_choice" in call.request.parameters:
            raise _unwanted(call, number)
        number += 1
        deadline = deadline or monotonic() + TOTAL_SECONDS
        await _unbroken(_begin(run, number, use_count))
        use_count += len(run.uses)
        await _use_all(run, deadline)
        is_last = number >= MAX_ROUNDS or use_count >= MAX_USES or monotonic() >= deadline
        await _unbroken(_ask_again(run, is_last=is_last))


def _unwanted(call: Call, number: int) -> ProviderError:
    name = call.tool_calls[0].name or "without a name"
    if number:
        return ProviderError("bad_response", f"The model went on asking for tools ({name}) when it was told to answer.")
    return ProviderError("bad_response", f"The model asked for the tool {name}, though none was offered in this chat.")


async def _begin(run: Run, number: int, use_count: int) -> None:
    """Record the call that has ended, and store the uses that it asked for."""
    call = run.exchange.call
    call.stop_clock()
    bill, run.uses = await _when_possible(_store_begin, run, number, use_count)
    run.bills.append(bill)
    run.is_between_calls = True
    for use in run.uses:
        run.show_row(str(use.row.id), use.html)


def _store_begin(run: Run, number: int, use_count: int) -> tuple[Bill, list[Use]]:
    call = run.exchange.call
    bill, began = call.bill("success"), []
    for place, asked in enumerate(call.tool_calls[: 2 * MAX_USES]):
        asked.id = asked.id or f"call_{number}_{place}"
        tool = run.toolbox.get(asked.name)
        use = begun(call, asked, run.message_id, number=number, position=use_count + place, server=tool.server if tool else "")
        if use_count + place >= MAX_USES:
            use.end(Status.DENIED, f"Not used: a reply may use {MAX_USES} tools.")
        began.append(use)
    with transaction.atomic():
        ToolUse.objects.bulk_create([use.row for use in began])
        Message.objects.filter(id=run.message_id).update(**totals.columns([*run.bills, bill]))
        spending.settle(call.inference_id, bill)
        with connection.cursor() as cursor:
            inbox.append([call.finished("success", bill)], cursor)
        transaction.on_commit(wakeups.wake)
    return bill, began


async def _use_all(run: Run, deadline: float) -> None:
    """Run the tools of one round beside each other. A stop of the run stops them."""
    room = asyncio.Semaphore(AT_ONCE)

    async def use_one(use: Use) -> None:
        async with room:
            left = deadline - monotonic()
            if left <= 0:
                ended = Status.DENIED, f"Not used: the tools of a reply may take {TOTAL_SECONDS:g} seconds in all."
            else:
                ended = await outcome(use, run.toolbox.get(use.asked.name), seconds=min(TOOL_SECONDS, left))
        await _unbroken(_end(run, use, *ended))

    async with asyncio.TaskGroup() as group:
        for use in run.uses:
            if not use.is_over:
                group.create_task(use_one(use))


async def _end(run: Run, use: Use, status: Status, result: str) -> None:
    await _when_possible(_store_end, use, status, result)
    run.show_row(str(use.row.id), use.html)


def _store_end(use: Use, status: Status, result: str) -> None:
    use.end(status, result)
    use.row.save(update_fields=["status", "result", "ended_at"])


async def _ask_again(run: Run, *, is_last: bool) -> None:
    """Record the uses, and open the next call; the last one gets no more tools."""
    run.go_on(await _when_possible(_store_next, run, is_last))


def _store_next(run: Run, is_last: bool) -> Exchange:
    call = run.exchange.call
    parameters = dict(call.request.parameters) | ({"tool_choice": "none"} if is_last else {})
    request = replace(call.request, messages=[*call.request.messages, *_told(call, run.uses)], parameters=parameters)
    exchange = Exchange(request, call.origin, rules=call.rules, route=run.exchange.route.onward())
    with transaction.atomic():
        try:
            spending.reserve(exchange.call, now=timezone.now())
        except spending.BudgetRefusal as refusal:
            raise ProviderError("quota", refusal.message) from refusal
        Message.objects.filter(id=run.message_id).update(inference_id=exchange.call.inference_id)
        with connection.cursor() as cursor:
            inbox.append([*(use.span() for use in run.uses), exchange.call.started()], cursor)
        transaction.on_commit(wakeups.wake)
    return exchange


def _told(call: Call, used: list[Use]) -> list[dict[str, Any]]:
    """What the model said and what came of it. Where providers get no personal data, they get none from tools either."""
    is_raw = call.rules.policy.mode == "log_only"
    said: dict[str, Any] = {
        "role": "assistant",
        "content": call.text or None,
        "tool_calls": [use.asked.message() for use in used],
    }
    if call.request.target.vendor in THOUGHTS_BACK and call.reasoning:
        said["reasoning_content"] = call.reasoning
    results = [
        {"role": "tool", "tool_call_id": use.asked.id, "content": (use.result if is_raw else use.row.result) or "(no result)"}
        for use in used
    ]
    return [said, *results]


async def _when_possible(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Store it once the database is back; not for ever, as the person waits."""
    for pause in PAUSES:
        try:
            return await in_thread(work, *args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            log.warning("A step of a reply waits for the database.", error=str(error))
            await asyncio.sleep(pause)
    return await in_thread(work, *args, **kwargs)


async def _unbroken(work: Coroutine[Any, Any, None]) -> None:
    """Let what is being stored come to its end, though the run is stopped meanwhile: else nobody knew what is stored."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
