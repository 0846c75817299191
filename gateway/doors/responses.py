"""`POST /v1/responses`: OpenAI's responses, of any model. Nothing is stored, so each request holds the whole conversation."""

from accounts.entrance import Request, Response
from gateway import answers, wires
from gateway.completions.asked import Asked
from gateway.dialects import responses_in
from gateway.dialects.fields import Fields
from gateway.dialects.responses_out import Writer
from gateway.streaming import answer


async def respond(request: Request) -> Response:
    """Raises `Refused`."""
    fields = Fields.of_body(request.body)
    model = fields.text("model", is_needed=True)
    messages, parameters = responses_in.read(fields)
    body = responses_in.passed(fields)
    asked = Asked(
        model,
        messages,
        parameters,
        is_stream=fields.flag("stream"),
        end_user=fields.text("user") or fields.text("safety_identifier") or None,
        metadata=fields.labels(),
        size=len(request.body),
    )
    return await answers.once(request, lambda: answer(request, asked, wires.responses(body), Writer(model, fields.given)))
