"""`POST /v1/completions`: OpenAI's older way to have a text gone on with."""

from accounts.entrance import Request, Response
from gateway import answers, wires
from gateway.completions.asked import Asked
from gateway.dialects import texts
from gateway.dialects.fields import Fields
from gateway.streaming import answer


async def complete(request: Request) -> Response:
    """Raises `Refused`."""
    fields = Fields.of_body(request.body)
    model = fields.text("model", is_needed=True)
    messages, parameters = texts.read_completion(fields)
    asked = Asked(
        model,
        messages,
        parameters,
        is_stream=fields.flag("stream"),
        has_usage=fields.object_of("stream_options").get("include_usage") is True,
        end_user=fields.text("user") or None,
        size=len(request.body),
    )
    given = fields.given["prompt"]
    source = wires.texts(given, has_suffix=bool(fields.given.get("suffix")))

    async def produce() -> Response:
        writer = texts.Completion(model, has_usage=asked.has_usage)
        return await answer(request, asked, source, writer, is_opaque=texts.has_tokens(given), operation="completion")

    return await answers.once(request, produce)
