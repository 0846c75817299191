"""`POST /v1/events:batch`: up to 500 events of a logging SDK's batch contract, tool invocations included.

The body is read as it arrives: 500 events of 256 KiB are more than anybody should hold in one piece.
"""

from typing import Any

from accounts.entrance import Refused, Request, Response, as_json
from telemetry import batches
from telemetry.batches import TOO_LARGE, Broken
from telemetry.doors.ingest import shown
from telemetry.formats import batch
from telemetry.formats.told import Unreadable
from telemetry.ingest import Draft, Refusal, identity_of, take

CAP = (batch.EVENTS_LIMIT + 1) * batch.EVENT_BYTES


async def receive(request: Request) -> Response:
    """202 with {accepted, rejected: [{index, reason}], stream_ids: one for each accepted event, in their order}."""
    drafts, refusals = await _read(request)
    outcome = await take(drafts, refusals, request.bearer, source="sdk")
    rejected = {refusal.index for refusal in outcome.rejected}
    answer = {
        "accepted": outcome.accepted + outcome.duplicate,
        "rejected": [{"index": refusal.index, "reason": refusal.message} for refusal in outcome.rejected],
        "stream_ids": [_event_id(draft, request) for draft in drafts if draft.index not in rejected],
    }
    return as_json(answer, 202)


async def _read(request: Request) -> tuple[list[Draft], list[Refusal]]:
    elements = batches.Elements("events", batch.EVENT_BYTES)
    drafts: list[Draft] = []
    refusals: list[Refusal] = []
    count = 0
    assert request.chunks is not None
    async for chunk in request.chunks:
        for raw in elements.feed(chunk):
            if count == batch.EVENTS_LIMIT:
                raise Refused(400, "too_many_events", f"Send 1 to {batch.EVENTS_LIMIT} events at a time.")
            read = _draft(count, TOO_LARGE if raw is None else batches.read_element(raw))
            (drafts if isinstance(read, Draft) else refusals).append(read)  # type: ignore[arg-type]
            count += 1
    elements.finish()
    return drafts, refusals


def _draft(index: int, element: Any) -> Draft | Refusal:
    if isinstance(element, Broken):
        return Refusal(index, None, element.code, f"The event {element.message}.")
    try:
        told = batch.read(element)
    except Unreadable as error:
        return Refusal(index, None, error.code, f"The event {error}.")
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
        return Refusal(index, None, "unreadable", f"The event can't be read ({type(error).__name__}).")
    return Draft(index, shown(told.name), told.phase, told.fields)


def _event_id(draft: Draft, request: Request) -> str:
    name = "id" if draft.phase == "span" else "inference_id"
    identity, _ = identity_of(draft.fields[name], request.bearer.workspace_id)
    return f"{identity}:{draft.phase}"
