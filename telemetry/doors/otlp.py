"""`POST /v1/traces`: OTLP over HTTP, protobuf or JSON. Spans of model calls become calls, the others steps around them."""

from collections.abc import Iterator, Mapping

from accounts.entrance import Refused, Request, Response
from telemetry import batches
from telemetry.formats import otlp, traces
from telemetry.formats.told import Malformed, Unreadable
from telemetry.ingest import Draft, Refusal, aside, payloads_of, take

CAP = 20 * 1024 * 1024  # a collector's batch of 8,192 spans; it drops what is refused for its size
SPANS_LIMIT = 20_000
JSON = "application/json"
PROTOBUF = "application/x-protobuf"
MEDIA_TYPES = (PROTOBUF, "application/protobuf", JSON)
REASONS_SHOWN = 5


async def receive(request: Request) -> Response:
    """200 with an ExportTraceServiceResponse; its `partial_success` says how many spans were rejected, and why the first were."""
    is_json = request.media_type == JSON
    try:
        keeps_texts = payloads_of(request.bearer) != "none"
        drafts, refusals = await aside(_read, request.body, is_json=is_json, keeps_texts=keeps_texts)
    except Malformed as error:
        raise Refused(400, "malformed", str(error)) from None
    outcome = await take(drafts, refusals, request.bearer, source="otlp")
    rejected = outcome.rejected
    reasons = [f"span {refusal.identity or f'number {refusal.index}'}: {refusal.message}" for refusal in rejected]
    body = otlp.answer(len(rejected), "; ".join(reasons[:REASONS_SHOWN]), is_json=is_json)
    return Response(200, body, {"content-type": JSON if is_json else PROTOBUF})


def refuse(refused: Refused, headers: Mapping[str, str]) -> Response:
    """A refusal as OTLP asks for it, in the request's own encoding."""
    is_json = headers.get("content-type", "").partition(";")[0].strip().lower() == JSON
    answer_headers = {**refused.headers, "content-type": JSON if is_json else PROTOBUF}
    if refused.retry_after is not None:
        answer_headers["retry-after"] = str(max(1, round(refused.retry_after)))
    return Response(refused.status, otlp.refusal(refused.message, is_json=is_json), answer_headers)


def _open(body: bytes, *, is_json: bool) -> Iterator[otlp.Span | Unreadable]:
    if not is_json:
        return otlp.read_protobuf(body)
    batches.check_density(body)
    return otlp.read_json(body)


def _read(body: bytes, *, is_json: bool, keeps_texts: bool) -> tuple[list[Draft], list[Refusal]]:
    drafts: list[Draft] = []
    refusals: list[Refusal] = []
    for index, span in enumerate(_open(body, is_json=is_json)):
        if index >= SPANS_LIMIT:
            raise Refused(413, "too_many_spans", f"Send at most {SPANS_LIMIT} spans at once.")
        if isinstance(span, Unreadable):
            refusals.append(Refusal(index, None, span.code, str(span)))
            continue
        try:
            told = traces.read(span) if keeps_texts else traces.without_texts(traces.read(span))
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
            refusals.append(Refusal(index, span.span_id, "unreadable", f"can't be read ({type(error).__name__})"))
        else:
            drafts.append(Draft(index, told.name, told.phase, told.fields))
    return drafts, refusals
