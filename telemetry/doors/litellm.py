"""`POST /api/v1/ingest/litellm`: what LiteLLM's generic callback posts. The answer says what became of each payload."""

from accounts.entrance import Refused, Request, Response
from telemetry import batches
from telemetry.doors.ingest import answer_of, shown
from telemetry.formats import litellm
from telemetry.formats.told import Malformed, Unreadable
from telemetry.ingest import Draft, Refusal, aside, take

CAP = 32 * 1024 * 1024  # its batches hold 512 calls with all that was said, and it drops what is refused
MEDIA_TYPES = ("application/json", "application/x-ndjson")
PAYLOADS_LIMIT = 5_000


async def receive(request: Request) -> Response:
    """207 with {accepted, duplicate, rejected: [{index, id, code, message}], problems: [the same]}."""
    drafts, refusals = await aside(_read, request.body)
    outcome = await take(drafts, refusals, request.bearer, source="litellm")
    return answer_of(outcome)


def _read(body: bytes) -> tuple[list[Draft], list[Refusal]]:
    batches.check_density(body)
    try:
        payloads = litellm.read_request(body)
    except Malformed as error:
        raise Refused(400, "not_json", str(error)) from None
    if len(payloads) > PAYLOADS_LIMIT:
        raise Refused(422, "too_many_events", f"Send at most {PAYLOADS_LIMIT} payloads at once.")
    drafts: list[Draft] = []
    refusals: list[Refusal] = []
    for index, payload in enumerate(payloads):
        identity = shown(payload.get("id")) if isinstance(payload, dict) else None
        try:
            read = litellm.read(payload)
        except Unreadable as error:
            refusals.append(Refusal(index, identity, error.code, f"The payload {error}."))
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
            refusals.append(Refusal(index, identity, "unreadable", f"can't be read ({type(error).__name__})"))
        else:
            drafts.append(Draft(index, identity, read.phase, read.fields))
    return drafts, refusals
