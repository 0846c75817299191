"""`POST /api/v1/ingest`: events as `ollive_sdk` declares them, in a batch; the answer says what became of each."""

from typing import Any

from accounts.entrance import Refused, Request, Response, as_json
from telemetry import batches
from telemetry.batches import Broken
from telemetry.ingest import Draft, DraftPhase, Outcome, Refusal, aside, take
from telemetry.values import repair

LIST = "events"
EVENTS_LIMIT = 5_000
IDENTITY_SHOWN = 64  # characters
PHASES = ("started", "finished", "span")


async def receive(request: Request) -> Response:
    """207 with {accepted, duplicate, rejected: [{index, id, code, message}], problems: [the same]}."""
    drafts, refusals = await aside(_read, request.body)
    outcome = await take(drafts, refusals, request.bearer, source="sdk")
    return answer_of(outcome)


def _read(body: bytes) -> tuple[list[Draft], list[Refusal]]:
    elements = batches.read(body, LIST)
    if len(elements) > EVENTS_LIMIT:
        raise Refused(422, "too_many_events", f"Send at most {EVENTS_LIMIT} events at once.")
    drafts: list[Draft] = []
    refusals: list[Refusal] = []
    for index, element in enumerate(elements):
        read = read_event(index, element)
        if isinstance(read, Draft):
            drafts.append(read)
        else:
            refusals.append(read)
    return drafts, refusals


def read_event(index: int, element: Any) -> Draft | Refusal:
    """One event; without a `phase` it is a call's beginning when its status says so, else a whole call."""
    if isinstance(element, Broken):
        return Refusal(index, None, element.code, f"The event {element.message}.")
    if not isinstance(element, dict):
        return Refusal(index, None, "not_an_object", "The event is not a JSON object.")
    fields = dict(element)
    phase = fields.pop("phase", None)
    identity = shown(fields.get("id" if phase == "span" else "inference_id"))
    if phase is None:
        phase = "started" if fields.get("status") == "in_progress" else "finished"
    if phase not in PHASES:
        return Refusal(index, identity, "invalid_phase", f"phase is not one of {', '.join(PHASES)}")
    checked: DraftPhase = phase
    if checked == "started":
        fields["status"] = "in_progress"
    return Draft(index, identity, checked, fields)


def shown(value: Any) -> str | None:
    """The caller's id as the answer repeats it."""
    return repair(str(value)[:IDENTITY_SHOWN]) if isinstance(value, str | int) else None


def answer_of(outcome: Outcome) -> Response:
    """What became of each event."""
    answer = {
        "accepted": outcome.accepted,
        "duplicate": outcome.duplicate,
        "rejected": [_told(refusal) for refusal in outcome.rejected],
        "problems": [_told(problem) for problem in outcome.problems],
    }
    return as_json(answer, 207)


def _told(refusal: Refusal) -> dict[str, Any]:
    return {"index": refusal.index, "id": refusal.identity, "code": refusal.code, "message": refusal.message}
